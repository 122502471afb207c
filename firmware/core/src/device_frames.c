/* Frames through the device: from the camera to the WebSocket and to TCPCam clients. */
#include "device_internal.h"

/* How often to look whether a full set of frames has got room by time alone. */
#define ROOM_CHECK_MS 100

static void drop_pending(ch_device *d)
{
    ch_frames_drop(&d->frames, d->ws_pending);
    d->ws_pending = CH_NO_FRAME;
}

void ch_device_frames_lost(ch_device *d)
{
    d->counters.failed += d->ws_frame != CH_NO_FRAME ? 1 : 0;
    d->counters.failed += d->ws_pending != CH_NO_FRAME ? 1 : 0;
    ch_frames_drop(&d->frames, d->ws_frame);
    d->ws_frame = CH_NO_FRAME;
    drop_pending(d);
}

static void replace_pending(ch_device *d)
{
    if (d->ws_pending != CH_NO_FRAME) {
        d->counters.replaced++;
        ch_policy_replaced(&d->policy);
        drop_pending(d);
    }
}

void ch_device_drop_waiting(ch_device *d)
{
    replace_pending(d);
    ch_tcpcam_forget(&d->tcpcam);
}

bool ch_device_may_capture(const ch_device *d)
{
    return d->camera_up && d->power && !d->camera_emptying && d->update_state != CH_UPDATE_LOADING;
}

ch_camera ch_device_camera_now(const ch_device *d)
{
    ch_camera now = ch_policy_effective(&d->policy);
    if (!ch_device_may_capture(d)) {
        now.fps = 0;
    }
    return now;
}

bool ch_device_wants_frame(ch_device *d, ch_ms now)
{
    if (!ch_device_may_capture(d) || now < ch_policy_next_capture(&d->policy)) {
        return false;
    }
    if (ch_frames_full(&d->frames)) {
        /* The newest wins: what waits would be replaced by the frame that is now due. */
        ch_device_drop_waiting(d);
    }
    if (ch_frames_full(&d->frames)) {
        ch_tcpcam_close_hog(&d->tcpcam, now);
    }
    if (ch_frames_full(&d->frames)) {
        return false;
    }
    if (d->asked == CH_NEVER) {
        d->asked = now;
    }
    d->taking = now;
    return true;
}

ch_ms ch_device_capture_deadline(const ch_device *d, ch_ms now)
{
    ch_ms next = ch_policy_next_capture(&d->policy);
    if (d->camera_emptying) {
        return now + ROOM_CHECK_MS;
    }
    if (!ch_device_may_capture(d)) {
        return CH_NEVER;
    }
    return next <= now && ch_frames_full(&d->frames) ? now + ROOM_CHECK_MS : next;
}

bool ch_device_frame(ch_device *d, ch_ms now, const ch_frame *frame)
{
    int number = ch_frames_add(&d->frames, frame);
    d->asked = CH_NEVER;
    d->taking = CH_NEVER;
    if (number == CH_NO_FRAME) {
        return false;
    }
    ch_counters_captured(&d->counters, frame);
    ch_policy_tick(&d->policy, now);
    if (ch_policy_for_ws(&d->policy, now)) {
        replace_pending(d);
        d->ws_pending = number;
        ch_frames_use(&d->frames, number);
    }
    if (ch_tcpcam_watching(&d->tcpcam) > 0) {
        ch_tcpcam_offer(&d->tcpcam, number);
    }
    ch_frames_drop(&d->frames, number);
    ch_policy_captured(&d->policy, now);
    return true;
}

bool ch_device_frame_next(ch_device *d, ch_ms now, ch_action *action)
{
    if (!d->ws_live || d->ws_busy || d->ws_pending == CH_NO_FRAME || d->reboot_at != CH_NEVER) {
        return false; /* before a restart the way is kept free for the last answers */
    }
    const ch_frame *frame = ch_frames_at(&d->frames, d->ws_pending);
    if (!ch_frame_is_fresh(frame, now)) {
        d->counters.stale++;
        drop_pending(d);
        return false;
    }
    d->ws_frame = d->ws_pending;
    d->ws_pending = CH_NO_FRAME;
    d->ws_busy = true;
    d->ws_began = now;
    d->ws_len = frame->len;
    ch_policy_send_began(&d->policy, now);
    ch_link_event_in(&d->link, now, (ch_link_event){CH_LINK_EV_SENDING, d->ws_attempt, false});
    action->kind = CH_DO_WS_FRAME;
    action->attempt = d->ws_attempt;
    action->data = frame->data;
    action->len = frame->len;
    return true;
}

int ch_device_tcpcam_open(ch_device *d, ch_ms now)
{
    return d->tcpcam_listening ? ch_tcpcam_open(&d->tcpcam, now) : -1;
}

void ch_device_tcpcam_received(ch_device *d, ch_ms now, int client, const uint8_t *bytes, size_t len)
{
    ch_link_alive(&d->link, now);
    ch_tcpcam_received(&d->tcpcam, now, client, bytes, len);
    ch_device_tcpcam_count(d, now);
}

void ch_device_tcpcam_ended(ch_device *d, ch_ms now, int client)
{
    ch_tcpcam_ended(&d->tcpcam, now, client);
    ch_device_tcpcam_count(d, now);
}

void ch_device_tcpcam_gone(ch_device *d, ch_ms now, int client)
{
    ch_tcpcam_gone(&d->tcpcam, client);
    ch_device_tcpcam_count(d, now);
}

void ch_device_tcpcam_sent(ch_device *d, ch_ms now, int client, size_t taken)
{
    ch_link_alive(&d->link, now);
    ch_tcpcam_sent(&d->tcpcam, now, client, taken);
    ch_device_tcpcam_count(d, now);
}

bool ch_device_tcpcam_next(ch_device *d, ch_ms now, ch_action *action)
{
    ch_tcpcam_action piece;
    if (!ch_tcpcam_next(&d->tcpcam, now, &piece)) {
        return false;
    }
    action->kind = piece.kind == CH_TCPCAM_DO_SEND ? CH_DO_TCPCAM_SEND : CH_DO_TCPCAM_CLOSE;
    action->client = piece.client;
    action->data = piece.data;
    action->len = piece.len;
    action->more = piece.more;
    return true;
}
