/* NVS: a table that forgets with the program. */
#include "fakes.h"

#include "nvs_flash.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

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
