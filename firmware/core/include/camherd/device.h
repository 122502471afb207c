/*
 * The device: all parts of the core together. This is what a shell drives; ../../README.md shows how.
 *
 * Contract: not thread-safe; the shell calls it from one task or under one mutex. No call blocks, allocates or keeps
 * time. After any call that gives it something, call ch_device_next until it returns false and carry out each action;
 * what an action points to is valid until the next call of ch_device_next, frames until they are given back by
 * CH_DO_RETURN. Call again when ch_device_deadline has come.
 */
#ifndef CAMHERD_DEVICE_H
#define CAMHERD_DEVICE_H

#include "camherd/channel.h"
#include "camherd/console.h"
#include "camherd/link.h"
#include "camherd/tcpcam.h"

#define CH_REASON_MAX 63           /* bytes; a line of a console, and half of what a close frame can say */
#define CH_ADDRESS_MAX 45          /* the longest IPv6 address as text */
#define CH_ACKS_MAX 8              /* a server sends one or two and waits; as docs/ref/device-protocol.md says */
#define CH_REBOOT_DELAY_MS 500     /* for the last answer to leave; longer if it has not, see device.c */
#define CH_TRIAL_CONFIRM_MS 10000  /* an update that held a connection for so long is good */
#define CH_TRIAL_LIMIT_MS 300000   /* one that did not within so long is taken back */
#define CH_CAMERA_RETRY_MS 10000   /* a failed camera, a taken port: soon enough for who mends it */
#define CH_CAMERA_TIMEOUT_MS 20000 /* to answer a CH_DO_CAMERA */
#define CH_CAPTURE_TIMEOUT_MS 5000 /* without a frame though one was due: the camera is set up anew */
#define CH_SCAN_TIMEOUT_MS 15000   /* all channels take 2 to 4 s */
#define CH_UPDATE_TIMEOUT_MS 60000 /* without another percent: while it loads there are no pictures */

/* Where the console's text goes: whole lines that end in \n. */
typedef struct ch_printer {
    void *context;
    void (*print)(void *context, const char *text, size_t len);
} ch_printer;

typedef enum ch_action_kind {
    CH_DO_WIFI_CONNECT, /* wifi: ssid, pass; answer CH_EV_WIFI_UP or _DOWN with the attempt */
    CH_DO_WIFI_DISCONNECT,
    CH_DO_WIFI_SCAN, /* number: most networks; answer CH_EV_SCAN_FOUND..., CH_EV_SCAN_DONE */
    CH_DO_DISCOVER,  /* look for _camherd._tcp by mDNS; answer CH_EV_FOUND or CH_EV_NOT_FOUND */
    CH_DO_WS_OPEN,   /* url, token; ends what was open; answer CH_EV_WS_UP or CH_EV_WS_DOWN with the attempt */
    CH_DO_WS_CLOSE,  /* end it now; no event is needed, late ones are ignored */
    CH_DO_WS_PING,
    CH_DO_WS_TEXT,       /* data, len: a text message; answer CH_EV_WS_SENT */
    CH_DO_WS_FRAME,      /* data, len: a binary message, fragmented at will; answer CH_EV_WS_SENT */
    CH_DO_CAMERA,        /* power, camera: set it up so; answer CH_EV_CAMERA_UP or _FAILED if power is on. When the
                            size changes, power goes off or the camera has failed, no frame is out: buffers may go */
    CH_DO_CAMERA_DUMP,   /* print the sensor's registers, for whom they mean something */
    CH_DO_RETURN,        /* handle: give the buffer back to the camera */
    CH_DO_TCPCAM_LISTEN, /* number: port; answer CH_EV_TCPCAM_FAILED if it cannot be */
    CH_DO_TCPCAM_STOP,   /* stop listening */
    CH_DO_TCPCAM_SEND,   /* client, data, len, more; ch_device_tcpcam_sent once the socket took some, now or later */
    CH_DO_TCPCAM_CLOSE,  /* client: close it, its number is free again, what it was given to send is void */
    CH_DO_UPDATE,      /* update: fetch, verify, write, in the background; answer CH_EV_UPDATE_... */
    CH_DO_UPDATE_STOP, /* the update was given up: its image must not be started, nor an event of it be told any more */
    CH_DO_CONFIRM,     /* this image is good, do not roll back */
    CH_DO_REBOOT       /* rollback: first mark this image as bad */
} ch_action_kind;

typedef struct ch_action {
    ch_action_kind kind;
    uint32_t attempt; /* to be given with the events that come of it */
    const char *ssid, *pass;
    const char *url, *token; /* token is "" without one */
    const uint8_t *data;
    size_t len;
    bool more;
    int client;
    uint32_t number;
    bool power, rollback;
    ch_camera camera;
    void *handle;
    const ch_update *update;
} ch_action;

typedef enum ch_event_kind {
    CH_EV_WIFI_UP,    /* attempt, text: own address */
    CH_EV_WIFI_DOWN,  /* attempt (the latest), text: reason, such as "wrong-password" */
    CH_EV_SCAN_FOUND, /* network */
    CH_EV_SCAN_DONE,  /* text: NULL, or why it failed */
    CH_EV_FOUND,      /* attempt, text: host, number: port */
    CH_EV_NOT_FOUND,  /* attempt */
    CH_EV_WS_UP,      /* attempt */
    CH_EV_WS_DOWN,    /* attempt, text: reason, alive: the host answered something */
    CH_EV_WS_HEARD,   /* attempt: a ping or pong came */
    CH_EV_WS_TEXT, /* attempt, text, len: a text message came, whole; longer ones than CH_MESSAGE_MAX may be left out */
    CH_EV_WS_SENT, /* attempt: what was given last is out, failures are CH_EV_WS_DOWN */
    CH_EV_CAMERA_UP,       /* sensor */
    CH_EV_CAMERA_FAILED,   /* text: why, and what to do; it is tried again later */
    CH_EV_CAMERA_ERROR,    /* a frame could not be taken */
    CH_EV_TCPCAM_FAILED,   /* text: why the port cannot be listened on; tried again later */
    CH_EV_VITALS,          /* vitals: every few seconds */
    CH_EV_UPDATE_PROGRESS, /* number: percent */
    CH_EV_UPDATE_DONE,     /* verified, written, to be started next */
    CH_EV_UPDATE_FAILED    /* text: why */
} ch_event_kind;

typedef struct ch_network {
    const char *ssid;
    int8_t rssi; /* dBm */
    uint8_t channel;
    const char *auth; /* "open", "wpa2", ... */
} ch_network;

typedef struct ch_event {
    ch_event_kind kind;
    uint32_t attempt;
    const char *text;
    size_t len;
    uint32_t number;
    bool alive;
    const ch_network *network;
    const ch_sensor *sensor;
    const ch_vitals *vitals;
} ch_event;

typedef struct ch_ack {
    uint32_t id;
    const char *error;
} ch_ack;

/* All state; its fields are the core's own. Make it static: it is too large for a task's stack. */
typedef struct ch_device {
    ch_board board;
    const ch_store *store;
    ch_printer printer;
    ch_settings settings, stored;
    ch_sensor sensor;
    char sensor_name[16];
    ch_link link;
    ch_policy policy;
    ch_frames frames;
    ch_tcpcam tcpcam;
    ch_counters counters;
    ch_vitals vitals;
    ch_ms started, telemetry_due;
    bool wifi_off, stream_off; /* by command, until reboot or the opposite command */
    char address[CH_ADDRESS_MAX + 1];
    char wifi_reason[CH_REASON_MAX + 1], ws_reason[CH_REASON_MAX + 1], camera_reason[CH_REASON_MAX + 1];
    char found_host[CH_HOST_MAX + 1];
    uint16_t found_port;
    /* WebSocket */
    bool ws_live; /* up, as far as the parts have been told */
    uint32_t ws_attempt;
    bool ws_busy, hello_due;
    int ws_frame, ws_pending; /* numbers of frames, CH_NO_FRAME */
    uint32_t ws_len;
    ch_ms ws_began, ws_since;
    ch_ack acks[CH_ACKS_MAX];
    uint8_t ack_count;
    char message[CH_MESSAGE_MAX + 1], url[CH_URL_SIZE];
    /* camera */
    bool power;                  /* wanted */
    bool camera_up, camera_sent; /* camera_sent: waits for the answer */
    bool camera_dump;
    bool camera_emptying; /* takes no frames until those that are out are back */
    ch_camera camera;     /* as set up last */
    ch_ms camera_due;     /* camera_sent: until when; else not before */
    ch_ms asked;          /* since when a frame is asked for and has not come, CH_NEVER: none is */
    ch_ms taking;         /* since when the shell takes one, CH_NEVER: it does not */
    /* TCPCam */
    bool tcpcam_listening;
    uint16_t tcpcam_port; /* that is listened on */
    ch_ms tcpcam_retry;
    char tcpcam_reason[CH_REASON_MAX + 1];
    /* scan */
    uint16_t scan_max, scan_found;
    bool scan_due;
    ch_ms scan_until; /* CH_NEVER: none is running */
    /* update and restart */
    ch_update update;
    ch_update_state update_state;
    bool update_due, update_stop_due, update_report, confirm_due, trial;
    uint8_t update_percent;
    char update_error[CH_REASON_MAX + 1];
    ch_ms update_until, reboot_at;
    ch_ms reboot_latest; /* then answers that have not left are lost */
    bool reboot_rollback;
} ch_device;

/*
 * Loads the settings and begins. `store` outlives the device. `seed` is random, so that many devices do not move in
 * step.
 */
void ch_device_init(ch_device *device, const ch_board *board, const ch_store *store, ch_printer printer, uint32_t seed,
                    ch_ms now);

/* A console line, without its end. The answer is printed before it returns; a scan's results follow later. */
void ch_device_line(ch_device *device, ch_ms now, const char *line);
/* The same for shells whose library splits the line; words[0] is the command's name. True: it was a good command. */
bool ch_device_words(ch_device *device, ch_ms now, int count, const char *const *words);

/* Whether results of `wifi scan` are still to be printed: consoles show no prompt until then. */
bool ch_device_is_scanning(const ch_device *device);

void ch_device_event(ch_device *device, ch_ms now, const ch_event *event);

/*
 * Whether to take a frame now. True is a promise: there is room for it in the core. Follow with ch_device_frame, or
 * CH_EV_CAMERA_ERROR if none could be taken. May make CH_DO_RETURN actions: carry them out before.
 */
bool ch_device_wants_frame(ch_device *device, ch_ms now);
/* A frame. It comes back as CH_DO_RETURN, maybe at once. False: not taken, the buffer is still the shell's. */
bool ch_device_frame(ch_device *device, ch_ms now, const ch_frame *frame);

/* TCPCam, see tcpcam.h. ch_device_tcpcam_open returns the client's number or -1: close it. */
int ch_device_tcpcam_open(ch_device *device, ch_ms now);
void ch_device_tcpcam_received(ch_device *device, ch_ms now, int client, const uint8_t *bytes, size_t len);
void ch_device_tcpcam_ended(ch_device *device, ch_ms now, int client);
void ch_device_tcpcam_gone(ch_device *device, ch_ms now, int client);
void ch_device_tcpcam_sent(ch_device *device, ch_ms now, int client, size_t taken);

/* The next action; false: nothing to do before the deadline. */
bool ch_device_next(ch_device *device, ch_ms now, ch_action *action);
/* When to call ch_device_wants_frame and ch_device_next again if nothing else happens. */
ch_ms ch_device_deadline(const ch_device *device, ch_ms now);

#endif
