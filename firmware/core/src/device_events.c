/* What the shell tells the device. */
#include "device_internal.h"

/* Events of Wi-Fi, discovery and WebSocket, as the link wants them. */
static void link_event(ch_device *d, ch_ms now, const ch_event *event, ch_link_event_kind kind)
{
    ch_link_event in = {kind, event->attempt, event->alive};
    ch_link_event_in(&d->link, now, in);
    ch_device_follow_link(d, now);
}

static void wifi_event(ch_device *d, ch_ms now, const ch_event *event)
{
    bool up = event->kind == CH_EV_WIFI_UP;
    if (event->attempt != d->link.wifi_attempt || !d->link.wifi_held) {
        return;
    }
    link_event(d, now, event, up ? CH_LINK_EV_WIFI_UP : CH_LINK_EV_WIFI_DOWN);
    if (!up) {
        ch_keep_reason(d->wifi_reason, event->text);
        return;
    }
    d->wifi_reason[0] = '\0';
    ch_text address;
    ch_text_init(&address, d->address, sizeof d->address);
    ch_text_put(&address, event->text == NULL ? "" : event->text);
}

static void found_event(ch_device *d, ch_ms now, const ch_event *event)
{
    bool good = event->text != NULL && ch_check_host(event->text) == NULL && event->number >= 1 &&
                event->number <= UINT16_MAX && event->attempt == d->link.attempt;
    if (!good) {
        link_event(d, now, event, CH_LINK_EV_NOT_FOUND);
        return;
    }
    ch_copy(d->found_host, sizeof d->found_host, event->text);
    d->found_port = (uint16_t)event->number;
    link_event(d, now, event, CH_LINK_EV_FOUND);
}

static void ws_event(ch_device *d, ch_ms now, const ch_event *event)
{
    if (event->attempt != d->link.attempt) {
        return;
    }
    switch (event->kind) {
    case CH_EV_WS_UP:
        link_event(d, now, event, CH_LINK_EV_WS_UP);
        break;
    case CH_EV_WS_DOWN:
        ch_keep_reason(d->ws_reason, event->text);
        link_event(d, now, event, CH_LINK_EV_WS_DOWN);
        break;
    case CH_EV_WS_TEXT:
        link_event(d, now, event, CH_LINK_EV_HEARD);
        if (d->ws_live) {
            ch_device_text_in(d, now, event->text, event->len);
        }
        break;
    case CH_EV_WS_SENT:
        if (d->ws_busy) {
            link_event(d, now, event, CH_LINK_EV_SENT);
            d->ws_busy = false;
            if (d->ws_frame != CH_NO_FRAME) {
                ch_counters_sent(&d->counters, d->ws_len, (uint32_t)(now - d->ws_began));
                ch_policy_send_ended(&d->policy, now);
                ch_frames_drop(&d->frames, d->ws_frame);
                d->ws_frame = CH_NO_FRAME;
            }
        }
        break;
    default:
        link_event(d, now, event, CH_LINK_EV_HEARD);
        break;
    }
}

void ch_device_camera_failed(ch_device *d, ch_ms now, const char *why)
{
    d->camera_sent = false;
    d->camera_up = false;
    d->asked = CH_NEVER;
    d->camera_due = now + CH_CAMERA_RETRY_MS;
    ch_keep_reason(d->camera_reason, why);
}

static void camera_up(ch_device *d, ch_ms now, const ch_sensor *sensor)
{
    ch_text name;
    d->camera_sent = false;
    d->camera_up = true;
    d->camera_due = now;
    d->camera_reason[0] = '\0';
    char before[sizeof d->sensor_name];
    ch_copy(before, sizeof before, d->sensor_name);
    ch_text_init(&name, d->sensor_name, sizeof d->sensor_name);
    ch_text_put(&name, sensor->name);
    d->hello_due = d->hello_due || !ch_same(before, d->sensor_name);
    d->sensor.sizes = sensor->sizes;
    d->sensor.max_fps = sensor->max_fps;
    ch_policy_sensor(&d->policy, sensor->sizes, sensor->max_fps);
}

static void camera_event(ch_device *d, ch_ms now, const ch_event *event)
{
    if (event->kind == CH_EV_CAMERA_ERROR) {
        d->taking = CH_NEVER;
        d->counters.camera_errors++;
        ch_policy_captured(&d->policy, now);
    } else if (d->camera_sent) {
        d->taking = CH_NEVER; /* who sets the camera up takes nothing, and may have dropped the order to */
        if (event->kind == CH_EV_CAMERA_UP) {
            camera_up(d, now, event->sensor);
        } else {
            ch_device_camera_failed(d, now, event->text);
        }
    }
}

static void scan_event(ch_device *d, const ch_event *event)
{
    if (d->scan_until == CH_NEVER) {
        return;
    }
    if (event->kind == CH_EV_SCAN_DONE) {
        d->scan_until = CH_NEVER;
        ch_print_scan_end(d, event->text);
    } else if (d->scan_found < d->scan_max) {
        d->scan_found++;
        ch_print_network(d, event->network);
    }
}

void ch_device_event(ch_device *d, ch_ms now, const ch_event *event)
{
    switch (event->kind) {
    case CH_EV_WIFI_UP:
    case CH_EV_WIFI_DOWN:
        wifi_event(d, now, event);
        break;
    case CH_EV_SCAN_FOUND:
    case CH_EV_SCAN_DONE:
        scan_event(d, event);
        break;
    case CH_EV_FOUND:
        found_event(d, now, event);
        break;
    case CH_EV_NOT_FOUND:
        link_event(d, now, event, CH_LINK_EV_NOT_FOUND);
        break;
    case CH_EV_CAMERA_UP:
    case CH_EV_CAMERA_FAILED:
    case CH_EV_CAMERA_ERROR:
        camera_event(d, now, event);
        break;
    case CH_EV_TCPCAM_FAILED:
        d->tcpcam_listening = false;
        d->tcpcam_retry = now + CH_CAMERA_RETRY_MS;
        ch_keep_reason(d->tcpcam_reason, event->text);
        break;
    case CH_EV_VITALS:
        d->vitals = *event->vitals;
        break;
    case CH_EV_UPDATE_PROGRESS:
    case CH_EV_UPDATE_DONE:
    case CH_EV_UPDATE_FAILED:
        ch_device_update_event(d, now, event);
        break;
    default:
        ws_event(d, now, event);
        break;
    }
}
