/* Wi-Fi, whose events come from one task, and mDNS. */
#include "fakes.h"

#include "esp_timer.h"
#include "esp_wifi.h"
#include "mdns.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

atomic_uint wifi_joins;

esp_event_base_t const WIFI_EVENT = "WIFI_EVENT", IP_EVENT = "IP_EVENT";

typedef struct posted {
    int64_t at;
    bool ip;
    int32_t id;
    uint8_t reason;
    unsigned epoch; /* of the connection it belongs to; 0: any */
} posted;

static posted queue[128];
static unsigned queued, epoch;
static bool joined;
static pthread_mutex_t event_mutex = PTHREAD_MUTEX_INITIALIZER;
static esp_event_handler_t wifi_handler, ip_handler;
static unsigned scan_left;

/* How late it is noticed that the address is gone with the network. */
#define LOST_IP_MS 2000

static void post(unsigned ms, bool ip, int32_t id, uint8_t reason, unsigned of)
{
    if (queued == sizeof queue / sizeof queue[0]) {
        broken("too many events");
    }
    queue[queued++] = (posted){esp_timer_get_time() + (int64_t)ms * 1000, ip, id, reason, of};
}

/* Takes the first event that is due. */
static bool take(posted *out)
{
    bool found = false;
    pthread_mutex_lock(&event_mutex);
    for (unsigned i = 0; i < queued && !found; i++) {
        if (queue[i].at <= esp_timer_get_time()) {
            *out = queue[i];
            found = true;
            memmove(&queue[i], &queue[i + 1], (queued - i - 1) * sizeof queue[0]);
            queued--;
        }
    }
    bool stale = found && out->epoch != 0 && out->epoch != epoch;
    if (found && !stale && out->ip && out->id == IP_EVENT_STA_GOT_IP) {
        joined = true;
        atomic_fetch_add(&wifi_joins, 1);
    }
    if (found && !stale && !out->ip && out->id == WIFI_EVENT_STA_DISCONNECTED) {
        joined = false;
        post(LOST_IP_MS, true, IP_EVENT_STA_LOST_IP, 0, 0);
    }
    pthread_mutex_unlock(&event_mutex);
    return found && !stale;
}

static void *deliver(void *unused)
{
    (void)unused;
    for (;;) {
        posted p;
        if (!take(&p)) {
            sleep_ms(2);
        } else if (p.ip) {
            ip_event_got_ip_t event = {.ip_info.ip.addr = htonl(0x0a000007)};
            ip_handler(NULL, IP_EVENT, p.id, &event);
        } else if (p.id == WIFI_EVENT_SCAN_DONE) {
            wifi_event_sta_scan_done_t event = {.status = 0};
            wifi_handler(NULL, WIFI_EVENT, p.id, &event);
        } else {
            wifi_event_sta_disconnected_t event = {.reason = p.reason};
            wifi_handler(NULL, WIFI_EVENT, p.id, &event);
        }
    }
    return NULL;
}

esp_err_t esp_netif_init(void)
{
    return ESP_OK;
}

esp_err_t esp_event_loop_create_default(void)
{
    return ESP_OK;
}

esp_netif_t *esp_netif_create_default_wifi_sta(void)
{
    return (esp_netif_t *)&queue;
}

esp_err_t esp_event_handler_instance_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler,
                                              void *arg, esp_event_handler_instance_t *instance)
{
    (void)id;
    (void)arg;
    (void)instance;
    *(base == WIFI_EVENT ? &wifi_handler : &ip_handler) = handler;
    return ESP_OK;
}

esp_err_t esp_wifi_init(const wifi_init_config_t *config)
{
    (void)config;
    return ESP_OK;
}

esp_err_t esp_wifi_set_mode(wifi_mode_t mode)
{
    (void)mode;
    return ESP_OK;
}

esp_err_t esp_wifi_set_storage(wifi_storage_t storage)
{
    (void)storage;
    return ESP_OK;
}

esp_err_t esp_wifi_set_ps(wifi_ps_type_t type)
{
    (void)type;
    return ESP_OK;
}

esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *conf)
{
    (void)interface;
    return memcmp(conf->sta.ssid, "Home", 5) == 0 ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_wifi_start(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, deliver, NULL) == 0 ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_wifi_connect(void)
{
    bool fails = atomic_load(&chaos) && chance(4) == 0;
    pthread_mutex_lock(&event_mutex);
    epoch++;
    if (fails) {
        post(10 + chance(40), false, WIFI_EVENT_STA_DISCONNECTED, WIFI_REASON_NO_AP_FOUND, epoch);
    } else {
        post(10, false, WIFI_EVENT_STA_CONNECTED, 0, epoch);
        post(15 + chance(40), true, IP_EVENT_STA_GOT_IP, 0, epoch);
    }
    if (atomic_load(&chaos) && !fails) {
        uint8_t reason = chance(4) == 0 ? WIFI_REASON_ASSOC_LEAVE : WIFI_REASON_BEACON_TIMEOUT;
        post(500 + chance(8000), false, WIFI_EVENT_STA_DISCONNECTED, reason, epoch);
    }
    pthread_mutex_unlock(&event_mutex);
    return ESP_OK;
}

esp_err_t esp_wifi_disconnect(void)
{
    pthread_mutex_lock(&event_mutex);
    epoch++;
    if (joined) {
        post(5, false, WIFI_EVENT_STA_DISCONNECTED, WIFI_REASON_ASSOC_LEAVE, 0);
    }
    pthread_mutex_unlock(&event_mutex);
    return ESP_OK;
}

esp_err_t esp_wifi_scan_start(const wifi_scan_config_t *config, bool block)
{
    (void)config;
    (void)block;
    pthread_mutex_lock(&event_mutex);
    scan_left = 3;
    post(100, false, WIFI_EVENT_SCAN_DONE, 0, 0);
    pthread_mutex_unlock(&event_mutex);
    return ESP_OK;
}

esp_err_t esp_wifi_scan_get_ap_record(wifi_ap_record_t *record)
{
    if (scan_left == 0) {
        return ESP_FAIL;
    }
    scan_left--;
    *record = (wifi_ap_record_t){.ssid = "Home", .primary = 6, .rssi = -50, .authmode = WIFI_AUTH_WPA2_PSK};
    return ESP_OK;
}

esp_err_t esp_wifi_clear_ap_list(void)
{
    return ESP_OK;
}

esp_err_t esp_wifi_sta_get_rssi(int *rssi)
{
    *rssi = -50;
    return ESP_OK;
}

char *esp_ip4addr_ntoa(const esp_ip4_addr_t *addr, char *buf, int buflen)
{
    return (char *)inet_ntop(AF_INET, &addr->addr, buf, (socklen_t)buflen);
}

esp_err_t mdns_init(void)
{
    return ESP_OK;
}

esp_err_t mdns_query_ptr(const char *service_type, const char *proto, uint32_t timeout_ms, size_t max_results,
                         mdns_result_t **results)
{
    (void)service_type;
    (void)proto;
    (void)max_results;
    sleep_ms(timeout_ms / 10);
    static mdns_ip_addr_t address = {.addr = {.u_addr.ip4.addr = 0x0100007f, .type = ESP_IPADDR_TYPE_V4}};
    static mdns_result_t result = {.port = 8080, .addr = &address};
    *results = chance(2) == 0 ? &result : NULL;
    return ESP_OK;
}

void mdns_query_results_free(mdns_result_t *results)
{
    (void)results;
}
