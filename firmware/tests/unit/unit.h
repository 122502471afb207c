/* What the unit tests share: the framework's headers in the order that it asks for, and the groups. */
#ifndef CAMHERD_UNIT_H
#define CAMHERD_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int test_text(void);
int test_json(void);
int test_settings(void);
int test_console(void);
int test_link(void);
int test_policy(void);
int test_frames(void);
int test_tcpcam(void);
int test_channel(void);
int test_device(void);
int test_device_anything(void);
int test_device_camera(void);
int test_device_console(void);

#include "camherd/store.h"

/* A store in memory. */
#define FAKE_ENTRIES 40
typedef struct fake_store {
    struct {
        char name[40], text[160];
        uint16_t number;
        char is_text;
    } entries[FAKE_ENTRIES];
    unsigned count, commits;
    int writes_left; /* after so many writes all fail; negative: never */
    char commit_fails;
    const char *refuses; /* this name cannot be written; NULL: all can */
} fake_store;

ch_store fake_store_new(fake_store *fake);
void fake_put_text(fake_store *fake, const char *name, const char *text);
void fake_put_number(fake_store *fake, const char *name, uint16_t number);
/* NULL if there is none. */
const char *fake_text(fake_store *fake, const char *name);
int fake_number(fake_store *fake, const char *name);

#endif
