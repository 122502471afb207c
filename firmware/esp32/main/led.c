/* The status LED tells how far the device has come; the lamp lights the scene. */
#include "app.h"

#include "driver/gpio.h"
#include "driver/ledc.h"
#include "esp_timer.h"

#include <stdatomic.h>

#define STEP_US 100000
#define ADVICE_PINS "Check the pins in `idf.py menuconfig`, menu \"camherd device\"."

/* The camera's clock has timer 0 and channel 0. */
#define LAMP_TIMER LEDC_TIMER_1
#define LAMP_CHANNEL LEDC_CHANNEL_1
#define LAMP_BITS LEDC_TIMER_10_BIT
#define LAMP_DUTY_MAX 1023u
#define LAMP_HZ 5000

/* 20 steps of 100 ms each: bit n is on in step n. */
static const uint32_t patterns[] = {
    [LED_NO_NETWORK] = 0x00005, /* two flashes every two seconds: nothing is set, see the console */
    [LED_WIFI] = 0x55555,       /* quick: joins the network */
    [LED_SERVER] = 0x07c1f,     /* slow: looks for the server */
    [LED_UP] = 0x00001,         /* one short flash: all is well */
};

static atomic_int shown;
static bool has_lamp;

static void step(void *unused)
{
    (void)unused;
    static unsigned at;
    at = (at + 1) % 20;
    bool on = ((patterns[atomic_load(&shown)] >> at) & 1u) != 0;
#if CONFIG_CAMHERD_STATUS_LED_LOW
    on = !on;
#endif
    (void)gpio_set_level((gpio_num_t)CONFIG_CAMHERD_PIN_STATUS_LED, on ? 1 : 0); /* fails for a bad pin only */
}

static bool status_init(void)
{
    const gpio_config_t pin = {
        .pin_bit_mask = UINT64_C(1) << (CONFIG_CAMHERD_PIN_STATUS_LED & 63),
        .mode = GPIO_MODE_OUTPUT,
    };
    const esp_timer_create_args_t args = {.callback = step, .name = "led"};
    esp_timer_handle_t timer;
    return app_check(gpio_config(&pin), "the status LED's pin", ADVICE_PINS) &&
           app_check(esp_timer_create(&args, &timer), "the status LED's timer", ADVICE_PINS) &&
           app_check(esp_timer_start_periodic(timer, STEP_US), "the status LED's timer", ADVICE_PINS);
}

static bool lamp_init(void)
{
    const ledc_timer_config_t timer = {
        .speed_mode = LEDC_LOW_SPEED_MODE,
        .duty_resolution = LAMP_BITS,
        .timer_num = LAMP_TIMER,
        .freq_hz = LAMP_HZ,
        .clk_cfg = LEDC_AUTO_CLK,
    };
    const ledc_channel_config_t channel = {
        .gpio_num = CONFIG_CAMHERD_PIN_LAMP,
        .speed_mode = LEDC_LOW_SPEED_MODE,
        .channel = LAMP_CHANNEL,
        .timer_sel = LAMP_TIMER,
    };
    return app_check(ledc_timer_config(&timer), "the lamp's timer", ADVICE_PINS) &&
           app_check(ledc_channel_config(&channel), "the lamp's pin", ADVICE_PINS);
}

void led_init(void)
{
    if (CONFIG_CAMHERD_PIN_STATUS_LED >= 0) {
        (void)status_init(); /* what failed is logged; everything else works without */
    }
    has_lamp = CONFIG_CAMHERD_PIN_LAMP >= 0 && lamp_init();
}

void led_show(led_state state)
{
    atomic_store(&shown, (int)state);
}

bool led_has_lamp(void)
{
    return has_lamp;
}

void led_lamp(uint8_t percent)
{
    if (!has_lamp) {
        return;
    }
    /* The eye takes double the light for a little more: squared, 50 % looks half as bright. */
    uint32_t duty = (uint32_t)percent * percent * LAMP_DUTY_MAX / (CH_LED_MAX * CH_LED_MAX);
    if (app_check(ledc_set_duty(LEDC_LOW_SPEED_MODE, LAMP_CHANNEL, duty), "setting the lamp", ADVICE_PINS)) {
        app_check(ledc_update_duty(LEDC_LOW_SPEED_MODE, LAMP_CHANNEL), "setting the lamp", ADVICE_PINS);
    }
}
