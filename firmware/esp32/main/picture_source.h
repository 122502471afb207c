/*
 * Where pictures come from: the sensor (picture_sensor.c), or a test payload (picture_test.c). One of them is built
 * in. All of this is for the camera's task, besides source_release.
 */
#ifndef CAMHERD_PICTURE_SOURCE_H
#define CAMHERD_PICTURE_SOURCE_H

#include "app.h"

#include <stdatomic.h>

/* One is always the driver's to fill; the others may be with the core (board.c). */
#define BUFFERS 4

typedef struct buffer {
    atomic_bool used;    /* with the core or the uplink */
    const uint8_t *data; /* no two buffers have the same: who sends tells them apart by it */
    void *fb;            /* the driver's frame buffer; NULL: the data is in `room` */
    uint8_t *room;       /* for data of our own */
} buffer;

/* --- camera.c --- */

extern buffer buffers[BUFFERS];
unsigned buffers_in_use(void);
/* One that nobody has; NULL: none. */
buffer *buffer_free(void);
/* Gives a picture to the core, or takes it back if the core has no room. */
void buffer_hand_over(buffer *b, uint32_t len, ch_ms taken, uint32_t capture_ms, uint32_t convert_ms);
/* Answers to the core. */
void source_failed(const char *why);
void source_error(void);

/* --- the source --- */

bool source_prepare(void);
/* Answers with CH_EV_CAMERA_UP or source_failed. */
void source_set_up(const ch_camera *camera);
void source_off(void);
/* Ends with buffer_hand_over or source_error. */
void source_take(void);
/* Prints the sensor's registers. */
void source_dump(void);
/* Does what waits for buffers to come back. */
void source_tidy(void);
/* Gives a frame buffer back to the driver. From any task. */
void source_release(buffer *b);

#endif
