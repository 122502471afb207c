/*
 * TCPCam server: clients that connect, send PIN and count, and get frames as u32 big-endian length + payload.
 *
 * Contract: bytes in, actions out, no sockets. PIN and count are accepted joined or split anywhere, with CR, LF or
 * NUL after either. A count ends at one of these, at the end of the client's sending, or after CH_TCPCAM_QUIET_MS
 * without more of it: "12350" is the PIN 1235 and the count 0. A count of 0 or below is endless. A wrong PIN closes
 * and nothing is sent; PINs are compared in constant time, though how long one is can be found out digit by digit: the
 * protocol has no delimiter. Each client gets the newest frame when it is done with the one before: a slow one skips
 * frames and never delays another.
 */
#ifndef CAMHERD_TCPCAM_H
#define CAMHERD_TCPCAM_H

#include "camherd/frames.h"
#include "camherd/settings.h"

#define CH_TCPCAM_CLIENTS 4        /* each may hold a frame, and boards have four buffers */
#define CH_TCPCAM_QUIET_MS 200     /* ends a count */
#define CH_TCPCAM_REQUEST_MS 10000 /* PIN and count must have come within */
#define CH_TCPCAM_STALL_MS 5000    /* a client that takes nothing for so long is closed */
#define CH_TCPCAM_HOG_MS 2000      /* one that holds the last free buffer for so long, too */
#define CH_TCPCAM_COUNT_DIGITS 10  /* as the largest int32 has, which clients ask for when they mean "on and on" */
#define CH_TCPCAM_TRIES 5          /* wrong PINs in a row, then nobody new is let in for */
#define CH_TCPCAM_LOCK_MS 10000    /* so long: 10 000 PINs take hours instead of seconds */

typedef enum ch_tcpcam_state {
    CH_TCPCAM_FREE,
    CH_TCPCAM_PIN,
    CH_TCPCAM_COUNT,
    CH_TCPCAM_READY, /* waits for a newer frame */
    CH_TCPCAM_SENDING,
    CH_TCPCAM_CLOSING /* the shell has not been told yet */
} ch_tcpcam_state;

typedef struct ch_tcpcam_client {
    ch_tcpcam_state state;
    char pin[CH_PIN_MAX];
    uint8_t pin_len;
    bool negative, digits, signed_count;
    uint8_t count_digits;
    uint32_t count; /* as read, then frames left */
    bool endless;
    ch_ms since;      /* connected */
    ch_ms heard;      /* last byte of the count */
    ch_ms progress;   /* last byte taken */
    ch_ms last_taken; /* of the last frame begun: the next one is newer */
    bool any;         /* a frame was begun */
    int frame;        /* CH_NO_FRAME */
    uint8_t head[4];
    uint32_t sent; /* of head and payload */
    bool offered;  /* a piece is with the shell */
} ch_tcpcam_client;

typedef struct ch_tcpcam {
    ch_tcpcam_client clients[CH_TCPCAM_CLIENTS];
    ch_frames *frames;
    char pin[CH_PIN_MAX + 1];
    int newest;    /* CH_NO_FRAME */
    uint8_t wrong; /* in a row */
    ch_ms locked_until;
    uint8_t turn; /* where ch_tcpcam_next goes on */
} ch_tcpcam;

typedef enum ch_tcpcam_action_kind {
    CH_TCPCAM_DO_SEND, /* once the socket takes some of it, now or later: ch_tcpcam_sent */
    CH_TCPCAM_DO_CLOSE /* the client's number is free again; what it was given to send is void */
} ch_tcpcam_action_kind;

typedef struct ch_tcpcam_action {
    ch_tcpcam_action_kind kind;
    int client;
    const uint8_t *data; /* into the camera's buffer, or the length before it */
    size_t len;
    bool more; /* the payload follows at once (MSG_MORE) */
} ch_tcpcam_action;

/* `frames` outlives it. */
void ch_tcpcam_init(ch_tcpcam *server, ch_frames *frames, const char *pin);
/* For clients that have not sent theirs yet. */
void ch_tcpcam_set_pin(ch_tcpcam *server, const char *pin);
/* A client has connected. Its number, or -1: close it, there is no room or too many PINs were wrong. */
int ch_tcpcam_open(ch_tcpcam *server, ch_ms now);
void ch_tcpcam_received(ch_tcpcam *server, ch_ms now, int number, const uint8_t *bytes, size_t len);
/* The client sends no more (half-closed); it may still read. */
void ch_tcpcam_ended(ch_tcpcam *server, ch_ms now, int number);
/* The connection is gone. */
void ch_tcpcam_gone(ch_tcpcam *server, int number);
/* What the socket took of the piece, at least a byte. The rest is given out again. */
void ch_tcpcam_sent(ch_tcpcam *server, ch_ms now, int number, size_t taken);
/* The newest frame, by number in `frames`; a use of its own is added. */
void ch_tcpcam_offer(ch_tcpcam *server, int frame);
/* Lets go of a newest frame that nobody is sending. */
void ch_tcpcam_forget(ch_tcpcam *server);
/* Closes the client that holds a frame longest, if longer than CH_TCPCAM_HOG_MS. */
void ch_tcpcam_close_hog(ch_tcpcam *server, ch_ms now);
void ch_tcpcam_close_all(ch_tcpcam *server);
void ch_tcpcam_tick(ch_tcpcam *server, ch_ms now);
ch_ms ch_tcpcam_deadline(const ch_tcpcam *server);
/*
 * The next client to close, as CH_TCPCAM_DO_CLOSE says it too. To be asked before frames are given back to the camera:
 * until it is closed, a client's socket may still send from its frame.
 */
bool ch_tcpcam_next_close(ch_tcpcam *server, int *number);
bool ch_tcpcam_next(ch_tcpcam *server, ch_ms now, ch_tcpcam_action *action);
/* Clients that get frames, and all connected ones. */
unsigned ch_tcpcam_watching(const ch_tcpcam *server);
unsigned ch_tcpcam_clients(const ch_tcpcam *server);

#endif
