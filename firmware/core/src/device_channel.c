/* The device's side of the device channel: what messages of the server do, and what the device says. */
#include "device_internal.h"

static void put_ack(ch_device *d, const ch_message *message, const char *error)
{
    /* A server that asks more than it lets the device answer loses answers, not the connection. */
    if (message->has_id && d->ack_count < CH_ACKS_MAX) {
        d->acks[d->ack_count++] = (ch_ack){message->id, error};
    }
}

/* What stands against a `set` on this device. */
static const char *unfit(const ch_device *d, const ch_message *message)
{
    ch_size_set sizes = d->sensor.sizes;
    bool has_size = (message->fields & CH_SET_SIZE) != 0;
    if (has_size && sizes != 0 && (sizes & CH_SIZE_BIT(message->set.size)) == 0) {
        return "size: not one of this sensor's sizes";
    }
    if ((message->fields & CH_SET_LED) != 0 && !d->board.has_led) {
        return "led: this device has none";
    }
    return NULL;
}

static const char *do_set(ch_device *d, ch_ms now, const ch_message *message)
{
    const char *why = unfit(d, message);
    ch_camera *camera = &d->settings.camera;
    unsigned fields = message->fields;
    if (why != NULL) {
        return why;
    }
    camera->size = (fields & CH_SET_SIZE) != 0 ? message->set.size : camera->size;
    camera->quality = (fields & CH_SET_QUALITY) != 0 ? message->set.quality : camera->quality;
    camera->fps = (fields & CH_SET_FPS) != 0 ? message->set.fps : camera->fps;
    camera->hflip = (fields & CH_SET_HFLIP) != 0 ? message->set.hflip : camera->hflip;
    camera->vflip = (fields & CH_SET_VFLIP) != 0 ? message->set.vflip : camera->vflip;
    camera->led = (fields & CH_SET_LED) != 0 ? message->set.led : camera->led;
    camera->adapt = (fields & CH_SET_ADAPT) != 0 ? message->set.adapt : camera->adapt;
    ch_device_camera_changed(d, now);
    if (message->save && !ch_device_save(d, CH_GROUP_CAMERA)) {
        return "save: the storage failed; the values hold until the device restarts";
    }
    return NULL;
}

static const char *do_update(ch_device *d, ch_ms now, const ch_message *message)
{
    if (!d->board.has_update) {
        return "update: this device cannot";
    }
    if (d->update_state == CH_UPDATE_LOADING || d->reboot_at != CH_NEVER) {
        return "update: the device is busy with one, or restarts";
    }
    if (d->trial) {
        return "update: the image that runs is not confirmed yet";
    }
    d->update = message->update;
    d->update_state = CH_UPDATE_LOADING;
    d->update_percent = 0;
    d->update_due = true;
    d->update_report = false;
    d->update_until = now + CH_UPDATE_TIMEOUT_MS;
    return NULL;
}

void ch_device_text_in(ch_device *d, ch_ms now, const char *text, size_t len)
{
    ch_message message;
    ch_channel_read(text, len, &message);
    switch (message.kind) {
    case CH_MSG_IGNORED:
        break;
    case CH_MSG_HELLO:
        put_ack(d, &message, NULL);
        break;
    case CH_MSG_INVALID:
        put_ack(d, &message, message.error);
        break;
    case CH_MSG_SET:
        put_ack(d, &message, do_set(d, now, &message));
        break;
    case CH_MSG_DEMAND:
        ch_policy_demand(&d->policy, now, &message.demand);
        put_ack(d, &message, NULL);
        break;
    case CH_MSG_REBOOT:
        put_ack(d, &message, NULL);
        ch_device_reboot(d, now, false);
        break;
    default:
        put_ack(d, &message, do_update(d, now, &message));
        break;
    }
}

static void update_progress(ch_device *d, ch_ms now, uint32_t percent)
{
    if (percent > 100) {
        percent = 100;
    }
    if (percent <= d->update_percent) {
        return;
    }
    /* One report per tenth is enough for a progress bar. */
    d->update_report = d->update_report || percent / 10 != d->update_percent / 10;
    d->update_percent = (uint8_t)percent;
    d->update_until = now + CH_UPDATE_TIMEOUT_MS;
}

/* The update that loads is over. */
static void update_failed(ch_device *d, const char *why)
{
    d->update_report = true;
    d->update_until = CH_NEVER;
    d->update_state = CH_UPDATE_FAILED;
    ch_keep_reason(d->update_error, why == NULL ? "unknown" : why);
}

void ch_device_update_tick(ch_device *d, ch_ms now)
{
    if (now >= d->update_until) {
        d->update_stop_due = !d->update_due; /* what the shell has not been told of, it never is */
        d->update_due = false;
        update_failed(d, "no progress for a minute");
    }
}

void ch_device_update_event(ch_device *d, ch_ms now, const ch_event *event)
{
    if (d->update_state != CH_UPDATE_LOADING || d->update_due) {
        return; /* late, of one that is over */
    }
    if (event->kind == CH_EV_UPDATE_PROGRESS) {
        update_progress(d, now, event->number);
    } else if (event->kind == CH_EV_UPDATE_DONE) {
        d->update_report = true;
        d->update_until = CH_NEVER;
        d->update_state = CH_UPDATE_RESTARTING;
        ch_device_reboot(d, now, false);
    } else {
        update_failed(d, event->text);
    }
}

/* Writes the message that is due first. False: none is. */
static bool next_message(ch_device *d, ch_ms now, ch_text *text)
{
    if (d->hello_due) {
        d->hello_due = false;
        return ch_channel_hello(text, &d->board, &d->sensor, &d->settings.camera);
    }
    if (d->ack_count > 0) {
        ch_ack ack = d->acks[0];
        d->ack_count--;
        for (unsigned i = 0; i < d->ack_count; i++) {
            d->acks[i] = d->acks[i + 1];
        }
        return ch_channel_ack(text, ack.id, ack.error);
    }
    if (d->update_report) {
        d->update_report = false;
        const char *error = d->update_state == CH_UPDATE_FAILED ? d->update_error : NULL;
        return ch_channel_update(text, d->update_state, d->update_percent, error);
    }
    if (now < d->telemetry_due) {
        return false;
    }
    ch_report report = {
        .id = d->board.id,
        .reset = d->board.reset,
        .uptime_s = (uint32_t)((now - d->started) / 1000),
        .vitals = d->vitals,
        .now = ch_device_camera_now(d),
        .counters = &d->counters,
        .viewers = ch_tcpcam_watching(&d->tcpcam),
        .time = now,
    };
    bool fits = ch_channel_telemetry(text, &report);
    ch_counters_next_interval(&d->counters, now);
    d->telemetry_due = now + CH_TELEMETRY_EVERY_MS;
    return fits;
}

bool ch_device_text_next(ch_device *d, ch_ms now, ch_action *action)
{
    ch_text text;
    if (!d->ws_live || d->ws_busy) {
        return false;
    }
    ch_text_init(&text, d->message, sizeof d->message);
    if (!next_message(d, now, &text)) {
        return false;
    }
    d->ws_busy = true;
    ch_link_event_in(&d->link, now, (ch_link_event){CH_LINK_EV_SENDING, d->ws_attempt, false});
    action->kind = CH_DO_WS_TEXT;
    action->attempt = d->ws_attempt;
    action->data = (const uint8_t *)d->message;
    action->len = text.len;
    return true;
}
