/* The console: esp_console reads and edits lines and splits them, the core answers. */
#include "app.h"

#include "esp_console.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include <stdio.h>
#include <string.h>

#define ADVICE_CONSOLE "Flash again; without a console what is stored still holds."
/* How often to look whether a scan is over. */
#define SCAN_LOOK_MS 50
#define HISTORY_LINES 16

void console_print(void *context, const char *text, size_t len)
{
    (void)context;
    /* A host that does not read loses text; there is nobody to tell. */
    (void)fwrite(text, 1, len, stdout);
    (void)fflush(stdout);
}

static bool is_scanning(void)
{
    app_lock();
    bool scanning = ch_device_is_scanning(app_device());
    app_unlock();
    return scanning;
}

/* Every command; its name is argv[0]. Always 0: the core has said what was wrong. */
static int run_command(int argc, char **argv)
{
    app_lock();
    (void)ch_device_words(app_device(), now_ms(), argc, (const char *const *)argv);
    app_unlock();
    app_wake();
    /* The prompt must not come between the results of a scan. */
    while (is_scanning()) {
        vTaskDelay(pdMS_TO_TICKS(SCAN_LOOK_MS));
    }
    return 0;
}

static bool register_commands(void)
{
    const char *name;
    /* `help` is among them and takes the place of esp_console's own. */
    for (unsigned n = 0; (name = ch_console_group(n)) != NULL; n++) {
        const esp_console_cmd_t command = {.command = name, .help = ch_console_usage(name), .func = run_command};
        if (!app_check(esp_console_cmd_register(&command), "registering a command", ADVICE_CONSOLE)) {
            return false;
        }
    }
    return true;
}

static esp_err_t open_console(const esp_console_repl_config_t *config, esp_console_repl_t **repl)
{
#if CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG
    esp_console_dev_usb_serial_jtag_config_t device = ESP_CONSOLE_DEV_USB_SERIAL_JTAG_CONFIG_DEFAULT();
    return esp_console_new_repl_usb_serial_jtag(&device, config, repl);
#else
    esp_console_dev_uart_config_t device = ESP_CONSOLE_DEV_UART_CONFIG_DEFAULT();
    return esp_console_new_repl_uart(&device, config, repl);
#endif
}

bool console_init(void)
{
    esp_console_repl_t *repl = NULL;
    esp_console_repl_config_t config = ESP_CONSOLE_REPL_CONFIG_DEFAULT();
    config.prompt = "cam>"; /* esp_console puts a blank behind it */
    config.max_cmdline_length = CH_LINE_MAX + 1;
    config.task_stack_size = STACK_CONSOLE;
    config.max_history_len = HISTORY_LINES;
    return app_check(open_console(&config, &repl), "opening the console", ADVICE_CONSOLE) && register_commands() &&
           app_check(esp_console_start_repl(repl), "starting the console", ADVICE_CONSOLE);
}
