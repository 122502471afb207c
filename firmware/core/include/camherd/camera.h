/*
 * What a camera can be set to: picture sizes, quality and the other knobs, in the units of the console and of the
 * device channel.
 */
#ifndef CAMHERD_CAMERA_H
#define CAMHERD_CAMERA_H

#include "camherd/text.h"

/* Sizes by number of pixels. The values are stable within one build only; what is stored and sent is the name. */
typedef enum ch_size {
    CH_SIZE_160X120,
    CH_SIZE_176X144,
    CH_SIZE_240X176,
    CH_SIZE_240X240,
    CH_SIZE_320X240,
    CH_SIZE_400X296,
    CH_SIZE_480X320,
    CH_SIZE_640X480,
    CH_SIZE_800X600,
    CH_SIZE_1024X768,
    CH_SIZE_1280X720,
    CH_SIZE_1280X1024,
    CH_SIZE_1600X1200,
    CH_SIZE_1920X1080,
    CH_SIZE_2048X1536,
    CH_SIZE_2560X1920,
    CH_SIZES /* how many there are */
} ch_size;

/* A set of sizes: bit n is ch_size n. */
typedef uint32_t ch_size_set;
#define CH_SIZE_BIT(size) (UINT32_C(1) << (unsigned)(size))
/* All sizes up to and with `size`. */
#define CH_SIZES_UP_TO(size) ((CH_SIZE_BIT(size) << 1) - 1)

typedef struct ch_size_info {
    const char *name;  /* "640x480" */
    const char *alias; /* "vga" */
    uint16_t width;    /* pixels */
    uint16_t height;   /* pixels */
} ch_size_info;

/* Facts about a size; `size` below CH_SIZES. */
const ch_size_info *ch_size_of(ch_size size);

/* By name or alias, letters of either case. */
bool ch_size_parse(const char *name, ch_size *size);

/* The largest size of `set` that is no larger than `wanted`, else the smallest of the set; `wanted` if set is 0. */
ch_size ch_size_fit(ch_size_set set, ch_size wanted);

#define CH_QUALITY_MIN 1
#define CH_QUALITY_MAX 100
#define CH_FPS_MIN 1
#define CH_FPS_MAX 60
#define CH_LED_MAX 100

typedef struct ch_camera {
    ch_size size;
    uint8_t quality; /* 1 worst to 100 best, the scale of JPEG software */
    uint8_t fps;     /* pictures a second at most, 1 to 60 */
    bool hflip;      /* mirrored, against how the board is meant to be held */
    bool vflip;      /* upside down, against how the board is meant to be held */
    uint8_t led;     /* lamp, 0 off to 100 % */
    bool adapt;      /* lower fps and quality when the network is too slow */
} ch_camera;

/* Quality on the scale of sensors with a JPEG encoder (0 best to 63 worst): 80 is 12, 100 is 0. */
uint8_t ch_quality_to_sensor(uint8_t quality);

#endif
