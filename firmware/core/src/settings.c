#include "camherd/settings.h"

#include <string.h>

static const char *const spaces[CH_GROUPS] = {"wifi", "stream", "cam", "tcpcam"};

static const ch_camera default_camera = {
    .size = CH_SIZE_640X480,
    .quality = 80,
    .fps = 30,
    .hflip = false,
    .vflip = false,
    .led = 0,
    .adapt = true,
};

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether every character is a letter, a digit or one of `more`. */
static bool made_of(const char *text, const char *more)
{
    for (; *text != '\0'; text++) {
        if (!is_letter_or_digit(*text) && strchr(more, *text) == NULL) {
            return false;
        }
    }
    return true;
}

static bool printable_without_blank(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static bool is_hex(const char *text)
{
    for (; *text != '\0'; text++) {
        bool digit = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'f') || (*text >= 'A' && *text <= 'F');
        if (!digit) {
            return false;
        }
    }
    return true;
}

const char *ch_check_ssid(const char *ssid)
{
    if (*ssid == '\0') {
        return "the SSID is empty";
    }
    return strlen(ssid) > CH_SSID_MAX ? "the SSID is longer than 32 bytes" : NULL;
}

const char *ch_check_pass(const char *pass)
{
    size_t len = strlen(pass);
    if (len == 0) {
        return NULL;
    }
    if (len < 8) {
        return "the password is shorter than 8 characters; an open network has the password \"\"";
    }
    if (len > CH_PASS_MAX) {
        return "the password is longer than 63 characters";
    }
    if (len == CH_PASS_MAX && !is_hex(pass)) {
        return "a key of 64 characters has only hexadecimal digits";
    }
    return NULL;
}

const char *ch_check_host(const char *host)
{
    if (*host == '\0') {
        return "the host is empty";
    }
    if (strlen(host) > CH_HOST_MAX) {
        return "the host is longer than 63 bytes";
    }
    if (!made_of(host, ".-_:")) {
        return "the host has only letters, digits and . - _ :";
    }
    /* One colon is a port written behind the host; IPv6 has two or more. */
    const char *colon = strchr(host, ':');
    if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        return "the port goes behind the host as a word of its own";
    }
    return NULL;
}

const char *ch_check_path(const char *path)
{
    if (*path != '\0' && *path != '/') {
        return "the path does not begin with /";
    }
    if (strlen(path) > CH_PATH_MAX) {
        return "the path is longer than 127 bytes";
    }
    return printable_without_blank(path) ? NULL : "the path has characters that a URL cannot have";
}

const char *ch_check_name(const char *name)
{
    if (strlen(name) > CH_NAME_MAX) {
        return "the name is longer than 64 characters";
    }
    for (; *name != '\0'; name++) {
        if (!(*name >= 'a' && *name <= 'z') && !(*name >= '0' && *name <= '9') && *name != '_' && *name != '-') {
            return "the name has only a-z, 0-9, _ and -";
        }
    }
    return NULL;
}

const char *ch_check_token(const char *token)
{
    if (strlen(token) > CH_TOKEN_MAX) {
        return "the token is longer than 128 characters";
    }
    return printable_without_blank(token) ? NULL : "the token has characters that no token has";
}

const char *ch_check_pin(const char *pin)
{
    size_t len = strlen(pin);
    if (len < 4 || len > CH_PIN_MAX) {
        return "the PIN has 4 to 16 digits";
    }
    for (; *pin != '\0'; pin++) {
        if (*pin < '0' || *pin > '9') {
            return "the PIN has 4 to 16 digits";
        }
    }
    return NULL;
}

void ch_settings_copy(ch_settings *to, const ch_settings *from, ch_group group)
{
    switch (group) {
    case CH_GROUP_WIFI:
        memcpy(to->ssid, from->ssid, sizeof to->ssid);
        memcpy(to->pass, from->pass, sizeof to->pass);
        break;
    case CH_GROUP_STREAM:
        memcpy(to->host, from->host, sizeof to->host);
        memcpy(to->path, from->path, sizeof to->path);
        memcpy(to->name, from->name, sizeof to->name);
        memcpy(to->token, from->token, sizeof to->token);
        to->port = from->port;
        to->tls = from->tls;
        break;
    case CH_GROUP_CAMERA:
        to->camera = from->camera;
        break;
    default:
        to->tcpcam_on = from->tcpcam_on;
        to->tcpcam_port = from->tcpcam_port;
        memcpy(to->tcpcam_pin, from->tcpcam_pin, sizeof to->tcpcam_pin);
        break;
    }
}

bool ch_settings_equal(const ch_settings *a, const ch_settings *b, ch_group group)
{
    const ch_camera *x = &a->camera, *y = &b->camera;
    switch (group) {
    case CH_GROUP_WIFI:
        return ch_same(a->ssid, b->ssid) && ch_same(a->pass, b->pass);
    case CH_GROUP_STREAM:
        return ch_same(a->host, b->host) && a->port == b->port && a->tls == b->tls && ch_same(a->path, b->path) &&
               ch_same(a->name, b->name) && ch_same(a->token, b->token);
    case CH_GROUP_CAMERA:
        return x->size == y->size && x->quality == y->quality && x->fps == y->fps && x->hflip == y->hflip &&
               x->vflip == y->vflip && x->led == y->led && x->adapt == y->adapt;
    default:
        return a->tcpcam_on == b->tcpcam_on && a->tcpcam_port == b->tcpcam_port &&
               ch_same(a->tcpcam_pin, b->tcpcam_pin);
    }
}

void ch_settings_defaults(ch_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    settings->port = CH_DEFAULT_PORT;
    settings->camera = default_camera;
    settings->tcpcam_port = CH_DEFAULT_TCPCAM_PORT;
    ch_copy(settings->tcpcam_pin, sizeof settings->tcpcam_pin, CH_DEFAULT_PIN);
}

/* Reads a text that `check` accepts; else it becomes empty. False: there is one, and it is damaged. */
static bool load_text(const ch_store *store, const char *space, const char *key, char *to, size_t size,
                      const char *(*check)(const char *))
{
    ch_found found = store->get_string(store->context, space, key, to, size);
    if (found == CH_FOUND && check(to) == NULL) {
        return true;
    }
    to[0] = '\0';
    return found == CH_ABSENT;
}

/* Reads a number from `min` to `max`, else the one given. */
static uint16_t load_number(const ch_store *store, const char *space, const char *key, uint16_t min, uint16_t max,
                            uint16_t otherwise)
{
    uint16_t value;
    bool good = store->get_u16(store->context, space, key, &value) == CH_FOUND && value >= min && value <= max;
    return good ? value : otherwise;
}

/* Anything but a plain no is a yes: the token must not go out in clear because a byte is damaged. */
static bool load_tls(const ch_store *store)
{
    uint16_t value = 0;
    ch_found found = store->get_u16(store->context, "stream", "tls", &value);
    return found == CH_UNREADABLE || (found == CH_FOUND && value != 0);
}

static void load_camera(ch_camera *camera, const ch_store *store)
{
    char name[16];
    if (store->get_string(store->context, "cam", "size", name, sizeof name) == CH_FOUND) {
        ch_size_parse(name, &camera->size);
    }
    camera->quality = (uint8_t)load_number(store, "cam", "quality", CH_QUALITY_MIN, CH_QUALITY_MAX, camera->quality);
    camera->fps = (uint8_t)load_number(store, "cam", "fps", CH_FPS_MIN, CH_FPS_MAX, camera->fps);
    camera->hflip = load_number(store, "cam", "hflip", 0, 1, camera->hflip) != 0;
    camera->vflip = load_number(store, "cam", "vflip", 0, 1, camera->vflip) != 0;
    camera->led = (uint8_t)load_number(store, "cam", "led", 0, CH_LED_MAX, camera->led);
    camera->adapt = load_number(store, "cam", "adapt", 0, 1, camera->adapt) != 0;
}

void ch_settings_load(ch_settings *s, const ch_store *store)
{
    ch_settings_defaults(s);
    load_text(store, "wifi", "ssid", s->ssid, sizeof s->ssid, ch_check_ssid);
    if (!load_text(store, "wifi", "pass", s->pass, sizeof s->pass, ch_check_pass)) {
        s->ssid[0] = '\0'; /* without its password the network would count as an open one */
    }
    load_text(store, "stream", "host", s->host, sizeof s->host, ch_check_host);
    s->port = load_number(store, "stream", "port", 1, UINT16_MAX, s->port);
    s->tls = load_tls(store);
    load_text(store, "stream", "path", s->path, sizeof s->path, ch_check_path);
    load_text(store, "stream", "name", s->name, sizeof s->name, ch_check_name);
    load_text(store, "stream", "token", s->token, sizeof s->token, ch_check_token);
    load_camera(&s->camera, store);
    s->tcpcam_on = load_number(store, "tcpcam", "on", 0, 1, 0) != 0;
    s->tcpcam_port = load_number(store, "tcpcam", "port", 1, UINT16_MAX, s->tcpcam_port);
    if (!load_text(store, "tcpcam", "pin", s->tcpcam_pin, sizeof s->tcpcam_pin, ch_check_pin)) {
        s->tcpcam_on = false; /* rather than open to the PIN that everybody knows */
    }
    if (s->tcpcam_pin[0] == '\0') {
        ch_copy(s->tcpcam_pin, sizeof s->tcpcam_pin, CH_DEFAULT_PIN);
    }
}

typedef struct writer {
    const ch_store *store;
    const char *space;
    bool good;
} writer;

static void write_text(writer *w, const char *key, const char *value)
{
    w->good = w->good && w->store->set_string(w->store->context, w->space, key, value);
}

static void write_number(writer *w, const char *key, uint16_t value)
{
    w->good = w->good && w->store->set_u16(w->store->context, w->space, key, value);
}

/* Marks a store that has no version, or an earlier one, as ours. A later one stays as it is. */
static void write_version(writer *w)
{
    uint16_t version;
    bool known = w->store->get_u16(w->store->context, "camherd", "version", &version) == CH_FOUND;
    if (!known || version < CH_SETTINGS_VERSION) {
        w->good = w->good && w->store->set_u16(w->store->context, "camherd", "version", CH_SETTINGS_VERSION);
    }
}

bool ch_settings_save(const ch_settings *s, ch_group group, const ch_store *store)
{
    writer w = {store, spaces[group], true};
    switch (group) {
    case CH_GROUP_WIFI:
        write_text(&w, "ssid", s->ssid);
        write_text(&w, "pass", s->pass);
        break;
    case CH_GROUP_STREAM:
        write_text(&w, "host", s->host);
        write_number(&w, "port", s->port);
        write_number(&w, "tls", s->tls);
        write_text(&w, "path", s->path);
        write_text(&w, "name", s->name);
        write_text(&w, "token", s->token);
        break;
    case CH_GROUP_CAMERA:
        write_text(&w, "size", ch_size_of(s->camera.size)->name);
        write_number(&w, "quality", s->camera.quality);
        write_number(&w, "fps", s->camera.fps);
        write_number(&w, "hflip", s->camera.hflip);
        write_number(&w, "vflip", s->camera.vflip);
        write_number(&w, "led", s->camera.led);
        write_number(&w, "adapt", s->camera.adapt);
        break;
    default:
        write_number(&w, "on", s->tcpcam_on);
        write_number(&w, "port", s->tcpcam_port);
        write_text(&w, "pin", s->tcpcam_pin);
        break;
    }
    write_version(&w);
    return w.good && store->commit(store->context);
}

bool ch_settings_clear(ch_settings *settings, ch_group group, const ch_store *store)
{
    ch_settings defaults;
    ch_settings_defaults(&defaults);
    ch_settings_copy(settings, &defaults, group);
    return store->erase_space(store->context, spaces[group]) && store->commit(store->context);
}
