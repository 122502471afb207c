#pragma once
#include "esp_err.h"
#include <stddef.h>
#define EFD_SUPPORT_ISR (1 << 4)
typedef struct {
    size_t max_fds;
} esp_vfs_eventfd_config_t;
/* The real one ends in a semicolon, too: it can be an initializer and nothing else. */
#define ESP_VFS_EVENTD_CONFIG_DEFAULT() (esp_vfs_eventfd_config_t) {.max_fds = 5};
esp_err_t esp_vfs_eventfd_register(const esp_vfs_eventfd_config_t *config) STUB_CHECKED;
int eventfd(unsigned int initval, int flags);
