#pragma once
#include <stddef.h>
#include <stdint.h>
typedef struct {
    uint32_t state[8];
} mbedtls_sha256_context;
void mbedtls_sha256_init(mbedtls_sha256_context *ctx);
void mbedtls_sha256_free(mbedtls_sha256_context *ctx);
int mbedtls_sha256_starts(mbedtls_sha256_context *ctx, int is224) __attribute__((warn_unused_result));
int mbedtls_sha256_update(mbedtls_sha256_context *ctx, const unsigned char *input,
                          size_t ilen) __attribute__((warn_unused_result));
int mbedtls_sha256_finish(mbedtls_sha256_context *ctx, unsigned char *output) __attribute__((warn_unused_result));
