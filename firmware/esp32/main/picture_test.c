/* A test build: the same payload again and again, no camera. */
#include "picture_source.h"

#include "esp_heap_caps.h"

#include <stdio.h>
#include <string.h>

#if CONFIG_CAMHERD_BUILD_JPEG
extern const uint8_t payload_start[] asm("_binary_picture_jpg_start");
extern const uint8_t payload_end[] asm("_binary_picture_jpg_end");
#define PAYLOAD_LEN ((size_t)((uintptr_t)payload_end - (uintptr_t)payload_start))
#define PAYLOAD_NAME "test-jpeg"
#else
static const uint8_t payload_start[] = "hello from camherd";
#define PAYLOAD_LEN (sizeof payload_start - 1)
#define PAYLOAD_NAME "test-hello"
#endif

void source_set_up(const ch_camera *camera)
{
    ch_sensor sensor = {.name = PAYLOAD_NAME, .sizes = CH_SIZE_BIT(CH_SIZE_320X240)};
    led_lamp(camera->led);
    app_event(&(ch_event){.kind = CH_EV_CAMERA_UP, .sensor = &sensor});
}

void source_off(void)
{
    led_lamp(0);
}

void source_take(void)
{
    buffer *b = buffer_free();
    if (b == NULL) {
        source_error();
        return;
    }
    buffer_hand_over(b, (uint32_t)PAYLOAD_LEN, now_ms(), 0, 0);
}

void source_dump(void)
{
    printf("registers=none\n");
}

void source_tidy(void)
{
}

/* Each buffer has a copy of its own: who sends tells buffers apart by where their data is. */
bool source_prepare(void)
{
    for (int i = 0; i < BUFFERS; i++) {
        buffers[i].room = heap_caps_malloc(PAYLOAD_LEN, MALLOC_CAP_8BIT);
        if (buffers[i].room == NULL) {
            return false;
        }
        memcpy(buffers[i].room, payload_start, PAYLOAD_LEN);
        buffers[i].data = buffers[i].room;
    }
    return true;
}

void source_release(buffer *b)
{
    (void)b; /* its data is its own */
}
