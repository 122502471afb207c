#pragma once
#include "esp_err.h"
#include <stddef.h>
typedef uint32_t nvs_handle_t;
typedef enum { NVS_READONLY, NVS_READWRITE } nvs_open_mode_t;
#define ESP_ERR_NVS_BASE 0x1100
#define ESP_ERR_NVS_NOT_FOUND (ESP_ERR_NVS_BASE + 0x02)
#define ESP_ERR_NVS_NO_FREE_PAGES (ESP_ERR_NVS_BASE + 0x0d)
#define ESP_ERR_NVS_NEW_VERSION_FOUND (ESP_ERR_NVS_BASE + 0x10)
esp_err_t nvs_open(const char *namespace_name, nvs_open_mode_t mode, nvs_handle_t *handle) STUB_CHECKED;
void nvs_close(nvs_handle_t handle);
esp_err_t nvs_commit(nvs_handle_t handle) STUB_CHECKED;
esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *value, size_t *length) STUB_CHECKED;
esp_err_t nvs_get_u16(nvs_handle_t handle, const char *key, uint16_t *value) STUB_CHECKED;
esp_err_t nvs_set_str(nvs_handle_t handle, const char *key, const char *value) STUB_CHECKED;
esp_err_t nvs_set_u16(nvs_handle_t handle, const char *key, uint16_t value) STUB_CHECKED;
esp_err_t nvs_erase_all(nvs_handle_t handle) STUB_CHECKED;
