/*
 * Console lines: any bytes, several lines one after another on one device. Asserts that a line is answered in whole
 * lines, and that what the settings hold after it is within the rules and survives being stored.
 */
#include "camherd/device.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void print(void *context, const char *text, size_t len)
{
    (void)context;
    CHECK(len > 0 && text[len - 1] == '\n');
    CHECK(memchr(text, '\0', len) == NULL);
}

static ch_found no_string(void *context, const char *space, const char *key, char *to, size_t size)
{
    (void)context;
    (void)space;
    (void)key;
    (void)to;
    (void)size;
    return CH_ABSENT;
}

static ch_found no_number(void *context, const char *space, const char *key, uint16_t *value)
{
    (void)context;
    (void)space;
    (void)key;
    (void)value;
    return CH_ABSENT;
}

static bool take_string(void *context, const char *space, const char *key, const char *value)
{
    (void)context;
    (void)value;
    return strlen(space) <= 15 && strlen(key) <= 15;
}

static bool take_number(void *context, const char *space, const char *key, uint16_t value)
{
    (void)context;
    (void)value;
    return strlen(space) <= 15 && strlen(key) <= 15;
}

static bool erase(void *context, const char *space)
{
    (void)context;
    (void)space;
    return true;
}

static bool commit(void *context)
{
    (void)context;
    return true;
}

static void check_settings(const ch_settings *s)
{
    CHECK(s->ssid[0] == '\0' || ch_check_ssid(s->ssid) == NULL);
    CHECK(ch_check_pass(s->pass) == NULL);
    CHECK(s->host[0] == '\0' || ch_check_host(s->host) == NULL);
    CHECK(s->port != 0 && s->tcpcam_port != 0);
    CHECK(ch_check_path(s->path) == NULL);
    CHECK(ch_check_name(s->name) == NULL);
    CHECK(ch_check_token(s->token) == NULL);
    CHECK(ch_check_pin(s->tcpcam_pin) == NULL);
    CHECK(s->camera.size < CH_SIZES && s->camera.quality >= 1 && s->camera.quality <= 100);
    CHECK(s->camera.fps >= 1 && s->camera.fps <= 60 && s->camera.led <= 100);
    if (s->host[0] != '\0') {
        /* The address that is made of it is one that it can be made from again. */
        char buffer[CH_URL_SIZE];
        ch_text url;
        ch_settings back = *s;
        ch_text_init(&url, buffer, sizeof buffer);
        ch_settings_url(s, s->host, s->port, &url);
        CHECK(!url.cut);
        CHECK(ch_settings_set_url(&back, buffer) == NULL);
        CHECK(ch_same(back.host, s->host) && back.port == s->port && back.tls == s->tls);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ch_store store = {NULL, no_string, no_number, take_string, take_number, erase, commit};
    static const ch_board board = {
        .id = "f", .model = "f", .firmware = "f", .reset = "f", .has_led = true, .frames = 3};
    static ch_device device;
    char line[1300];
    ch_action action;
    ch_ms now = 1000;
    ch_device_init(&device, &board, &store, (ch_printer){NULL, print}, 1, now);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end == NULL ? size : (size_t)(end - data);
        size_t copied = len < sizeof line - 1 ? len : sizeof line - 1;
        memcpy(line, data, copied);
        line[copied] = '\0';
        ch_device_line(&device, now, line);
        check_settings(&device.settings);
        for (unsigned i = 0; i < 100 && ch_device_next(&device, now, &action); i++) {
        }
        now += 100;
        data += len;
        size -= len;
        if (size > 0) {
            data++;
            size--;
        }
    }
    return 0;
}
