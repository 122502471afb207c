/*
 * The camera's task: takes orders, hands pictures to the core, keeps count of buffers. Where pictures come from is a
 * part of its own, see picture_source.h.
 */
#include "app.h"
#include "picture_source.h"

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

/*
 * Between two orders. Where pictures are slower to make than they are wanted, the next order is there when one is done,
 * and without a pause the idle task of this core would never run: after 5 s ESP-IDF's watchdog restarts the chip.
 */
#define PAUSE_TICKS 1

buffer buffers[BUFFERS];
static TaskHandle_t task;
static atomic_bool busy;

/* Orders, guarded by the core's lock. */
static struct {
    bool set_up, dump, take, power;
    ch_camera camera;
} orders;

unsigned buffers_in_use(void)
{
    unsigned count = 0;
    for (int i = 0; i < BUFFERS; i++) {
        count += atomic_load(&buffers[i].used) ? 1 : 0;
    }
    return count;
}

/* A buffer that nobody has; NULL: none. Only the camera's task takes buffers. */
buffer *buffer_free(void)
{
    for (int i = 0; i < BUFFERS; i++) {
        if (!atomic_load(&buffers[i].used)) {
            return &buffers[i];
        }
    }
    return NULL;
}

const uint8_t *camera_data(const void *handle)
{
    return ((const buffer *)handle)->data;
}

void camera_return(void *handle)
{
    buffer *b = handle;
    source_release(b);
    atomic_store(&b->used, false);
    xTaskNotifyGive(task); /* it may wait for the last one, to switch the camera off */
}

/* Gives a picture to the core, or takes it back if the core has no room. */
void buffer_hand_over(buffer *b, uint32_t len, ch_ms taken, uint32_t capture_ms, uint32_t convert_ms)
{
    ch_frame frame = {.data = b->data, .len = len, .taken = taken, .handle = b};
    frame.capture_ms = (uint16_t)(capture_ms < UINT16_MAX ? capture_ms : UINT16_MAX);
    frame.convert_ms = (uint16_t)(convert_ms < UINT16_MAX ? convert_ms : UINT16_MAX);
    atomic_store(&b->used, true);
    app_lock();
    bool accepted = ch_device_frame(app_device(), now_ms(), &frame);
    app_unlock();
    if (!accepted) {
        camera_return(b);
    }
    app_wake();
}

void source_failed(const char *why)
{
    app_event(&(ch_event){.kind = CH_EV_CAMERA_FAILED, .text = why});
}

void source_error(void)
{
    app_event(&(ch_event){.kind = CH_EV_CAMERA_ERROR});
}

/* --- orders --- */

void camera_set_up(const ch_action *action)
{
    orders.set_up = true;
    orders.take = false;
    orders.power = action->power;
    orders.camera = action->camera;
    atomic_store(&busy, true);
    xTaskNotifyGive(task);
}

void camera_dump(void)
{
    orders.dump = true;
    atomic_store(&busy, true);
    xTaskNotifyGive(task);
}

void camera_take(void)
{
    app_lock();
    orders.take = true;
    atomic_store(&busy, true);
    app_unlock();
    xTaskNotifyGive(task);
}

bool camera_is_busy(void)
{
    return atomic_load(&busy);
}

/* Carries out one order. False: there is none. */
static bool work(void)
{
    app_lock();
    bool sets_up = orders.set_up, dumps = !sets_up && orders.dump, takes = !sets_up && !dumps && orders.take;
    bool power = orders.power;
    ch_camera camera = orders.camera;
    orders.set_up = false;
    orders.dump = orders.dump && !dumps;
    orders.take = orders.take && !takes;
    atomic_store(&busy, sets_up || dumps || takes);
    app_unlock();
    if (sets_up && power) {
        source_set_up(&camera);
    } else if (sets_up) {
        source_off();
    } else if (dumps) {
        source_dump();
    } else if (takes) {
        source_take();
    } else {
        app_wake();
        return false;
    }
    return true;
}

static void run(void *unused)
{
    (void)unused;
    for (;;) {
        while (work()) {
            vTaskDelay(PAUSE_TICKS);
        }
        source_tidy();
        (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    }
}

bool camera_init(void)
{
    return source_prepare() && xTaskCreate(run, "camera", STACK_CAMERA, NULL, PRIORITY_CAMERA, &task) == pdPASS;
}
