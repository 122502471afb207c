/* esp_websocket_client: connections that fail, stall and end at any moment. */
#include "fakes.h"

#include "esp_timer.h"
#include "esp_websocket_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long ending a client may take, ms of the device's time. */
#define END_MS 60000

struct esp_websocket_client {
    pthread_mutex_t mutex; /* guards what follows; not held while an event is handled */
    bool started, run, up;
    bool stopped; /* what the real one's STOPPED_BIT says */
    unsigned pongs;
    esp_event_handler_t handler;
    void *arg;
    pthread_t thread;
};

atomic_uint frames_sent, texts_sent, connections;
static atomic_int alive;

static void tell(esp_websocket_client_handle_t c, int32_t id, const esp_websocket_event_data_t *data)
{
    esp_websocket_event_data_t copy = *data;
    copy.client = c;
    c->handler(c->arg, "WEBSOCKET_EVENTS", id, &copy);
}

static void tell_plain(esp_websocket_client_handle_t c, int32_t id)
{
    esp_websocket_event_data_t data = {.error_handle.error_type = WEBSOCKET_ERROR_TYPE_TCP_TRANSPORT};
    tell(c, id, &data);
}

static void tell_data(esp_websocket_client_handle_t c, uint8_t opcode, const char *bytes, int len)
{
    esp_websocket_event_data_t data = {.op_code = opcode, .data_ptr = bytes, .data_len = len, .payload_len = len};
    data.fin = true;
    tell(c, WEBSOCKET_EVENT_DATA, &data);
}

static void say_something(esp_websocket_client_handle_t c)
{
    static const char *const texts[] = {
        "{\"type\":\"hello\",\"v\":1}",
        "{\"type\":\"demand\",\"viewers\":1,\"id\":1}",
        "{\"type\":\"demand\",\"viewers\":1,\"fps\":60}",
        "{\"type\":\"demand\",\"viewers\":0}",
        "{\"type\":\"demand\",\"viewers\":2,\"size\":\"320x240\"}",
        "{\"type\":\"set\",\"size\":\"320x240\",\"id\":2}",
        "{\"type\":\"set\",\"size\":\"640x480\",\"fps\":60,\"id\":3,\"save\":true}",
        "{\"type\":\"set\",\"hflip\":true,\"quality\":90}",
        "{\"type\":\"update\",\"url\":\"http://x/y\",\"size\":100000,\"id\":4,\"signature\":\"MAA=\",\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
        "no json",
    };
    const char *text = texts[chance(sizeof texts / sizeof texts[0])];
    tell_data(c, WS_TRANSPORT_OPCODES_TEXT, text, (int)strlen(text));
}

static bool is_on(esp_websocket_client_handle_t c, bool *up)
{
    pthread_mutex_lock(&c->mutex);
    bool run = c->run;
    *up = c->up;
    unsigned pongs = c->pongs;
    c->pongs = 0;
    pthread_mutex_unlock(&c->mutex);
    while (pongs-- > 0) {
        tell_data(c, WS_TRANSPORT_OPCODES_PONG, "", 0);
    }
    return run;
}

static void set_up(esp_websocket_client_handle_t c, bool up)
{
    pthread_mutex_lock(&c->mutex);
    c->up = up;
    pthread_mutex_unlock(&c->mutex);
}

static void set_stopped(esp_websocket_client_handle_t c, bool stopped)
{
    pthread_mutex_lock(&c->mutex);
    c->stopped = stopped;
    pthread_mutex_unlock(&c->mutex);
}

static bool is_stopped(esp_websocket_client_handle_t c)
{
    pthread_mutex_lock(&c->mutex);
    bool stopped = c->stopped;
    pthread_mutex_unlock(&c->mutex);
    return stopped;
}

static void live(esp_websocket_client_handle_t c)
{
    bool up;
    sleep_ms(5 + chance(40));
    if (atomic_load(&chaos) && chance(6) == 0) {
        tell_plain(c, WEBSOCKET_EVENT_DISCONNECTED);
        return;
    }
    set_up(c, true);
    atomic_fetch_add(&connections, 1);
    tell_plain(c, WEBSOCKET_EVENT_CONNECTED);
    while (is_on(c, &up) && up) {
        sleep_ms(5);
        if (chance(60) == 0) {
            say_something(c);
        }
        if (!atomic_load(&chaos)) {
            continue;
        }
        if (chance(600) == 0) {
            set_up(c, false);
            tell_data(c, WS_TRANSPORT_OPCODES_CLOSE, "\x03\xf0stream is in use by somebody; choose another name, please!!",
                      60);
            tell_plain(c, WEBSOCKET_EVENT_CLOSED);
        } else if (chance(600) == 0) {
            set_up(c, false);
            tell_plain(c, WEBSOCKET_EVENT_DISCONNECTED);
        }
    }
    set_up(c, false);
}

static void *run(void *client)
{
    esp_websocket_client_handle_t c = client;
    /* As the real one does: an end that was asked for before is forgotten. */
    sleep_ms(chance(20));
    pthread_mutex_lock(&c->mutex);
    c->run = true;
    pthread_mutex_unlock(&c->mutex);
    set_stopped(c, false);
    tell_plain(c, WEBSOCKET_EVENT_BEGIN);
    live(c);
    tell_plain(c, WEBSOCKET_EVENT_FINISH);
    set_stopped(c, true);
    return NULL;
}

esp_websocket_client_handle_t esp_websocket_client_init(const esp_websocket_client_config_t *config)
{
    esp_websocket_client_handle_t c = calloc(1, sizeof *c);
    if (!config->disable_auto_reconnect || config->network_timeout_ms <= 0 || config->uri == NULL) {
        broken("the client's configuration");
    }
    if (atomic_fetch_add(&alive, 1) != 0) {
        broken("two clients at a time");
    }
    pthread_mutex_init(&c->mutex, NULL);
    return c;
}

esp_err_t esp_websocket_client_append_header(esp_websocket_client_handle_t c, const char *key, const char *value)
{
    return !c->started && strcmp(key, "Authorization") == 0 && strcmp(value, "Bearer secret") == 0 ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_websocket_register_events(esp_websocket_client_handle_t c, esp_websocket_event_id_t event,
                                        esp_event_handler_t handler, void *arg)
{
    (void)event;
    c->handler = handler;
    c->arg = arg;
    return ESP_OK;
}

esp_err_t esp_websocket_client_start(esp_websocket_client_handle_t c)
{
    c->started = pthread_create(&c->thread, NULL, run, c) == 0;
    /* As versions up to 1.7 do, and now and then after the task has had time to fail and end. */
    sleep_ms(chance(4) == 0 ? 200 : 0);
    set_stopped(c, false);
    return c->started ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_websocket_client_destroy(esp_websocket_client_handle_t c)
{
    pthread_mutex_lock(&c->mutex);
    c->run = false;
    pthread_mutex_unlock(&c->mutex);
    if (c->started) {
        if (pthread_equal(pthread_self(), c->thread)) {
            broken("a client was ended by its own task");
        }
        for (unsigned waited = 0; !is_stopped(c); waited += 10) {
            if (waited > END_MS) {
                broken("a client is being ended that has no task any more");
            }
            sleep_ms(10);
        }
        pthread_join(c->thread, NULL);
    }
    free(c);
    atomic_fetch_sub(&alive, 1);
    return ESP_OK;
}

static bool is_up(esp_websocket_client_handle_t c)
{
    pthread_mutex_lock(&c->mutex);
    bool up = c->up;
    pthread_mutex_unlock(&c->mutex);
    return up;
}

/* 1 in 10 sends stalls, and some of these fail; the connection may end meanwhile. */
static int send_it(esp_websocket_client_handle_t c, int len)
{
    if (!is_up(c)) {
        return -1;
    }
    bool stalls = atomic_load(&chaos) && chance(10) == 0;
    sleep_ms(stalls ? 100 + chance(1500) : 1 + chance(25));
    if (stalls && chance(8) == 0) {
        set_up(c, false);
        tell_plain(c, WEBSOCKET_EVENT_ERROR);
        tell_plain(c, WEBSOCKET_EVENT_DISCONNECTED);
        return -1;
    }
    return is_up(c) ? len : -1;
}

int esp_websocket_client_send_bin(esp_websocket_client_handle_t c, const char *data, int len, TickType_t timeout)
{
    (void)timeout;
    if (!is_picture((const uint8_t *)data, (size_t)len)) {
        broken("what is to be sent is no whole picture");
    }
    char value = data[0];
    int sent = send_it(c, len);
    if (!is_picture((const uint8_t *)data, (size_t)len) || data[0] != value) {
        broken("a picture changed while it was sent");
    }
    if (sent == len) {
        atomic_fetch_add(&frames_sent, 1);
    }
    return sent;
}

static bool says(const char *data, int len, const char *what)
{
    return memmem(data, (size_t)len, what, strlen(what)) != NULL;
}

int esp_websocket_client_send_text(esp_websocket_client_handle_t c, const char *data, int len, TickType_t timeout)
{
    (void)timeout;
    if (len < 2 || data[0] != '{' || data[len - 1] != '}') {
        broken("a text message is no JSON object");
    }
    /* The second one is the answer to an update that follows, if the first one was lost with a connection. */
    if (says(data, len, "no progress for a minute") || says(data, len, "an earlier update is ending")) {
        atomic_store(&update_given_up, true);
    }
    int sent = send_it(c, len);
    if (sent == len) {
        atomic_fetch_add(&texts_sent, 1);
    }
    return sent;
}

int esp_websocket_client_send_with_opcode(esp_websocket_client_handle_t c, ws_transport_opcodes_t opcode,
                                          const uint8_t *data, int len, TickType_t timeout)
{
    (void)data;
    (void)timeout;
    if (opcode != WS_TRANSPORT_OPCODES_PING || len != 0) {
        broken("only pings are sent like this");
    }
    pthread_mutex_lock(&c->mutex);
    c->pongs += c->up ? 1 : 0;
    pthread_mutex_unlock(&c->mutex);
    return 0;
}
