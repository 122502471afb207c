/* The rest of the chip: storage, Wi-Fi, console, updates. */
#include "fakes.h"

#include "camherd/console.h"
#include "driver/gpio.h"
#include "driver/ledc.h"
#include "driver/temperature_sensor.h"
#include "esp_app_desc.h"
#include "esp_console.h"
#include "esp_crt_bundle.h"
#include "esp_heap_caps.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_ota_ops.h"
#include "esp_psram.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "esp_vfs_eventfd.h"
#include "esp_wifi.h"
#include "mbedtls/pk.h"
#include "mbedtls/sha256.h"
#include "mdns.h"
#include "nvs_flash.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

atomic_uint wifi_joins, updates;
atomic_bool chaos;

/* --- log, identity --- */

void stub_log(const char *tag, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char line[512];
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fprintf(stderr, "E %s: %s\n", tag, line);
}

const char *esp_err_to_name(esp_err_t code)
{
    return code == ESP_OK ? "ESP_OK" : "ESP_ERR";
}

const esp_app_desc_t *esp_app_get_description(void)
{
    static const esp_app_desc_t description = {.version = "0.0.0-test"};
    return &description;
}

esp_err_t esp_read_mac(uint8_t *mac, esp_mac_type_t type)
{
    (void)type;
    memcpy(mac, "\x02\x00\x00\xa1\xb2\xc3", 6);
    return ESP_OK;
}

bool esp_psram_is_initialized(void)
{
    return true;
}

size_t esp_psram_get_size(void)
{
    return 8u * 1024 * 1024;
}

uint32_t esp_random(void)
{
    return chance(1u << 24) | 1;
}

esp_reset_reason_t esp_reset_reason(void)
{
    return ESP_RST_POWERON;
}

void esp_restart(void)
{
    broken("the device restarted");
}

void *heap_caps_malloc(size_t size, uint32_t caps)
{
    (void)caps;
    return malloc(size);
}

size_t heap_caps_get_free_size(uint32_t caps)
{
    return caps & MALLOC_CAP_SPIRAM ? 4u * 1024 * 1024 : 100000;
}

size_t heap_caps_get_minimum_free_size(uint32_t caps)
{
    return heap_caps_get_free_size(caps);
}

/* --- NVS --- */

typedef struct entry {
    char name[40];
    char text[160];
    uint16_t number;
} entry;

static entry entries[64];
static unsigned entry_count;
static const char *spaces[16];
static unsigned space_count;
static pthread_mutex_t nvs_mutex = PTHREAD_MUTEX_INITIALIZER;

esp_err_t nvs_flash_init(void)
{
    return ESP_OK;
}

esp_err_t nvs_flash_erase(void)
{
    return ESP_OK;
}

esp_err_t nvs_open(const char *space, nvs_open_mode_t mode, nvs_handle_t *handle)
{
    pthread_mutex_lock(&nvs_mutex);
    for (*handle = 0; *handle < space_count && strcmp(spaces[*handle], space) != 0; ++*handle) {
    }
    bool found = *handle < space_count;
    if (!found && mode == NVS_READWRITE && space_count < 16) {
        spaces[space_count++] = strdup(space);
        found = true;
    }
    pthread_mutex_unlock(&nvs_mutex);
    return found ? ESP_OK : ESP_ERR_NVS_NOT_FOUND;
}

void nvs_close(nvs_handle_t handle)
{
    (void)handle;
}

esp_err_t nvs_commit(nvs_handle_t handle)
{
    (void)handle;
    return ESP_OK;
}

static entry *find(nvs_handle_t handle, const char *key, bool make)
{
    char name[40];
    snprintf(name, sizeof name, "%u/%s", handle, key);
    for (unsigned i = 0; i < entry_count; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return &entries[i];
        }
    }
    if (!make) {
        return NULL;
    }
    memcpy(entries[entry_count].name, name, sizeof name);
    return &entries[entry_count++];
}

esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *value, size_t *length)
{
    entry *e = find(handle, key, false);
    if (e == NULL) {
        return ESP_ERR_NVS_NOT_FOUND;
    }
    return snprintf(value, *length, "%s", e->text) < (int)*length ? ESP_OK : ESP_FAIL;
}

esp_err_t nvs_get_u16(nvs_handle_t handle, const char *key, uint16_t *value)
{
    entry *e = find(handle, key, false);
    *value = e == NULL ? 0 : e->number;
    return e == NULL ? ESP_ERR_NVS_NOT_FOUND : ESP_OK;
}

esp_err_t nvs_set_str(nvs_handle_t handle, const char *key, const char *value)
{
    entry *e = find(handle, key, true);
    snprintf(e->text, sizeof e->text, "%s", value);
    return ESP_OK;
}

esp_err_t nvs_set_u16(nvs_handle_t handle, const char *key, uint16_t value)
{
    find(handle, key, true)->number = value;
    return ESP_OK;
}

esp_err_t nvs_erase_all(nvs_handle_t handle)
{
    (void)handle;
    return ESP_OK;
}

/* --- Wi-Fi and its events, which come from one task --- */

esp_event_base_t const WIFI_EVENT = "WIFI_EVENT", IP_EVENT = "IP_EVENT";

typedef struct posted {
    int64_t at;
    bool ip;
    int32_t id;
    uint8_t reason;
    unsigned epoch; /* of the connection it belongs to; 0: any */
} posted;

static posted queue[64];
static unsigned queued, epoch;
static bool joined;
static pthread_mutex_t event_mutex = PTHREAD_MUTEX_INITIALIZER;
static esp_event_handler_t wifi_handler, ip_handler;
static unsigned scan_left;

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
    if (found && !stale && out->ip) {
        joined = true;
        atomic_fetch_add(&wifi_joins, 1);
    }
    if (found && !stale && !out->ip && out->id == WIFI_EVENT_STA_DISCONNECTED) {
        joined = false;
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
    post(10 + chance(40), !fails, fails ? (int32_t)WIFI_EVENT_STA_DISCONNECTED : (int32_t)IP_EVENT_STA_GOT_IP,
         WIFI_REASON_NO_AP_FOUND, epoch);
    if (atomic_load(&chaos) && !fails) {
        post(500 + chance(8000), false, WIFI_EVENT_STA_DISCONNECTED, WIFI_REASON_BEACON_TIMEOUT, epoch);
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

/* --- console --- */

static esp_console_cmd_t commands[16];
static unsigned command_count;

esp_err_t esp_console_cmd_register(const esp_console_cmd_t *cmd)
{
    commands[command_count++] = *cmd;
    return ESP_OK;
}

esp_err_t esp_console_start_repl(esp_console_repl_t *repl)
{
    (void)repl;
    return ESP_OK;
}

esp_err_t esp_console_new_repl_usb_serial_jtag(const esp_console_dev_usb_serial_jtag_config_t *dev_config,
                                               const esp_console_repl_config_t *repl_config,
                                               esp_console_repl_t **ret_repl)
{
    (void)dev_config;
    (void)repl_config;
    *ret_repl = NULL;
    return ESP_OK;
}

void type_line(const char *line)
{
    char copy[CH_LINE_MAX + 1];
    const char *words[CH_WORDS_MAX];
    snprintf(copy, sizeof copy, "%s", line);
    int count = ch_console_split(copy, words);
    printf("cam> %s\n", line);
    for (unsigned i = 0; i < command_count; i++) {
        if (strcmp(commands[i].command, words[0]) == 0) {
            commands[i].func(count, (char **)words);
            return;
        }
    }
    broken("a command is not registered");
}

/* --- pins, sensors --- */

esp_err_t gpio_config(const gpio_config_t *config)
{
    return config->pin_bit_mask != 0 ? ESP_OK : ESP_FAIL;
}

esp_err_t gpio_set_level(gpio_num_t gpio, uint32_t level)
{
    (void)gpio;
    (void)level;
    return ESP_OK;
}

esp_err_t ledc_timer_config(const ledc_timer_config_t *config)
{
    (void)config;
    return ESP_OK;
}

esp_err_t ledc_channel_config(const ledc_channel_config_t *config)
{
    (void)config;
    return ESP_OK;
}

esp_err_t ledc_set_duty(ledc_mode_t mode, ledc_channel_t channel, uint32_t duty)
{
    (void)mode;
    (void)channel;
    (void)duty;
    return ESP_OK;
}

esp_err_t ledc_update_duty(ledc_mode_t mode, ledc_channel_t channel)
{
    (void)mode;
    (void)channel;
    return ESP_OK;
}

esp_err_t esp_timer_create(const esp_timer_create_args_t *args, esp_timer_handle_t *handle)
{
    (void)args;
    *handle = NULL;
    return ESP_OK;
}

esp_err_t esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t period_us)
{
    (void)timer;
    (void)period_us;
    return ESP_OK;
}

esp_err_t temperature_sensor_install(const temperature_sensor_config_t *config, temperature_sensor_handle_t *handle)
{
    (void)config;
    *handle = (temperature_sensor_handle_t)&chaos;
    return ESP_OK;
}

esp_err_t temperature_sensor_enable(temperature_sensor_handle_t handle)
{
    (void)handle;
    return ESP_OK;
}

esp_err_t temperature_sensor_get_celsius(temperature_sensor_handle_t handle, float *celsius)
{
    (void)handle;
    *celsius = 41.5f;
    return ESP_OK;
}

esp_err_t esp_vfs_eventfd_register(const esp_vfs_eventfd_config_t *config)
{
    (void)config;
    return ESP_OK;
}

/* --- updates: the image is IMAGE_SIZE bytes whose SHA-256 is taken to be all zero --- */

#define IMAGE_SIZE 100000

__asm__(".pushsection .rodata\n.global _binary_update_key_pem_start\n_binary_update_key_pem_start:\n.byte 75,0\n"
        ".global _binary_update_key_pem_end\n_binary_update_key_pem_end:\n.byte 0\n.popsection\n");

struct esp_http_client {
    int left;
};

static const esp_partition_t slot = {.size = 0x1f0000};
static atomic_int open_updates;

esp_err_t esp_crt_bundle_attach(void *conf)
{
    (void)conf;
    return ESP_OK;
}

esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config)
{
    (void)config;
    esp_http_client_handle_t client = malloc(sizeof *client);
    client->left = IMAGE_SIZE;
    return client;
}

esp_err_t esp_http_client_open(esp_http_client_handle_t client, int write_len)
{
    (void)client;
    (void)write_len;
    return chance(4) == 0 ? ESP_FAIL : ESP_OK;
}

int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client)
{
    return client->left;
}

int esp_http_client_get_status_code(esp_http_client_handle_t client)
{
    (void)client;
    return 200;
}

int esp_http_client_read(esp_http_client_handle_t client, char *buffer, int len)
{
    int part = client->left < len ? client->left : len;
    /* It always breaks off, so that the device does not restart. */
    sleep_ms(20);
    memset(buffer, 1, (size_t)part);
    client->left -= part;
    return client->left == 0 ? -1 : part;
}

esp_err_t esp_http_client_close(esp_http_client_handle_t client)
{
    (void)client;
    return ESP_OK;
}

esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client)
{
    free(client);
    atomic_fetch_add(&updates, 1);
    return ESP_OK;
}

const esp_partition_t *esp_ota_get_running_partition(void)
{
    return &slot;
}

const esp_partition_t *esp_ota_get_next_update_partition(const esp_partition_t *from)
{
    (void)from;
    return &slot;
}

const esp_partition_t *esp_ota_get_last_invalid_partition(void)
{
    return NULL;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition, esp_ota_img_states_t *state)
{
    (void)partition;
    *state = ESP_OTA_IMG_VALID;
    return ESP_OK;
}

esp_err_t esp_ota_begin(const esp_partition_t *partition, size_t image_size, esp_ota_handle_t *handle)
{
    (void)partition;
    (void)image_size;
    *handle = 1;
    if (atomic_fetch_add(&open_updates, 1) != 0) {
        broken("two updates write at a time");
    }
    return ESP_OK;
}

esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t size)
{
    (void)handle;
    (void)data;
    (void)size;
    return ESP_OK;
}

esp_err_t esp_ota_end(esp_ota_handle_t handle)
{
    (void)handle;
    broken("an image that broke off was taken");
}

esp_err_t esp_ota_abort(esp_ota_handle_t handle)
{
    (void)handle;
    atomic_fetch_sub(&open_updates, 1);
    return ESP_OK;
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition)
{
    (void)partition;
    return ESP_OK;
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void)
{
    return ESP_OK;
}

esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void)
{
    return ESP_FAIL;
}

void mbedtls_pk_init(mbedtls_pk_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_pk_free(mbedtls_pk_context *ctx)
{
    (void)ctx;
}

int mbedtls_pk_can_do(const mbedtls_pk_context *ctx, mbedtls_pk_type_t type)
{
    (void)ctx;
    return type == MBEDTLS_PK_ECDSA;
}

int mbedtls_pk_parse_public_key(mbedtls_pk_context *ctx, const unsigned char *key, size_t keylen)
{
    (void)ctx;
    return keylen == 2 && key[0] == 75 && key[1] == 0 ? 0 : -1;
}

int mbedtls_pk_verify(mbedtls_pk_context *ctx, mbedtls_md_type_t md_alg, const unsigned char *hash, size_t hash_len,
                      const unsigned char *sig, size_t sig_len)
{
    (void)ctx;
    (void)hash;
    (void)sig;
    return md_alg == MBEDTLS_MD_SHA256 && hash_len == 32 && sig_len > 0 ? 0 : -1;
}

void mbedtls_sha256_init(mbedtls_sha256_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_sha256_free(mbedtls_sha256_context *ctx)
{
    (void)ctx;
}

int mbedtls_sha256_starts(mbedtls_sha256_context *ctx, int is224)
{
    (void)ctx;
    return is224;
}

int mbedtls_sha256_update(mbedtls_sha256_context *ctx, const unsigned char *input, size_t ilen)
{
    (void)ctx;
    (void)input;
    (void)ilen;
    return 0;
}

int mbedtls_sha256_finish(mbedtls_sha256_context *ctx, unsigned char *output)
{
    (void)ctx;
    memset(output, 0, 32);
    return 0;
}
