/*
 * Where settings last: a key-value store, given by the shell (NVS on ESP32, a file on Linux).
 *
 * Contract: namespaces and keys are those that users' devices hold already, at most 15 bytes each. Numbers are
 * unsigned 16 bit whatever they mean, as the port is in NVS. A write counts once `commit` succeeded. No function
 * keeps the pointers that it is given.
 */
#ifndef CAMHERD_STORE_H
#define CAMHERD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ch_found {
    CH_FOUND,
    CH_ABSENT,    /* no such key: the default holds */
    CH_UNREADABLE /* of another type, too long for the room, or the storage failed: the default holds */
} ch_found;

typedef struct ch_store {
    void *context; /* handed to each function */
    /* Reads with NUL into `to`. */
    ch_found (*get_string)(void *context, const char *space, const char *key, char *to, size_t size);
    ch_found (*get_u16)(void *context, const char *space, const char *key, uint16_t *value);
    /* True on success. */
    bool (*set_string)(void *context, const char *space, const char *key, const char *value);
    bool (*set_u16)(void *context, const char *space, const char *key, uint16_t value);
    /* Removes all keys of a namespace; true if there were none as well. */
    bool (*erase_space)(void *context, const char *space);
    bool (*commit)(void *context);
} ch_store;

#endif
