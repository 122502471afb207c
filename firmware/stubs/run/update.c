/* What an update needs: HTTP, slots, signatures. The image's SHA-256 is taken to be all zero. */
#include "fakes.h"

#include "esp_crt_bundle.h"
#include "esp_http_client.h"
#include "esp_ota_ops.h"
#include "mbedtls/pk.h"
#include "mbedtls/sha256.h"

#include <stdlib.h>
#include <string.h>

atomic_uint updates;
atomic_bool updates_stall, update_given_up;

#define IMAGE_SIZE 100000 /* bytes */

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
    bool stalls = atomic_load(&updates_stall) && client->left == part;
    sleep_ms(20);
    while (stalls && !atomic_load(&update_given_up)) {
        sleep_ms(100);
    }
    memset(buffer, 1, (size_t)part);
    client->left -= part;
    /* Others always break off, so that the device does not restart. */
    return client->left == 0 && !stalls ? -1 : part;
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
    broken("an image that broke off or was given up was taken");
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
    broken("an image that broke off or was given up was chosen");
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
