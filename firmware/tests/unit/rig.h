/* A device with everything around it played: store, printer, and a shell that answers what it is asked. */
#ifndef CAMHERD_RIG_H
#define CAMHERD_RIG_H

#include "camherd/device.h"
#include "unit.h"

#define RIG_BUFFERS 8

typedef struct rig {
    ch_device d;
    ch_board board;
    fake_store fake;
    ch_store store;
    ch_ms now;
    char printed[4096];
    size_t printed_len;
    /* what the shell was told last */
    uint32_t wifi_attempt, ws_attempt, discover_attempt;
    char ssid[40], pass[80], url[CH_URL_SIZE], token[140], text[CH_MESSAGE_MAX + 1];
    ch_action frame;  /* the latest CH_DO_WS_FRAME */
    ch_action camera; /* the latest CH_DO_CAMERA */
    ch_action tcpcam; /* the latest CH_DO_TCPCAM_SEND */
    unsigned counts[CH_DO_REBOOT + 1];
    bool used[RIG_BUFFERS];
    uint8_t bytes[RIG_BUFFERS][16];
    /* what a socket still sends from: none of it may be in a buffer that is given back */
    const uint8_t *ws_sends, *tcp_sends[CH_TCPCAM_CLIENTS];
    bool taking; /* a frame, in a task of its own; since: */
    ch_ms taking_since;
    /* how the shell behaves */
    bool mute_wifi, mute_camera, mute_texts, mute_pongs, hold_frames, no_tcp;
    const char *camera_fault;
    ch_sensor sensor;
    unsigned ws_frames;
} rig;

void rig_init(rig *r);
/* As after a restart: the store stays. */
void rig_restart(rig *r);
/* Carries out all actions that are due. */
void rig_run(rig *r);
/* Lets time pass up to each deadline, taking frames as they are wanted. */
void rig_pass(rig *r, ch_ms ms);
void rig_line(rig *r, const char *line);
/* What was printed since the last call. */
const char *rig_printed(rig *r);
void rig_event(rig *r, ch_event event);
void rig_wifi(rig *r, bool up, const char *text);
void rig_ws(rig *r, bool up, const char *text);
/* What was given to the WebSocket last is out. */
void rig_sent(rig *r);
void rig_text(rig *r, const char *text);
/* Gives a frame that was just taken; false: the device wants none or does not take it. */
bool rig_frame(rig *r);
/* As a task of its own does it: begins to take a frame if one is wanted, and at the next call gives it. */
void rig_take(rig *r);
unsigned rig_used(const rig *r);
/* A device that is connected and has said hello. */
void rig_streaming(rig *r);

#endif
