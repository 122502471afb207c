/*
 * Updates over the network. An image is loaded only if its announced SHA-256 is signed with the key whose public half
 * is built in (update_key.pem), and started only if it has this SHA-256. The bootloader takes back one that is not
 * confirmed before the next restart; the core confirms it once it has held a connection.
 */
#include "app.h"

#include "esp_crt_bundle.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "mbedtls/pk.h"
#include "mbedtls/sha256.h"

#include <stdatomic.h>
#include <string.h>

static const char *TAG = "update";

#define CHUNK 4096
#define HTTP_TIMEOUT_MS 10000
#define SHA256_SIZE 32
#define HTTP_OK 200
/* For the log to leave, and for a console to show it. */
#define BEFORE_RESTART_MS 100
#define ADVICE_UPDATE "The image that runs stays."
#define GIVEN_UP "it was too slow and has been given up"

#if CAMHERD_HAS_UPDATE_KEY
extern const uint8_t key_start[] asm("_binary_update_key_pem_start");
extern const uint8_t key_end[] asm("_binary_update_key_pem_end");
#define KEY_SIZE ((size_t)((uintptr_t)key_end - (uintptr_t)key_start)) /* with the NUL that PEM readers want */
#else
static const uint8_t key_start[1];
#define KEY_SIZE ((size_t)0)
#endif

/*
 * Of the update and its task. From LOADING the core makes it STOPPED when it gives the update up, or the task makes it
 * CHOOSING; the other one comes too late. The task makes it IDLE at its end.
 */
typedef enum phase { IDLE, LOADING, STOPPED, CHOOSING } phase;

static _Atomic(phase) now_in;
static ch_update order; /* not changed unless IDLE */
static uint8_t chunk[CHUNK];

bool ota_is_possible(void)
{
    return KEY_SIZE > 0 && esp_ota_get_next_update_partition(NULL) != NULL;
}

bool ota_is_trial(void)
{
    esp_ota_img_states_t state;
    const esp_partition_t *here = esp_ota_get_running_partition();
    return here != NULL && esp_ota_get_state_partition(here, &state) == ESP_OK && state == ESP_OTA_IMG_PENDING_VERIFY;
}

bool ota_was_taken_back(void)
{
    return esp_ota_get_last_invalid_partition() != NULL;
}

/* --- checks --- */

/* NULL, or why the announcement cannot be trusted. */
static const char *check_signature(void)
{
    mbedtls_pk_context key;
    const char *why = NULL;
    mbedtls_pk_init(&key);
    if (mbedtls_pk_parse_public_key(&key, key_start, KEY_SIZE) != 0) {
        why = "the key that is built in is not a public key in PEM";
    } else if (mbedtls_pk_can_do(&key, MBEDTLS_PK_ECDSA) == 0) {
        why = "the key that is built in is not for ECDSA";
    } else if (mbedtls_pk_verify(&key, MBEDTLS_MD_SHA256, order.sha256, SHA256_SIZE, order.signature,
                                 order.signature_len) != 0) {
        why = "the signature is not of the built-in key";
    }
    mbedtls_pk_free(&key);
    return why;
}

/* --- loading --- */

typedef struct load {
    esp_http_client_handle_t http;
    esp_ota_handle_t ota;
    mbedtls_sha256_context sha;
    uint32_t done; /* bytes */
    unsigned percent;
} load;

static void tell_progress(load *l)
{
    unsigned percent = (unsigned)((uint64_t)l->done * 100 / order.size);
    if (percent != l->percent) {
        l->percent = percent;
        app_event(&(ch_event){.kind = CH_EV_UPDATE_PROGRESS, .number = percent});
    }
}

/* NULL, or why the server gives no image. */
static const char *open_url(load *l)
{
    const esp_http_client_config_t config = {
        .url = order.url,
        .timeout_ms = HTTP_TIMEOUT_MS,
        .crt_bundle_attach = esp_crt_bundle_attach,
        .keep_alive_enable = true,
    };
    l->http = esp_http_client_init(&config);
    if (l->http == NULL) {
        return "the address cannot be used, or memory is short";
    }
    if (esp_http_client_open(l->http, 0) != ESP_OK) {
        return "the server of the image cannot be reached";
    }
    int64_t length = esp_http_client_fetch_headers(l->http);
    if (esp_http_client_get_status_code(l->http) != HTTP_OK) {
        return "the server of the image does not answer with 200";
    }
    /* 0: it is sent in pieces of unknown total; what comes is counted in any case. */
    return length != 0 && length != (int64_t)order.size ? "the image has another size than announced" : NULL;
}

/* NULL, or why it ended early. */
static const char *copy_all(load *l)
{
    while (l->done < order.size) {
        if (atomic_load(&now_in) == STOPPED) {
            return GIVEN_UP;
        }
        int len = esp_http_client_read(l->http, (char *)chunk, CHUNK);
        if (len <= 0) {
            return "the image ended early";
        }
        if ((uint32_t)len > order.size - l->done) {
            return "the image has another size than announced";
        }
        if (mbedtls_sha256_update(&l->sha, chunk, (size_t)len) != 0) {
            return "the SHA-256 could not be made";
        }
        if (!app_check(esp_ota_write(l->ota, chunk, (size_t)len), "writing the image", ADVICE_UPDATE)) {
            return "writing failed, or it is not an image for this chip";
        }
        l->done += (uint32_t)len;
        tell_progress(l);
    }
    return NULL;
}

static const char *check_sum(load *l)
{
    uint8_t sum[SHA256_SIZE];
    if (mbedtls_sha256_finish(&l->sha, sum) != 0) {
        return "the SHA-256 could not be made";
    }
    return memcmp(sum, order.sha256, SHA256_SIZE) == 0 ? NULL : "the image is not the one that was announced";
}

/*
 * Whether the image may be chosen. The core has just heard of 100 % and waits another minute, many times what choosing
 * takes; if it had given up before that, this task has been stopped.
 */
static bool may_choose(void)
{
    phase loading = LOADING;
    return atomic_compare_exchange_strong(&now_in, &loading, CHOOSING);
}

static const char *write_image(load *l, const esp_partition_t *slot)
{
    if (order.size > slot->size) {
        return "the image is larger than its place";
    }
    if (!app_check(esp_ota_begin(slot, OTA_WITH_SEQUENTIAL_WRITES, &l->ota), "preparing the slot", ADVICE_UPDATE)) {
        return "the image's place cannot be prepared";
    }
    const char *why = copy_all(l);
    why = why != NULL ? why : check_sum(l);
    why = why != NULL || may_choose() ? why : GIVEN_UP;
    if (why != NULL) {
        app_check(esp_ota_abort(l->ota), "dropping the image", ADVICE_UPDATE);
        return why;
    }
    /* esp_ota_end checks that it is an image for this chip. */
    if (!app_check(esp_ota_end(l->ota), "checking the image", ADVICE_UPDATE) ||
        !app_check(esp_ota_set_boot_partition(slot), "choosing the image", ADVICE_UPDATE)) {
        return "it is not an image for this chip";
    }
    return NULL;
}

/* NULL, or why the update failed. */
static const char *update(void)
{
    load l = {.percent = 0};
    const esp_partition_t *slot = esp_ota_get_next_update_partition(NULL);
    if (slot == NULL) {
        return "there is no second place for an image";
    }
    if (ota_is_trial()) {
        return "this image is on trial itself; try again when it has held a connection"; /* esp_ota_begin refuses */
    }
    const char *why = check_signature();
    if (why != NULL) {
        return why;
    }
    mbedtls_sha256_init(&l.sha);
    why = mbedtls_sha256_starts(&l.sha, 0) == 0 ? open_url(&l) : "the SHA-256 could not be made";
    why = why != NULL ? why : write_image(&l, slot);
    mbedtls_sha256_free(&l.sha);
    if (l.http != NULL) {
        (void)esp_http_client_close(l.http);
        (void)esp_http_client_cleanup(l.http);
    }
    return why;
}

static void run(void *unused)
{
    (void)unused;
    const char *why = update();
    ch_event event = {.kind = why == NULL ? CH_EV_UPDATE_DONE : CH_EV_UPDATE_FAILED, .text = why};
    if (why != NULL) {
        ESP_LOGE(TAG, "%s. %s", why, ADVICE_UPDATE);
    }
    /* Both at once: between them the core could begin another update and take this one's end for its end. */
    app_lock();
    if (atomic_exchange(&now_in, IDLE) != STOPPED) {
        ch_device_event(app_device(), now_ms(), &event);
    }
    app_unlock();
    app_wake();
    vTaskDelete(NULL);
}

void ota_begin(const ch_update *wanted)
{
    const char *why = NULL;
    if (atomic_load(&now_in) != IDLE) {
        why = "an earlier update is ending; try later or restart the device";
    } else {
        order = *wanted;
        atomic_store(&now_in, LOADING);
        if (xTaskCreate(run, "update", STACK_UPDATE, NULL, PRIORITY_UPDATE, NULL) != pdPASS) {
            atomic_store(&now_in, IDLE);
            why = "too little memory; restart the device and try again";
        }
    }
    if (why != NULL) {
        ch_device_event(app_device(), now_ms(), &(ch_event){.kind = CH_EV_UPDATE_FAILED, .text = why});
    }
}

void ota_stop(void)
{
    phase loading = LOADING;
    (void)atomic_compare_exchange_strong(&now_in, &loading, STOPPED);
}

void ota_confirm(void)
{
    app_check(esp_ota_mark_app_valid_cancel_rollback(), "confirming the image", "It is taken back at the next start.");
}

void ota_reboot(bool rollback)
{
    vTaskDelay(pdMS_TO_TICKS(BEFORE_RESTART_MS));
    if (rollback && ota_is_trial()) {
        /*
         * Restarts if it can. It cannot where the other image came by cable and no update was ever confirmed: nothing
         * is noted about that image. The bootloader goes back to it all the same when one on trial restarts.
         */
        app_check(esp_ota_mark_app_invalid_rollback_and_reboot(), "going back", "The bootloader is left to do it.");
    }
    esp_restart();
}
