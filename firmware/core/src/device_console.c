/* What console commands do. */
#include "device_internal.h"

#define STORAGE_FAILED "the storage failed: what was set holds until the device restarts"

/* Stores a group if the command says so; then its status line follows. */
static void keep(ch_device *d, const ch_command *command, ch_group group)
{
    if (!command->save) {
        return;
    }
    if (!ch_device_save(d, group)) {
        ch_print_error(d, STORAGE_FAILED);
    }
}

/* Forgets a group, in memory in any case. False: the storage failed. */
static bool forget(ch_device *d, ch_group group)
{
    if (!ch_settings_clear(&d->settings, group, d->store)) {
        return false;
    }
    ch_settings_copy(&d->stored, &d->settings, group);
    return true;
}

static void clear(ch_device *d, ch_group group)
{
    if (!forget(d, group)) {
        ch_print_error(d, "the storage failed: what it holds comes back at the next start");
    }
}

/* False, and no restart: something is still stored, and who gives the device away must know. */
static bool factory_reset(ch_device *d, ch_ms now)
{
    bool good = true;
    for (unsigned i = 0; i < CH_GROUPS; i++) {
        good = forget(d, (ch_group)i) && good;
    }
    ch_device_camera_changed(d, now);
    ch_tcpcam_set_pin(&d->tcpcam, d->settings.tcpcam_pin);
    ch_device_apply_link(d, now, CH_ANEW_WS);
    if (!good) {
        ch_print_error(d, "the storage failed: settings are still in it; try again, or erase the flash");
    }
    return good;
}

static bool do_wifi(ch_device *d, ch_ms now, const ch_command *command)
{
    ch_settings *s = &d->settings;
    switch (command->kind) {
    case CH_CMD_WIFI_SCAN:
        if (d->scan_until != CH_NEVER) {
            ch_print_error(d, "a scan is running");
            return false;
        }
        d->scan_due = true;
        d->scan_max = (uint16_t)command->number;
        d->scan_found = 0;
        d->scan_until = now + CH_SCAN_TIMEOUT_MS;
        return true;
    case CH_CMD_WIFI_SET:
        ch_copy(s->ssid, sizeof s->ssid, command->words[0]);
        ch_copy(s->pass, sizeof s->pass, command->words[1]);
        keep(d, command, CH_GROUP_WIFI);
        d->wifi_off = false;
        d->wifi_reason[0] = '\0';
        ch_device_apply_link(d, now, CH_ANEW_WIFI);
        break;
    case CH_CMD_WIFI_CONNECT:
        if (s->ssid[0] == '\0') {
            ch_print_error(d, "no network is set");
            return false;
        }
        d->wifi_off = false;
        ch_device_apply_link(d, now, CH_ANEW_WIFI);
        break;
    case CH_CMD_WIFI_DISCONNECT:
        d->wifi_off = true;
        ch_device_apply_link(d, now, CH_ANEW_NO);
        break;
    case CH_CMD_WIFI_CLEAR:
        clear(d, CH_GROUP_WIFI);
        d->wifi_reason[0] = '\0';
        ch_device_apply_link(d, now, CH_ANEW_NO);
        break;
    default:
        break;
    }
    ch_print_wifi(d);
    return true;
}

static void set_stream(ch_device *d, const ch_command *command)
{
    ch_settings *s = &d->settings;
    switch (command->kind) {
    case CH_CMD_STREAM_SET_HOST:
        ch_copy(s->host, sizeof s->host, command->words[0]);
        s->port = command->number != 0 ? (uint16_t)command->number : CH_DEFAULT_PORT;
        /* A host alone is one of the plain kind; what a URL said before is not its. */
        s->tls = false;
        s->path[0] = '\0';
        break;
    case CH_CMD_STREAM_SET_PORT:
        s->port = (uint16_t)command->number;
        break;
    case CH_CMD_STREAM_SET_NAME:
        ch_copy(s->name, sizeof s->name, command->words[0]);
        s->path[0] = '\0'; /* a path names its stream itself */
        break;
    case CH_CMD_STREAM_SET_TOKEN:
        ch_copy(s->token, sizeof s->token, command->words[0]);
        break;
    default:
        ch_settings_set_url(s, command->words[0]);
        break;
    }
}

static bool do_stream(ch_device *d, ch_ms now, const ch_command *command)
{
    switch (command->kind) {
    case CH_CMD_STREAM_STATUS:
        break;
    case CH_CMD_STREAM_START:
    case CH_CMD_STREAM_STOP:
        d->stream_off = command->kind == CH_CMD_STREAM_STOP;
        ch_device_apply_link(d, now, CH_ANEW_NO);
        break;
    case CH_CMD_STREAM_CLEAR:
        clear(d, CH_GROUP_STREAM);
        d->found_host[0] = '\0';
        d->ws_reason[0] = '\0';
        ch_device_apply_link(d, now, CH_ANEW_WS);
        break;
    default:
        if (command->kind == CH_CMD_STREAM_SET_PORT && d->settings.host[0] == '\0') {
            const char *usage[] = {"stream", "set", "host"};
            ch_print_error(d, "there is no host yet that the port could belong to");
            ch_print_usage(d, ch_console_usage("stream"), 3, usage);
            return false;
        }
        set_stream(d, command);
        keep(d, command, CH_GROUP_STREAM);
        d->ws_reason[0] = '\0';
        ch_device_apply_link(d, now, CH_ANEW_WS);
        break;
    }
    ch_print_stream(d);
    return true;
}

static bool turn_knob(ch_device *d, ch_ms now, const ch_command *command)
{
    ch_camera *camera = &d->settings.camera;
    ch_size_set sizes = d->sensor.sizes;
    uint8_t value = (uint8_t)command->number;
    switch (command->knob) {
    case CH_KNOB_SIZE:
        if (sizes != 0 && (sizes & CH_SIZE_BIT(command->number)) == 0) {
            ch_print_error(d, "the sensor does not have this size");
            return false;
        }
        camera->size = (ch_size)command->number;
        break;
    case CH_KNOB_QUALITY:
        camera->quality = value;
        break;
    case CH_KNOB_FPS:
        camera->fps = value;
        break;
    case CH_KNOB_HFLIP:
        camera->hflip = value != 0;
        break;
    case CH_KNOB_VFLIP:
        camera->vflip = value != 0;
        break;
    case CH_KNOB_LED:
        if (!d->board.has_led) {
            ch_print_error(d, "this device has no lamp");
            return false;
        }
        camera->led = value;
        break;
    default:
        camera->adapt = value != 0;
        break;
    }
    keep(d, command, CH_GROUP_CAMERA);
    ch_device_camera_changed(d, now);
    return true;
}

static bool do_cam(ch_device *d, ch_ms now, const ch_command *command)
{
    switch (command->kind) {
    case CH_CMD_CAM_POWER:
        d->power = command->number != 0;
        d->camera_due = d->power && !d->camera_sent ? now : d->camera_due;
        d->camera_reason[0] = '\0';
        break;
    case CH_CMD_CAM_DUMP:
        d->camera_dump = true;
        break;
    case CH_CMD_CAM_SET:
        if (!turn_knob(d, now, command)) {
            return false;
        }
        break;
    case CH_CMD_CAM_CLEAR:
        clear(d, CH_GROUP_CAMERA);
        ch_device_camera_changed(d, now);
        break;
    default:
        break;
    }
    ch_print_cam(d);
    return true;
}

static bool do_tcpcam(ch_device *d, ch_ms now, const ch_command *command)
{
    ch_settings *s = &d->settings;
    switch (command->kind) {
    case CH_CMD_TCPCAM_STATUS:
        ch_print_tcpcam(d);
        return true;
    case CH_CMD_TCPCAM_ON:
    case CH_CMD_TCPCAM_OFF:
        s->tcpcam_on = command->kind == CH_CMD_TCPCAM_ON;
        break;
    case CH_CMD_TCPCAM_PIN:
        ch_copy(s->tcpcam_pin, sizeof s->tcpcam_pin, command->words[0]);
        break;
    case CH_CMD_TCPCAM_PORT:
        s->tcpcam_port = (uint16_t)command->number;
        break;
    default:
        clear(d, CH_GROUP_TCPCAM);
        break;
    }
    keep(d, command, CH_GROUP_TCPCAM);
    ch_tcpcam_set_pin(&d->tcpcam, s->tcpcam_pin);
    d->tcpcam_retry = now;
    ch_print_tcpcam(d);
    return true;
}

static bool do_sys(ch_device *d, ch_ms now, const ch_command *command)
{
    switch (command->kind) {
    case CH_CMD_SYS_INFO:
        ch_print_sys(d, now);
        return true;
    case CH_CMD_SYS_FACTORY_RESET:
        if (!factory_reset(d, now)) {
            return false;
        }
        break;
    default:
        break;
    }
    ch_device_reboot(d, now, false);
    ch_print_line(d, command->kind == CH_CMD_SYS_REBOOT ? "reboot=now" : "settings=default reboot=now");
    return true;
}

static bool run(ch_device *d, ch_ms now, const ch_command *command)
{
    ch_command_kind kind = command->kind;
    if (kind == CH_CMD_EMPTY) {
        return true;
    }
    if (kind == CH_CMD_HELP) {
        ch_print_help(d, command->words[0]);
        return true;
    }
    if (kind <= CH_CMD_WIFI_CLEAR) {
        return do_wifi(d, now, command);
    }
    if (kind <= CH_CMD_STREAM_CLEAR) {
        return do_stream(d, now, command);
    }
    if (kind <= CH_CMD_CAM_CLEAR) {
        return do_cam(d, now, command);
    }
    if (kind == CH_CMD_PSRAM_STATUS) {
        ch_print_psram(d);
        return true;
    }
    return kind <= CH_CMD_TCPCAM_CLEAR ? do_tcpcam(d, now, command) : do_sys(d, now, command);
}

bool ch_device_words(ch_device *d, ch_ms now, int count, const char *const *words)
{
    ch_command command;
    ch_complaint complaint = ch_console_parse(count, words, &command);
    if (complaint.why == NULL) {
        return run(d, now, &command);
    }
    ch_print_error(d, complaint.why);
    if (complaint.usage != NULL) {
        ch_print_usage(d, complaint.usage, count, words);
    }
    return false;
}

void ch_device_line(ch_device *d, ch_ms now, const char *line)
{
    char copy[CH_LINE_MAX + 1];
    const char *words[CH_WORDS_MAX];
    if (!ch_copy(copy, sizeof copy, line)) {
        ch_print_error(d, "the line is longer than 383 characters");
        return;
    }
    ch_device_words(d, now, ch_console_split(copy, words), words);
}
