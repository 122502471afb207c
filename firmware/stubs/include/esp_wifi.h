#pragma once
#include "esp_wifi_types.h"
typedef struct {
    int static_rx_buf_num;
    int dynamic_rx_buf_num;
    int nvs_enable;
    int magic;
} wifi_init_config_t; /* the first few of many members */
#define WIFI_INIT_CONFIG_DEFAULT() \
    {.static_rx_buf_num = 10, .dynamic_rx_buf_num = 32, .nvs_enable = 1, .magic = 0x1F2F3F4F}
esp_netif_t *esp_netif_create_default_wifi_sta(void);
esp_err_t esp_wifi_init(const wifi_init_config_t *config) STUB_CHECKED;
esp_err_t esp_wifi_set_mode(wifi_mode_t mode) STUB_CHECKED;
esp_err_t esp_wifi_set_storage(wifi_storage_t storage) STUB_CHECKED;
esp_err_t esp_wifi_set_ps(wifi_ps_type_t type) STUB_CHECKED;
esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *conf) STUB_CHECKED;
esp_err_t esp_wifi_start(void) STUB_CHECKED;
esp_err_t esp_wifi_connect(void) STUB_CHECKED;
esp_err_t esp_wifi_disconnect(void) STUB_CHECKED;
esp_err_t esp_wifi_scan_start(const wifi_scan_config_t *config, bool block) STUB_CHECKED;
esp_err_t esp_wifi_scan_get_ap_record(wifi_ap_record_t *ap_record) STUB_CHECKED;
esp_err_t esp_wifi_clear_ap_list(void) STUB_CHECKED;
esp_err_t esp_wifi_sta_get_rssi(int *rssi) STUB_CHECKED;
