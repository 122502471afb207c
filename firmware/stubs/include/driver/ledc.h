#pragma once
#include "esp_err.h"
#include <stdbool.h>
/* Only the ESP32 has channels for high speed, and counts them first. */
typedef enum {
#if CONFIG_IDF_TARGET_ESP32
    LEDC_HIGH_SPEED_MODE,
#endif
    LEDC_LOW_SPEED_MODE,
    LEDC_SPEED_MODE_MAX
} ledc_mode_t;
typedef enum { LEDC_TIMER_0, LEDC_TIMER_1, LEDC_TIMER_2, LEDC_TIMER_3, LEDC_TIMER_MAX } ledc_timer_t;
typedef enum {
    LEDC_CHANNEL_0,
    LEDC_CHANNEL_1,
    LEDC_CHANNEL_2,
    LEDC_CHANNEL_3,
    LEDC_CHANNEL_4,
    LEDC_CHANNEL_5,
#if CONFIG_IDF_TARGET_ESP32
    LEDC_CHANNEL_6,
    LEDC_CHANNEL_7,
#endif
    LEDC_CHANNEL_MAX
} ledc_channel_t;
typedef enum {
    LEDC_TIMER_1_BIT = 1,
    LEDC_TIMER_8_BIT = 8,
    LEDC_TIMER_10_BIT = 10,
    LEDC_TIMER_12_BIT = 12,
    LEDC_TIMER_14_BIT = 14
} ledc_timer_bit_t;
typedef enum { LEDC_AUTO_CLK = 0, LEDC_USE_APB_CLK } ledc_clk_cfg_t;
typedef enum { LEDC_INTR_DISABLE = 0, LEDC_INTR_FADE_END } ledc_intr_type_t;
typedef enum {
    LEDC_SLEEP_MODE_NO_ALIVE_NO_PD = 0,
    LEDC_SLEEP_MODE_NO_ALIVE_ALLOW_PD,
    LEDC_SLEEP_MODE_KEEP_ALIVE,
    LEDC_SLEEP_MODE_INVALID
} ledc_sleep_mode_t;
typedef struct {
    ledc_mode_t speed_mode;
    ledc_timer_bit_t duty_resolution;
    ledc_timer_t timer_num;
    uint32_t freq_hz;
    ledc_clk_cfg_t clk_cfg;
    bool deconfigure;
} ledc_timer_config_t;
typedef struct {
    int gpio_num;
    ledc_mode_t speed_mode;
    ledc_channel_t channel;
    ledc_intr_type_t intr_type __attribute__((deprecated));
    ledc_timer_t timer_sel;
    uint32_t duty;
    int hpoint;
    ledc_sleep_mode_t sleep_mode;
    struct {
        unsigned int output_invert : 1;
    } flags;
} ledc_channel_config_t;
esp_err_t ledc_timer_config(const ledc_timer_config_t *timer_conf) STUB_CHECKED;
esp_err_t ledc_channel_config(const ledc_channel_config_t *ledc_conf) STUB_CHECKED;
esp_err_t ledc_set_duty(ledc_mode_t speed_mode, ledc_channel_t channel, uint32_t duty) STUB_CHECKED;
esp_err_t ledc_update_duty(ledc_mode_t speed_mode, ledc_channel_t channel) STUB_CHECKED;
