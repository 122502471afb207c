/* esp32-camera: buffers that are watched. A picture is one byte again and again, another one each time. */
#include "fakes.h"

#include "esp_camera.h"
#include "esp_timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS_MAX 4
#define JPEG_SIZE 30000
#define FRAME_MS 20
/* What a buffer holds while the driver has it. */
#define POISON 0xee

typedef struct watched {
    camera_fb_t fb;
    bool out;
} watched;

atomic_uint pictures_taken, driver_starts;
bool sensor_encodes = true;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static watched buffers[BUFFERS_MAX];
static size_t count;
static bool running;
static pixformat_t format;
static size_t raw_size;
static uint8_t next_value = 1;

static int accept_any(sensor_t *sensor, int value)
{
    (void)sensor;
    (void)value;
    return atomic_load(&chaos) && chance(40) == 0 ? -1 : 0;
}

static int accept_size(sensor_t *sensor, framesize_t size)
{
    return accept_any(sensor, (int)size);
}

static int read_register(sensor_t *sensor, int reg, int mask)
{
    (void)sensor;
    return reg & mask;
}

static sensor_t the_sensor = {
    .set_framesize = accept_size,
    .set_brightness = accept_any,
    .set_saturation = accept_any,
    .set_quality = accept_any,
    .set_hmirror = accept_any,
    .set_vflip = accept_any,
    .get_reg = read_register,
};

static size_t raw_bytes(framesize_t size)
{
    switch (size) {
    case FRAMESIZE_QVGA:
        return 320 * 240 * 2;
    case FRAMESIZE_VGA:
        return 640 * 480 * 2;
    default:
        return 160 * 120 * 2;
    }
}

esp_err_t esp_camera_init(const camera_config_t *config)
{
    pthread_mutex_lock(&mutex);
    if (running) {
        broken("the driver was started twice");
    }
    if (config->fb_count > BUFFERS_MAX || config->pin_xclk != 21 || config->grab_mode != CAMERA_GRAB_LATEST) {
        broken("the driver's configuration");
    }
    esp_err_t err = ESP_OK;
    if (config->pixel_format == PIXFORMAT_JPEG && !sensor_encodes) {
        err = ESP_ERR_NOT_SUPPORTED;
    } else if (atomic_load(&chaos) && chance(15) == 0) {
        err = ESP_ERR_NOT_FOUND;
    } else {
        running = true;
        count = config->fb_count;
        format = config->pixel_format;
        raw_size = raw_bytes(config->frame_size);
        the_sensor.id.PID = sensor_encodes ? OV3660_PID : GC0308_PID;
        for (size_t i = 0; i < count; i++) {
            buffers[i].fb.buf = malloc(format == PIXFORMAT_JPEG ? JPEG_SIZE : raw_size);
            buffers[i].out = false;
        }
        atomic_fetch_add(&driver_starts, 1);
    }
    pthread_mutex_unlock(&mutex);
    sleep_ms(20);
    return err;
}

esp_err_t esp_camera_deinit(void)
{
    pthread_mutex_lock(&mutex);
    if (!running) {
        broken("the driver was stopped twice");
    }
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].out) {
            broken("the driver was stopped while a buffer is in use");
        }
        free(buffers[i].fb.buf);
        buffers[i].fb.buf = NULL;
    }
    running = false;
    pthread_mutex_unlock(&mutex);
    return ESP_OK;
}

sensor_t *esp_camera_sensor_get(void)
{
    return &the_sensor;
}

static camera_fb_t *fill(void)
{
    for (size_t i = 0; i < count; i++) {
        camera_fb_t *fb = &buffers[i].fb;
        if (!buffers[i].out) {
            int64_t us = esp_timer_get_time();
            fb->len = format == PIXFORMAT_JPEG ? JPEG_SIZE / 2 + chance(JPEG_SIZE / 2) : raw_size;
            next_value = next_value == POISON - 1 ? 1 : (uint8_t)(next_value + 1);
            memset(fb->buf, next_value, fb->len);
            fb->timestamp.tv_sec = us / 1000000;
            fb->timestamp.tv_usec = us % 1000000;
            fb->format = format;
            buffers[i].out = true;
            return fb;
        }
    }
    return NULL;
}

camera_fb_t *esp_camera_fb_get(void)
{
    sleep_ms(FRAME_MS);
    if (atomic_load(&chaos) && chance(60) == 0) {
        return NULL; /* the driver would wait for 4 s */
    }
    pthread_mutex_lock(&mutex);
    camera_fb_t *fb = running ? fill() : NULL;
    pthread_mutex_unlock(&mutex);
    if (fb != NULL) {
        atomic_fetch_add(&pictures_taken, 1);
    }
    return fb;
}

void esp_camera_fb_return(camera_fb_t *fb)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < count; i++) {
        if (&buffers[i].fb == fb) {
            if (!buffers[i].out) {
                broken("a buffer was given back twice");
            }
            memset(fb->buf, POISON, fb->len);
            buffers[i].out = false;
            pthread_mutex_unlock(&mutex);
            return;
        }
    }
    broken("a buffer was given back that is none");
}

bool frame2jpg_cb(camera_fb_t *fb, uint8_t quality, jpg_out_cb cb, void *arg)
{
    size_t total = 10000 + (size_t)quality * 100;
    (void)quality;
    for (size_t done = 0; done < total; done += 512) {
        cb(arg, done, fb->buf, total - done < 512 ? total - done : 512);
    }
    cb(arg, total, NULL, 0);
    return !atomic_load(&chaos) || chance(50) != 0;
}

bool is_picture(const uint8_t *data, size_t len)
{
    if (len < 5000 || data[0] == POISON || data[0] == 0) {
        return false;
    }
    for (size_t i = 1; i < len; i++) {
        if (data[i] != data[0]) {
            return false;
        }
    }
    return true;
}
