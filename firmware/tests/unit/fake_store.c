#include "camherd/text.h"
#include "unit.h"

#include <stdio.h>

static int find(const fake_store *fake, const char *name)
{
    for (unsigned i = 0; i < fake->count; i++) {
        if (strcmp(fake->entries[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int find_key(const fake_store *fake, const char *space, const char *key)
{
    char name[40];
    /* As NVS has it. */
    assert_true(strlen(space) <= 15 && strlen(key) <= 15);
    snprintf(name, sizeof name, "%s/%s", space, key);
    return find(fake, name);
}

static unsigned make(fake_store *fake, const char *name)
{
    int at = find(fake, name);
    if (at >= 0) {
        return (unsigned)at;
    }
    assert_true(fake->count < FAKE_ENTRIES);
    ch_copy(fake->entries[fake->count].name, sizeof fake->entries[0].name, name);
    return fake->count++;
}

void fake_put_text(fake_store *fake, const char *name, const char *text)
{
    unsigned at = make(fake, name);
    fake->entries[at].is_text = 1;
    assert_true(ch_copy(fake->entries[at].text, sizeof fake->entries[at].text, text));
}

void fake_put_number(fake_store *fake, const char *name, uint16_t number)
{
    unsigned at = make(fake, name);
    fake->entries[at].is_text = 0;
    fake->entries[at].number = number;
}

const char *fake_text(fake_store *fake, const char *name)
{
    int at = find(fake, name);
    return at < 0 || !fake->entries[at].is_text ? NULL : fake->entries[at].text;
}

int fake_number(fake_store *fake, const char *name)
{
    int at = find(fake, name);
    return at < 0 || fake->entries[at].is_text ? -1 : fake->entries[at].number;
}

static ch_found get_string(void *context, const char *space, const char *key, char *to, size_t size)
{
    fake_store *fake = context;
    int at = find_key(fake, space, key);
    if (at < 0) {
        return CH_ABSENT;
    }
    return fake->entries[at].is_text && ch_copy(to, size, fake->entries[at].text) ? CH_FOUND : CH_UNREADABLE;
}

static ch_found get_u16(void *context, const char *space, const char *key, uint16_t *value)
{
    fake_store *fake = context;
    int at = find_key(fake, space, key);
    if (at < 0) {
        return CH_ABSENT;
    }
    *value = fake->entries[at].number;
    return fake->entries[at].is_text ? CH_UNREADABLE : CH_FOUND;
}

static bool may_write(fake_store *fake, const char *name)
{
    if (fake->writes_left == 0 || (fake->refuses != NULL && strcmp(name, fake->refuses) == 0)) {
        return false;
    }
    fake->writes_left -= fake->writes_left > 0;
    return true;
}

static bool set_string(void *context, const char *space, const char *key, const char *value)
{
    fake_store *fake = context;
    char name[40];
    find_key(fake, space, key);
    snprintf(name, sizeof name, "%s/%s", space, key);
    if (!may_write(fake, name)) {
        return false;
    }
    fake_put_text(fake, name, value);
    return true;
}

static bool set_u16(void *context, const char *space, const char *key, uint16_t value)
{
    fake_store *fake = context;
    char name[40];
    find_key(fake, space, key);
    snprintf(name, sizeof name, "%s/%s", space, key);
    if (!may_write(fake, name)) {
        return false;
    }
    fake_put_number(fake, name, value);
    return true;
}

static bool erase_space(void *context, const char *space)
{
    fake_store *fake = context;
    size_t len = strlen(space);
    unsigned kept = 0;
    if (!may_write(fake, space)) {
        return false;
    }
    for (unsigned i = 0; i < fake->count; i++) {
        if (strncmp(fake->entries[i].name, space, len) != 0 || fake->entries[i].name[len] != '/') {
            fake->entries[kept++] = fake->entries[i];
        }
    }
    fake->count = kept;
    return true;
}

static bool commit(void *context)
{
    fake_store *fake = context;
    fake->commits++;
    return !fake->commit_fails;
}

ch_store fake_store_new(fake_store *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->writes_left = -1;
    return (ch_store){fake, get_string, get_u16, set_string, set_u16, erase_space, commit};
}
