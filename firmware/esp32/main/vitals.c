/* What only the chip can tell of itself. */
#include "app.h"

#include "esp_heap_caps.h"
#include "esp_psram.h"
#include "esp_wifi.h"
#include "soc/soc_caps.h"

#if SOC_TEMP_SENSOR_SUPPORTED
#include "driver/temperature_sensor.h"

/* The sensor's ranges overlap; this one is the most exact at the temperatures that a camera has. */
#define CELSIUS_MIN (-10)
#define CELSIUS_MAX 80

static temperature_sensor_handle_t sensor;
#endif

void vitals_init(void)
{
#if SOC_TEMP_SENSOR_SUPPORTED
    temperature_sensor_config_t config = TEMPERATURE_SENSOR_CONFIG_DEFAULT(CELSIUS_MIN, CELSIUS_MAX);
    const char *advice = "Temperatures are not reported.";
    if (!app_check(temperature_sensor_install(&config, &sensor), "the temperature sensor", advice) ||
        !app_check(temperature_sensor_enable(sensor), "the temperature sensor", advice)) {
        sensor = NULL;
    }
#endif
}

static void read_temperature(ch_vitals *vitals)
{
#if SOC_TEMP_SENSOR_SUPPORTED
    float celsius;
    if (sensor != NULL && temperature_sensor_get_celsius(sensor, &celsius) == ESP_OK) {
        vitals->have_temperature = true;
        vitals->temperature = (int8_t)celsius;
    }
#else
    (void)vitals;
#endif
}

ch_vitals vitals_read(void)
{
    ch_vitals vitals = {
        .heap = (uint32_t)heap_caps_get_free_size(MALLOC_CAP_INTERNAL),
        .heap_min = (uint32_t)heap_caps_get_minimum_free_size(MALLOC_CAP_INTERNAL),
        .have_psram = esp_psram_is_initialized(),
    };
    int rssi;
    if (vitals.have_psram) {
        vitals.psram = (uint32_t)heap_caps_get_free_size(MALLOC_CAP_SPIRAM);
    }
    /* Fails while no network is joined. */
    if (esp_wifi_sta_get_rssi(&rssi) == ESP_OK) {
        vitals.have_rssi = true;
        vitals.rssi = (int8_t)rssi;
    }
    read_temperature(&vitals);
    return vitals;
}
