#include "camherd/console.h"
#include "unit.h"

static char line_copy[CH_LINE_MAX + 1];

/* Reads a line; words of the command point into a buffer that lasts until the next call. */
static ch_complaint parse(const char *line, ch_command *command)
{
    const char *words[CH_WORDS_MAX];
    assert_true(ch_copy(line_copy, sizeof line_copy, line));
    return ch_console_parse(ch_console_split(line_copy, words), words, command);
}

static void words_are_split_at_blanks_outside_quotes(void **state)
{
    static const struct {
        const char *line;
        int count;
        const char *words[4];
    } cases[] = {
        {"", 0, {0}},
        {" \t\r\n", 0, {0}},
        {"a", 1, {"a"}},
        {"  a  b\tc ", 3, {"a", "b", "c"}},
        {"a \"b c\" d", 3, {"a", "b c", "d"}},
        {"a \"\" d", 3, {"a", "", "d"}},
        {"a b\"c d\"e", 2, {"a", "bc de"}},
        {"a\\ b", 1, {"a b"}},
        {"\\\"a\\\\", 1, {"\"a\\"}},
        {"\"a\\\"b\"", 1, {"a\"b"}},
        {"a \\", 2, {"a", "\\"}},
        {"a \"b", -1, {0}},
        {"\"", -1, {0}},
        {"\"a\"\"b\" c", 2, {"ab", "c"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *words[CH_WORDS_MAX];
        ch_copy(line_copy, sizeof line_copy, cases[i].line);
        assert_int_equal(ch_console_split(line_copy, words), cases[i].count);
        for (int n = 0; n < cases[i].count; n++) {
            assert_string_equal(words[n], cases[i].words[n]);
        }
    }
}

static void there_are_twelve_words_at_most(void **state)
{
    const char *words[CH_WORDS_MAX];
    char most[] = "1 2 3 4 5 6 7 8 9 10 11 12", more[] = "1 2 3 4 5 6 7 8 9 10 11 12 13";
    (void)state;
    assert_int_equal(ch_console_split(most, words), 12);
    assert_string_equal(words[11], "12");
    assert_int_equal(ch_console_split(more, words), -1);
}

static void good_lines(void **state)
{
    static const struct {
        const char *line;
        ch_command_kind kind;
        const char *word, *second;
        uint32_t number;
        bool save;
    } cases[] = {
        {"", CH_CMD_EMPTY, NULL, NULL, 0, false},
        {"help", CH_CMD_HELP, NULL, NULL, 0, false},
        {"help wifi", CH_CMD_HELP, "wifi", NULL, 0, false},
        {"wifi status", CH_CMD_WIFI_STATUS, NULL, NULL, 0, false},
        {"wifi scan", CH_CMD_WIFI_SCAN, NULL, NULL, 20, false},
        {"wifi scan 1", CH_CMD_WIFI_SCAN, NULL, NULL, 1, false},
        {"wifi scan 200", CH_CMD_WIFI_SCAN, NULL, NULL, 200, false},
        {"wifi set Home password1", CH_CMD_WIFI_SET, "Home", "password1", 0, false},
        {"wifi set Home password1 save", CH_CMD_WIFI_SET, "Home", "password1", 0, true},
        {"wifi set Home password1 --save", CH_CMD_WIFI_SET, "Home", "password1", 0, true},
        {"wifi set \"My Home\" \"\" save", CH_CMD_WIFI_SET, "My Home", "", 0, true},
        {"wifi set --ssid Home --pass password1", CH_CMD_WIFI_SET, "Home", "password1", 0, false},
        {"wifi set --save --pass password1 --ssid Home", CH_CMD_WIFI_SET, "Home", "password1", 0, true},
        {"wifi set --ssid Home --pass password1 save", CH_CMD_WIFI_SET, "Home", "password1", 0, true},
        {"wifi set --ssid Home password1 save", CH_CMD_WIFI_SET, "Home", "password1", 0, true},
        {"wifi set Home --pass password1", CH_CMD_WIFI_SET, "Home", "password1", 0, false},
        {"wifi set save password1", CH_CMD_WIFI_SET, "save", "password1", 0, false},
        {"wifi connect", CH_CMD_WIFI_CONNECT, NULL, NULL, 0, false},
        {"wifi disconnect", CH_CMD_WIFI_DISCONNECT, NULL, NULL, 0, false},
        {"wifi clear", CH_CMD_WIFI_CLEAR, NULL, NULL, 0, false},
        {"stream status", CH_CMD_STREAM_STATUS, NULL, NULL, 0, false},
        {"stream set host 10.0.0.2", CH_CMD_STREAM_SET_HOST, "10.0.0.2", NULL, 0, false},
        {"stream set host 10.0.0.2 9000", CH_CMD_STREAM_SET_HOST, "10.0.0.2", NULL, 9000, false},
        {"stream set host 10.0.0.2 9000 save", CH_CMD_STREAM_SET_HOST, "10.0.0.2", NULL, 9000, true},
        {"stream set host 10.0.0.2 save", CH_CMD_STREAM_SET_HOST, "10.0.0.2", NULL, 0, true},
        {"stream set port 65535 save", CH_CMD_STREAM_SET_PORT, "65535", NULL, 65535, true},
        {"stream set name door", CH_CMD_STREAM_SET_NAME, "door", NULL, 0, false},
        {"stream set name \"\" save", CH_CMD_STREAM_SET_NAME, "", NULL, 0, true},
        {"stream set token chd_0 save", CH_CMD_STREAM_SET_TOKEN, "chd_0", NULL, 0, true},
        {"stream set url ws://a/b save", CH_CMD_STREAM_SET_URL, "ws://a/b", NULL, 0, true},
        {"stream start", CH_CMD_STREAM_START, NULL, NULL, 0, false},
        {"stream stop", CH_CMD_STREAM_STOP, NULL, NULL, 0, false},
        {"stream clear", CH_CMD_STREAM_CLEAR, NULL, NULL, 0, false},
        {"cam power 0", CH_CMD_CAM_POWER, NULL, NULL, 0, false},
        {"cam power 1", CH_CMD_CAM_POWER, NULL, NULL, 1, false},
        {"cam dump", CH_CMD_CAM_DUMP, NULL, NULL, 0, false},
        {"cam status", CH_CMD_CAM_STATUS, NULL, NULL, 0, false},
        {"cam set size VGA save", CH_CMD_CAM_SET, NULL, NULL, CH_SIZE_640X480, true},
        {"cam set quality 100", CH_CMD_CAM_SET, NULL, NULL, 100, false},
        {"cam set fps 60", CH_CMD_CAM_SET, NULL, NULL, 60, false},
        {"cam set hflip 1", CH_CMD_CAM_SET, NULL, NULL, 1, false},
        {"cam set vflip 0", CH_CMD_CAM_SET, NULL, NULL, 0, false},
        {"cam set led 100", CH_CMD_CAM_SET, NULL, NULL, 100, false},
        {"cam set adapt 0 --save", CH_CMD_CAM_SET, NULL, NULL, 0, true},
        {"cam clear", CH_CMD_CAM_CLEAR, NULL, NULL, 0, false},
        {"psram status", CH_CMD_PSRAM_STATUS, NULL, NULL, 0, false},
        {"tcpcam status", CH_CMD_TCPCAM_STATUS, NULL, NULL, 0, false},
        {"tcpcam on save", CH_CMD_TCPCAM_ON, NULL, NULL, 0, true},
        {"tcpcam off", CH_CMD_TCPCAM_OFF, NULL, NULL, 0, false},
        {"tcpcam pin 0000", CH_CMD_TCPCAM_PIN, "0000", NULL, 0, false},
        {"tcpcam port 1 save", CH_CMD_TCPCAM_PORT, NULL, NULL, 1, true},
        {"tcpcam clear", CH_CMD_TCPCAM_CLEAR, NULL, NULL, 0, false},
        {"sys info", CH_CMD_SYS_INFO, NULL, NULL, 0, false},
        {"sys reboot", CH_CMD_SYS_REBOOT, NULL, NULL, 0, false},
        {"sys factory-reset", CH_CMD_SYS_FACTORY_RESET, NULL, NULL, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ch_command command;
        ch_complaint complaint = parse(cases[i].line, &command);
        if (complaint.why != NULL || command.kind != cases[i].kind) {
            fail_msg("'%s': %s", cases[i].line, complaint.why != NULL ? complaint.why : "another command");
        }
        if (cases[i].word != NULL) {
            assert_string_equal(command.words[0], cases[i].word);
        }
        if (cases[i].second != NULL) {
            assert_string_equal(command.words[1], cases[i].second);
        }
        assert_int_equal(command.number, cases[i].number);
        assert_int_equal(command.save, cases[i].save);
    }
}

static void bad_lines(void **state)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"dance", "there is no such command; `help` lists them"},
        {"wifi \"", "a \" is not closed, or there are too many words"},
        {"help me", "there is no help on that"},
        {"help wifi scan", "there is no help on that"},
        {"wifi", "there is no such wifi command"},
        {"wifi status now", "there is no such wifi command"},
        {"wifi scan 0", "the number of networks is not 1 to 200"},
        {"wifi scan 201", "the number of networks is not 1 to 200"},
        {"wifi scan 1 2", "there is no such wifi command"},
        {"wifi set", "the SSID is missing"},
        {"wifi set --pass password1", "the SSID is missing"},
        {"wifi set Home", "the password is missing; an open network has \"\""},
        {"wifi set --ssid", "--ssid has no value"},
        {"wifi set --ssid Home --pass", "--pass has no value"},
        {"wifi set Home password1 --ssid Shed", "the SSID is there twice"},
        {"wifi set --pass password1 Home --pass password2", "the password is there twice"},
        {"wifi set password1 --ssid Home", "the SSID is there twice"},
        {"wifi set \"\" password1", "the SSID is empty"},
        {"wifi set Home short", "the password is shorter than 8 characters; an open network has the password \"\""},
        {"wifi set Home password1 now", "there is a word too many"},
        {"wifi set Home password1 save now", "there is a word too many"},
        {"stream", "there is no such stream command"},
        {"stream start now", "there is no such stream command"},
        {"stream set", "there is nothing to set"},
        {"stream set host", "there is nothing to set"},
        {"stream set host \"\"", "the host is empty"},
        {"stream set host a:80", "the port goes behind the host as a word of its own"},
        {"stream set host a 0", "the port is not 1 to 65535"},
        {"stream set host a 65536", "the port is not 1 to 65535"},
        {"stream set host a 80 now", "there is a word too many"},
        {"stream set host a 80 save now", "there is a word too many"},
        {"stream set port x", "the port is not 1 to 65535"},
        {"stream set port 80 90", "there is a word too many"},
        {"stream set name Door", "the name has only a-z, 0-9, _ and -"},
        {"stream set token \"a b\"", "the token has characters that no token has"},
        {"stream set url http://a", "the URL does not begin with ws:// or wss://"},
        {"stream set color red", "that cannot be set"},
        {"cam", "there is no such cam command"},
        {"cam power", "the power is not 0 or 1"},
        {"cam power 2", "the power is not 0 or 1"},
        {"cam power 1 1", "the power is not 0 or 1"},
        {"cam set", "there is nothing to set"},
        {"cam set size", "there is nothing to set"},
        {"cam set size 1x1", "the size is not one of 160x120, 320x240, 640x480, 800x600, 1280x720, ..."},
        {"cam set quality 0", "the quality is not 1 to 100"},
        {"cam set fps 61", "the fps are not 1 to 60"},
        {"cam set hflip 2", "hflip is not 0 or 1"},
        {"cam set vflip yes", "vflip is not 0 or 1"},
        {"cam set led 101", "the led is not 0 to 100"},
        {"cam set adapt 2", "adapt is not 0 or 1"},
        {"cam set fps 5 now", "there is a word too many"},
        {"cam set color 1", "that cannot be set"},
        {"psram", "there is no such psram command"},
        {"psram status x", "there is no such psram command"},
        {"tcpcam", "there is no such tcpcam command"},
        {"tcpcam status x", "there is no such tcpcam command"},
        {"tcpcam on x", "there is a word too many"},
        {"tcpcam pin", "the PIN is missing"},
        {"tcpcam pin 12", "the PIN has 4 to 16 digits"},
        {"tcpcam port", "the port is not 1 to 65535"},
        {"sys", "there is no such sys command"},
        {"sys reboot now", "there is no such sys command"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ch_command command;
        ch_complaint complaint = parse(cases[i].line, &command);
        if (complaint.why == NULL) {
            fail_msg("'%s' is taken", cases[i].line);
        }
        assert_string_equal(complaint.why, cases[i].why);
    }
}

static void every_command_is_in_the_help(void **state)
{
    const char *name;
    unsigned groups = 0;
    (void)state;
    for (; (name = ch_console_group(groups)) != NULL; groups++) {
        const char *usage = ch_console_usage(name);
        assert_non_null(usage);
        assert_memory_equal(usage, name, strlen(name));
        assert_int_equal(usage[strlen(usage) - 1], '\n');
    }
    assert_int_equal(groups, 7);
    assert_null(ch_console_usage("x"));
}

int test_console(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_at_blanks_outside_quotes),
        cmocka_unit_test(there_are_twelve_words_at_most),
        cmocka_unit_test(good_lines),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(every_command_is_in_the_help),
    };
    return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
