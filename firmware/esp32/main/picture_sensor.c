/*
 * Pictures of the sensor, by way of esp32-camera.
 *
 * A sensor with a JPEG encoder fills the driver's buffers, and these go out as they are. One without gives RGB565,
 * which is made a JPEG in buffers of our own that are there from the start.
 */
#include "picture_source.h"
#include "sensors.h"

#include "driver/gpio.h"
#include "esp_heap_caps.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include <stdio.h>
#include <string.h>

/* An older frame than that waited in the driver's queue while all others were in use: the next one is fresh. */
#define STALE_MS 400
/* A JPEG that we make has room for half a byte per pixel of the largest size of such sensors. */
#define ROOM_SIZE (640 * 480 / 2)
/* Sensors without an encoder hand out raw pictures, which are given back at once. */
#define RAW_BUFFERS 2
/* The largest pictures may take half of the PSRAM. */
#define PSRAM_SHARE 2
#define REGISTERS_SHOWN 256
/* Where the registers of sensors with 16 bit addresses begin. */
#define REGISTERS_16_BIT 0x3000
#define ADVICE_PINS "Check the pins in `idf.py menuconfig`, menu \"camherd device\"."

static bool running, encodes; /* the driver runs; the sensor makes JPEGs itself */
static bool off_waits;        /* to be switched off when the last buffer is back */
static unsigned failures;     /* pictures that failed in a row */
static const sensor_facts *facts;
static ch_size buffers_for, raw_size; /* largest JPEG that fits; size that raw buffers are made for */
static uint8_t quality;


static bool set_output(int pin, bool level)
{
    const gpio_config_t config = {.pin_bit_mask = UINT64_C(1) << (pin & 63), .mode = GPIO_MODE_OUTPUT};
    return app_check(gpio_config(&config), "a camera pin", ADVICE_PINS) &&
           app_check(gpio_set_level((gpio_num_t)pin, level ? 1 : 0), "a camera pin", ADVICE_PINS);
}

static bool supply(bool on)
{
#if CONFIG_CAMHERD_CAMERA_POWER_LOW
    bool level = !on;
#else
    bool level = on;
#endif
    if (CONFIG_CAMHERD_PIN_CAMERA_POWER >= 0 && !set_output(CONFIG_CAMHERD_PIN_CAMERA_POWER, level)) {
        return false;
    }
    if (on) {
        vTaskDelay(pdMS_TO_TICKS(CONFIG_CAMHERD_CAMERA_WARMUP_MS));
    } else if (CONFIG_CAMHERD_PIN_PWDN >= 0) {
        return set_output(CONFIG_CAMHERD_PIN_PWDN, true);
    }
    return true;
}

static esp_err_t init_driver(pixformat_t format, ch_size size, size_t count)
{
    const camera_config_t config = {
        .pin_pwdn = CONFIG_CAMHERD_PIN_PWDN,
        .pin_reset = CONFIG_CAMHERD_PIN_RESET,
        .pin_xclk = CONFIG_CAMHERD_PIN_XCLK,
        .pin_sccb_sda = CONFIG_CAMHERD_PIN_SDA,
        .pin_sccb_scl = CONFIG_CAMHERD_PIN_SCL,
        .pin_d0 = CONFIG_CAMHERD_PIN_D0,
        .pin_d1 = CONFIG_CAMHERD_PIN_D1,
        .pin_d2 = CONFIG_CAMHERD_PIN_D2,
        .pin_d3 = CONFIG_CAMHERD_PIN_D3,
        .pin_d4 = CONFIG_CAMHERD_PIN_D4,
        .pin_d5 = CONFIG_CAMHERD_PIN_D5,
        .pin_d6 = CONFIG_CAMHERD_PIN_D6,
        .pin_d7 = CONFIG_CAMHERD_PIN_D7,
        .pin_vsync = CONFIG_CAMHERD_PIN_VSYNC,
        .pin_href = CONFIG_CAMHERD_PIN_HREF,
        .pin_pclk = CONFIG_CAMHERD_PIN_PCLK,
        .xclk_freq_hz = CONFIG_CAMHERD_XCLK_HZ,
        .ledc_timer = LEDC_TIMER_0,
        .ledc_channel = LEDC_CHANNEL_0,
        .pixel_format = format,
        .frame_size = size_to_driver(size),
        .jpeg_quality = ch_quality_to_sensor(80), /* set again right after */
        .fb_count = count,
        .fb_location = CAMERA_FB_IN_PSRAM,
        .grab_mode = CAMERA_GRAB_LATEST,
        .sccb_i2c_port = 1,
    };
    return esp_camera_init(&config);
}

/* Buffers for JPEGs that we make; once. */
static bool make_rooms(void)
{
    for (int i = 0; i < BUFFERS; i++) {
        if (buffers[i].room == NULL) {
            buffers[i].room = heap_caps_malloc(ROOM_SIZE, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
        }
        if (buffers[i].room == NULL) {
            return false;
        }
    }
    return true;
}

/* NULL, or why it cannot be switched off now. */
static const char *stop_driver(void)
{
    if (buffers_in_use() > 0) {
        return "pictures of before are still being sent; it is tried again";
    }
    if (running && !app_check(esp_camera_deinit(), "stopping the camera", "Restart the device: `sys reboot`.")) {
        return "the driver does not stop; restart the device: sys reboot";
    }
    running = false;
    return supply(false) ? NULL : "a pin cannot be set; check the pins of the board";
}

static const char *advice_for(esp_err_t err)
{
    switch (err) {
    case ESP_ERR_NOT_FOUND:
    case ESP_ERR_CAMERA_NOT_DETECTED:
        return "no sensor answers; check its cable and the chosen board";
    case ESP_ERR_NOT_SUPPORTED:
    case ESP_ERR_CAMERA_NOT_SUPPORTED:
        return "this sensor is not supported";
    case ESP_ERR_NO_MEM:
        return "too little memory for its pictures";
    default:
        return "the driver failed; see the log above, and the cable";
    }
}

/*
 * JPEG first, with buffers for the largest picture that memory allows: then smaller ones need no new start. The
 * driver refuses it for sensors without an encoder.
 */
static const char *start_driver(ch_size wanted)
{
    uint32_t memory = (uint32_t)heap_caps_get_free_size(MALLOC_CAP_SPIRAM) / PSRAM_SHARE;
    if (!supply(true)) {
        return "a pin cannot be set; check the pins of the board";
    }
    buffers_for = largest_jpeg(memory, BUFFERS);
    bool raw = facts != NULL && !encodes; /* known from before */
    esp_err_t err = raw ? ESP_ERR_NOT_SUPPORTED : init_driver(PIXFORMAT_JPEG, buffers_for, BUFFERS);
    encodes = true;
    if (err == ESP_ERR_NOT_SUPPORTED || err == ESP_ERR_CAMERA_NOT_SUPPORTED) {
        encodes = false;
        raw_size = wanted < CH_SIZE_640X480 ? wanted : CH_SIZE_640X480;
        err = make_rooms() ? init_driver(PIXFORMAT_RGB565, raw_size, RAW_BUFFERS) : ESP_ERR_NO_MEM;
    }
    if (err != ESP_OK) {
        app_check(err, "starting the camera", advice_for(err));
        return advice_for(err);
    }
    running = true;
    return NULL;
}

static bool set_sensor(sensor_t *s, const ch_camera *camera)
{
    bool good = s->set_vflip(s, facts->vflip != camera->vflip ? 1 : 0) == 0;
    good = s->set_hmirror(s, facts->hmirror != camera->hflip ? 1 : 0) == 0 && good;
    if (encodes) {
        good = s->set_framesize(s, size_to_driver(camera->size)) == 0 && good;
        good = s->set_quality(s, ch_quality_to_sensor(camera->quality)) == 0 && good;
    }
    quality = camera->quality;
    return good;
}

static void tell_up(void)
{
    ch_size largest = encodes && buffers_for < facts->largest ? buffers_for : facts->largest;
    ch_sensor sensor = {.name = facts->name, .sizes = CH_SIZES_UP_TO(largest)};
    app_event(&(ch_event){.kind = CH_EV_CAMERA_UP, .sensor = &sensor});
}

/* NULL, or why the camera cannot be used. */
static const char *begin(const ch_camera *camera)
{
    const char *why = stop_driver();
    why = why != NULL ? why : start_driver(camera->size);
    if (why != NULL) {
        return why;
    }
    sensor_t *s = esp_camera_sensor_get();
    facts = s == NULL ? NULL : sensor_by_pid(s->id.PID);
    if (facts == NULL) {
        return "this sensor is not supported";
    }
    if (facts->brightness != 0) {
        (void)s->set_brightness(s, facts->brightness); /* only a matter of looks */
    }
    if (facts->saturation != 0) {
        (void)s->set_saturation(s, facts->saturation);
    }
    failures = 0;
    return NULL;
}

void source_set_up(const ch_camera *camera)
{
    /* Raw pictures need buffers of exactly their size; after failures only a new start helps. */
    bool anew = !running || facts == NULL || failures > 0 || (!encodes && camera->size != raw_size);
    const char *why = anew ? begin(camera) : NULL;
    off_waits = false;
    if (why == NULL && !set_sensor(esp_camera_sensor_get(), camera)) {
        failures++; /* the next try is a new start */
        why = "the sensor does not take its settings; check its cable";
    }
    led_lamp(camera->led);
    if (why != NULL) {
        source_failed(why);
    } else {
        tell_up();
    }
}

void source_off(void)
{
    led_lamp(0);
    off_waits = stop_driver() != NULL;
}

/* --- pictures --- */

static ch_ms time_of(const camera_fb_t *fb)
{
    return (ch_ms)fb->timestamp.tv_sec * 1000 + (ch_ms)(fb->timestamp.tv_usec / 1000);
}

/* A picture that was taken just now. The driver's queue may begin with ones from before a pause. */
static camera_fb_t *fresh_picture(void)
{
    for (int i = 0; i < BUFFERS; i++) {
        camera_fb_t *fb = esp_camera_fb_get(); /* waits for up to 4 s */
        if (fb == NULL || time_of(fb) + STALE_MS >= now_ms()) {
            return fb;
        }
        esp_camera_fb_return(fb);
    }
    return esp_camera_fb_get();
}

typedef struct output {
    uint8_t *room;
    size_t len;
    bool full;
} output;

/* For frame2jpg_cb: takes what there is room for. */
static size_t put(void *arg, size_t index, const void *data, size_t len)
{
    output *out = arg;
    (void)index;
    if (data == NULL || len == 0) {
        return 0; /* the end */
    }
    if (len > ROOM_SIZE - out->len) {
        out->full = true;
        return 0;
    }
    memcpy(out->room + out->len, data, len);
    out->len += len;
    return len;
}

static void convert_and_hand_over(buffer *b, camera_fb_t *fb, ch_ms asked)
{
    output out = {.room = b->room};
    ch_ms begun = now_ms(), taken = time_of(fb);
    bool good = frame2jpg_cb(fb, quality, put, &out);
    esp_camera_fb_return(fb);
    if (!good || out.full || out.len == 0) {
        failures++;
        source_error();
        return;
    }
    failures = 0;
    b->fb = NULL;
    b->data = b->room;
    buffer_hand_over(b, (uint32_t)out.len, taken, (uint32_t)(begun - asked), (uint32_t)(now_ms() - begun));
}

void source_take(void)
{
    ch_ms asked = now_ms();
    buffer *b = buffer_free();
    camera_fb_t *fb = running && b != NULL ? fresh_picture() : NULL;
    if (fb == NULL || fb->len == 0) {
        if (fb != NULL) {
            esp_camera_fb_return(fb);
        }
        failures++;
        source_error();
    } else if (!encodes) {
        convert_and_hand_over(b, fb, asked);
    } else {
        failures = 0;
        b->fb = fb;
        b->data = fb->buf;
        buffer_hand_over(b, (uint32_t)fb->len, time_of(fb), (uint32_t)(now_ms() - asked), 0);
    }
}

void source_dump(void)
{
    sensor_t *s = running ? esp_camera_sensor_get() : NULL;
    if (s == NULL || facts == NULL || s->get_reg == NULL) {
        printf("registers=none\n");
        return;
    }
    bool wide = s->id.PID == OV3660_PID || s->id.PID == OV5640_PID;
    int first = wide ? REGISTERS_16_BIT : 0;
    printf("sensor=%s pid=0x%04x registers=%d\n", facts->name, s->id.PID, REGISTERS_SHOWN);
    for (int i = 0; i < REGISTERS_SHOWN; i++) {
        int value = s->get_reg(s, first + i, 0xff);
        if (i % 16 == 0) {
            printf("%04x:", (unsigned)(first + i));
        }
        if (value < 0) {
            printf(" --");
        } else {
            printf(" %02x", (unsigned)value);
        }
        printf("%s", i % 16 == 15 ? "\n" : "");
    }
}

/* What waits for buffers to come back. */
void source_tidy(void)
{
    if (off_waits && buffers_in_use() == 0) {
        source_off();
    }
}

bool source_prepare(void)
{
    return true;
}

void source_release(buffer *b)
{
    if (b->fb != NULL) {
        esp_camera_fb_return(b->fb);
        b->fb = NULL;
    }
}
