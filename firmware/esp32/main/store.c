/* Settings in NVS, under the names that devices in the field have. */
#include "app.h"

#include "nvs.h"
#include "nvs_flash.h"


bool store_init(void)
{
    esp_err_t err = nvs_flash_init();
    if (err == ESP_ERR_NVS_NO_FREE_PAGES || err == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        /* Of another firmware's layout, or full of remains: nothing in it can be read. */
        if (!app_check(nvs_flash_erase(), "erasing the storage", "Flash again with `idf.py erase-flash flash`.")) {
            return false;
        }
        err = nvs_flash_init();
    }
    return app_check(err, "opening the storage", "Flash again with `idf.py erase-flash flash`.");
}

static bool open_space(const char *space, nvs_open_mode_t mode, nvs_handle_t *handle)
{
    return nvs_open(space, mode, handle) == ESP_OK;
}

static ch_found found(esp_err_t err)
{
    if (err == ESP_OK) {
        return CH_FOUND;
    }
    return err == ESP_ERR_NVS_NOT_FOUND ? CH_ABSENT : CH_UNREADABLE;
}

static ch_found get_string(void *context, const char *space, const char *key, char *to, size_t size)
{
    (void)context;
    nvs_handle_t handle;
    if (!open_space(space, NVS_READONLY, &handle)) {
        return CH_ABSENT; /* a namespace exists from its first write on */
    }
    size_t length = size; /* with NUL */
    ch_found result = found(nvs_get_str(handle, key, to, &length));
    nvs_close(handle);
    return result;
}

static ch_found get_u16(void *context, const char *space, const char *key, uint16_t *value)
{
    (void)context;
    nvs_handle_t handle;
    if (!open_space(space, NVS_READONLY, &handle)) {
        return CH_ABSENT;
    }
    ch_found result = found(nvs_get_u16(handle, key, value));
    nvs_close(handle);
    return result;
}

/* Each write is committed: closing a handle that is not would lose it. */
static bool finish(nvs_handle_t handle, esp_err_t err)
{
    if (err == ESP_OK) {
        err = nvs_commit(handle);
    }
    nvs_close(handle);
    return app_check(err, "writing a setting", "If it happens again: `sys factory-reset`.");
}

static bool set_string(void *context, const char *space, const char *key, const char *value)
{
    (void)context;
    nvs_handle_t handle;
    return open_space(space, NVS_READWRITE, &handle) && finish(handle, nvs_set_str(handle, key, value));
}

static bool set_u16(void *context, const char *space, const char *key, uint16_t value)
{
    (void)context;
    nvs_handle_t handle;
    return open_space(space, NVS_READWRITE, &handle) && finish(handle, nvs_set_u16(handle, key, value));
}

static bool erase_space(void *context, const char *space)
{
    (void)context;
    nvs_handle_t handle;
    return open_space(space, NVS_READWRITE, &handle) && finish(handle, nvs_erase_all(handle));
}

static bool commit(void *context)
{
    (void)context;
    return true; /* each write has been */
}

ch_store store_interface(void)
{
    return (ch_store){
        .context = NULL,
        .get_string = get_string,
        .get_u16 = get_u16,
        .set_string = set_string,
        .set_u16 = set_u16,
        .erase_space = erase_space,
        .commit = commit,
    };
}
