/* Wi-Fi station. The core decides when to join and to leave; nothing here tries again by itself. */
#include "app.h"

#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_wifi.h"

#include <stdatomic.h>
#include <string.h>

#define ADVICE_RESTART "Restart the device; if it stays, flash it again."

static atomic_uint current; /* attempt */
static atomic_bool joining; /* wanted by the core: events of what it has left are old news */
static atomic_bool leaving; /* asked for, and its event has not come yet */
static atomic_bool associated; /* with an access point, with an address or not yet */
static atomic_bool scanning;
static wifi_config_t noted; /* what to join, copied while the core's lock was held */
static bool resting;

static void tell_down(const char *reason)
{
    app_event_soon(&(ch_event){.kind = CH_EV_WIFI_DOWN, .attempt = atomic_load(&current), .text = reason});
}

static const char *reason_word(uint8_t reason)
{
    switch (reason) {
    case WIFI_REASON_AUTH_FAIL:
    case WIFI_REASON_AUTH_EXPIRE:
    case WIFI_REASON_4WAY_HANDSHAKE_TIMEOUT:
    case WIFI_REASON_HANDSHAKE_TIMEOUT:
    case WIFI_REASON_MIC_FAILURE:
        return "wrong-password";
    case WIFI_REASON_NO_AP_FOUND:
        return "no-such-network";
    case WIFI_REASON_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD:
    case WIFI_REASON_NO_AP_FOUND_W_COMPATIBLE_SECURITY:
        return "other-security";
    case WIFI_REASON_ASSOC_TOOMANY:
        return "access-point-full";
    case WIFI_REASON_BEACON_TIMEOUT:
        return "beacon-lost";
    case WIFI_REASON_AP_INITIATED:
    case WIFI_REASON_ASSOC_FAIL:
    case WIFI_REASON_CONNECTION_FAIL:
        return "refused";
    default:
        return "disconnected";
    }
}

static const char *auth_word(wifi_auth_mode_t mode)
{
    switch (mode) {
    case WIFI_AUTH_OPEN:
        return "open";
    case WIFI_AUTH_WEP:
        return "wep";
    case WIFI_AUTH_WPA_PSK:
        return "wpa";
    case WIFI_AUTH_WPA2_PSK:
        return "wpa2";
    case WIFI_AUTH_WPA_WPA2_PSK:
        return "wpa/wpa2";
    case WIFI_AUTH_WPA3_PSK:
        return "wpa3";
    case WIFI_AUTH_WPA2_WPA3_PSK:
        return "wpa2/wpa3";
    case WIFI_AUTH_OWE:
        return "owe";
    default:
        return "other";
    }
}

static void tell_networks(void)
{
    wifi_ap_record_t record;
    /* Each call takes one out of the list, the strongest first, and fails after the last. */
    while (esp_wifi_scan_get_ap_record(&record) == ESP_OK) {
        ch_network network = {
            .ssid = (const char *)record.ssid,
            .rssi = record.rssi,
            .channel = record.primary,
            .auth = auth_word(record.authmode),
        };
        app_event_soon(&(ch_event){.kind = CH_EV_SCAN_FOUND, .network = &network});
    }
    app_check(esp_wifi_clear_ap_list(), "forgetting the scan's results", ADVICE_RESTART);
}

static void scan_done(const wifi_event_sta_scan_done_t *event)
{
    if (!atomic_exchange(&scanning, false)) {
        return;
    }
    if (event->status == 0) {
        tell_networks();
    }
    app_event_soon(&(ch_event){.kind = CH_EV_SCAN_DONE, .text = event->status == 0 ? NULL : "failed"});
}

static void on_wifi(void *unused, esp_event_base_t base, int32_t id, void *data)
{
    (void)unused;
    (void)base;
    if (id == WIFI_EVENT_SCAN_DONE) {
        scan_done(data);
    } else if (id == WIFI_EVENT_STA_CONNECTED) {
        atomic_store(&associated, true);
        /* Events come in order: one that is still awaited now never was, for there was nothing to leave. */
        atomic_store(&leaving, false);
    } else if (id == WIFI_EVENT_STA_DISCONNECTED) {
        const wifi_event_sta_disconnected_t *event = data;
        atomic_store(&associated, false);
        /* What we asked for ends the attempt before, not the one that may run by now. */
        bool asked = event->reason == WIFI_REASON_ASSOC_LEAVE && atomic_exchange(&leaving, false);
        if (atomic_load(&joining) && !asked) {
            tell_down(reason_word(event->reason));
        }
    }
}

static void on_ip(void *unused, esp_event_base_t base, int32_t id, void *data)
{
    (void)unused;
    (void)base;
    if (id == IP_EVENT_STA_GOT_IP) {
        const ip_event_got_ip_t *event = data;
        char address[16];
        ch_event up = {.kind = CH_EV_WIFI_UP, .attempt = atomic_load(&current)};
        up.text = esp_ip4addr_ntoa(&event->ip_info.ip, address, sizeof address);
        app_event_soon(&up);
    } else if (id == IP_EVENT_STA_LOST_IP && atomic_load(&joining) && atomic_load(&associated)) {
        /* After a disconnect it comes two minutes late, in the middle of another attempt. */
        tell_down("no-address");
    }
}

bool wifi_init(void)
{
    wifi_init_config_t config = WIFI_INIT_CONFIG_DEFAULT();
    const char *advice = ADVICE_RESTART;
    if (!app_check(esp_netif_init(), "starting TCP/IP", advice) ||
        !app_check(esp_event_loop_create_default(), "starting the event loop", advice)) {
        return false;
    }
    if (esp_netif_create_default_wifi_sta() == NULL) {
        ESP_LOGE("wifi", "no network interface: too little memory");
        return false;
    }
    return app_check(esp_wifi_init(&config), "starting Wi-Fi", advice) &&
           app_check(esp_event_handler_instance_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL, NULL),
                     "listening to Wi-Fi", advice) &&
           app_check(esp_event_handler_instance_register(IP_EVENT, ESP_EVENT_ANY_ID, on_ip, NULL, NULL),
                     "listening to IP", advice) &&
           /* The core stores the network; the driver's own copy would outlive `wifi clear`. */
           app_check(esp_wifi_set_storage(WIFI_STORAGE_RAM), "keeping Wi-Fi's settings in RAM", advice) &&
           app_check(esp_wifi_set_mode(WIFI_MODE_STA), "switching to station mode", advice) &&
           app_check(esp_wifi_start(), "switching Wi-Fi on", advice) &&
           app_check(esp_wifi_set_ps(WIFI_PS_NONE), "switching power saving off", advice);
}

void wifi_note(const ch_action *action)
{
    if (action->kind != CH_DO_WIFI_CONNECT) {
        return;
    }
    memset(&noted, 0, sizeof noted);
    /* Both fields may be filled to the last byte, without NUL. */
    memcpy(noted.sta.ssid, action->ssid, strnlen(action->ssid, sizeof noted.sta.ssid));
    memcpy(noted.sta.password, action->pass, strnlen(action->pass, sizeof noted.sta.password));
    noted.sta.scan_method = WIFI_ALL_CHANNEL_SCAN;
    noted.sta.sort_method = WIFI_CONNECT_AP_BY_SIGNAL;
    noted.sta.threshold.authmode = action->pass[0] == '\0' ? WIFI_AUTH_OPEN : WIFI_AUTH_WPA_PSK;
    noted.sta.pmf_cfg.capable = true;
    noted.sta.sae_pwe_h2e = WPA3_SAE_PWE_BOTH;
}

static void join(uint32_t attempt)
{
    atomic_store(&current, attempt);
    atomic_store(&joining, true);
    const char *advice = "`wifi status` shows when it is tried again.";
    if (!app_check(esp_wifi_set_config(WIFI_IF_STA, &noted), "setting the network", advice) ||
        !app_check(esp_wifi_connect(), "joining the network", advice)) {
        app_event(&(ch_event){.kind = CH_EV_WIFI_DOWN, .attempt = attempt, .text = "driver"});
    }
}

static void scan(void)
{
    wifi_scan_config_t config = {.scan_type = WIFI_SCAN_TYPE_ACTIVE};
    atomic_store(&scanning, true);
    if (esp_wifi_scan_start(&config, false) != ESP_OK) {
        atomic_store(&scanning, false);
        app_event(&(ch_event){.kind = CH_EV_SCAN_DONE, .text = "joining a network, try again or `wifi disconnect`"});
    }
}

void wifi_carry_out(ch_action_kind kind, uint32_t attempt)
{
    if (kind == CH_DO_WIFI_CONNECT) {
        join(attempt);
    } else if (kind == CH_DO_WIFI_SCAN) {
        scan();
    } else {
        atomic_store(&joining, false);
        atomic_store(&leaving, true);
        app_check(esp_wifi_disconnect(), "leaving the network", ADVICE_RESTART);
    }
}

void wifi_rest(bool rest)
{
    if (rest != resting) {
        resting = rest;
        app_check(esp_wifi_set_ps(rest ? WIFI_PS_MIN_MODEM : WIFI_PS_NONE), "setting power saving", ADVICE_RESTART);
    }
}
