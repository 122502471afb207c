#pragma once
#include "esp_event.h"
#include <stdbool.h>
typedef struct esp_netif_obj esp_netif_t;
struct esp_ip4_addr {
    uint32_t addr; /* in network order */
};
typedef struct esp_ip4_addr esp_ip4_addr_t;
struct esp_ip6_addr {
    uint32_t addr[4];
    uint8_t zone;
};
typedef struct esp_ip6_addr esp_ip6_addr_t;
typedef struct _ip_addr {
    union {
        esp_ip6_addr_t ip6;
        esp_ip4_addr_t ip4;
    } u_addr;
    uint8_t type;
} esp_ip_addr_t;
#define ESP_IPADDR_TYPE_V4 0U
#define ESP_IPADDR_TYPE_V6 6U
#define ESP_IPADDR_TYPE_ANY 46U
typedef struct {
    esp_ip4_addr_t ip;
    esp_ip4_addr_t netmask;
    esp_ip4_addr_t gw;
} esp_netif_ip_info_t;
typedef struct {
    esp_netif_t *esp_netif;
    esp_netif_ip_info_t ip_info;
    bool ip_changed;
} ip_event_got_ip_t;
typedef enum {
    IP_EVENT_STA_GOT_IP,
    IP_EVENT_STA_LOST_IP,
    IP_EVENT_AP_STAIPASSIGNED,
    IP_EVENT_GOT_IP6,
    IP_EVENT_ETH_GOT_IP,
    IP_EVENT_ETH_LOST_IP,
    IP_EVENT_PPP_GOT_IP,
    IP_EVENT_PPP_LOST_IP,
    IP_EVENT_TX_RX
} ip_event_t;
ESP_EVENT_DECLARE_BASE(IP_EVENT);
esp_err_t esp_netif_init(void) STUB_CHECKED;
char *esp_ip4addr_ntoa(const esp_ip4_addr_t *addr, char *buf, int buflen);
