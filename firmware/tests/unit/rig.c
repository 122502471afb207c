#include "rig.h"

static void print(void *context, const char *text, size_t len)
{
    rig *r = context;
    assert_true(r->printed_len + len < sizeof r->printed);
    memcpy(r->printed + r->printed_len, text, len);
    r->printed_len += len;
    r->printed[r->printed_len] = '\0';
}

void rig_restart(rig *r)
{
    memset(r->counts, 0, sizeof r->counts);
    memset(r->used, 0, sizeof r->used);
    memset(r->tcp_sends, 0, sizeof r->tcp_sends);
    r->ws_sends = NULL;
    r->taking = false;
    ch_device_init(&r->d, &r->board, &r->store, (ch_printer){r, print}, 42, r->now);
}

void rig_init(rig *r)
{
    memset(r, 0, sizeof *r);
    r->store = fake_store_new(&r->fake);
    r->now = 1000;
    r->board = (ch_board){
        .id = "cam-test",
        .model = "Rig",
        .firmware = "1.0",
        .reset = "power-on",
        .psram_size = 8 * 1024 * 1024,
        .needs_psram = true,
        .has_led = true,
        .has_update = true,
        .frames = 3,
    };
    r->sensor = (ch_sensor){"OV2640", CH_SIZES_UP_TO(CH_SIZE_1600X1200), 0};
    rig_restart(r);
}

void rig_event(rig *r, ch_event event)
{
    r->taking = r->taking && event.kind != CH_EV_CAMERA_ERROR;
    ch_device_event(&r->d, r->now, &event);
}

void rig_wifi(rig *r, bool up, const char *text)
{
    rig_event(r, (ch_event){.kind = up ? CH_EV_WIFI_UP : CH_EV_WIFI_DOWN, .attempt = r->wifi_attempt, .text = text});
}

void rig_ws(rig *r, bool up, const char *text)
{
    r->ws_sends = up ? r->ws_sends : NULL;
    rig_event(
        r, (ch_event){.kind = up ? CH_EV_WS_UP : CH_EV_WS_DOWN, .attempt = r->ws_attempt, .text = text, .alive = true});
}

void rig_text(rig *r, const char *text)
{
    rig_event(r, (ch_event){.kind = CH_EV_WS_TEXT, .attempt = r->ws_attempt, .text = text, .len = strlen(text)});
}

void rig_sent(rig *r)
{
    r->ws_sends = NULL;
    rig_event(r, (ch_event){.kind = CH_EV_WS_SENT, .attempt = r->ws_attempt});
}

static void set_camera(rig *r, const ch_action *action)
{
    if (!action->power || !r->d.camera_up || action->camera.size != r->camera.camera.size) {
        assert_int_equal(rig_used(r), 0);
        assert_true(!r->taking || r->now >= r->taking_since + CH_CAPTURE_TIMEOUT_MS);
    }
    r->taking = false;
    r->camera = *action;
    if (!action->power || r->mute_camera) {
        return;
    }
    if (r->camera_fault != NULL) {
        rig_event(r, (ch_event){.kind = CH_EV_CAMERA_FAILED, .text = r->camera_fault});
    } else {
        rig_event(r, (ch_event){.kind = CH_EV_CAMERA_UP, .sensor = &r->sensor});
    }
}

static void on_socket(rig *r, const ch_action *a)
{
    switch (a->kind) {
    case CH_DO_WS_CLOSE:
        r->ws_sends = NULL;
        break;
    case CH_DO_WS_OPEN:
        r->ws_sends = NULL;
        r->ws_attempt = a->attempt;
        ch_copy(r->url, sizeof r->url, a->url);
        ch_copy(r->token, sizeof r->token, a->token);
        break;
    case CH_DO_WS_TEXT:
        memcpy(r->text, a->data, a->len);
        r->text[a->len] = '\0';
        if (!r->mute_texts) {
            rig_sent(r);
        }
        break;
    case CH_DO_WS_FRAME:
        r->frame = *a;
        r->ws_sends = a->data;
        r->ws_frames++;
        if (!r->hold_frames) {
            rig_sent(r);
        }
        break;
    case CH_DO_WS_PING:
        if (!r->mute_pongs) {
            rig_event(r, (ch_event){.kind = CH_EV_WS_HEARD, .attempt = a->attempt});
        }
        break;
    case CH_DO_TCPCAM_SEND:
        r->tcpcam = *a;
        r->tcp_sends[a->client] = a->data;
        if (!r->no_tcp || a->more) { /* the length before a frame always finds room */
            r->tcp_sends[a->client] = NULL;
            ch_device_tcpcam_sent(&r->d, r->now, a->client, a->len);
        }
        break;
    case CH_DO_TCPCAM_CLOSE:
        r->tcp_sends[a->client] = NULL;
        break;
    default:
        break;
    }
}

static bool lies_in(const uint8_t *data, const uint8_t *buffer)
{
    return data >= buffer && data < buffer + sizeof((rig *)0)->bytes[0];
}

/* Buffers go back only when no socket sends from them any more: the next picture would be written into it. */
static void take_back(rig *r, const ch_action *a)
{
    bool *used = a->handle;
    const uint8_t *buffer = r->bytes[used - r->used];
    assert_true(*used);
    *used = false;
    assert_false(lies_in(r->ws_sends, buffer));
    for (unsigned i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        assert_false(lies_in(r->tcp_sends[i], buffer));
    }
}

static void carry_out(rig *r, const ch_action *a)
{
    r->counts[a->kind]++;
    switch (a->kind) {
    case CH_DO_WIFI_CONNECT:
        r->wifi_attempt = a->attempt;
        ch_copy(r->ssid, sizeof r->ssid, a->ssid);
        ch_copy(r->pass, sizeof r->pass, a->pass);
        if (!r->mute_wifi) {
            rig_wifi(r, true, "10.0.0.7");
        }
        break;
    case CH_DO_DISCOVER:
        r->discover_attempt = a->attempt;
        break;
    case CH_DO_CAMERA:
        set_camera(r, a);
        break;
    case CH_DO_RETURN:
        take_back(r, a);
        break;
    default:
        on_socket(r, a);
        break;
    }
}

void rig_run(rig *r)
{
    ch_action action;
    unsigned turns = 0;
    while (ch_device_next(&r->d, r->now, &action)) {
        carry_out(r, &action);
        assert_true(++turns < 1000);
    }
}

/* Hands a frame to the core, which has to have room for it. */
static void give_frame(rig *r)
{
    for (unsigned i = 0; i < RIG_BUFFERS; i++) {
        if (!r->used[i]) {
            ch_frame frame = {.data = r->bytes[i], .len = 16, .taken = r->now, .capture_ms = 5, .handle = &r->used[i]};
            r->used[i] = true;
            assert_true(ch_device_frame(&r->d, r->now, &frame));
            rig_run(r);
            return;
        }
    }
    fail_msg("the core holds more frames than it may");
}

static bool wants_frame(rig *r)
{
    rig_run(r);
    if (r->taking || !ch_device_wants_frame(&r->d, r->now)) {
        return false;
    }
    rig_run(r);
    return true;
}

bool rig_frame(rig *r)
{
    if (!wants_frame(r)) {
        return false;
    }
    give_frame(r);
    return true;
}

void rig_take(rig *r)
{
    if (r->taking) {
        r->taking = false;
        give_frame(r);
    } else if (wants_frame(r)) {
        r->taking = !r->d.camera_sent; /* who sets the camera up takes nothing */
        r->taking_since = r->now;
    }
}

unsigned rig_used(const rig *r)
{
    unsigned count = 0;
    for (unsigned i = 0; i < RIG_BUFFERS; i++) {
        count += r->used[i] ? 1 : 0;
    }
    return count;
}

void rig_pass(rig *r, ch_ms ms)
{
    ch_ms end = r->now + ms;
    for (;;) {
        rig_run(r);
        while (rig_frame(r)) {
        }
        assert_true(rig_used(r) <= r->board.frames);
        ch_ms next = ch_device_deadline(&r->d, r->now);
        if (next <= r->now && r->taking) {
            next = r->now + 10; /* a frame is due, and under way */
        }
        /* One that has passed without anything to do would keep a shell spinning. */
        assert_true(next > r->now);
        if (next > end) {
            r->now = end;
            rig_run(r);
            return;
        }
        r->now = next;
    }
}

void rig_line(rig *r, const char *line)
{
    ch_device_line(&r->d, r->now, line);
}

const char *rig_printed(rig *r)
{
    static char last[sizeof r->printed];
    memcpy(last, r->printed, r->printed_len + 1);
    r->printed_len = 0;
    r->printed[0] = '\0';
    return last;
}

void rig_streaming(rig *r)
{
    rig_init(r);
    rig_line(r, "wifi set Home password1");
    rig_line(r, "stream set host 10.0.0.2 9000");
    rig_run(r);
    rig_ws(r, true, NULL);
    rig_run(r);
    rig_printed(r);
}
