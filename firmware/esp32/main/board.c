/* Who this device is. */
#include "app.h"

#include "esp_app_desc.h"
#include "esp_mac.h"
#include "esp_psram.h"
#include "esp_random.h"
#include "esp_system.h"

#include <stdio.h>

/* Buffers of the camera, camera.c, less the one that is always being filled. */
#define FRAMES_HELD 3

static char id[sizeof "cam-a1b2c3"];

/* From the end of the address of the Wi-Fi station: unique, and stays through every reset. */
static const char *make_id(void)
{
    uint8_t mac[6] = {0};
    app_check(esp_read_mac(mac, ESP_MAC_WIFI_STA), "reading the MAC address", "The device calls itself cam-000000.");
    (void)snprintf(id, sizeof id, "cam-%02x%02x%02x", mac[3], mac[4], mac[5]);
    return id;
}

static const char *reset_reason(void)
{
    switch (esp_reset_reason()) {
    case ESP_RST_POWERON:
        return "power-on";
    case ESP_RST_EXT:
        return "external";
    case ESP_RST_SW:
        return "software";
    case ESP_RST_PANIC:
        return "panic";
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
        return "watchdog";
    case ESP_RST_DEEPSLEEP:
        return "deep-sleep";
    case ESP_RST_BROWNOUT:
        return "brownout";
    case ESP_RST_USB:
        return "usb";
    default:
        return "unknown";
    }
}

ch_board board_facts(void)
{
#if CONFIG_CAMHERD_BUILD_CAMERA
    bool needs_psram = true;
#else
    bool needs_psram = false;
#endif
    return (ch_board){
        .id = make_id(),
        .model = CONFIG_CAMHERD_MODEL,
        .firmware = esp_app_get_description()->version,
        .reset = reset_reason(),
        .psram_size = esp_psram_is_initialized() ? (uint32_t)esp_psram_get_size() : 0,
        .needs_psram = needs_psram,
        .has_led = led_has_lamp(),
        .has_update = ota_is_possible(),
        .trial = ota_is_trial(),
        .rolled_back = ota_was_taken_back(),
        .frames = FRAMES_HELD,
    };
}

uint32_t board_seed(void)
{
    return esp_random();
}
