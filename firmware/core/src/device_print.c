/* Status lines and other text of the console. */
#include "device_internal.h"

#include <string.h>

/* The longest line: `stream status` with host, path and reason full, each character of path and reason escaped. */
#define LINE_SIZE 768

typedef struct line {
    ch_text text;
    char buffer[LINE_SIZE];
} line;

static void begin(line *l)
{
    /* One byte is kept for the end of the line. */
    ch_text_init(&l->text, l->buffer, sizeof l->buffer - 1);
}

static void end(line *l, const ch_device *d)
{
    l->buffer[l->text.len] = '\n';
    d->printer.print(d->printer.context, l->buffer, l->text.len + 1);
}

static void key(line *l, const char *name)
{
    ch_text_put(&l->text, l->text.len > 0 ? " " : "");
    ch_text_put(&l->text, name);
    ch_text_put(&l->text, "=");
}

static void put(line *l, const char *name, const char *value)
{
    key(l, name);
    ch_text_value(&l->text, value);
}

static void put_u32(line *l, const char *name, uint32_t value)
{
    key(l, name);
    ch_text_u32(&l->text, value);
}

static void put_i32(line *l, const char *name, int32_t value)
{
    key(l, name);
    ch_text_i32(&l->text, value);
}

static const char *yes(bool value)
{
    return value ? "yes" : "no";
}

static const char *on(bool value)
{
    return value ? "on" : "off";
}

/* Left out while there is none. */
static void put_reason(line *l, const char *reason)
{
    if (reason[0] != '\0') {
        put(l, "reason", reason);
    }
}

void ch_print_line(const ch_device *d, const char *text)
{
    line l;
    begin(&l);
    ch_text_put(&l.text, text);
    end(&l, d);
}

void ch_print_error(const ch_device *d, const char *why)
{
    line l;
    begin(&l);
    ch_text_put(&l.text, "error: ");
    ch_text_put(&l.text, why);
    end(&l, d);
}

/* Whether a usage line begins with these words. */
static bool begins_with(const char *usage, int count, const char *const *words)
{
    for (int i = 0; i < count; i++) {
        size_t len = strlen(words[i]);
        if (strncmp(usage, words[i], len) != 0 || (usage[len] != ' ' && usage[len] != '\n')) {
            return false;
        }
        usage += len + 1;
    }
    return true;
}

static unsigned print_matching(const ch_device *d, const char *usage, int count, const char *const *words)
{
    unsigned printed = 0;
    while (*usage != '\0') {
        size_t len = strcspn(usage, "\n");
        if (begins_with(usage, count, words)) {
            line l;
            begin(&l);
            ch_text_put(&l.text, "usage: ");
            ch_text_bytes(&l.text, usage, len);
            end(&l, d);
            printed++;
        }
        usage += len + 1;
    }
    return printed;
}

void ch_print_usage(const ch_device *d, const char *usage, int count, const char *const *words)
{
    /* Of `wifi set Home x` the lines of `wifi set`; of `wifi nonsense` all of `wifi`. */
    for (int same = count < 3 ? count : 3; same >= 0; same--) {
        if (print_matching(d, usage, same, words) > 0) {
            return;
        }
    }
}

void ch_print_help(const ch_device *d, const char *group)
{
    const char *name;
    for (unsigned i = 0; (name = ch_console_group(i)) != NULL; i++) {
        if (group == NULL || ch_same(group, name)) {
            const char *usage = ch_console_usage(name);
            d->printer.print(d->printer.context, usage, strlen(usage));
        }
    }
}

void ch_print_wifi(const ch_device *d)
{
    line l;
    bool set = d->settings.ssid[0] != '\0';
    bool up = d->link.state >= CH_LINK_IDLE;
    begin(&l);
    put(&l, "ssid", d->settings.ssid);
    put(&l, "saved", yes(set && ch_settings_equal(&d->settings, &d->stored, CH_GROUP_WIFI)));
    put(&l, "runtime", yes(set));
    put(&l, "wifi", ch_link_wifi_word(&d->link));
    if (up) {
        put(&l, "ip", d->address);
    }
    if (up && d->vitals.have_rssi) {
        put_i32(&l, "rssi", d->vitals.rssi);
    }
    put_reason(&l, d->wifi_reason);
    end(&l, d);
}

/* The address of the server. Its query is not shown, for camherd takes a token there as well. */
static void put_url(line *l, const ch_device *d, bool set)
{
    const ch_settings *s = &d->settings;
    char url[CH_URL_SIZE];
    ch_text text;
    ch_text_init(&text, url, sizeof url);
    ch_settings_url(s, set ? s->host : d->found_host, set ? s->port : d->found_port, &text);
    char *query = strchr(url, '?');
    if (query != NULL && query[1] != '\0') {
        query[1] = '*';
        query[2] = '\0';
    }
    put(l, "url", url);
}

void ch_print_stream(const ch_device *d)
{
    const ch_settings *s = &d->settings;
    bool set = s->host[0] != '\0', found = !set && d->found_host[0] != '\0';
    line l;
    begin(&l);
    put(&l, "host", s->host);
    put_u32(&l, "port", s->port);
    /* Without a host a server is looked for; a name or a token can be kept all the same. */
    bool any = set || s->name[0] != '\0' || s->token[0] != '\0';
    put(&l, "saved", yes(any && ch_settings_equal(s, &d->stored, CH_GROUP_STREAM)));
    put(&l, "runtime", yes(set));
    put(&l, "streaming", on(!d->stream_off));
    put(&l, "ws", ch_link_ws_word(&d->link));
    put(&l, "name", s->name);
    put(&l, "token", yes(s->token[0] != '\0'));
    if (set || found) {
        put_url(&l, d, set);
    }
    if (found) {
        put(&l, "discovered", "yes");
    }
    put_reason(&l, d->ws_reason);
    end(&l, d);
}

void ch_print_cam(const ch_device *d)
{
    const ch_camera *set = &d->settings.camera;
    ch_camera now = ch_device_camera_now(d);
    const char *state = !d->power ? "off" : d->camera_up ? "up" : d->camera_reason[0] != '\0' ? "failed" : "starting";
    line l;
    begin(&l);
    put(&l, "power", on(d->power));
    put(&l, "camera", state);
    put(&l, "sensor", d->sensor_name);
    put(&l, "size", ch_size_of(set->size)->name);
    put_u32(&l, "quality", set->quality);
    put_u32(&l, "fps", set->fps);
    put_u32(&l, "hflip", set->hflip);
    put_u32(&l, "vflip", set->vflip);
    put_u32(&l, "led", set->led);
    put_u32(&l, "adapt", set->adapt);
    put(&l, "saved", yes(ch_settings_equal(&d->settings, &d->stored, CH_GROUP_CAMERA)));
    put(&l, "now_size", ch_size_of(now.size)->name);
    put_u32(&l, "now_quality", now.quality);
    put_u32(&l, "now_fps", now.fps);
    put_reason(&l, d->camera_reason);
    end(&l, d);
}

void ch_print_psram(const ch_device *d)
{
    line l;
    begin(&l);
    put(&l, "psram", yes(d->board.psram_size != 0));
    put_u32(&l, "total", d->board.psram_size);
    put_u32(&l, "free", d->vitals.have_psram ? d->vitals.psram : 0);
    end(&l, d);
}

void ch_print_tcpcam(const ch_device *d)
{
    const ch_settings *s = &d->settings;
    line l;
    begin(&l);
    put(&l, "tcpcam", on(s->tcpcam_on));
    put_u32(&l, "port", s->tcpcam_port);
    put(&l, "pin", ch_same(s->tcpcam_pin, CH_DEFAULT_PIN) ? "default" : "own");
    put(&l, "saved", yes(ch_settings_equal(s, &d->stored, CH_GROUP_TCPCAM)));
    put(&l, "listening", yes(d->tcpcam_listening));
    put_u32(&l, "clients", ch_tcpcam_clients(&d->tcpcam));
    put_u32(&l, "watching", ch_tcpcam_watching(&d->tcpcam));
    put_reason(&l, d->tcpcam_reason);
    end(&l, d);
}

void ch_print_sys(const ch_device *d, ch_ms now)
{
    const ch_counters *c = &d->counters;
    line l;
    begin(&l);
    put(&l, "id", d->board.id);
    put(&l, "model", d->board.model);
    put(&l, "firmware", d->board.firmware);
    put(&l, "image", d->board.trial ? "trial" : d->board.rolled_back ? "rolled-back" : "confirmed");
    put(&l, "reset", d->board.reset);
    put_u32(&l, "uptime", (uint32_t)((now - d->started) / 1000));
    put_u32(&l, "heap", d->vitals.heap);
    put_u32(&l, "heap_min", d->vitals.heap_min);
    if (d->vitals.have_temperature) {
        put_i32(&l, "temperature", d->vitals.temperature);
    }
    put_u32(&l, "captured", c->captured);
    put_u32(&l, "sent", c->sent);
    put_u32(&l, "replaced", c->replaced);
    put_u32(&l, "stale", c->stale);
    put_u32(&l, "failed", c->failed);
    put_u32(&l, "camera_errors", c->camera_errors);
    put_u32(&l, "connects", c->connects);
    end(&l, d);
}

void ch_print_network(const ch_device *d, const ch_network *network)
{
    line l;
    begin(&l);
    put(&l, "ssid", network->ssid);
    put_i32(&l, "rssi", network->rssi);
    put_u32(&l, "channel", network->channel);
    put(&l, "auth", network->auth);
    end(&l, d);
}

void ch_print_scan_end(const ch_device *d, const char *why)
{
    line l;
    begin(&l);
    put(&l, "scan", why == NULL ? "done" : "failed");
    put_u32(&l, "found", d->scan_found);
    put_reason(&l, why == NULL ? "" : why);
    end(&l, d);
}
