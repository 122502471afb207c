#include "camherd/console.h"

#include <string.h>

#define SCAN_MAX 200    /* as older firmware has it */
#define SCAN_DEFAULT 20 /* the same */

/* The words of a line that are not read yet. */
typedef struct words {
    const char *const *at;
    int left;
} words;

typedef struct group {
    const char *name;
    const char *usage;
    ch_complaint (*parse)(words *rest, ch_command *command);
} group;

static const char wifi_usage[] = "wifi status\n"
                                 "wifi scan [max]\n"
                                 "wifi set <ssid> <password> [save]\n"
                                 "wifi set --ssid <ssid> --pass <password> [--save]\n"
                                 "wifi connect\n"
                                 "wifi disconnect\n"
                                 "wifi clear\n";
static const char stream_usage[] = "stream status\n"
                                   "stream set host <host> [port] [save]\n"
                                   "stream set port <port> [save]\n"
                                   "stream set name <stream> [save]\n"
                                   "stream set token <token> [save]\n"
                                   "stream set url ws(s)://<host>[:port][/path] [save]\n"
                                   "stream start\n"
                                   "stream stop\n"
                                   "stream clear\n";
static const char cam_usage[] = "cam status\n"
                                "cam power <0|1>\n"
                                "cam dump\n"
                                "cam set size <WIDTHxHEIGHT> [save]\n"
                                "cam set quality <1-100> [save]\n"
                                "cam set fps <1-60> [save]\n"
                                "cam set hflip|vflip|adapt <0|1> [save]\n"
                                "cam set led <0-100> [save]\n"
                                "cam clear\n";
static const char psram_usage[] = "psram status\n";
static const char tcpcam_usage[] = "tcpcam status\n"
                                   "tcpcam on|off [save]\n"
                                   "tcpcam pin <digits> [save]\n"
                                   "tcpcam port <port> [save]\n"
                                   "tcpcam clear\n";
static const char sys_usage[] = "sys info\n"
                                "sys reboot\n"
                                "sys factory-reset\n";
static const char help_usage[] = "help [command]\n";

static const ch_complaint fine = {NULL, NULL};

static ch_complaint wrong(const char *why, const char *usage)
{
    return (ch_complaint){why, usage};
}

int ch_console_split(char *line, const char *out[CH_WORDS_MAX])
{
    const char *from = line;
    char *to = line;
    int count = 0;
    for (;;) {
        while (*from == ' ' || *from == '\t' || *from == '\r' || *from == '\n') {
            from++;
        }
        if (*from == '\0') {
            return count;
        }
        if (count == CH_WORDS_MAX) {
            return -1;
        }
        out[count++] = to;
        bool quoted = false;
        while (*from != '\0' && (quoted || (*from != ' ' && *from != '\t' && *from != '\r' && *from != '\n'))) {
            if (*from == '"') {
                quoted = !quoted;
                from++;
                continue;
            }
            if (*from == '\\' && from[1] != '\0') {
                from++;
            }
            *to++ = *from++;
        }
        if (quoted) {
            return -1;
        }
        /* `to` never overtakes `from`, but may stand on the blank that ends the word. */
        bool last = *from == '\0';
        *to++ = '\0';
        if (last) {
            return count;
        }
        from++;
    }
}

/* The next word, or NULL. */
static const char *next(words *rest)
{
    if (rest->left == 0) {
        return NULL;
    }
    rest->left--;
    return *rest->at++;
}

static bool is_save(const char *word)
{
    return ch_same(word, "save") || ch_same(word, "--save");
}

/* The end of a command that can be saved: nothing, or `save`. */
static bool ends(words *rest, ch_command *command)
{
    const char *word = next(rest);
    if (word == NULL) {
        return true;
    }
    command->save = is_save(word);
    return command->save && rest->left == 0;
}

typedef struct plain {
    const char *name;
    ch_command_kind kind;
} plain;

/* A command that is one word without anything behind it. */
static bool find_plain(const plain *list, size_t count, const char *name, const words *rest, ch_command *command)
{
    for (size_t i = 0; i < count; i++) {
        if (ch_same(list[i].name, name) && rest->left == 0) {
            command->kind = list[i].kind;
            return true;
        }
    }
    return false;
}

static ch_complaint parse_wifi_set(words *rest, ch_command *command)
{
    enum { SSID, PASS };
    const char *values[] = {NULL, NULL}, *word;
    while ((word = next(rest)) != NULL) {
        bool is_ssid = ch_same(word, "--ssid"), complete = values[SSID] != NULL && values[PASS] != NULL;
        if (is_ssid || ch_same(word, "--pass")) {
            const char *value = next(rest), **to = &values[is_ssid ? SSID : PASS];
            if (value == NULL) {
                return wrong(is_ssid ? "--ssid has no value" : "--pass has no value", wifi_usage);
            }
            if (*to != NULL) {
                return wrong(is_ssid ? "the SSID is there twice" : "the password is there twice", wifi_usage);
            }
            *to = value;
        } else if (ch_same(word, "--save") || (complete && ch_same(word, "save"))) {
            command->save = true;
        } else if (!complete) {
            values[values[SSID] == NULL ? SSID : PASS] = word;
        } else {
            return wrong("there is a word too many", wifi_usage);
        }
    }
    if (values[SSID] == NULL) {
        return wrong("the SSID is missing", wifi_usage);
    }
    if (values[PASS] == NULL) {
        return wrong("the password is missing; an open network has \"\"", wifi_usage);
    }
    const char *why = ch_check_ssid(values[SSID]);
    why = why != NULL ? why : ch_check_pass(values[PASS]);
    command->kind = CH_CMD_WIFI_SET;
    command->words[0] = values[SSID];
    command->words[1] = values[PASS];
    return wrong(why, wifi_usage);
}

static ch_complaint parse_wifi(words *rest, ch_command *command)
{
    static const plain plains[] = {
        {"status", CH_CMD_WIFI_STATUS},
        {"connect", CH_CMD_WIFI_CONNECT},
        {"disconnect", CH_CMD_WIFI_DISCONNECT},
        {"clear", CH_CMD_WIFI_CLEAR},
    };
    const char *verb = next(rest);
    if (verb != NULL && find_plain(plains, sizeof plains / sizeof plains[0], verb, rest, command)) {
        return fine;
    }
    if (verb != NULL && ch_same(verb, "set")) {
        return parse_wifi_set(rest, command);
    }
    if (verb == NULL || !ch_same(verb, "scan") || rest->left > 1) {
        return wrong("there is no such wifi command", wifi_usage);
    }
    const char *max = next(rest);
    command->kind = CH_CMD_WIFI_SCAN;
    command->number = SCAN_DEFAULT;
    if (max != NULL && !ch_parse_u32(max, 1, SCAN_MAX, &command->number)) {
        return wrong("the number of networks is not 1 to 200", wifi_usage);
    }
    return fine;
}

static ch_complaint parse_port(const char *word, ch_command *command, const char *usage)
{
    return ch_parse_u32(word, 1, UINT16_MAX, &command->number) ? fine : wrong("the port is not 1 to 65535", usage);
}

static ch_complaint parse_stream_host(words *rest, ch_command *command)
{
    command->kind = CH_CMD_STREAM_SET_HOST;
    const char *why = ch_check_host(command->words[0]);
    if (why != NULL) {
        return wrong(why, stream_usage);
    }
    if (rest->left > 0 && !is_save(rest->at[0])) {
        ch_complaint complaint = parse_port(next(rest), command, stream_usage);
        if (complaint.why != NULL) {
            return complaint;
        }
    }
    return ends(rest, command) ? fine : wrong("there is a word too many", stream_usage);
}

static ch_complaint parse_stream_set(words *rest, ch_command *command)
{
    ch_settings scratch;
    const char *what = next(rest), *value = next(rest), *why = NULL;
    if (what == NULL || value == NULL) {
        return wrong("there is nothing to set", stream_usage);
    }
    command->words[0] = value;
    if (ch_same(what, "host")) {
        return parse_stream_host(rest, command);
    }
    if (ch_same(what, "port")) {
        command->kind = CH_CMD_STREAM_SET_PORT;
        why = parse_port(value, command, stream_usage).why;
    } else if (ch_same(what, "name")) {
        command->kind = CH_CMD_STREAM_SET_NAME;
        why = ch_check_name(value);
    } else if (ch_same(what, "token")) {
        command->kind = CH_CMD_STREAM_SET_TOKEN;
        why = ch_check_token(value);
    } else if (ch_same(what, "url")) {
        command->kind = CH_CMD_STREAM_SET_URL;
        why = ch_settings_set_url(&scratch, value);
    } else {
        why = "that cannot be set";
    }
    if (why == NULL && !ends(rest, command)) {
        why = "there is a word too many";
    }
    return wrong(why, stream_usage);
}

static ch_complaint parse_stream(words *rest, ch_command *command)
{
    static const plain plains[] = {
        {"status", CH_CMD_STREAM_STATUS},
        {"start", CH_CMD_STREAM_START},
        {"stop", CH_CMD_STREAM_STOP},
        {"clear", CH_CMD_STREAM_CLEAR},
    };
    const char *verb = next(rest);
    if (verb != NULL && find_plain(plains, sizeof plains / sizeof plains[0], verb, rest, command)) {
        return fine;
    }
    if (verb != NULL && ch_same(verb, "set")) {
        return parse_stream_set(rest, command);
    }
    return wrong("there is no such stream command", stream_usage);
}

typedef struct knob {
    const char *name;
    ch_knob knob;
    uint32_t min, max;
    const char *why;
} knob;

static const knob knobs[] = {
    {"size", CH_KNOB_SIZE, 0, 0, NULL},
    {"quality", CH_KNOB_QUALITY, CH_QUALITY_MIN, CH_QUALITY_MAX, "the quality is not 1 to 100"},
    {"fps", CH_KNOB_FPS, CH_FPS_MIN, CH_FPS_MAX, "the fps are not 1 to 60"},
    {"hflip", CH_KNOB_HFLIP, 0, 1, "hflip is not 0 or 1"},
    {"vflip", CH_KNOB_VFLIP, 0, 1, "vflip is not 0 or 1"},
    {"led", CH_KNOB_LED, 0, CH_LED_MAX, "the led is not 0 to 100"},
    {"adapt", CH_KNOB_ADAPT, 0, 1, "adapt is not 0 or 1"},
};

static const char *parse_knob(const knob *at, const char *value, ch_command *command)
{
    command->knob = at->knob;
    if (at->knob == CH_KNOB_SIZE) {
        ch_size size;
        if (!ch_size_parse(value, &size)) {
            return "the size is not one of 160x120, 320x240, 640x480, 800x600, 1280x720, ...";
        }
        command->number = (uint32_t)size;
        return NULL;
    }
    return ch_parse_u32(value, at->min, at->max, &command->number) ? NULL : at->why;
}

static ch_complaint parse_cam_set(words *rest, ch_command *command)
{
    const char *name = next(rest), *value = next(rest);
    if (name == NULL || value == NULL) {
        return wrong("there is nothing to set", cam_usage);
    }
    command->kind = CH_CMD_CAM_SET;
    for (size_t i = 0; i < sizeof knobs / sizeof knobs[0]; i++) {
        if (ch_same(knobs[i].name, name)) {
            const char *why = parse_knob(&knobs[i], value, command);
            if (why == NULL && !ends(rest, command)) {
                why = "there is a word too many";
            }
            return wrong(why, cam_usage);
        }
    }
    return wrong("that cannot be set", cam_usage);
}

static ch_complaint parse_cam(words *rest, ch_command *command)
{
    static const plain plains[] = {
        {"status", CH_CMD_CAM_STATUS},
        {"dump", CH_CMD_CAM_DUMP},
        {"clear", CH_CMD_CAM_CLEAR},
    };
    const char *verb = next(rest);
    if (verb != NULL && find_plain(plains, sizeof plains / sizeof plains[0], verb, rest, command)) {
        return fine;
    }
    if (verb != NULL && ch_same(verb, "set")) {
        return parse_cam_set(rest, command);
    }
    if (verb == NULL || !ch_same(verb, "power")) {
        return wrong("there is no such cam command", cam_usage);
    }
    const char *value = next(rest);
    command->kind = CH_CMD_CAM_POWER;
    if (value == NULL || rest->left > 0 || !ch_parse_u32(value, 0, 1, &command->number)) {
        return wrong("the power is not 0 or 1", cam_usage);
    }
    return fine;
}

static ch_complaint parse_psram(words *rest, ch_command *command)
{
    const char *verb = next(rest);
    command->kind = CH_CMD_PSRAM_STATUS;
    bool good = verb != NULL && ch_same(verb, "status") && rest->left == 0;
    return good ? fine : wrong("there is no such psram command", psram_usage);
}

static ch_complaint parse_tcpcam(words *rest, ch_command *command)
{
    const char *verb = next(rest), *why = NULL;
    if (verb != NULL && rest->left == 0 && (ch_same(verb, "status") || ch_same(verb, "clear"))) {
        command->kind = verb[0] == 's' ? CH_CMD_TCPCAM_STATUS : CH_CMD_TCPCAM_CLEAR;
        return fine;
    }
    if (verb != NULL && (ch_same(verb, "on") || ch_same(verb, "off"))) {
        command->kind = ch_same(verb, "on") ? CH_CMD_TCPCAM_ON : CH_CMD_TCPCAM_OFF;
    } else if (verb != NULL && ch_same(verb, "pin")) {
        command->kind = CH_CMD_TCPCAM_PIN;
        command->words[0] = next(rest);
        why = command->words[0] == NULL ? "the PIN is missing" : ch_check_pin(command->words[0]);
    } else if (verb != NULL && ch_same(verb, "port")) {
        const char *port = next(rest);
        command->kind = CH_CMD_TCPCAM_PORT;
        why = parse_port(port == NULL ? "" : port, command, NULL).why;
    } else {
        why = "there is no such tcpcam command";
    }
    if (why == NULL && !ends(rest, command)) {
        why = "there is a word too many";
    }
    return wrong(why, tcpcam_usage);
}

static ch_complaint parse_sys(words *rest, ch_command *command)
{
    static const plain plains[] = {
        {"info", CH_CMD_SYS_INFO},
        {"reboot", CH_CMD_SYS_REBOOT},
        {"factory-reset", CH_CMD_SYS_FACTORY_RESET},
    };
    const char *verb = next(rest);
    if (verb != NULL && find_plain(plains, sizeof plains / sizeof plains[0], verb, rest, command)) {
        return fine;
    }
    return wrong("there is no such sys command", sys_usage);
}

static ch_complaint parse_help(words *rest, ch_command *command)
{
    command->kind = CH_CMD_HELP;
    command->words[0] = next(rest);
    if (rest->left > 0 || (command->words[0] != NULL && ch_console_usage(command->words[0]) == NULL)) {
        return wrong("there is no help on that", help_usage);
    }
    return fine;
}

static const group groups[] = {
    {"wifi", wifi_usage, parse_wifi},    {"stream", stream_usage, parse_stream}, {"cam", cam_usage, parse_cam},
    {"psram", psram_usage, parse_psram}, {"tcpcam", tcpcam_usage, parse_tcpcam}, {"sys", sys_usage, parse_sys},
    {"help", help_usage, parse_help},
};
#define GROUPS (sizeof groups / sizeof groups[0])

ch_complaint ch_console_parse(int count, const char *const *line, ch_command *command)
{
    memset(command, 0, sizeof *command);
    if (count < 0) {
        return wrong("a \" is not closed, or there are too many words", NULL);
    }
    if (count == 0) {
        command->kind = CH_CMD_EMPTY;
        return fine;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        if (ch_same(groups[i].name, line[0])) {
            words rest = {line + 1, count - 1};
            ch_complaint complaint = groups[i].parse(&rest, command);
            return complaint.why == NULL ? fine : complaint;
        }
    }
    return wrong("there is no such command; `help` lists them", NULL);
}

const char *ch_console_usage(const char *name)
{
    for (size_t i = 0; i < GROUPS; i++) {
        if (ch_same(groups[i].name, name)) {
            return groups[i].usage;
        }
    }
    return NULL;
}

const char *ch_console_group(unsigned n)
{
    return n < GROUPS ? groups[n].name : NULL;
}
