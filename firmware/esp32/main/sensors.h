/* What is known of each sensor, and its driver's names for sizes. */
#ifndef CAMHERD_SENSORS_H
#define CAMHERD_SENSORS_H

#include "camherd/camera.h"
#include "esp_camera.h"

typedef struct sensor_facts {
    uint16_t pid;          /* of the chip */
    const char *name;
    ch_size largest;
    bool vflip, hmirror;   /* how it must be set to be upright on the boards that carry it */
    int8_t brightness, saturation; /* in place of the driver's 0, -2 to 2 */
} sensor_facts;

/* NULL: none of those that this firmware knows. */
const sensor_facts *sensor_by_pid(uint16_t pid);

framesize_t size_to_driver(ch_size size);

/* The largest size of which `buffers` JPEG buffers fit into so many bytes. */
ch_size largest_jpeg(uint32_t bytes, unsigned buffers);

#endif
