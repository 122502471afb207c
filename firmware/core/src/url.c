/* The address of the server: from a URL to settings and back. */
#include "camherd/settings.h"

#include <string.h>

typedef struct parts {
    char host[CH_HOST_MAX + 1];
    uint16_t port;
    bool tls;
    char path[CH_PATH_MAX + 1];
} parts;

/* Splits `host`, `host:port` and `[v6]:port`, given by its ends. */
static const char *split_authority(const char *from, size_t len, parts *out)
{
    const char *host = from, *rest;
    const char *end = from + len;
    size_t host_len;
    uint32_t port;
    char digits[6];
    if (len > 0 && *from == '[') {
        const char *close = memchr(from, ']', len);
        if (close == NULL) {
            return "the ] of the address is missing";
        }
        host = from + 1;
        host_len = (size_t)(close - host);
        rest = close + 1;
    } else {
        const char *colon = memchr(from, ':', len);
        rest = colon != NULL ? colon : end;
        host_len = (size_t)(rest - host);
    }
    if (host_len > CH_HOST_MAX) {
        return "the host is longer than 63 bytes";
    }
    memcpy(out->host, host, host_len);
    out->host[host_len] = '\0';
    const char *why = ch_check_host(out->host);
    if (why != NULL || rest == end) {
        return why;
    }
    size_t digits_len = (size_t)(end - rest) - 1;
    if (*rest != ':' || digits_len >= sizeof digits) {
        return "the port is not 1 to 65535";
    }
    memcpy(digits, rest + 1, digits_len);
    digits[digits_len] = '\0';
    if (!ch_parse_u32(digits, 1, UINT16_MAX, &port)) {
        return "the port is not 1 to 65535";
    }
    out->port = (uint16_t)port;
    return NULL;
}

const char *ch_settings_set_url(ch_settings *settings, const char *url)
{
    parts to = {.tls = strncmp(url, "wss://", 6) == 0};
    if (!to.tls && strncmp(url, "ws://", 5) != 0) {
        return "the URL does not begin with ws:// or wss://";
    }
    to.port = to.tls ? 443 : 80;
    const char *authority = url + (to.tls ? 6 : 5);
    size_t authority_len = strcspn(authority, "/?#");
    const char *path = authority + authority_len;
    if (strchr(path, '#') != NULL) {
        return "the URL has a #, which a WebSocket address cannot have";
    }
    if (memchr(authority, '@', authority_len) != NULL) {
        return "the URL has a user name; use `stream set token`";
    }
    const char *why = split_authority(authority, authority_len, &to);
    if (why != NULL) {
        return why;
    }
    if (*path == '?') {
        return "the URL has no path before the ?";
    }
    why = ch_check_path(path);
    if (why != NULL) {
        return why;
    }
    memcpy(settings->host, to.host, sizeof settings->host);
    ch_copy(settings->path, sizeof settings->path, path);
    settings->port = to.port;
    settings->tls = to.tls;
    settings->name[0] = '\0';
    return NULL;
}

void ch_settings_url(const ch_settings *settings, const char *host, uint16_t port, ch_text *url)
{
    bool v6 = strchr(host, ':') != NULL;
    ch_text_put(url, settings->tls ? "wss://" : "ws://");
    ch_text_put(url, v6 ? "[" : "");
    ch_text_put(url, host);
    ch_text_put(url, v6 ? "]:" : ":");
    ch_text_u32(url, port);
    if (settings->path[0] != '\0') {
        ch_text_put(url, settings->path);
        return;
    }
    ch_text_put(url, "/ws/camera");
    if (settings->name[0] != '\0') {
        ch_text_put(url, "/");
        ch_text_put(url, settings->name);
    }
}
