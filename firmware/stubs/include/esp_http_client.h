#pragma once
#include "esp_err.h"
#include <stdbool.h>
typedef struct esp_http_client *esp_http_client_handle_t;
typedef struct {
    const char *url;
    const char *host;
    int port;
    const char *username;
    const char *password;
    const char *path;
    const char *query;
    const char *cert_pem;
    int timeout_ms;
    bool disable_auto_redirect;
    int max_redirection_count;
    int buffer_size;
    int buffer_size_tx;
    void *user_data;
    bool is_async;
    esp_err_t (*crt_bundle_attach)(void *conf);
    bool keep_alive_enable;
    int keep_alive_idle;
    int keep_alive_interval;
    int keep_alive_count;
} esp_http_client_config_t; /* some of its members, in their order */
esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config);
esp_err_t esp_http_client_open(esp_http_client_handle_t client, int write_len) STUB_CHECKED;
int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client) STUB_CHECKED;
int esp_http_client_get_status_code(esp_http_client_handle_t client);
int esp_http_client_read(esp_http_client_handle_t client, char *buffer, int len) STUB_CHECKED;
esp_err_t esp_http_client_close(esp_http_client_handle_t client);
esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client);
