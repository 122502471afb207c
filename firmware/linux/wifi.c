#include "shell.h"

#include <string.h>

#define JOIN_MS 300
#define SCAN_MS 200

void wifi_init(wifi *w)
{
    static const wifi_network home[] = {
        {"Home", "password1", -51, 6},
        {"Workshop", "hammer-and-tongs", -67, 1},
        {"Cafe am Eck", "", -74, 11},
    };
    memset(w, 0, sizeof *w);
    memcpy(w->networks, home, sizeof home);
    w->count = sizeof home / sizeof home[0];
    w->join_ms = JOIN_MS;
    w->answer_at = CH_NEVER;
    w->scan_at = CH_NEVER;
}

static void down(shell *sh, const char *reason)
{
    sh->wifi.joined = false;
    sh->wifi.at = NULL;
    sh->wifi.answer_at = CH_NEVER;
    shell_event(sh, &(ch_event){.kind = CH_EV_WIFI_DOWN, .attempt = sh->wifi.attempt, .text = reason});
}

void wifi_connect(shell *sh, const ch_action *action)
{
    wifi *w = &sh->wifi;
    ch_copy(w->ssid, sizeof w->ssid, action->ssid);
    ch_copy(w->pass, sizeof w->pass, action->pass);
    w->attempt = action->attempt;
    w->joined = false;
    w->answer_at = now_ms() + w->join_ms;
}

void wifi_disconnect(shell *sh)
{
    wifi *w = &sh->wifi;
    w->joined = false;
    w->at = NULL;
    w->answer_at = CH_NEVER;
    /* What ran over it does not get another byte through. */
    websocket_end(sh->ws);
    tcp_cut(&sh->tcp);
}

void wifi_scan(shell *sh, unsigned max)
{
    sh->wifi.scan_max = max;
    sh->wifi.scan_at = now_ms() + SCAN_MS;
}

static void answer(shell *sh)
{
    wifi *w = &sh->wifi;
    w->answer_at = CH_NEVER;
    for (unsigned i = 0; i < w->count && !w->lost; i++) {
        const wifi_network *network = &w->networks[i];
        if (strcmp(network->ssid, w->ssid) != 0) {
            continue;
        }
        if (strcmp(network->pass, w->pass) != 0) {
            down(sh, "wrong-password");
            return;
        }
        w->joined = true;
        w->at = network;
        shell_event(sh, &(ch_event){.kind = CH_EV_WIFI_UP, .attempt = w->attempt, .text = "127.0.0.1"});
        return;
    }
    down(sh, "no-such-network");
}

static void scan_answer(shell *sh)
{
    wifi *w = &sh->wifi;
    w->scan_at = CH_NEVER;
    for (unsigned i = 0; i < w->count && i < w->scan_max && !w->lost; i++) {
        const wifi_network *from = &w->networks[i];
        ch_network network = {from->ssid, from->rssi, from->channel, from->pass[0] == '\0' ? "open" : "wpa2"};
        shell_event(sh, &(ch_event){.kind = CH_EV_SCAN_FOUND, .network = &network});
    }
    shell_event(sh, &(ch_event){.kind = CH_EV_SCAN_DONE});
}

void wifi_tick(shell *sh, ch_ms now)
{
    if (now >= sh->wifi.answer_at) {
        answer(sh);
    }
    if (now >= sh->wifi.scan_at) {
        scan_answer(sh);
    }
}

ch_ms wifi_deadline(const wifi *w)
{
    return w->answer_at < w->scan_at ? w->answer_at : w->scan_at;
}

void wifi_drop(shell *sh)
{
    if (sh->wifi.joined) {
        down(sh, "beacon-lost");
        wifi_disconnect(sh);
    }
}

void wifi_lose(shell *sh, bool lost)
{
    sh->wifi.lost = lost;
    if (lost) {
        wifi_drop(sh);
    }
}
