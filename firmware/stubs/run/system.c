/* The chip itself: log, identity, memory, restart. */
#include "fakes.h"

#include "esp_app_desc.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_psram.h"
#include "esp_random.h"
#include "esp_system.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

atomic_bool chaos;

void stub_log(const char *tag, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char line[512];
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fprintf(stderr, "E %s: %s\n", tag, line);
}

const char *esp_err_to_name(esp_err_t code)
{
    return code == ESP_OK ? "ESP_OK" : "ESP_ERR";
}

const esp_app_desc_t *esp_app_get_description(void)
{
    static const esp_app_desc_t description = {.version = "0.0.0-test"};
    return &description;
}

esp_err_t esp_read_mac(uint8_t *mac, esp_mac_type_t type)
{
    (void)type;
    memcpy(mac, "\x02\x00\x00\xa1\xb2\xc3", 6);
    return ESP_OK;
}

bool esp_psram_is_initialized(void)
{
    return true;
}

size_t esp_psram_get_size(void)
{
    return 8u * 1024 * 1024;
}

uint32_t esp_random(void)
{
    return chance(1u << 24) | 1;
}

esp_reset_reason_t esp_reset_reason(void)
{
    return ESP_RST_POWERON;
}

void esp_restart(void)
{
    broken("the device restarted");
}

void *heap_caps_malloc(size_t size, uint32_t caps)
{
    (void)caps;
    return malloc(size);
}

size_t heap_caps_get_free_size(uint32_t caps)
{
    return caps & MALLOC_CAP_SPIRAM ? 4u * 1024 * 1024 : 100000;
}

size_t heap_caps_get_minimum_free_size(uint32_t caps)
{
    return heap_caps_get_free_size(caps);
}
