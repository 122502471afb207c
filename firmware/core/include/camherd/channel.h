/*
 * The device channel: JSON text messages over the camera's WebSocket, see docs/ref/device-protocol.md.
 *
 * Contract: reading takes any bytes. A message of an unknown type or that is no JSON object is CH_MSG_IGNORED; one of
 * a known type with a bad field is CH_MSG_INVALID and has no effect at all. Writing gives one JSON object of at most
 * CH_MESSAGE_MAX bytes.
 */
#ifndef CAMHERD_CHANNEL_H
#define CAMHERD_CHANNEL_H

#include "camherd/policy.h"
#include "camherd/telemetry.h"

#define CH_CHANNEL_VERSION 1
#define CH_MESSAGE_MAX 1024   /* bytes; as docs/ref/device-protocol.md says, and room for one on a small device */
#define CH_MEMBERS_MAX 32     /* three times what the longest message to a device has */
#define CH_UPDATE_URL_MAX 255 /* leaves room for the rest of an `update` in CH_MESSAGE_MAX */
#define CH_UPDATE_SIZE_MAX (16u * 1024 * 1024) /* the largest flash of these chips */
#define CH_SIGNATURE_MAX 72                    /* ECDSA P-256 in DER */

typedef enum ch_message_kind {
    CH_MSG_IGNORED,
    CH_MSG_INVALID,
    CH_MSG_HELLO, /* the server knows the device channel */
    CH_MSG_SET,
    CH_MSG_DEMAND,
    CH_MSG_REBOOT,
    CH_MSG_UPDATE
} ch_message_kind;

/* Which fields a `set` has. */
#define CH_SET_SIZE 1u
#define CH_SET_QUALITY 2u
#define CH_SET_FPS 4u
#define CH_SET_HFLIP 8u
#define CH_SET_VFLIP 16u
#define CH_SET_LED 32u
#define CH_SET_ADAPT 64u

typedef struct ch_update {
    char url[CH_UPDATE_URL_MAX + 1];     /* http:// or https:// */
    uint32_t size;                       /* bytes of the image */
    uint8_t sha256[32];                  /* of the image */
    uint8_t signature[CH_SIGNATURE_MAX]; /* ECDSA P-256 over sha256, DER */
    uint8_t signature_len;
} ch_update;

typedef struct ch_message {
    ch_message_kind kind;
    bool has_id;
    uint32_t id;
    const char *error; /* CH_MSG_INVALID: the field, and what it takes: "quality: 1 to 100" */
    unsigned fields;   /* CH_MSG_SET: what it has */
    ch_camera set;
    bool save;
    ch_demand demand;
    ch_update update;
} ch_message;

void ch_channel_read(const char *text, size_t len, ch_message *message);

/* Facts that do not change while the device runs, besides the sensor. Texts outlive the device. */
typedef struct ch_board {
    const char *id;       /* unique, stays the same over reboots: "cam-a1b2c3" */
    const char *model;    /* "AtomS3R-CAM" */
    const char *firmware; /* version */
    const char *reset;    /* why the device started: "power-on", "panic", ... */
    uint32_t psram_size;  /* bytes, 0: none */
    bool needs_psram;     /* the camera cannot work without */
    bool has_led, has_update;
    bool trial;       /* first start of an update that is not confirmed yet */
    bool rolled_back; /* the latest update did not prove itself and was taken back */
    uint8_t frames;   /* most frames that the core may hold at a time, 2 to CH_FRAMES_MAX */
} ch_board;

typedef struct ch_sensor {
    const char *name; /* "OV2640"; "" while none was found */
    ch_size_set sizes;
    uint8_t max_fps; /* 0: not known */
} ch_sensor;

/* Each writes one message into `text`. False: it did not fit. */
bool ch_channel_hello(ch_text *text, const ch_board *board, const ch_sensor *sensor, const ch_camera *set);

typedef struct ch_report {
    const char *id;
    const char *reset;
    uint32_t uptime_s;
    ch_vitals vitals;
    ch_camera now; /* what the camera is set to */
    const ch_counters *counters;
    uint32_t viewers; /* TCPCam clients */
    ch_ms time;
} ch_report;
bool ch_channel_telemetry(ch_text *text, const ch_report *report);

/* `error` NULL: done. */
bool ch_channel_ack(ch_text *text, uint32_t id, const char *error);

typedef enum ch_update_state {
    CH_UPDATE_NONE,
    CH_UPDATE_LOADING,
    CH_UPDATE_RESTARTING, /* verified and written; restarts into it */
    CH_UPDATE_FAILED
} ch_update_state;
/* `percent` with CH_UPDATE_LOADING, `error` with CH_UPDATE_FAILED. */
bool ch_channel_update(ch_text *text, ch_update_state state, unsigned percent, const char *error);

#endif
