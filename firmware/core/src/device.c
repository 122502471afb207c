#include "device_internal.h"

#include <string.h>

/* How often to look whether the last answers have left before a restart. */
#define REBOOT_CHECK_MS 50

void ch_keep_reason(char reason[CH_REASON_MAX + 1], const char *text)
{
    ch_text to;
    ch_text_init(&to, reason, CH_REASON_MAX + 1);
    ch_text_put(&to, text == NULL ? "" : text);
    if (to.cut) {
        /* Not in the middle of a character. */
        size_t len = to.len;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
            len--;
        }
        reason[len] = '\0';
    }
}

void ch_device_init(ch_device *d, const ch_board *board, const ch_store *store, ch_printer printer, uint32_t seed,
                    ch_ms now)
{
    memset(d, 0, sizeof *d);
    d->board = *board;
    d->store = store;
    d->printer = printer;
    d->sensor.name = d->sensor_name;
    ch_settings_load(&d->settings, store);
    d->stored = d->settings;
    ch_link_init(&d->link, seed, now);
    ch_policy_init(&d->policy, &d->settings.camera, now);
    ch_frames_init(&d->frames, board->frames);
    ch_tcpcam_init(&d->tcpcam, &d->frames, d->settings.tcpcam_pin);
    ch_counters_init(&d->counters, now);
    d->started = now;
    d->ws_frame = CH_NO_FRAME;
    d->ws_pending = CH_NO_FRAME;
    d->power = true;
    d->camera_due = now;
    d->asked = CH_NEVER;
    d->taking = CH_NEVER;
    d->scan_until = CH_NEVER;
    d->update_until = CH_NEVER;
    d->reboot_at = CH_NEVER;
    d->trial = board->trial;
    ch_device_apply_link(d, now, CH_ANEW_NO);
}

bool ch_device_save(ch_device *d, ch_group group)
{
    if (ch_settings_save(&d->settings, group, d->store)) {
        ch_settings_copy(&d->stored, &d->settings, group);
        return true;
    }
    /* A part may be stored. What was there is put back as far as the storage lets: a mix could send an old token to a
     * new host after the next start. */
    (void)ch_settings_save(&d->stored, group, d->store);
    return false;
}

static void ws_came(ch_device *d, ch_ms now)
{
    d->ws_live = true;
    d->ws_attempt = d->link.attempt;
    d->ws_since = now;
    d->ws_reason[0] = '\0';
    d->hello_due = true;
    d->telemetry_due = now + CH_TELEMETRY_EVERY_MS;
    d->counters.connects++;
    ch_counters_next_interval(&d->counters, now);
    ch_policy_ws(&d->policy, now, true);
}

static void ws_lost(ch_device *d, ch_ms now)
{
    d->ws_live = false;
    d->ws_busy = false;
    d->ack_count = 0;
    ch_device_frames_lost(d);
    ch_policy_ws(&d->policy, now, false);
}

static void take_reason(char reason[CH_REASON_MAX + 1], const char **why)
{
    if (*why != NULL) {
        ch_keep_reason(reason, *why);
        *why = NULL;
    }
}

void ch_device_follow_link(ch_device *d, ch_ms now)
{
    bool up = d->link.state == CH_LINK_WS_UP;
    if (d->ws_live && !up) {
        ws_lost(d, now);
    } else if (!d->ws_live && up) {
        ws_came(d, now);
    }
    if (d->link.state < CH_LINK_IDLE) {
        d->address[0] = '\0';
    }
    take_reason(d->wifi_reason, &d->link.wifi_why);
    take_reason(d->ws_reason, &d->link.ws_why);
}

void ch_device_apply_link(ch_device *d, ch_ms now, ch_anew anew)
{
    const ch_settings *s = &d->settings;
    bool wifi = s->ssid[0] != '\0' && !d->wifi_off;
    ch_link_want(&d->link, now, wifi, !d->stream_off, s->host[0] != '\0', anew);
    ch_device_follow_link(d, now);
}

void ch_device_reboot(ch_device *d, ch_ms now, bool rollback)
{
    if (d->reboot_at == CH_NEVER) {
        d->reboot_at = now + CH_REBOOT_DELAY_MS;
        d->reboot_latest = now + CH_SEND_STALL_MS;
        d->reboot_rollback = rollback;
    }
}

void ch_device_camera_changed(ch_device *d, ch_ms now)
{
    ch_policy_set(&d->policy, now, &d->settings.camera);
    d->hello_due = true;
}

void ch_device_tcpcam_count(ch_device *d, ch_ms now)
{
    unsigned watching = ch_tcpcam_watching(&d->tcpcam);
    if (watching != d->policy.others) {
        ch_policy_others(&d->policy, now, watching);
    }
    if (watching == 0) {
        ch_tcpcam_forget(&d->tcpcam);
    }
}

bool ch_device_is_scanning(const ch_device *d)
{
    return d->scan_until != CH_NEVER;
}

/* Everything that time alone brings about. */
static void tick(ch_device *d, ch_ms now)
{
    ch_link_tick(&d->link, now);
    ch_device_follow_link(d, now);
    ch_tcpcam_tick(&d->tcpcam, now);
    ch_device_tcpcam_count(d, now);
    ch_policy_tick(&d->policy, now);
    if (d->camera_sent && now >= d->camera_due) {
        ch_device_camera_failed(d, now, "the camera does not answer");
    }
    if (!ch_device_may_capture(d) || ch_policy_next_capture(&d->policy) == CH_NEVER) {
        d->asked = CH_NEVER; /* nothing is due any more: what did not come is no fault of the camera */
    }
    if (d->asked != CH_NEVER && now >= d->asked + CH_CAPTURE_TIMEOUT_MS) {
        ch_device_camera_failed(d, now, "no frames came; it is set up anew");
        d->camera_due = now;
    }
    if (d->scan_until != CH_NEVER && now >= d->scan_until) {
        d->scan_until = CH_NEVER;
        ch_print_scan_end(d, "timeout");
    }
    ch_device_update_tick(d, now);
    if (d->trial && d->ws_live && now >= d->ws_since + CH_TRIAL_CONFIRM_MS) {
        d->trial = false;
        d->confirm_due = true;
        d->board.trial = false;
        d->hello_due = true;
    }
    if (d->trial && now >= d->started + CH_TRIAL_LIMIT_MS) {
        d->trial = false;
        ch_device_reboot(d, now, true);
    }
}

static void open_ws(ch_device *d, ch_action *action)
{
    const ch_settings *s = &d->settings;
    bool set = s->host[0] != '\0';
    ch_text url;
    ch_text_init(&url, d->url, sizeof d->url);
    ch_settings_url(s, set ? s->host : d->found_host, set ? s->port : d->found_port, &url);
    action->kind = CH_DO_WS_OPEN;
    action->url = d->url;
    action->token = s->token;
}

static bool link_next(ch_device *d, ch_action *action)
{
    ch_link_action link_action;
    if (!ch_link_next(&d->link, &link_action)) {
        return false;
    }
    action->attempt = link_action.attempt;
    switch (link_action.kind) {
    case CH_LINK_DO_WIFI_CONNECT:
        action->kind = CH_DO_WIFI_CONNECT;
        action->ssid = d->settings.ssid;
        action->pass = d->settings.pass;
        break;
    case CH_LINK_DO_WIFI_DISCONNECT:
        action->kind = CH_DO_WIFI_DISCONNECT;
        break;
    case CH_LINK_DO_DISCOVER:
        action->kind = CH_DO_DISCOVER;
        break;
    case CH_LINK_DO_WS_OPEN:
        open_ws(d, action);
        break;
    case CH_LINK_DO_WS_CLOSE:
        action->kind = CH_DO_WS_CLOSE;
        break;
    default:
        action->kind = CH_DO_WS_PING;
        break;
    }
    return true;
}

/* Whether the camera has to be set up again to get from `a` to `b`; the rate is the shell's loop, not the camera's. */
static bool camera_differs(const ch_camera *a, const ch_camera *b)
{
    return a->size != b->size || a->quality != b->quality || a->hflip != b->hflip || a->vflip != b->vflip ||
           a->led != b->led;
}

/*
 * Before its buffers may go: frames that wait are let go, those on their way end or are ended by their watchdogs, and
 * the one that is being taken has come. True once none is out.
 */
static bool camera_empty(ch_device *d, ch_ms now)
{
    bool taking = d->taking != CH_NEVER && now < d->taking + CH_CAPTURE_TIMEOUT_MS;
    d->camera_emptying = taking || ch_frames_in_use(&d->frames) > 0;
    if (d->camera_emptying) {
        ch_device_drop_waiting(d);
        ch_tcpcam_close_hog(&d->tcpcam, now);
    }
    return !d->camera_emptying;
}

static bool camera_off(ch_device *d, ch_ms now)
{
    if (!d->camera_up && !d->camera_sent) {
        d->camera_emptying = false;
        return false;
    }
    if (!camera_empty(d, now)) {
        return false;
    }
    d->camera_up = false;
    d->camera_sent = false;
    d->asked = CH_NEVER;
    return true;
}

static bool camera_next(ch_device *d, ch_ms now, ch_action *action)
{
    action->kind = CH_DO_CAMERA;
    if (!d->power) {
        return camera_off(d, now);
    }
    ch_camera wanted = ch_policy_effective(&d->policy);
    bool must = !d->camera_up || camera_differs(&wanted, &d->camera);
    if (!must || d->camera_sent || now < d->camera_due) {
        d->camera_emptying = false;
        return false;
    }
    if (d->board.needs_psram && d->board.psram_size == 0) {
        ch_device_camera_failed(d, now, "no PSRAM was found, and the camera needs it for its pictures");
        return false;
    }
    bool anew = !d->camera_up || wanted.size != d->camera.size;
    if (anew && !camera_empty(d, now)) {
        return false;
    }
    action->power = true;
    action->camera = wanted;
    d->camera = wanted;
    d->camera_sent = true;
    d->asked = CH_NEVER;
    d->camera_due = now + CH_CAMERA_TIMEOUT_MS;
    return true;
}

static bool listen_next(ch_device *d, ch_ms now, ch_action *action)
{
    const ch_settings *s = &d->settings;
    if (d->tcpcam_listening && (!s->tcpcam_on || s->tcpcam_port != d->tcpcam_port)) {
        d->tcpcam_listening = false;
        d->tcpcam_retry = now;
        ch_tcpcam_close_all(&d->tcpcam);
        action->kind = CH_DO_TCPCAM_STOP;
        return true;
    }
    if (d->tcpcam_listening || !s->tcpcam_on || now < d->tcpcam_retry) {
        return false;
    }
    d->tcpcam_listening = true;
    d->tcpcam_port = s->tcpcam_port;
    d->tcpcam_reason[0] = '\0';
    action->kind = CH_DO_TCPCAM_LISTEN;
    action->number = s->tcpcam_port;
    return true;
}

/* Whether a flag was set; clears it. */
static bool due(bool *flag)
{
    bool was = *flag;
    *flag = false;
    return was;
}

/* Whether it is time to restart. Answers leave first, though a picture on its way can hold them up for longer. */
static bool reboot_due(ch_device *d, ch_ms now)
{
    if (now < d->reboot_at) {
        return false;
    }
    bool speaks = d->ws_live && (d->ws_busy || d->ack_count > 0 || d->update_report);
    if (speaks && now < d->reboot_latest) {
        d->reboot_at = now + REBOOT_CHECK_MS;
        return false;
    }
    return true;
}

/* Actions that happen seldom. */
static bool rare_next(ch_device *d, ch_ms now, ch_action *action)
{
    if (due(&d->camera_dump)) {
        action->kind = CH_DO_CAMERA_DUMP;
    } else if (due(&d->scan_due)) {
        action->kind = CH_DO_WIFI_SCAN;
        action->number = d->scan_max;
    } else if (due(&d->update_due)) {
        action->kind = CH_DO_UPDATE;
        action->update = &d->update;
    } else if (due(&d->confirm_due)) {
        action->kind = CH_DO_CONFIRM;
    } else if (reboot_due(d, now)) {
        d->reboot_at = CH_NEVER;
        action->kind = CH_DO_REBOOT;
        action->rollback = d->reboot_rollback;
    } else {
        return false;
    }
    return true;
}

static bool tcpcam_close_next(ch_device *d, ch_action *action)
{
    action->kind = CH_DO_TCPCAM_CLOSE;
    return ch_tcpcam_next_close(&d->tcpcam, &action->client);
}

static bool return_next(ch_device *d, ch_action *action)
{
    action->kind = CH_DO_RETURN;
    return ch_frames_next_return(&d->frames, &action->handle);
}

bool ch_device_next(ch_device *d, ch_ms now, ch_action *action)
{
    tick(d, now);
    *action = (ch_action){.client = -1};
    if (due(&d->update_stop_due)) {
        /* In the same call as it is given up: a shell with several tasks has no moment to choose the image between. */
        action->kind = CH_DO_UPDATE_STOP;
        return true;
    }
    /* Ends of connections come before the return of the frames that they were sending. */
    if (link_next(d, action) || tcpcam_close_next(d, action) || return_next(d, action)) {
        return true;
    }
    /* At the end once more: what has become too old while it was looked at. */
    return camera_next(d, now, action) || listen_next(d, now, action) || rare_next(d, now, action) ||
           ch_device_text_next(d, now, action) || ch_device_frame_next(d, now, action) ||
           ch_device_tcpcam_next(d, now, action) || return_next(d, action);
}

static ch_ms sooner(ch_ms a, ch_ms b)
{
    return a < b ? a : b;
}

ch_ms ch_device_deadline(const ch_device *d, ch_ms now)
{
    ch_ms first = ch_link_deadline(&d->link);
    first = sooner(first, ch_tcpcam_deadline(&d->tcpcam));
    first = sooner(first, ch_device_capture_deadline(d, now));
    first = sooner(first, d->scan_until);
    first = sooner(first, d->update_until);
    first = sooner(first, d->reboot_at);
    if (d->power && !d->camera_emptying && (d->camera_sent || !d->camera_up)) {
        first = sooner(first, d->camera_due);
    }
    if (d->asked != CH_NEVER) {
        first = sooner(first, d->asked + CH_CAPTURE_TIMEOUT_MS);
    }
    if (d->ws_live && !d->ws_busy) {
        first = sooner(first, d->telemetry_due);
    }
    if (d->settings.tcpcam_on && !d->tcpcam_listening) {
        first = sooner(first, d->tcpcam_retry);
    }
    if (d->trial) {
        first = sooner(first, d->started + CH_TRIAL_LIMIT_MS);
        first = d->ws_live ? sooner(first, d->ws_since + CH_TRIAL_CONFIRM_MS) : first;
    }
    return first;
}
