#pragma once
#include "esp_err.h"
#include <stdbool.h>
typedef struct esp_http_client *esp_http_client_handle_t;
typedef struct {
    const char *url;
    int timeout_ms;
    int buffer_size;
    bool keep_alive_enable;
    esp_err_t (*crt_bundle_attach)(void *conf);
} esp_http_client_config_t;
esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config);
esp_err_t esp_http_client_open(esp_http_client_handle_t client, int write_len) STUB_CHECKED;
int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client) STUB_CHECKED;
int esp_http_client_get_status_code(esp_http_client_handle_t client);
int esp_http_client_read(esp_http_client_handle_t client, char *buffer, int len) STUB_CHECKED;
esp_err_t esp_http_client_close(esp_http_client_handle_t client);
esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client);
