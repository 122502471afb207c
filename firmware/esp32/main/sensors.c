#include "sensors.h"

/* The driver's buffer for a JPEG has a fifth of a byte for each pixel. */
#define PIXELS_PER_BYTE 5

static const sensor_facts known[] = {
    {OV2640_PID, "OV2640", CH_SIZE_1600X1200, false, false, 0, 0},
    {OV3660_PID, "OV3660", CH_SIZE_2048X1536, true, false, 1, -2},
    {OV5640_PID, "OV5640", CH_SIZE_2560X1920, true, false, 0, 0},
    {GC0308_PID, "GC0308", CH_SIZE_640X480, false, false, 0, 0},
    {GC032A_PID, "GC032A", CH_SIZE_640X480, true, false, 0, 0},
};

static const framesize_t driver_sizes[CH_SIZES] = {
    [CH_SIZE_160X120] = FRAMESIZE_QQVGA,  [CH_SIZE_176X144] = FRAMESIZE_QCIF,    [CH_SIZE_240X176] = FRAMESIZE_HQVGA,
    [CH_SIZE_240X240] = FRAMESIZE_240X240, [CH_SIZE_320X240] = FRAMESIZE_QVGA,   [CH_SIZE_400X296] = FRAMESIZE_CIF,
    [CH_SIZE_480X320] = FRAMESIZE_HVGA,   [CH_SIZE_640X480] = FRAMESIZE_VGA,     [CH_SIZE_800X600] = FRAMESIZE_SVGA,
    [CH_SIZE_1024X768] = FRAMESIZE_XGA,   [CH_SIZE_1280X720] = FRAMESIZE_HD,     [CH_SIZE_1280X1024] = FRAMESIZE_SXGA,
    [CH_SIZE_1600X1200] = FRAMESIZE_UXGA, [CH_SIZE_1920X1080] = FRAMESIZE_FHD,   [CH_SIZE_2048X1536] = FRAMESIZE_QXGA,
    [CH_SIZE_2560X1920] = FRAMESIZE_QSXGA,
};

const sensor_facts *sensor_by_pid(uint16_t pid)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].pid == pid) {
            return &known[i];
        }
    }
    return NULL;
}

framesize_t size_to_driver(ch_size size)
{
    return (unsigned)size < CH_SIZES ? driver_sizes[size] : FRAMESIZE_VGA;
}

ch_size largest_jpeg(uint32_t bytes, unsigned buffers)
{
    for (int size = CH_SIZES - 1; size > CH_SIZE_320X240; size--) {
        const ch_size_info *info = ch_size_of((ch_size)size);
        uint32_t pixels = (uint32_t)info->width * info->height;
        if (pixels / PIXELS_PER_BYTE <= bytes / buffers) {
            return (ch_size)size;
        }
    }
    return CH_SIZE_320X240;
}
