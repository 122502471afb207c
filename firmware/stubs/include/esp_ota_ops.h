#pragma once
#include "esp_err.h"
#include <stdbool.h>
#include <stddef.h>
typedef struct {
    void *flash_chip;
    int type;
    int subtype;
    uint32_t address;
    uint32_t size;
    uint32_t erase_size;
    char label[17];
    bool encrypted;
    bool readonly;
} esp_partition_t;
typedef uint32_t esp_ota_handle_t;
typedef enum {
    ESP_OTA_IMG_NEW = 0,
    ESP_OTA_IMG_PENDING_VERIFY = 1,
    ESP_OTA_IMG_VALID = 2,
    ESP_OTA_IMG_INVALID = 3,
    ESP_OTA_IMG_ABORTED = 4,
    ESP_OTA_IMG_UNDEFINED = 0xffffffffu
} esp_ota_img_states_t;
#define OTA_SIZE_UNKNOWN 0xffffffff
#define OTA_WITH_SEQUENTIAL_WRITES 0xfffffffe
const esp_partition_t *esp_ota_get_running_partition(void);
const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *start_from);
const esp_partition_t *esp_ota_get_last_invalid_partition(void);
esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition, esp_ota_img_states_t *state) STUB_CHECKED;
esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t image_size, esp_ota_handle_t *handle) STUB_CHECKED;
esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t size) STUB_CHECKED;
esp_err_t esp_ota_end(esp_ota_handle_t handle) STUB_CHECKED;
esp_err_t esp_ota_abort(esp_ota_handle_t handle) STUB_CHECKED;
esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition) STUB_CHECKED;
esp_err_t esp_ota_mark_app_valid_cancel_rollback(void) STUB_CHECKED;
esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void) STUB_CHECKED;
