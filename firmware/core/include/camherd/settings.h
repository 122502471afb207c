/*
 * Settings: defaults, rules, and how they are stored.
 *
 * Contract: a ch_settings that came from ch_settings_defaults, ch_settings_load or was changed to values that the
 * check functions accept is always usable. Loading never fails: a stored value that is missing, unreadable or
 * against the rules is replaced by its default, one by one. What is damaged opens nothing: without its password a
 * network is not joined, without a readable `tls` the connection is a TLS one, without its PIN TCPCam is off.
 *
 * Stored layout, version 1 (namespace/key): wifi/ssid, wifi/pass, stream/host, stream/port as devices in the field
 * hold them; stream/tls, stream/path, stream/name, stream/token; cam/size (text), cam/quality, cam/fps, cam/hflip,
 * cam/vflip, cam/led, cam/adapt; tcpcam/on, tcpcam/port, tcpcam/pin; camherd/version. A store without a version is
 * that of an older firmware and is read the same way. A later version is read as far as it is understood; its number
 * and the keys that are not listed here are left as they are. Saving a group writes all of its keys, so a value that
 * only the later firmware understands is lost with that, and no other way.
 */
#ifndef CAMHERD_SETTINGS_H
#define CAMHERD_SETTINGS_H

#include "camherd/camera.h"
#include "camherd/store.h"

#define CH_SETTINGS_VERSION 1

#define CH_SSID_MAX 32   /* IEEE 802.11 */
#define CH_PASS_MAX 64   /* 8 to 63 characters, or a key of 64 hexadecimal digits */
#define CH_HOST_MAX 63   /* one that the store of older firmware has room for */
#define CH_PATH_MAX 127  /* `/ws/camera/` with the longest name has 75; the rest is for a query */
#define CH_NAME_MAX 64   /* as the server has it */
#define CH_TOKEN_MAX 128 /* as the server has it */
#define CH_PIN_MAX 16    /* the old firmware has 4 digits; more is safer, and what a person types */

#define CH_DEFAULT_PORT 8080
#define CH_DEFAULT_TCPCAM_PORT 3333
#define CH_DEFAULT_PIN "1235"

typedef struct ch_settings {
    char ssid[CH_SSID_MAX + 1]; /* empty: none set */
    char pass[CH_PASS_MAX + 1]; /* empty: open network */
    char host[CH_HOST_MAX + 1]; /* name, IPv4 or IPv6 address without brackets; empty: discover a server */
    uint16_t port;
    bool tls;                     /* wss */
    char path[CH_PATH_MAX + 1];   /* with query; empty: made from `name` */
    char name[CH_NAME_MAX + 1];   /* of the stream; empty: the server chooses */
    char token[CH_TOKEN_MAX + 1]; /* empty: none */
    ch_camera camera;
    bool tcpcam_on;
    uint16_t tcpcam_port;
    char tcpcam_pin[CH_PIN_MAX + 1];
} ch_settings;

/* What is stored and cleared together. */
typedef enum ch_group { CH_GROUP_WIFI, CH_GROUP_STREAM, CH_GROUP_CAMERA, CH_GROUP_TCPCAM, CH_GROUPS } ch_group;

void ch_settings_defaults(ch_settings *settings);
void ch_settings_load(ch_settings *settings, const ch_store *store);

/* Stores one group. False if the store failed; then some of its values may be stored. */
bool ch_settings_save(const ch_settings *settings, ch_group group, const ch_store *store);

/* Back to defaults, in memory and in the store. False if the store failed; memory is changed in any case. */
bool ch_settings_clear(ch_settings *settings, ch_group group, const ch_store *store);

/* Copies one group's values. */
void ch_settings_copy(ch_settings *to, const ch_settings *from, ch_group group);

/* Whether both have the same values in this group. */
bool ch_settings_equal(const ch_settings *a, const ch_settings *b, ch_group group);

/* Rules. NULL if the value is fine, else what is wrong with it, for a person. */
const char *ch_check_ssid(const char *ssid);
const char *ch_check_pass(const char *pass);
const char *ch_check_host(const char *host);
const char *ch_check_path(const char *path);
const char *ch_check_name(const char *name);
const char *ch_check_token(const char *token);
const char *ch_check_pin(const char *pin);

/* Longest URL that ch_settings_url makes, with NUL. */
#define CH_URL_SIZE (6 + CH_HOST_MAX + 2 + 6 + CH_PATH_MAX + CH_NAME_MAX + 16)

/*
 * Takes host, port, tls and path from `ws(s)://host[:port][/path[?query]]`. The name is cleared, for the path says
 * which stream. NULL, or what is wrong; then nothing is changed.
 */
const char *ch_settings_set_url(ch_settings *settings, const char *url);

/*
 * The address to connect to, at a host that was set or found. The token is not in it: it goes into the header
 * `Authorization: Bearer TOKEN`.
 */
void ch_settings_url(const ch_settings *settings, const char *host, uint16_t port, ch_text *url);

#endif
