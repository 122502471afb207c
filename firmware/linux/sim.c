/* `sim ...`: what happens around the device, told on its own console. */
#include "shell.h"

#include <string.h>

static const char usage[] = "sim network <ssid> <password> [rssi] [channel]\n"
                            "sim no-networks\n"
                            "sim loss on|off\n"
                            "sim drop\n"
                            "sim join-time <ms>\n"
                            "sim bandwidth <kbit/s>|off\n"
                            "sim discover <host> <port>|none\n"
                            "sim camera ok|<fault>\n"
                            "sim storage ok|broken\n"
                            "sim update ok|<fault>\n"
                            "sim psram <bytes>\n"
                            "sim temperature <celsius>\n"
                            "sim exit\n";

/* A whole number that may be negative, as dBm and degrees are. */
static bool parse_i8(const char *string, int8_t *value)
{
    uint32_t size;
    bool negative = string[0] == '-';
    if (!ch_parse_u32(string + (negative ? 1 : 0), 0, 127, &size)) {
        return false;
    }
    *value = (int8_t)(negative ? -(int)size : (int)size);
    return true;
}

/* Looks up the n-th word; "" if there are not so many. */
static const char *word(int count, const char *const *words, int n)
{
    return n < count ? words[n] : "";
}

static bool add_network(shell *sh, int count, const char *const *words)
{
    wifi *w = &sh->wifi;
    uint32_t channel = 6;
    int8_t rssi = -60;
    wifi_network *to = &w->networks[w->count];
    if (w->count == NETWORKS_MAX || count < 4 || ch_check_ssid(words[2]) != NULL || ch_check_pass(words[3]) != NULL ||
        (count > 4 && !parse_i8(words[4], &rssi)) || (count > 5 && !ch_parse_u32(words[5], 1, 165, &channel))) {
        return false;
    }
    *to = (wifi_network){.rssi = rssi, .channel = (uint8_t)channel};
    ch_copy(to->ssid, sizeof to->ssid, words[2]);
    ch_copy(to->pass, sizeof to->pass, words[3]);
    w->count++;
    return true;
}

/* A fault in words, or none with `ok`. */
static bool set_fault(char fault[CH_REASON_MAX + 1], const char *text)
{
    if (text[0] == '\0') {
        return false;
    }
    return ch_copy(fault, CH_REASON_MAX + 1, strcmp(text, "ok") == 0 ? "" : text);
}

static bool sim_network(shell *sh, int count, const char *const *words)
{
    const char *what = words[1], *value = word(count, words, 2);
    uint32_t number;
    if (strcmp(what, "network") == 0) {
        return add_network(sh, count, words);
    }
    if (strcmp(what, "no-networks") == 0) {
        sh->wifi.count = 0;
        return true;
    }
    if (strcmp(what, "loss") == 0 && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0)) {
        wifi_lose(sh, strcmp(value, "on") == 0);
        return true;
    }
    if (strcmp(what, "drop") == 0) {
        wifi_drop(sh);
        return true;
    }
    if (strcmp(what, "join-time") == 0 && ch_parse_u32(value, 0, 60000, &number)) {
        sh->wifi.join_ms = number;
        return true;
    }
    if (strcmp(what, "bandwidth") == 0) {
        bool off = strcmp(value, "off") == 0;
        if (off || ch_parse_u32(value, 1, 1000000, &number)) {
            websocket_limit(sh->ws, off ? 0 : number);
            return true;
        }
        return false;
    }
    if (strcmp(what, "discover") == 0 && count > 2) {
        sh->found_host[0] = '\0';
        if (strcmp(value, "none") == 0) {
            return true;
        }
        bool good = ch_parse_u32(word(count, words, 3), 1, UINT16_MAX, &number);
        sh->found_port = good ? (uint16_t)number : 0;
        return good && ch_copy(sh->found_host, sizeof sh->found_host, value);
    }
    return false;
}

static bool sim_board(shell *sh, int count, const char *const *words)
{
    const char *what = words[1], *value = word(count, words, 2);
    uint32_t number;
    if (strcmp(what, "camera") == 0) {
        return set_fault(sh->camera_fault, value);
    }
    if (strcmp(what, "update") == 0) {
        return set_fault(sh->update_fault, value);
    }
    if (strcmp(what, "storage") == 0) {
        store_break(sh->file, strcmp(value, "broken") == 0);
        return strcmp(value, "broken") == 0 || strcmp(value, "ok") == 0;
    }
    if (strcmp(what, "psram") == 0 && ch_parse_u32(value, 0, UINT32_MAX, &number)) {
        sh->board.psram_size = number; /* from the next start on */
        return true;
    }
    if (strcmp(what, "temperature") == 0) {
        sh->vitals_at = 0;
        return parse_i8(value, &sh->temperature);
    }
    if (strcmp(what, "exit") == 0) {
        sh->quit = true;
        return true;
    }
    return false;
}

bool sim_line(shell *sh, const char *line)
{
    char copy[CH_LINE_MAX + 1];
    const char *words[CH_WORDS_MAX];
    if (!ch_copy(copy, sizeof copy, line)) {
        return false;
    }
    int count = ch_console_split(copy, words);
    if (count < 1 || strcmp(words[0], "sim") != 0) {
        return false;
    }
    if (count > 1 && (sim_network(sh, count, words) || sim_board(sh, count, words))) {
        shell_print(sh, "sim=done\n");
    } else {
        shell_print(sh, usage);
    }
    return true;
}
