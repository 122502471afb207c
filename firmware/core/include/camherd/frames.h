/*
 * Frames on their way from the camera to whoever sends them. Nothing is copied: a frame is a pointer to the camera's
 * buffer and a count of users, and goes back to the camera when the last one is done.
 */
#ifndef CAMHERD_FRAMES_H
#define CAMHERD_FRAMES_H

#include "camherd/text.h"

/* Most frames in use at a time; a board may allow fewer (ch_board.frames). */
#define CH_FRAMES_MAX 8
/* An older frame is no longer sent to anybody. */
#define CH_FRAME_AGE_MAX_MS 1000

typedef struct ch_frame {
    const uint8_t *data;
    uint32_t len;        /* bytes, above 0 */
    ch_ms taken;         /* when the camera took it */
    uint16_t capture_ms; /* how long taking it took */
    uint16_t convert_ms; /* and converting it to JPEG; 0 where the sensor does it */
    void *handle;        /* the shell's, to give the buffer back */
} ch_frame;

typedef struct ch_held {
    ch_frame frame;
    uint8_t users;
    bool returned; /* no user is left; the shell has not been told yet */
} ch_held;

typedef struct ch_frames {
    ch_held held[CH_FRAMES_MAX];
    uint8_t limit;
} ch_frames;

/* No frame. */
#define CH_NO_FRAME (-1)

void ch_frames_init(ch_frames *frames, unsigned limit);
/* Takes a frame in with one user. Its number, or CH_NO_FRAME: no room. */
int ch_frames_add(ch_frames *frames, const ch_frame *frame);
void ch_frames_use(ch_frames *frames, int number);
/* One user less. CH_NO_FRAME is fine. */
void ch_frames_drop(ch_frames *frames, int number);
const ch_frame *ch_frames_at(const ch_frames *frames, int number);
/* The next buffer to give back; false: none. */
bool ch_frames_next_return(ch_frames *frames, void **handle);
unsigned ch_frames_in_use(const ch_frames *frames);
bool ch_frames_full(const ch_frames *frames);
bool ch_frame_is_fresh(const ch_frame *frame, ch_ms now);

#endif
