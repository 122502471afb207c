/*
 * Console grammar: a line becomes a command. What a command does and answers is the device's part (device.h).
 *
 * Words are separated by blanks. Double quotes keep blanks within a word; a backslash takes the next character as it
 * is, inside quotes and outside.
 */
#ifndef CAMHERD_CONSOLE_H
#define CAMHERD_CONSOLE_H

#include "camherd/settings.h"

/* Longest line: `stream set token` with a full token, all of it escaped, has room. */
#define CH_LINE_MAX 383
/* Most words of a line. */
#define CH_WORDS_MAX 12 /* the longest command, `wifi set --ssid S --pass P --save`, has seven */
/* What people and tools see before the cursor. */
#define CH_PROMPT "cam> "

typedef enum ch_command_kind {
    CH_CMD_EMPTY,
    CH_CMD_HELP, /* words[0]: a group, or NULL for all */
    CH_CMD_WIFI_STATUS,
    CH_CMD_WIFI_SCAN, /* number: most networks to list */
    CH_CMD_WIFI_SET,  /* words: SSID, password */
    CH_CMD_WIFI_CONNECT,
    CH_CMD_WIFI_DISCONNECT,
    CH_CMD_WIFI_CLEAR,
    CH_CMD_STREAM_STATUS,
    CH_CMD_STREAM_SET_HOST, /* words[0]; number: port, 0: the default */
    CH_CMD_STREAM_SET_PORT, /* number */
    CH_CMD_STREAM_SET_NAME, /* words[0] */
    CH_CMD_STREAM_SET_TOKEN,
    CH_CMD_STREAM_SET_URL,
    CH_CMD_STREAM_START,
    CH_CMD_STREAM_STOP,
    CH_CMD_STREAM_CLEAR,
    CH_CMD_CAM_POWER, /* number: 0 or 1 */
    CH_CMD_CAM_DUMP,
    CH_CMD_CAM_STATUS,
    CH_CMD_CAM_SET, /* knob, and its value in number */
    CH_CMD_CAM_CLEAR,
    CH_CMD_PSRAM_STATUS,
    CH_CMD_TCPCAM_STATUS,
    CH_CMD_TCPCAM_ON,
    CH_CMD_TCPCAM_OFF,
    CH_CMD_TCPCAM_PIN,  /* words[0] */
    CH_CMD_TCPCAM_PORT, /* number */
    CH_CMD_TCPCAM_CLEAR,
    CH_CMD_SYS_INFO,
    CH_CMD_SYS_REBOOT,
    CH_CMD_SYS_FACTORY_RESET
} ch_command_kind;

typedef enum ch_knob {
    CH_KNOB_SIZE, /* number is a ch_size */
    CH_KNOB_QUALITY,
    CH_KNOB_FPS,
    CH_KNOB_HFLIP,
    CH_KNOB_VFLIP,
    CH_KNOB_LED,
    CH_KNOB_ADAPT
} ch_knob;

typedef struct ch_command {
    ch_command_kind kind;
    const char *words[2]; /* point into the line or the arguments */
    uint32_t number;
    ch_knob knob;
    bool save;
} ch_command;

typedef struct ch_complaint {
    const char *why;   /* NULL: the line is fine */
    const char *usage; /* lines separated by \n, or NULL */
} ch_complaint;

/*
 * Splits `line` in place. The number of words, or -1 when a quote is not closed or there are more than CH_WORDS_MAX.
 */
int ch_console_split(char *line, const char *out[CH_WORDS_MAX]);

/* Reads a command from the words of a line; the first one is the command's name. */
ch_complaint ch_console_parse(int count, const char *const *line, ch_command *command);

/* The commands of one group (`wifi`, `stream`, ...), each a line. NULL: no such group. */
const char *ch_console_usage(const char *name);
/* The n-th group's name, NULL after the last. For shells that register commands one by one. */
const char *ch_console_group(unsigned n);

#endif
