#pragma once
#include "nvs.h"
esp_err_t nvs_flash_init(void) STUB_CHECKED;
esp_err_t nvs_flash_erase(void) STUB_CHECKED;
