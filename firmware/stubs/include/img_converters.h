#pragma once
#include "esp_camera.h"
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef size_t (*jpg_out_cb)(void *arg, size_t index, const void *data, size_t len);
bool frame2jpg_cb(camera_fb_t *fb, uint8_t quality, jpg_out_cb cb, void *arg) STUB_CHECKED;
/* Whoever calls it frees `out`. */
bool frame2jpg(camera_fb_t *fb, uint8_t quality, uint8_t **out, size_t *out_len) STUB_CHECKED;
#ifdef __cplusplus
}
#endif
