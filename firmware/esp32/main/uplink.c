/*
 * The WebSocket to the server. One task opens, feeds and ends it, because each of these can wait for the network for
 * seconds, and nothing else may. A frame goes from the camera's buffer straight into the client's send call.
 *
 * The client's own reconnecting is off: the core decides when to try again, and with what, after a clean close too.
 */
#include "app.h"

#include "esp_crt_bundle.h"
#include "esp_log.h"
#include "esp_websocket_client.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char *TAG = "uplink";

/* Larger messages go out as fragments of this size. */
#define BUFFER_SIZE (16 * 1024)
/*
 * Connecting, and a write that makes no progress. Below the core's limit for connecting, so that this reason is the exact
 * one. Not below CH_SEND_STALL_MS: after a write that was cut short the client goes on with a new frame, which no server
 * can make sense of, and by then the core ends the connection anyway.
 */
#define NETWORK_TIMEOUT_MS 5000
/* Sending waits so long for room; the core gives up after CH_SEND_STALL_MS. */
#define SEND_TIMEOUT_MS 3000
/* Pings are sent when the core says; the client must have an interval, so it is a day. */
#define PING_INTERVAL_S 86400
#define FRAMES_KEPT_MAX CH_FRAMES_MAX
/* The client's task is there within a tick; this is for a chip that is very busy. */
#define BEGIN_WAIT_MS 1000
/* Between two looks whether the other side has come so far; at least a tick, so that other tasks run. */
#define LOOK_MS 1

/* Guarded by `guard`, which nobody holds while waiting. */
static struct {
    bool open, ping, discover, message, is_text;
    uint32_t attempt, discover_attempt;
    char url[CH_URL_SIZE];
    char token[CH_TOKEN_MAX + 1];
    char text[CH_MESSAGE_MAX + 1];
    const uint8_t *frame;
    size_t len;
    const uint8_t *sending; /* the frame that the client has at the moment */
    void *kept[FRAMES_KEPT_MAX]; /* buffers that were given back meanwhile */
    unsigned kept_count;
} order;

static SemaphoreHandle_t guard;
static TaskHandle_t task;
static atomic_uint told_down;
static atomic_bool begun;   /* the task of `client` runs */
static atomic_bool started; /* esp_websocket_client_start has returned */

/* The task's own. */
static esp_websocket_client_handle_t client;
static uint32_t opened; /* attempt of `client`, or the last one that could not be opened */
static char url[CH_URL_SIZE], token[CH_TOKEN_MAX + 1], text[CH_MESSAGE_MAX + 1];

static void enter(void)
{
    (void)xSemaphoreTake(guard, portMAX_DELAY);
}

static void leave(void)
{
    (void)xSemaphoreGive(guard);
}

static void leave_and_wake(void)
{
    leave();
    xTaskNotifyGive(task);
}

void uplink_open(const ch_action *action)
{
    enter();
    order.open = true;
    order.attempt = action->attempt;
    order.message = false;
    order.ping = false;
    (void)ch_copy(order.url, sizeof order.url, action->url);
    (void)ch_copy(order.token, sizeof order.token, action->token);
    leave_and_wake();
}

void uplink_close(void)
{
    enter();
    order.open = false;
    order.message = false;
    order.ping = false;
    leave_and_wake();
}

void uplink_ping(void)
{
    enter();
    order.ping = true;
    leave_and_wake();
}

void uplink_discover(uint32_t attempt)
{
    enter();
    order.discover = true;
    order.discover_attempt = attempt;
    leave_and_wake();
}

void uplink_send(const ch_action *action, bool is_text)
{
    enter();
    order.is_text = is_text;
    order.len = action->len;
    order.message = !is_text || action->len <= CH_MESSAGE_MAX;
    order.frame = is_text ? NULL : action->data;
    if (is_text && order.message) {
        memcpy(order.text, action->data, action->len);
    }
    leave_and_wake();
}

bool uplink_keeps(const uint8_t *data, void *handle)
{
    enter();
    bool keep = order.sending != NULL && order.sending == data && order.kept_count < FRAMES_KEPT_MAX;
    if (keep) {
        order.kept[order.kept_count++] = handle;
    }
    /* One that still waits will not be sent: the core wants its buffer back. */
    if (order.message && !order.is_text && order.frame == data) {
        order.message = false;
    }
    leave();
    return keep;
}

/* Why a connection failed or ended, in a word or two for `stream status`. */
static const char *reason_of(const esp_websocket_error_codes_t *error, char *room, size_t size)
{
    int status = error->esp_ws_handshake_status_code;
    if (status > 0 && status != 101) {
        (void)snprintf(room, size, "HTTP status %d", status);
        return room;
    }
    switch (error->error_type) {
    case WEBSOCKET_ERROR_TYPE_NONE:
        return "ended";
    case WEBSOCKET_ERROR_TYPE_PONG_TIMEOUT:
        return "no-pong";
    case WEBSOCKET_ERROR_TYPE_HANDSHAKE:
        return "handshake";
    case WEBSOCKET_ERROR_TYPE_SERVER_CLOSE:
        return "closed by the server";
    default:
        break;
    }
    if (error->esp_tls_cert_verify_flags != 0) {
        return "bad-certificate";
    }
    switch (error->esp_transport_sock_errno) {
    case ECONNREFUSED:
        return "refused";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "unreachable";
    case ECONNRESET:
        return "reset";
    case ETIMEDOUT:
    case EINPROGRESS:
        return "timeout";
    default:
        return "no-connection";
    }
}

/* Whether the server's host gave a sign of life by how it ended. */
static bool is_alive(const esp_websocket_error_codes_t *error)
{
    if (error->esp_ws_handshake_status_code > 0 || error->error_type == WEBSOCKET_ERROR_TYPE_SERVER_CLOSE) {
        return true;
    }
    /* The client leaves this field as it was for errors of another kind. */
    int number = error->error_type == WEBSOCKET_ERROR_TYPE_TCP_TRANSPORT ? error->esp_transport_sock_errno : 0;
    return number == ECONNREFUSED || number == ECONNRESET;
}

static void tell(ch_event_kind kind, uint32_t attempt)
{
    app_event(&(ch_event){.kind = kind, .attempt = attempt});
}

/* Only the first reason of an attempt counts: what follows it are its consequences. */
static void tell_down(uint32_t attempt, const char *reason, bool alive)
{
    if (atomic_exchange(&told_down, attempt) == attempt) {
        return;
    }
    app_event(&(ch_event){.kind = CH_EV_WS_DOWN, .attempt = attempt, .text = reason, .alive = alive});
}

/* The server says in the body of its close frame why (RFC 6455, 5.5.1): two bytes of code, then text. */
static void on_close(const esp_websocket_event_data_t *data, uint32_t attempt)
{
    char why[CH_REASON_MAX + 1];
    const uint8_t *body = (const uint8_t *)data->data_ptr;
    if (data->data_len < 2 || data->payload_offset != 0) {
        tell_down(attempt, "closed by the server", true);
        return;
    }
    (void)snprintf(why, sizeof why, "closed %u %.*s", body[0] * 256u + body[1], data->data_len - 2,
                   data->data_ptr + 2);
    tell_down(attempt, why, true);
}

static void on_data(const esp_websocket_event_data_t *data, uint32_t attempt)
{
    /* In pieces only when longer than any message that the device knows. */
    bool whole = data->fin && data->payload_offset == 0 && data->data_len == data->payload_len;
    if (data->op_code == WS_TRANSPORT_OPCODES_TEXT && whole && data->data_len <= CH_MESSAGE_MAX) {
        ch_event event = {.kind = CH_EV_WS_TEXT, .attempt = attempt};
        event.text = data->data_ptr;
        event.len = (size_t)data->data_len;
        app_event(&event);
    } else if (data->op_code == WS_TRANSPORT_OPCODES_CLOSE) {
        on_close(data, attempt);
    } else {
        tell(CH_EV_WS_HEARD, attempt);
    }
}

/*
 * The client's task waits until the call that has made it is over. In its end that call notes (up to version 1.7) that
 * the client does not stand still: about a task that has failed and ended by then it would be wrong, and whoever ends
 * the client would wait for that task for ever.
 */
static void on_begin(void)
{
    atomic_store(&begun, true);
    while (!atomic_load(&started)) {
        vTaskDelay(pdMS_TO_TICKS(LOOK_MS));
    }
}

/* Called by the client's task, and by ours when sending fails. */
static void on_event(void *arg, esp_event_base_t base, int32_t id, void *event_data)
{
    (void)base;
    const esp_websocket_event_data_t *data = event_data;
    uint32_t attempt = (uint32_t)(uintptr_t)arg;
    char room[24];
    switch (id) {
    case WEBSOCKET_EVENT_BEGIN:
        on_begin();
        break;
    case WEBSOCKET_EVENT_CONNECTED:
        tell(CH_EV_WS_UP, attempt);
        break;
    case WEBSOCKET_EVENT_DATA:
        on_data(data, attempt);
        break;
    case WEBSOCKET_EVENT_DISCONNECTED:
        tell_down(attempt, reason_of(&data->error_handle, room, sizeof room), is_alive(&data->error_handle));
        break;
    case WEBSOCKET_EVENT_CLOSED:
        tell_down(attempt, "closed by the server", true);
        break;
    case WEBSOCKET_EVENT_FINISH:
        tell_down(attempt, "ended", false);
        break;
    default:
        break;
    }
}

static void end_client(void)
{
    if (client != NULL) {
        /* Waits for the client's task: NETWORK_TIMEOUT_MS, or as long as it takes to resolve a name. */
        app_check(esp_websocket_client_destroy(client), "ending a connection", "Its memory is lost until a restart.");
        client = NULL;
    }
}

static bool start_client(uint32_t attempt)
{
    const esp_websocket_client_config_t config = {
        .uri = url,
        .disable_auto_reconnect = true,
        .task_stack = STACK_WEBSOCKET,
        .task_name = "websocket",
        .buffer_size = BUFFER_SIZE,
        .network_timeout_ms = NETWORK_TIMEOUT_MS,
        .ping_interval_sec = PING_INTERVAL_S,
        .disable_pingpong_discon = true,
        .crt_bundle_attach = esp_crt_bundle_attach,
        .user_agent = "camherd-device",
    };
    char bearer[sizeof "Bearer " + CH_TOKEN_MAX];
    client = esp_websocket_client_init(&config);
    if (client == NULL) {
        ESP_LOGE(TAG, "no client for %s: too little memory, or the address is wrong (see `stream status`)", url);
        return false;
    }
    (void)snprintf(bearer, sizeof bearer, "Bearer %s", token);
    const char *advice = "It is tried again.";
    return (token[0] == '\0' || app_check(esp_websocket_client_append_header(client, "Authorization", bearer),
                                          "setting the token", advice)) &&
           app_check(esp_websocket_register_events(client, WEBSOCKET_EVENT_ANY, on_event, (void *)(uintptr_t)attempt),
                     "listening to the client", advice) &&
           app_check(esp_websocket_client_start(client), "starting the client", advice);
}

/*
 * The client's task declares itself running as the first thing it does. Ending the client before that would be
 * overruled, and then wait for as long as the connection lasts.
 */
static void wait_for_begin(void)
{
    for (int waited = 0; waited < BEGIN_WAIT_MS && !atomic_load(&begun); waited += LOOK_MS) {
        vTaskDelay(pdMS_TO_TICKS(LOOK_MS));
    }
}

static void open_client(uint32_t attempt)
{
    end_client();
    opened = attempt;
    atomic_store(&begun, false);
    atomic_store(&started, false);
    bool good = start_client(attempt);
    atomic_store(&started, true);
    if (good) {
        wait_for_begin();
    } else {
        end_client();
        tell_down(attempt, "no-memory", false);
    }
}

static void send_message(uint32_t attempt, bool is_text, const char *data, size_t len)
{
    TickType_t ticks = pdMS_TO_TICKS(SEND_TIMEOUT_MS);
    int sent = is_text ? esp_websocket_client_send_text(client, data, (int)len, ticks)
                       : esp_websocket_client_send_bin(client, data, (int)len, ticks);
    if (sent == (int)len) {
        tell(CH_EV_WS_SENT, attempt);
    } else {
        tell_down(attempt, "send-failed", false);
    }
}

/* Frames that came back while one was being sent. */
static void return_kept(void)
{
    void *kept[FRAMES_KEPT_MAX];
    enter();
    unsigned count = order.kept_count;
    memcpy(kept, order.kept, sizeof kept);
    order.kept_count = 0;
    order.sending = NULL;
    leave();
    for (unsigned i = 0; i < count; i++) {
        camera_return(kept[i]);
    }
}

/* Takes the next order, the most urgent first, and carries it out. False: there is none. */
static bool step(void)
{
    enter();
    uint32_t attempt = order.attempt;
    bool ends = client != NULL && (!order.open || attempt != opened);
    bool opens = !ends && order.open && attempt != opened;
    bool works = !ends && !opens && client != NULL;
    bool message = works && order.message;
    bool ping = works && !message && order.ping;
    bool discover = !ends && !opens && !message && !ping && order.discover;
    bool is_text = order.is_text;
    size_t len = order.len;
    uint32_t discover_attempt = order.discover_attempt;
    const char *data = (const char *)order.frame;
    if (opens) {
        memcpy(url, order.url, sizeof url);
        memcpy(token, order.token, sizeof token);
    }
    if (message) {
        order.message = false;
        order.sending = is_text ? NULL : order.frame;
        if (is_text) {
            memcpy(text, order.text, len);
            data = text;
        }
    }
    order.ping = order.ping && !ping;
    order.discover = order.discover && !discover;
    leave();

    if (ends) {
        end_client();
    } else if (opens) {
        open_client(attempt);
    } else if (message) {
        send_message(attempt, is_text, data, len);
        return_kept();
    } else if (ping) {
        TickType_t ticks = pdMS_TO_TICKS(SEND_TIMEOUT_MS);
        /* One that fails shows as silence. */
        (void)esp_websocket_client_send_with_opcode(client, WS_TRANSPORT_OPCODES_PING, NULL, 0, ticks);
    } else if (discover) {
        discover_run(discover_attempt);
    }
    return ends || opens || message || ping || discover;
}

static void run(void *unused)
{
    (void)unused;
    (void)discover_init();
    for (;;) {
        while (step()) {
        }
        (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    }
}

bool uplink_init(void)
{
    guard = xSemaphoreCreateMutex();
    return guard != NULL && xTaskCreate(run, "uplink", STACK_UPLINK, NULL, PRIORITY_UPLINK, &task) == pdPASS;
}
