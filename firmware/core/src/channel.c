#include "camherd/channel.h"
#include "camherd/json.h"

#include <string.h>

/* A message while it is read: its members, and the first thing that is wrong with them. */
typedef struct reader {
    ch_json_member members[CH_MEMBERS_MAX];
    size_t count;
    const char *error;
} reader;

static const ch_json_member *find(const reader *r, const char *key)
{
    const ch_json_member *member = ch_json_find(r->members, r->count, key);
    /* null says the same as leaving the field out. */
    return member != NULL && member->kind == CH_JSON_NULL ? NULL : member;
}

static void fault(reader *r, const char *error)
{
    r->error = r->error != NULL ? r->error : error;
}

/* Reads a number if it is there; whether it is. */
static bool read_number(reader *r, const char *key, uint32_t min, uint32_t max, const char *error, uint32_t *value)
{
    const ch_json_member *member = find(r, key);
    if (member == NULL) {
        return false;
    }
    if (!ch_json_u32(member, max, value) || *value < min) {
        fault(r, error);
        return false;
    }
    return true;
}

static bool read_bool(reader *r, const char *key, const char *error, bool *value)
{
    const ch_json_member *member = find(r, key);
    if (member == NULL) {
        return false;
    }
    if (!ch_json_bool(member, value)) {
        fault(r, error);
        return false;
    }
    return true;
}

/* On the wire a size is WIDTHxHEIGHT; the console's short names are for people only. */
static bool read_size(reader *r, ch_size *size)
{
    const ch_json_member *member = find(r, "size");
    char name[16];
    if (member == NULL) {
        return false;
    }
    if (!ch_json_string(member, name, sizeof name) || !ch_size_parse(name, size) ||
        !ch_same(name, ch_size_of(*size)->name)) {
        fault(r, "size: a size that the device knows, such as 640x480");
        return false;
    }
    return true;
}

static void read_set(reader *r, ch_message *message)
{
    uint32_t number;
    ch_camera *set = &message->set;
    message->kind = CH_MSG_SET;
    message->fields |= read_size(r, &set->size) ? CH_SET_SIZE : 0;
    if (read_number(r, "quality", CH_QUALITY_MIN, CH_QUALITY_MAX, "quality: 1 to 100", &number)) {
        set->quality = (uint8_t)number;
        message->fields |= CH_SET_QUALITY;
    }
    if (read_number(r, "fps", CH_FPS_MIN, CH_FPS_MAX, "fps: 1 to 60", &number)) {
        set->fps = (uint8_t)number;
        message->fields |= CH_SET_FPS;
    }
    message->fields |= read_bool(r, "hflip", "hflip: true or false", &set->hflip) ? CH_SET_HFLIP : 0;
    message->fields |= read_bool(r, "vflip", "vflip: true or false", &set->vflip) ? CH_SET_VFLIP : 0;
    if (read_number(r, "led", 0, CH_LED_MAX, "led: 0 to 100", &number)) {
        set->led = (uint8_t)number;
        message->fields |= CH_SET_LED;
    }
    message->fields |= read_bool(r, "adapt", "adapt: true or false", &set->adapt) ? CH_SET_ADAPT : 0;
    read_bool(r, "save", "save: true or false", &message->save);
}

static void read_demand(reader *r, ch_message *message)
{
    uint32_t fps;
    ch_demand *demand = &message->demand;
    message->kind = CH_MSG_DEMAND;
    if (find(r, "viewers") == NULL) {
        fault(r, "viewers: is missing");
    }
    read_number(r, "viewers", 0, UINT32_MAX, "viewers: a whole number from 0", &demand->viewers);
    demand->has_fps = read_number(r, "fps", 0, CH_FPS_MAX, "fps: 0 to 60", &fps);
    demand->fps = demand->has_fps ? (uint8_t)fps : 0;
    demand->has_size = read_size(r, &demand->size);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_sha256(const char *hex, uint8_t out[32])
{
    if (strlen(hex) != 64) {
        return false;
    }
    for (size_t i = 0; i < 32; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == '/' ? 63 : -1;
}

/* Base64 of RFC 4648, section 4, with padding and without stray bits. */
static bool read_base64(const char *text, uint8_t *out, size_t room, size_t *len)
{
    size_t chars = strlen(text);
    uint32_t bits = 0;
    unsigned held = 0;
    if (chars == 0 || chars % 4 != 0) {
        return false;
    }
    size_t padding = (text[chars - 1] == '=' ? 1u : 0u) + (text[chars - 2] == '=' ? 1u : 0u);
    *len = 0;
    for (size_t i = 0; i < chars - padding; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = (bits << 6) | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            if (*len == room) {
                return false;
            }
            held -= 8;
            out[(*len)++] = (uint8_t)(bits >> held);
            bits &= (1u << held) - 1;
        }
    }
    return bits == 0;
}

/* An address that can go into an HTTP request as it is: nothing in it ends a line or a word, and it names a host. */
static bool is_update_url(const char *url)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0 || url[scheme] == '\0' || strchr("/?#", url[scheme]) != NULL) {
        return false;
    }
    for (; *url != '\0'; url++) {
        if (*url <= ' ' || *url > '~') {
            return false;
        }
    }
    return true;
}

static void read_update(reader *r, ch_message *message)
{
    ch_update *update = &message->update;
    char text[CH_SIGNATURE_MAX / 3 * 4 + 5]; /* the longest of the texts that are decoded */
    size_t len;
    const ch_json_member *url = find(r, "url"), *sha256 = find(r, "sha256"), *signature = find(r, "signature");
    message->kind = CH_MSG_UPDATE;
    if (url == NULL || !ch_json_string(url, update->url, sizeof update->url) || !is_update_url(update->url)) {
        fault(r, "url: an http:// or https:// address of at most 255 bytes");
    }
    if (!read_number(r, "size", 1, CH_UPDATE_SIZE_MAX, "size: 1 to 16777216 bytes", &update->size)) {
        fault(r, "size: is missing");
    }
    if (sha256 == NULL || !ch_json_string(sha256, text, sizeof text) || !read_sha256(text, update->sha256)) {
        fault(r, "sha256: 64 hexadecimal digits");
    }
    if (signature == NULL || !ch_json_string(signature, text, sizeof text) ||
        !read_base64(text, update->signature, sizeof update->signature, &len)) {
        fault(r, "signature: base64 of at most 72 bytes");
    } else {
        update->signature_len = (uint8_t)len;
    }
}

void ch_channel_read(const char *text, size_t len, ch_message *message)
{
    reader r = {.error = NULL};
    char type[16];
    memset(message, 0, sizeof *message);
    if (len > CH_MESSAGE_MAX || !ch_json_object(text, len, r.members, CH_MEMBERS_MAX, &r.count)) {
        return;
    }
    const ch_json_member *type_member = find(&r, "type");
    if (type_member == NULL || !ch_json_string(type_member, type, sizeof type)) {
        return;
    }
    message->has_id = read_number(&r, "id", 0, UINT32_MAX, "id: a whole number from 0 to 4294967295", &message->id);
    if (ch_same(type, "set")) {
        read_set(&r, message);
    } else if (ch_same(type, "demand")) {
        read_demand(&r, message);
    } else if (ch_same(type, "reboot")) {
        message->kind = CH_MSG_REBOOT;
    } else if (ch_same(type, "update")) {
        read_update(&r, message);
    } else if (ch_same(type, "hello")) {
        message->kind = CH_MSG_HELLO;
    }
    if (message->kind != CH_MSG_IGNORED && r.error != NULL) {
        message->kind = CH_MSG_INVALID;
        message->error = r.error;
    }
}

/* Ends the object; whether all of it fits into a message. */
static bool finish(ch_text *text)
{
    ch_json_end(text);
    return !text->cut && text->len <= CH_MESSAGE_MAX;
}

static void put_camera(ch_text *text, const ch_camera *camera)
{
    ch_json_put_string(text, "size", ch_size_of(camera->size)->name);
    ch_json_put_u32(text, "quality", camera->quality);
    ch_json_put_u32(text, "fps", camera->fps);
}

static void put_sizes(ch_text *text, ch_size_set sizes)
{
    bool first = true;
    ch_text_put(text, ",\"sizes\":[");
    for (unsigned i = 0; i < CH_SIZES; i++) {
        if ((sizes & CH_SIZE_BIT(i)) != 0) {
            ch_text_put(text, first ? "\"" : ",\"");
            ch_text_put(text, ch_size_of((ch_size)i)->name);
            ch_text_put(text, "\"");
            first = false;
        }
    }
    ch_text_put(text, "]");
}

bool ch_channel_hello(ch_text *text, const ch_board *board, const ch_sensor *sensor, const ch_camera *set)
{
    ch_json_begin(text, "hello");
    ch_json_put_u32(text, "v", CH_CHANNEL_VERSION);
    ch_json_put_string(text, "id", board->id);
    ch_json_put_string(text, "model", board->model);
    ch_json_put_string(text, "firmware", board->firmware);
    ch_json_put_string(text, "sensor", sensor->name);
    ch_json_put_string(text, "reset", board->reset);
    ch_json_put_string(text, "image", board->trial ? "trial" : board->rolled_back ? "rolled-back" : "confirmed");
    put_camera(text, set);
    ch_json_put_bool(text, "hflip", set->hflip);
    ch_json_put_bool(text, "vflip", set->vflip);
    ch_json_put_u32(text, "led", set->led);
    ch_json_put_bool(text, "adapt", set->adapt);
    put_sizes(text, sensor->sizes);
    ch_json_put_u32(text, "max_fps", sensor->max_fps == 0 ? CH_FPS_MAX : sensor->max_fps);
    ch_json_put_bool(text, "has_led", board->has_led);
    ch_json_put_bool(text, "has_update", board->has_update);
    return finish(text);
}

/* The mean of a sum, rounded down; nothing without a count. */
static void put_mean(ch_text *text, const char *key, uint32_t sum, uint32_t count)
{
    if (count != 0) {
        ch_json_put_u32(text, key, sum / count);
    }
}

bool ch_channel_telemetry(ch_text *text, const ch_report *report)
{
    const ch_vitals *vitals = &report->vitals;
    const ch_counters *c = report->counters;
    uint32_t took_ms = (uint32_t)(report->time - c->interval.began);
    ch_json_begin(text, "telemetry");
    ch_json_put_string(text, "id", report->id);
    ch_json_put_u32(text, "uptime", report->uptime_s);
    ch_json_put_string(text, "reset", report->reset);
    if (vitals->have_rssi) {
        ch_json_put_i32(text, "rssi", vitals->rssi);
    }
    if (vitals->have_temperature) {
        ch_json_put_i32(text, "temperature", vitals->temperature);
    }
    if (vitals->heap != 0) {
        ch_json_put_u32(text, "heap", vitals->heap);
        ch_json_put_u32(text, "heap_min", vitals->heap_min);
    }
    if (vitals->have_psram) {
        ch_json_put_u32(text, "psram", vitals->psram);
    }
    put_camera(text, &report->now);
    put_mean(text, "capture_ms", c->interval.capture_ms, c->interval.captured);
    put_mean(text, "convert_ms", c->interval.convert_ms, c->interval.captured);
    put_mean(text, "send_ms", c->interval.send_ms, c->interval.sent);
    if (took_ms != 0) {
        /* bytes per ms are kilobytes per second */
        uint32_t kbit = c->interval.bytes / took_ms * 8 + c->interval.bytes % took_ms * 8 / took_ms;
        ch_json_put_u32(text, "kbit_s", kbit);
    }
    ch_json_put_u32(text, "captured", c->captured);
    ch_json_put_u32(text, "sent", c->sent);
    ch_json_put_u32(text, "replaced", c->replaced);
    ch_json_put_u32(text, "stale", c->stale);
    ch_json_put_u32(text, "failed", c->failed);
    ch_json_put_u32(text, "camera_errors", c->camera_errors);
    ch_json_put_u32(text, "connects", c->connects);
    ch_json_put_u32(text, "tcpcam_clients", report->viewers);
    return finish(text);
}

bool ch_channel_ack(ch_text *text, uint32_t id, const char *error)
{
    ch_json_begin(text, "ack");
    ch_json_put_u32(text, "id", id);
    ch_json_put_bool(text, "ok", error == NULL);
    if (error != NULL) {
        ch_json_put_string(text, "error", error);
    }
    return finish(text);
}

bool ch_channel_update(ch_text *text, ch_update_state state, unsigned percent, const char *error)
{
    ch_json_begin(text, "update");
    ch_json_put_string(text, "state",
                       state == CH_UPDATE_LOADING      ? "loading"
                       : state == CH_UPDATE_RESTARTING ? "restarting"
                                                       : "failed");
    if (state == CH_UPDATE_LOADING) {
        ch_json_put_u32(text, "percent", percent);
    }
    if (error != NULL) {
        ch_json_put_string(text, "error", error);
    }
    return finish(text);
}
