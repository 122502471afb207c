/*
 * When to take a frame, and how good: from what a person set, what the server says is wanted, and how fast sending
 * really goes.
 *
 * Contract: capture never waits for sending. Without demand known (an old server) the camera gives what is set. With
 * nobody watching it gives 1 fps, or nothing if the server says 0. When sending cannot keep up, quality goes down
 * first (to CH_QUALITY_FLOOR), then fps; both come back step by step, more carefully after a step that failed.
 */
#ifndef CAMHERD_POLICY_H
#define CAMHERD_POLICY_H

#include "camherd/camera.h"

#define CH_QUALITY_FLOOR 40       /* below, pictures get ugly faster than small */
#define CH_POLICY_WINDOW_MS 1000  /* how long is measured before a step */
#define CH_POLICY_BUSY_PERCENT 85 /* sending for more of a window is too much */
#define CH_POLICY_CALM_PERCENT 60 /* and for less leaves room */
#define CH_POLICY_IDLE_PERCENT 30 /* for less than that, room for twice as many */
#define CH_POLICY_CALM_MIN 3      /* windows in a row that must be calm before a step up */
#define CH_POLICY_CALM_MAX 60     /* and at most, after steps up that failed */
#define CH_IDLE_FPS 1

/* What viewers want, from the server. */
typedef struct ch_demand {
    uint32_t viewers;
    bool has_fps;
    uint8_t fps; /* 0: none at all; counts without viewers too */
    bool has_size;
    ch_size size;
} ch_demand;

typedef struct ch_policy {
    ch_camera set;
    ch_size_set sizes;
    uint8_t max_fps; /* of the sensor, 0: not known */
    bool ws_up;
    uint8_t others; /* clients besides the WebSocket */
    bool demand_known;
    ch_demand demand;
    uint8_t quality; /* what adaptation has come to */
    uint8_t fps;
    ch_ms next_capture, next_ws;
    uint8_t rest;  /* of the division of a second by fps, so that the rate is met exactly */
    ch_ms window;  /* when it began */
    uint32_t busy; /* ms of the window spent sending */
    ch_ms sending; /* since when, CH_NEVER: not */
    uint16_t replaced, sent;
    uint8_t calm, calm_needed;
    bool rising;    /* the latest step was up */
    bool delivered; /* a frame has left over this connection */
    bool starved;   /* over the one before none could, though one was on its way */
} ch_policy;

void ch_policy_init(ch_policy *policy, const ch_camera *set, ch_ms now);
/* What a person or the server set. Adaptation begins anew. */
void ch_policy_set(ch_policy *policy, ch_ms now, const ch_camera *set);
/* What the sensor can do. */
void ch_policy_sensor(ch_policy *policy, ch_size_set sizes, uint8_t max_fps);
/*
 * Whether the WebSocket is up, and how many others want frames. A new connection begins without demand and at the
 * best that is set: the one before may have ended because the server was slow, not the network. Only if not a single
 * frame got through it does the next one begin at the least, or a network that is too slow for the best would never
 * carry anything.
 */
void ch_policy_ws(ch_policy *policy, ch_ms now, bool up);
void ch_policy_others(ch_policy *policy, ch_ms now, unsigned clients);
void ch_policy_demand(ch_policy *policy, ch_ms now, const ch_demand *demand);

/* When the next frame is to be taken; CH_NEVER: nobody wants one. */
ch_ms ch_policy_next_capture(const ch_policy *policy);
void ch_policy_captured(ch_policy *policy, ch_ms now);
/* Whether a frame taken now is for the WebSocket too; it may be paced slower than the others. */
bool ch_policy_for_ws(ch_policy *policy, ch_ms now);

void ch_policy_send_began(ch_policy *policy, ch_ms now);
void ch_policy_send_ended(ch_policy *policy, ch_ms now);
/* A frame was replaced by a newer one before it could be sent. */
void ch_policy_replaced(ch_policy *policy);
/* Closes the measuring window if it is over. Call it at every frame. */
void ch_policy_tick(ch_policy *policy, ch_ms now);

/* What the camera is to be set to now. */
ch_camera ch_policy_effective(const ch_policy *policy);

#endif
