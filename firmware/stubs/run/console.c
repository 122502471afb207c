/* esp_console: a line is typed by calling type_line. */
#include "fakes.h"

#include "camherd/console.h"
#include "esp_console.h"

#include <stdio.h>
#include <string.h>

static esp_console_cmd_t commands[16];
static unsigned command_count;

esp_err_t esp_console_cmd_register(const esp_console_cmd_t *cmd)
{
    commands[command_count++] = *cmd;
    return ESP_OK;
}

esp_err_t esp_console_start_repl(esp_console_repl_t *repl)
{
    (void)repl;
    return ESP_OK;
}

esp_err_t esp_console_new_repl_usb_serial_jtag(const esp_console_dev_usb_serial_jtag_config_t *dev_config,
                                               const esp_console_repl_config_t *repl_config,
                                               esp_console_repl_t **ret_repl)
{
    (void)dev_config;
    (void)repl_config;
    *ret_repl = NULL;
    return ESP_OK;
}

void type_line(const char *line)
{
    char copy[CH_LINE_MAX + 1];
    const char *words[CH_WORDS_MAX];
    snprintf(copy, sizeof copy, "%s", line);
    int count = ch_console_split(copy, words);
    printf("cam> %s\n", line);
    for (unsigned i = 0; i < command_count; i++) {
        if (strcmp(commands[i].command, words[0]) == 0) {
            commands[i].func(count, (char **)words);
            return;
        }
    }
    broken("a command is not registered");
}
