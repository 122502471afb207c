/*
 * The ESP32 shell around the core: what its parts know of each other. Each part has a file of its own.
 *
 * The core has one lock, `app_lock`. Who holds it does nothing that can take long: orders to other tasks, a printed
 * line, what a socket takes at once.
 * Tasks: `device` carries out the core's actions; `camera` takes pictures; `uplink` opens, feeds and ends the
 * WebSocket; `tcpcam` waits for sockets; an update has one for as long as it takes; the console and the WebSocket
 * client bring their own.
 */
#ifndef CAMHERD_APP_H
#define CAMHERD_APP_H

#include "camherd/device.h"
#include "esp_err.h"
#include "sdkconfig.h"

/* Priorities: sending before taking, taking before talking. Wi-Fi's and lwIP's are above all. */
#define PRIORITY_UPLINK 7
#define PRIORITY_TCPCAM 7
#define PRIORITY_DEVICE 6
#define PRIORITY_CAMERA 5
#define PRIORITY_UPDATE 3

/* Stacks, bytes. The core's calls take up to 3 KB, a logged error 1 KB, storing a setting 2 KB. */
#define STACK_DEVICE 6144
#define STACK_CAMERA 6144
#define STACK_UPLINK 8192 /* a send that fails tells the core from within the client */
#define STACK_WEBSOCKET 8192 /* TLS handshakes happen on it */
#define STACK_TCPCAM 5120
#define STACK_UPDATE 8192
#define STACK_CONSOLE 8192

/* --- main.c --- */

/* Milliseconds since the start. */
ch_ms now_ms(void);
/* The device, for who holds the lock. */
ch_device *app_device(void);
void app_lock(void);
void app_unlock(void);
/* The device's task looks for something to do. */
void app_wake(void);
/* Locks, hands an event over, unlocks, wakes. */
void app_event(const ch_event *event);
/*
 * The same for tasks of ESP-IDF that must not be held up: after a while it gives up. The core has a way out of every
 * state without the event.
 */
void app_event_soon(const ch_event *event);
/* Logs a call that failed, with what to do about it. True if it did not. */
bool app_check(esp_err_t err, const char *what, const char *advice);

/* --- board.c --- */

/* Facts about this board; its texts last. */
ch_board board_facts(void);
/* Random, different at every start. */
uint32_t board_seed(void);

/* --- store.c --- */

/* Opens NVS. False: settings will not last. */
bool store_init(void);
ch_store store_interface(void);

/* --- wifi.c --- */

bool wifi_init(void);
/* What must be copied while the lock is held; wifi_carry_out is for after that. */
void wifi_note(const ch_action *action);
void wifi_carry_out(ch_action_kind kind, uint32_t attempt);
/* Whether few or no frames go out: the radio may sleep between beacons. */
void wifi_rest(bool rest);

/* --- uplink.c --- */

bool uplink_init(void);
/* Orders; none of them waits. Texts are copied, frames are not. */
void uplink_open(const ch_action *action);
void uplink_close(void);
void uplink_ping(void);
void uplink_send(const ch_action *action, bool text);
void uplink_discover(uint32_t attempt);
/*
 * Whether the frame at `data` is being sent right now. Then `handle` goes to camera_return as soon as that is over.
 */
bool uplink_keeps(const uint8_t *data, void *handle);

/* --- discover.c --- */

bool discover_init(void);
/* Asks for a server by mDNS; takes seconds. Answers with CH_EV_FOUND or CH_EV_NOT_FOUND. */
void discover_run(uint32_t attempt);

/* --- camera.c --- */

bool camera_init(void);
/* Orders; none of them waits. */
void camera_set_up(const ch_action *action);
void camera_dump(void);
/* Takes a picture: the camera's task ends it with ch_device_frame or CH_EV_CAMERA_ERROR. */
void camera_take(void);
/* Whether a picture is being taken or the camera is being set up. */
bool camera_is_busy(void);
/* Gives a buffer back. */
void camera_return(void *handle);
/* The picture data of a handle. */
const uint8_t *camera_data(const void *handle);

/* --- tcpcam.c --- */

bool tcpcam_init(void);
/* For who holds the lock. */
void tcpcam_listen(uint16_t port);
void tcpcam_stop(void);
void tcpcam_send(const ch_action *action);
void tcpcam_close(int client);

/* --- ota.c --- */

/* Whether a public key is built in and there are two slots. */
bool ota_is_possible(void);
/* Whether this image is on trial, and whether the latest update was taken back. */
bool ota_is_trial(void);
bool ota_was_taken_back(void);
/* Copies the order and begins in a task of its own. For who holds the lock. */
void ota_begin(const ch_update *update);
/* The update that runs drops its image, as soon as its task looks, and tells nothing more. For who holds the lock. */
void ota_stop(void);
void ota_confirm(void);
void ota_reboot(bool rollback);

/* --- console.c --- */

bool console_init(void);
/* For the core's printer. */
void console_print(void *context, const char *text, size_t len);

/* --- led.c --- */

typedef enum led_state { LED_NO_NETWORK, LED_WIFI, LED_SERVER, LED_UP } led_state;

void led_init(void);
/* What the status LED shows. */
void led_show(led_state state);
/* The lamp, 0 to 100 %. */
void led_lamp(uint8_t percent);
bool led_has_lamp(void);

/* --- vitals.c --- */

void vitals_init(void);
ch_vitals vitals_read(void);

#endif
