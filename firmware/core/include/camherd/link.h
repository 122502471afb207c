/*
 * The way to the server: Wi-Fi, then the target, then the WebSocket.
 *
 * Contract: events and the time go in, actions come out; the caller carries them out. Every state but OFF and IDLE,
 * which a person chose, has a deadline, so no lost event can hold it: attempts time out, waits end, an open
 * connection that says nothing is closed. Waits grow from 1 s to 30 s with jitter, after a clean close too. Each
 * attempt has a number; events of an older attempt are ignored.
 */
#ifndef CAMHERD_LINK_H
#define CAMHERD_LINK_H

#include "camherd/text.h"

#define CH_BACKOFF_MIN_MS 1000
#define CH_BACKOFF_MAX_MS 30000
/* A connection that held for so long was a success, Wi-Fi or WebSocket: the next wait is short again. */
#define CH_LINK_STABLE_MS 10000
#define CH_WIFI_TIMEOUT_MS 20000     /* associate and get an address */
#define CH_DISCOVER_TIMEOUT_MS 10000 /* mDNS answers within seconds or not at all */
#define CH_WS_TIMEOUT_MS 15000       /* resolve, connect, TLS, upgrade */
#define CH_PING_EVERY_MS 10000       /* after so long without a word of the server */
#define CH_SILENCE_MS 25000          /* then the connection counts as dead */
#define CH_SEND_STALL_MS 5000        /* a message that takes longer will not arrive in time for anybody */
/* So long without any sign of life from the network, and Wi-Fi is joined anew: an access point can forget us. */
#define CH_WIFI_RENEW_MS 120000

typedef enum ch_link_state {
    CH_LINK_OFF,       /* Wi-Fi is not wanted, or no network is set */
    CH_LINK_WIFI_WAIT, /* until the next attempt */
    CH_LINK_WIFI_CONNECTING,
    CH_LINK_IDLE,        /* Wi-Fi is up, streaming is not wanted */
    CH_LINK_DISCOVERING, /* looks for a server */
    CH_LINK_DISCOVER_WAIT,
    CH_LINK_WS_WAIT,
    CH_LINK_WS_CONNECTING,
    CH_LINK_WS_UP
} ch_link_state;

typedef enum ch_link_event_kind {
    CH_LINK_EV_WIFI_UP,   /* there is an address */
    CH_LINK_EV_WIFI_DOWN, /* lost, or the attempt failed */
    CH_LINK_EV_FOUND,     /* discovery found a server */
    CH_LINK_EV_NOT_FOUND,
    CH_LINK_EV_WS_UP,
    CH_LINK_EV_WS_DOWN, /* closed, refused, failed; `alive` if the other side or its host answered */
    CH_LINK_EV_HEARD,   /* any message, ping or pong of the server */
    CH_LINK_EV_SENDING, /* a message is handed over to be sent */
    CH_LINK_EV_SENT     /* it is out */
} ch_link_event_kind;

typedef struct ch_link_event {
    ch_link_event_kind kind;
    uint32_t attempt; /* of the action that led to it */
    bool alive;       /* WS_DOWN only */
} ch_link_event;

typedef enum ch_link_action_kind {
    CH_LINK_DO_WIFI_CONNECT,
    CH_LINK_DO_WIFI_DISCONNECT,
    CH_LINK_DO_DISCOVER,
    CH_LINK_DO_WS_OPEN,
    CH_LINK_DO_WS_CLOSE, /* at once; the next open may follow immediately */
    CH_LINK_DO_WS_PING,
    CH_LINK_DOS /* how many there are */
} ch_link_action_kind;

typedef struct ch_link_action {
    ch_link_action_kind kind;
    uint32_t attempt;
} ch_link_action;

typedef struct ch_link {
    ch_link_state state;
    bool want_wifi, want_stream, target_known;
    bool wifi_held;   /* a Wi-Fi connection or attempt is there that must be ended */
    uint32_t attempt; /* of the newest connect, discover or open */
    uint32_t wifi_attempt;
    uint32_t random;
    uint8_t wifi_failures, ws_failures;
    /* Why the link itself gave up what ran, until the caller takes it; NULL: it did not, events have their own reasons.
     */
    const char *wifi_why, *ws_why;
    ch_ms wifi_since;                  /* when Wi-Fi came up, CH_NEVER: it is not */
    ch_ms since;                       /* when the state began */
    ch_ms until;                       /* when it ends by itself */
    ch_ms heard;                       /* last sign of the server on this connection */
    bool pinged;                       /* since `heard` */
    ch_ms sending;                     /* since when a message is on its way, CH_NEVER: none is */
    ch_ms alive;                       /* last sign of life of the network */
    ch_link_action queue[CH_LINK_DOS]; /* at most one of each kind */
    uint8_t queued;
} ch_link;

void ch_link_init(ch_link *link, uint32_t seed, ch_ms now);

/*
 * What is wanted. `target_known`: a host is set; otherwise one is looked for. Takes effect at once. With `anew`, what
 * stands is given up and begun again without waiting, because the network or the target has changed:
 * CH_ANEW_WIFI includes CH_ANEW_WS.
 */
typedef enum ch_anew { CH_ANEW_NO, CH_ANEW_WS, CH_ANEW_WIFI } ch_anew;
void ch_link_want(ch_link *link, ch_ms now, bool wifi, bool stream, bool target_known, ch_anew anew);

void ch_link_event_in(ch_link *link, ch_ms now, ch_link_event event);
/* Something else on the network works, such as a TCPCam client: Wi-Fi need not be renewed. */
void ch_link_alive(ch_link *link, ch_ms now);
/* Deadlines that have passed. */
void ch_link_tick(ch_link *link, ch_ms now);
/* When ch_link_tick must be called again, CH_NEVER if only an event can change something. */
ch_ms ch_link_deadline(const ch_link *link);
/* The next thing to do; false: nothing. */
bool ch_link_next(ch_link *link, ch_link_action *action);

/* `off`, `waiting`, `connecting`, `up` for the two layers. */
const char *ch_link_wifi_word(const ch_link *link);
const char *ch_link_ws_word(const ch_link *link);

#endif
