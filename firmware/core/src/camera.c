#include "camherd/camera.h"

static const ch_size_info sizes[CH_SIZES] = {
    [CH_SIZE_160X120] = {"160x120", "qqvga", 160, 120},      [CH_SIZE_176X144] = {"176x144", "qcif", 176, 144},
    [CH_SIZE_240X176] = {"240x176", "hqvga", 240, 176},      [CH_SIZE_240X240] = {"240x240", "240", 240, 240},
    [CH_SIZE_320X240] = {"320x240", "qvga", 320, 240},       [CH_SIZE_400X296] = {"400x296", "cif", 400, 296},
    [CH_SIZE_480X320] = {"480x320", "hvga", 480, 320},       [CH_SIZE_640X480] = {"640x480", "vga", 640, 480},
    [CH_SIZE_800X600] = {"800x600", "svga", 800, 600},       [CH_SIZE_1024X768] = {"1024x768", "xga", 1024, 768},
    [CH_SIZE_1280X720] = {"1280x720", "hd", 1280, 720},      [CH_SIZE_1280X1024] = {"1280x1024", "sxga", 1280, 1024},
    [CH_SIZE_1600X1200] = {"1600x1200", "uxga", 1600, 1200}, [CH_SIZE_1920X1080] = {"1920x1080", "fhd", 1920, 1080},
    [CH_SIZE_2048X1536] = {"2048x1536", "qxga", 2048, 1536}, [CH_SIZE_2560X1920] = {"2560x1920", "qsxga", 2560, 1920},
};

const ch_size_info *ch_size_of(ch_size size)
{
    return &sizes[size];
}

static bool same_letters(const char *text, const char *lower)
{
    for (; *text != '\0'; text++, lower++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if (c != *lower) {
            return false;
        }
    }
    return *lower == '\0';
}

bool ch_size_parse(const char *name, ch_size *size)
{
    for (unsigned i = 0; i < CH_SIZES; i++) {
        if (same_letters(name, sizes[i].name) || same_letters(name, sizes[i].alias)) {
            *size = (ch_size)i;
            return true;
        }
    }
    return false;
}

ch_size ch_size_fit(ch_size_set set, ch_size wanted)
{
    for (unsigned i = (unsigned)wanted + 1; i > 0; i--) {
        if ((set & CH_SIZE_BIT(i - 1)) != 0) {
            return (ch_size)(i - 1);
        }
    }
    for (unsigned i = (unsigned)wanted; i < CH_SIZES; i++) {
        if ((set & CH_SIZE_BIT(i)) != 0) {
            return (ch_size)i;
        }
    }
    return wanted;
}

uint8_t ch_quality_to_sensor(uint8_t quality)
{
    return (uint8_t)((CH_QUALITY_MAX - (unsigned)quality) * 63 / 100);
}
