/* Pins, timers, the temperature sensor, eventfd: all of them work. */
#include "fakes.h"

#include "driver/gpio.h"
#include "driver/ledc.h"
#include "driver/temperature_sensor.h"
#include "esp_timer.h"
#include "esp_vfs_eventfd.h"

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
