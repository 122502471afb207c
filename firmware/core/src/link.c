#include "camherd/link.h"

#include <string.h>

/*
 * Adds an action. One of the same kind that nobody took yet is outdated and goes, so there is room for one of each kind
 * and none is ever lost, however long the caller takes nothing out.
 */
static void push(ch_link *link, ch_link_action_kind kind, uint32_t attempt)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < link->queued; i++) {
        if (link->queue[i].kind != kind) {
            link->queue[kept++] = link->queue[i];
        }
    }
    link->queue[kept] = (ch_link_action){kind, attempt};
    link->queued = (uint8_t)(kept + 1);
}

/* A wait after `failures` failures in a row: between half and all of 2 s, 4 s, ... 30 s, never below 1 s. */
static uint32_t backoff(ch_link *link, uint8_t failures)
{
    uint32_t upper = CH_BACKOFF_MIN_MS;
    for (uint8_t i = 0; i < failures && upper < CH_BACKOFF_MAX_MS; i++) {
        upper *= 2;
    }
    upper = upper > CH_BACKOFF_MAX_MS ? CH_BACKOFF_MAX_MS : upper;
    uint32_t lower = upper / 2 < CH_BACKOFF_MIN_MS ? CH_BACKOFF_MIN_MS : upper / 2;
    return lower + ch_random(&link->random) % (upper - lower + 1);
}

static void enter(ch_link *link, ch_ms now, ch_link_state state, ch_ms until)
{
    link->state = state;
    link->since = now;
    link->until = until;
}

static void count_failure(uint8_t *failures)
{
    if (*failures < UINT8_MAX) {
        ++*failures;
    }
}

static void leave_ws(ch_link *link)
{
    if (link->state == CH_LINK_WS_UP || link->state == CH_LINK_WS_CONNECTING) {
        push(link, CH_LINK_DO_WS_CLOSE, link->attempt);
    }
}

static void leave_wifi(ch_link *link)
{
    if (link->wifi_held) {
        push(link, CH_LINK_DO_WIFI_DISCONNECT, link->wifi_attempt);
        link->wifi_held = false;
    }
    link->wifi_since = CH_NEVER;
}

static void connect_wifi(ch_link *link, ch_ms now)
{
    link->wifi_attempt++;
    link->wifi_held = true;
    push(link, CH_LINK_DO_WIFI_CONNECT, link->wifi_attempt);
    enter(link, now, CH_LINK_WIFI_CONNECTING, now + CH_WIFI_TIMEOUT_MS);
}

static void wait_wifi(ch_link *link, ch_ms now)
{
    bool stable = link->wifi_since != CH_NEVER && now - link->wifi_since >= CH_LINK_STABLE_MS;
    leave_ws(link);
    leave_wifi(link);
    link->wifi_failures = stable ? 0 : link->wifi_failures;
    count_failure(&link->wifi_failures);
    enter(link, now, CH_LINK_WIFI_WAIT, now + backoff(link, link->wifi_failures));
}

static void open_ws(ch_link *link, ch_ms now)
{
    link->attempt++;
    push(link, CH_LINK_DO_WS_OPEN, link->attempt);
    enter(link, now, CH_LINK_WS_CONNECTING, now + CH_WS_TIMEOUT_MS);
}

/* What follows once Wi-Fi is up, or a wait is over. */
static void go_on(ch_link *link, ch_ms now)
{
    if (!link->want_stream) {
        enter(link, now, CH_LINK_IDLE, CH_NEVER);
    } else if (link->target_known) {
        open_ws(link, now);
    } else {
        link->attempt++;
        push(link, CH_LINK_DO_DISCOVER, link->attempt);
        enter(link, now, CH_LINK_DISCOVERING, now + CH_DISCOVER_TIMEOUT_MS);
    }
}

/* The WebSocket failed or ended. */
static void wait_ws(ch_link *link, ch_ms now)
{
    bool stable = link->state == CH_LINK_WS_UP && now - link->since >= CH_LINK_STABLE_MS;
    if (now - link->alive >= CH_WIFI_RENEW_MS) {
        leave_wifi(link);
        connect_wifi(link, now);
        return;
    }
    link->ws_failures = stable ? 0 : link->ws_failures;
    count_failure(&link->ws_failures);
    bool looking = link->state == CH_LINK_DISCOVERING;
    enter(link, now, looking ? CH_LINK_DISCOVER_WAIT : CH_LINK_WS_WAIT, now + backoff(link, link->ws_failures));
}

static bool is_wifi_up(const ch_link *link)
{
    return link->state >= CH_LINK_IDLE;
}

void ch_link_init(ch_link *link, uint32_t seed, ch_ms now)
{
    memset(link, 0, sizeof *link);
    link->random = seed != 0 ? seed : 1;
    link->sending = CH_NEVER;
    link->wifi_since = CH_NEVER;
    link->alive = now;
    enter(link, now, CH_LINK_OFF, CH_NEVER);
}

void ch_link_want(ch_link *link, ch_ms now, bool wifi, bool stream, bool target_known, ch_anew anew)
{
    bool retarget = anew != CH_ANEW_NO || stream != link->want_stream || target_known != link->target_known;
    link->want_wifi = wifi;
    link->want_stream = stream;
    link->target_known = target_known;
    if (!wifi) {
        leave_ws(link);
        leave_wifi(link);
        enter(link, now, CH_LINK_OFF, CH_NEVER);
        return;
    }
    if (link->state == CH_LINK_OFF || anew == CH_ANEW_WIFI) {
        leave_ws(link);
        leave_wifi(link);
        link->wifi_failures = 0;
        link->ws_failures = 0;
        link->alive = now;
        connect_wifi(link, now);
    } else if (is_wifi_up(link) && retarget) {
        leave_ws(link);
        link->ws_failures = 0;
        go_on(link, now);
    }
}

static void wifi_event(ch_link *link, ch_ms now, ch_link_event event)
{
    if (event.attempt != link->wifi_attempt || !link->wifi_held) {
        return;
    }
    if (event.kind == CH_LINK_EV_WIFI_DOWN) {
        wait_wifi(link, now);
    } else if (link->state == CH_LINK_WIFI_CONNECTING) {
        link->wifi_since = now;
        link->alive = now;
        go_on(link, now);
    }
}

static void ws_event(ch_link *link, ch_ms now, ch_link_event event)
{
    bool up = link->state == CH_LINK_WS_UP;
    switch (event.kind) {
    case CH_LINK_EV_WS_UP:
        if (link->state == CH_LINK_WS_CONNECTING) {
            enter(link, now, CH_LINK_WS_UP, CH_NEVER);
            link->heard = now;
            link->alive = now;
            link->pinged = false;
            link->sending = CH_NEVER;
        }
        break;
    case CH_LINK_EV_WS_DOWN:
        if (up || link->state == CH_LINK_WS_CONNECTING) {
            link->alive = event.alive ? now : link->alive;
            wait_ws(link, now);
        }
        break;
    case CH_LINK_EV_HEARD:
        if (up) {
            link->heard = now;
            link->alive = now;
            link->pinged = false;
        }
        break;
    case CH_LINK_EV_SENDING:
        link->sending = up ? now : CH_NEVER;
        break;
    default:
        link->sending = CH_NEVER;
        break;
    }
}

void ch_link_event_in(ch_link *link, ch_ms now, ch_link_event event)
{
    if (event.kind == CH_LINK_EV_WIFI_UP || event.kind == CH_LINK_EV_WIFI_DOWN) {
        wifi_event(link, now, event);
        return;
    }
    if (event.attempt != link->attempt) {
        return;
    }
    if (event.kind != CH_LINK_EV_FOUND && event.kind != CH_LINK_EV_NOT_FOUND) {
        ws_event(link, now, event);
    } else if (link->state == CH_LINK_DISCOVERING) {
        if (event.kind == CH_LINK_EV_FOUND) {
            link->alive = now;
            open_ws(link, now);
        } else {
            wait_ws(link, now);
        }
    }
}

void ch_link_alive(ch_link *link, ch_ms now)
{
    link->alive = now;
}

/* The next deadline of an open connection. */
static ch_ms up_deadline(const ch_link *link)
{
    ch_ms ping = link->pinged ? CH_NEVER : link->heard + CH_PING_EVERY_MS;
    ch_ms silence = link->heard + CH_SILENCE_MS;
    ch_ms stall = link->sending == CH_NEVER ? CH_NEVER : link->sending + CH_SEND_STALL_MS;
    ch_ms first = ping < silence ? ping : silence;
    return stall < first ? stall : first;
}

static void tick_up(ch_link *link, ch_ms now)
{
    bool stalled = link->sending != CH_NEVER && now >= link->sending + CH_SEND_STALL_MS;
    if (stalled || now >= link->heard + CH_SILENCE_MS) {
        link->ws_why = stalled ? "stalled" : "silence";
        leave_ws(link);
        wait_ws(link, now);
    } else if (!link->pinged && now >= link->heard + CH_PING_EVERY_MS) {
        link->pinged = true;
        push(link, CH_LINK_DO_WS_PING, link->attempt);
    }
}

void ch_link_tick(ch_link *link, ch_ms now)
{
    if (link->state == CH_LINK_WS_UP) {
        tick_up(link, now);
        return;
    }
    if (now < link->until) {
        return;
    }
    switch (link->state) {
    case CH_LINK_WIFI_WAIT:
        connect_wifi(link, now);
        break;
    case CH_LINK_WIFI_CONNECTING:
        link->wifi_why = "timeout";
        wait_wifi(link, now);
        break;
    case CH_LINK_DISCOVERING:
    case CH_LINK_WS_CONNECTING:
        link->ws_why = link->state == CH_LINK_WS_CONNECTING ? "timeout" : NULL;
        leave_ws(link);
        wait_ws(link, now);
        break;
    default:
        go_on(link, now);
        break;
    }
}

ch_ms ch_link_deadline(const ch_link *link)
{
    return link->state == CH_LINK_WS_UP ? up_deadline(link) : link->until;
}

bool ch_link_next(ch_link *link, ch_link_action *action)
{
    if (link->queued == 0) {
        return false;
    }
    *action = link->queue[0];
    link->queued--;
    memmove(link->queue, link->queue + 1, link->queued * sizeof link->queue[0]);
    return true;
}

const char *ch_link_wifi_word(const ch_link *link)
{
    switch (link->state) {
    case CH_LINK_OFF:
        return "off";
    case CH_LINK_WIFI_WAIT:
        return "waiting";
    case CH_LINK_WIFI_CONNECTING:
        return "connecting";
    default:
        return "up";
    }
}

const char *ch_link_ws_word(const ch_link *link)
{
    switch (link->state) {
    case CH_LINK_WS_UP:
        return "up";
    case CH_LINK_WS_CONNECTING:
        return "connecting";
    case CH_LINK_DISCOVERING:
        return "discovering";
    case CH_LINK_DISCOVER_WAIT:
    case CH_LINK_WS_WAIT:
        return "waiting";
    default:
        return "down";
    }
}
