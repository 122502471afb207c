/* The start, and the task that carries out what the core says. */
#include "app.h"

#include "esp_log.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include <stdatomic.h>

static const char *TAG = "device";

#define VITALS_EVERY_MS 5000
/* While a picture is being taken a due time may have passed already; the end of taking it wakes the task anyway. */
#define BUSY_WAIT_MS 10
/* How long a task of ESP-IDF waits for the lock at most. Nothing holds it nearly so long. */
#define EVENT_WAIT_MS 1000
/* Pictures further apart than this leave the radio time to sleep. */
#define REST_AFTER_MS 900

static ch_device device; /* too large for a stack */
static ch_board board;
static ch_store store;
static SemaphoreHandle_t lock;
static _Atomic(TaskHandle_t) task; /* of `device`; NULL until it runs */
static ch_ms vitals_at, taken_at;

ch_ms now_ms(void)
{
    return (ch_ms)(esp_timer_get_time() / 1000);
}

ch_device *app_device(void)
{
    return &device;
}

void app_lock(void)
{
    /* A mutex without a time limit is always had in the end. */
    (void)xSemaphoreTake(lock, portMAX_DELAY);
}

void app_unlock(void)
{
    (void)xSemaphoreGive(lock);
}

void app_wake(void)
{
    TaskHandle_t device_task = atomic_load(&task);
    if (device_task != NULL) {
        xTaskNotifyGive(device_task);
    }
}

void app_event(const ch_event *event)
{
    app_lock();
    ch_device_event(&device, now_ms(), event);
    app_unlock();
    app_wake();
}

void app_event_soon(const ch_event *event)
{
    if (xSemaphoreTake(lock, pdMS_TO_TICKS(EVENT_WAIT_MS)) != pdTRUE) {
        ESP_LOGE(TAG, "an event was lost: the device's lock is held for more than a second");
        return;
    }
    ch_device_event(&device, now_ms(), event);
    app_unlock();
    app_wake();
}

bool app_check(esp_err_t err, const char *what, const char *advice)
{
    if (err == ESP_OK) {
        return true;
    }
    ESP_LOGE(TAG, "%s failed: %s (0x%x). %s", what, esp_err_to_name(err), (unsigned)err, advice);
    return false;
}

/* A buffer goes back to the camera, at once or when the uplink lets go of it. */
static void give_back(void *handle)
{
    if (!uplink_keeps(camera_data(handle), handle)) {
        camera_return(handle);
    }
}

/* What can be done with the lock held: orders to other tasks, and sockets that do not block. */
static void carry_out_locked(const ch_action *action)
{
    switch (action->kind) {
    case CH_DO_DISCOVER:
        uplink_discover(action->attempt);
        break;
    case CH_DO_WS_OPEN:
        uplink_open(action);
        break;
    case CH_DO_WS_CLOSE:
        uplink_close();
        break;
    case CH_DO_WS_PING:
        uplink_ping();
        break;
    case CH_DO_WS_TEXT:
    case CH_DO_WS_FRAME:
        uplink_send(action, action->kind == CH_DO_WS_TEXT);
        break;
    case CH_DO_CAMERA:
        camera_set_up(action);
        break;
    case CH_DO_CAMERA_DUMP:
        camera_dump();
        break;
    case CH_DO_RETURN:
        give_back(action->handle);
        break;
    case CH_DO_TCPCAM_LISTEN:
        tcpcam_listen((uint16_t)action->number);
        break;
    case CH_DO_TCPCAM_STOP:
        tcpcam_stop();
        break;
    case CH_DO_TCPCAM_SEND:
        tcpcam_send(action);
        break;
    case CH_DO_TCPCAM_CLOSE:
        tcpcam_close(action->client);
        break;
    case CH_DO_UPDATE:
        ota_begin(action->update);
        break;
    case CH_DO_UPDATE_STOP:
        ota_stop();
        break;
    default:
        wifi_note(action);
        break;
    }
}

/* What asks drivers of ESP-IDF and may wait for their tasks. */
static void carry_out_unlocked(const ch_action *action)
{
    switch (action->kind) {
    case CH_DO_WIFI_CONNECT:
    case CH_DO_WIFI_DISCONNECT:
    case CH_DO_WIFI_SCAN:
        wifi_carry_out(action->kind, action->attempt);
        break;
    case CH_DO_CONFIRM:
        ota_confirm();
        break;
    case CH_DO_REBOOT:
        ota_reboot(action->rollback);
        break;
    default:
        break;
    }
}

static void carry_out_all(void)
{
    for (;;) {
        ch_action action;
        app_lock();
        bool any = ch_device_next(&device, now_ms(), &action);
        if (any) {
            carry_out_locked(&action);
        }
        app_unlock();
        if (!any) {
            return;
        }
        carry_out_unlocked(&action);
    }
}

static void take_picture(void)
{
    if (camera_is_busy()) {
        return;
    }
    app_lock();
    bool wanted = ch_device_wants_frame(&device, now_ms());
    app_unlock();
    if (wanted) {
        carry_out_all(); /* buffers that it may have freed */
        wifi_rest(now_ms() - taken_at > REST_AFTER_MS);
        taken_at = now_ms();
        camera_take();
    } else if (now_ms() - taken_at > 2 * REST_AFTER_MS) {
        wifi_rest(true);
    }
}

static void tell_vitals(void)
{
    if (now_ms() < vitals_at) {
        return;
    }
    ch_vitals vitals = vitals_read();
    vitals_at = now_ms() + VITALS_EVERY_MS;
    app_event(&(ch_event){.kind = CH_EV_VITALS, .vitals = &vitals});
}

static led_state state_to_show(void)
{
    const char *wifi = ch_link_wifi_word(&device.link);
    if (ch_same(wifi, "off")) {
        return LED_NO_NETWORK;
    }
    if (!ch_same(wifi, "up")) {
        return LED_WIFI;
    }
    return ch_same(ch_link_ws_word(&device.link), "up") ? LED_UP : LED_SERVER;
}

/* Ticks until there is something to do, at least one. */
static TickType_t until_next(void)
{
    app_lock();
    led_show(state_to_show());
    ch_ms now = now_ms();
    ch_ms next = ch_device_deadline(&device, now);
    app_unlock();
    next = vitals_at < next ? vitals_at : next;
    ch_ms wait = next > now ? next - now : 1;
    if (wait < BUSY_WAIT_MS && camera_is_busy()) {
        wait = BUSY_WAIT_MS;
    }
    return pdMS_TO_TICKS(wait < VITALS_EVERY_MS ? (uint32_t)wait : VITALS_EVERY_MS);
}

static void run(void *unused)
{
    (void)unused;
    /* What was put in before this is seen in the first round. */
    atomic_store(&task, xTaskGetCurrentTaskHandle());
    for (;;) {
        carry_out_all();
        take_picture();
        tell_vitals();
        (void)ulTaskNotifyTake(pdTRUE, until_next());
    }
}

/* Nothing works without these; the watchdog of a new image takes it back. */
static void must(bool good, const char *what)
{
    if (!good) {
        ESP_LOGE(TAG, "%s could not be started: too little memory, or a wrong configuration; restarting in 10 s", what);
        vTaskDelay(pdMS_TO_TICKS(10000));
        ota_reboot(true);
    }
}

void app_main(void); /* ESP-IDF calls it */
void app_main(void)
{
    lock = xSemaphoreCreateMutex();
    must(lock != NULL, "the lock");
    if (!store_init()) {
        ESP_LOGE(TAG, "settings will not last: `sys factory-reset` empties their storage");
    }
    led_init();
    vitals_init();
    board = board_facts();
    store = store_interface();
    ch_device_init(&device, &board, &store, (ch_printer){NULL, console_print}, board_seed(), now_ms());
    must(wifi_init(), "Wi-Fi");
    must(uplink_init(), "the task of the WebSocket");
    must(camera_init(), "the task of the camera");
    if (!tcpcam_init()) {
        ESP_LOGE(TAG, "the TCPCam server is not there: too little memory");
    }
    must(xTaskCreate(run, "device", STACK_DEVICE, NULL, PRIORITY_DEVICE, NULL) == pdPASS, "the task of the device");
    if (!console_init()) {
        ESP_LOGE(TAG, "the console is not there; what is stored holds");
    }
}
