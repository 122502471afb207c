#include "device_internal.h"
#include "rig.h"

static rig r;

/* Types a line; what comes back must be exactly this. */
static void answer(const char *line, const char *printed)
{
    rig_printed(&r);
    rig_line(&r, line);
    assert_string_equal(rig_printed(&r), printed);
}

static void answer_begins(const char *line, const char *printed)
{
    rig_printed(&r);
    rig_line(&r, line);
    const char *got = rig_printed(&r);
    if (strncmp(got, printed, strlen(printed)) != 0) {
        fail_msg("'%s' is answered by '%s', not '%s...'", line, got, printed);
    }
}

static void answers_of_wifi(void **state)
{
    ch_vitals vitals = {.have_rssi = true, .rssi = -55};
    (void)state;
    rig_init(&r);
    r.mute_wifi = true;
    answer("wifi status", "ssid= saved=no runtime=no wifi=off\n");
    answer("wifi connect", "error: no network is set\n");
    answer("wifi set \"My Home\" password1", "ssid=\"My Home\" saved=no runtime=yes wifi=connecting\n");
    answer("wifi set \"My Home\" password1 save", "ssid=\"My Home\" saved=yes runtime=yes wifi=connecting\n");
    rig_run(&r);
    rig_wifi(&r, true, "10.0.0.7");
    answer("wifi status", "ssid=\"My Home\" saved=yes runtime=yes wifi=up ip=10.0.0.7\n");
    rig_event(&r, (ch_event){.kind = CH_EV_VITALS, .vitals = &vitals});
    answer("wifi status", "ssid=\"My Home\" saved=yes runtime=yes wifi=up ip=10.0.0.7 rssi=-55\n");
    rig_wifi(&r, false, "wrong-password");
    answer("wifi status", "ssid=\"My Home\" saved=yes runtime=yes wifi=waiting reason=wrong-password\n");
    answer("wifi disconnect", "ssid=\"My Home\" saved=yes runtime=yes wifi=off reason=wrong-password\n");
    answer("wifi connect", "ssid=\"My Home\" saved=yes runtime=yes wifi=connecting reason=wrong-password\n");
    answer("wifi set Other password2", "ssid=Other saved=no runtime=yes wifi=connecting\n");
    answer("wifi clear", "ssid= saved=no runtime=no wifi=off\n");
    assert_null(fake_text(&r.fake, "wifi/ssid"));
    rig_run(&r);
    rig_wifi(&r, true, NULL);
}

static void without_save_it_lasts_until_the_restart(void **state)
{
    (void)state;
    rig_init(&r);
    rig_line(&r, "wifi set Home password1");
    rig_line(&r, "stream set host 10.0.0.2 9000 save");
    rig_restart(&r);
    answer("wifi status", "ssid= saved=no runtime=no wifi=off\n");
    answer_begins("stream status", "host=10.0.0.2 port=9000 saved=yes runtime=yes streaming=on ws=down ");
}

static void answers_of_stream(void **state)
{
    (void)state;
    rig_init(&r);
    answer("stream status", "host= port=8080 saved=no runtime=no streaming=on ws=down name= token=no\n");
    answer("stream set token chd_1 save",
           "host= port=8080 saved=yes runtime=no streaming=on ws=down name= token=yes\n");
    answer("stream set name door", "host= port=8080 saved=no runtime=no streaming=on ws=down name=door token=yes\n");
    answer("stream clear", "host= port=8080 saved=no runtime=no streaming=on ws=down name= token=no\n");
    answer("stream set port 9000", "error: there is no host yet that the port could belong to\n"
                                   "usage: stream set host <host> [port] [save]\n");
    answer("stream set host 10.0.0.2 save", "host=10.0.0.2 port=8080 saved=yes runtime=yes streaming=on ws=down name= "
                                            "token=no url=ws://10.0.0.2:8080/ws/camera\n");
    answer("stream set port 9000", "host=10.0.0.2 port=9000 saved=no runtime=yes streaming=on ws=down name= token=no "
                                   "url=ws://10.0.0.2:9000/ws/camera\n");
    answer("stream set name door", "host=10.0.0.2 port=9000 saved=no runtime=yes streaming=on ws=down name=door "
                                   "token=no url=ws://10.0.0.2:9000/ws/camera/door\n");
    answer("stream set token chd_1 save",
           "host=10.0.0.2 port=9000 saved=yes runtime=yes streaming=on ws=down name=door "
           "token=yes url=ws://10.0.0.2:9000/ws/camera/door\n");
    rig_line(&r, "wifi set Home password1");
    rig_run(&r);
    assert_string_equal(r.token, "chd_1");
    rig_ws(&r, true, NULL);
    rig_printed(&r);
    answer("stream stop", "host=10.0.0.2 port=9000 saved=yes runtime=yes streaming=off ws=down name=door token=yes "
                          "url=ws://10.0.0.2:9000/ws/camera/door\n");
    answer_begins("stream start", "host=10.0.0.2 port=9000 saved=yes runtime=yes streaming=on ws=connecting ");
    rig_run(&r);
    rig_ws(&r, false, "closed 1008 stream door is in use");
    answer("stream status", "host=10.0.0.2 port=9000 saved=yes runtime=yes streaming=on ws=waiting name=door token=yes "
                            "url=ws://10.0.0.2:9000/ws/camera/door reason=\"closed 1008 stream door is in use\"\n");
    answer("stream set url wss://cam.example.org/in",
           "host=cam.example.org port=443 saved=no runtime=yes streaming=on "
           "ws=connecting name= token=yes url=wss://cam.example.org:443/in\n");
    answer("stream set name shed", "host=cam.example.org port=443 saved=no runtime=yes streaming=on ws=connecting "
                                   "name=shed token=yes url=wss://cam.example.org:443/ws/camera/shed\n");
    answer("stream set host fe80::1",
           "host=fe80::1 port=8080 saved=no runtime=yes streaming=on ws=connecting name=shed "
           "token=yes url=ws://[fe80::1]:8080/ws/camera/shed\n");
    answer("stream clear", "host= port=8080 saved=no runtime=no streaming=on ws=discovering name= token=no\n");
    assert_null(fake_text(&r.fake, "stream/host"));
    rig_run(&r);
    rig_event(&r, (ch_event){.kind = CH_EV_FOUND, .attempt = r.discover_attempt, .text = "c.local", .number = 80});
    answer("stream status", "host= port=8080 saved=no runtime=no streaming=on ws=connecting name= token=no "
                            "url=ws://c.local:80/ws/camera discovered=yes\n");
}

static void answers_of_cam(void **state)
{
    (void)state;
    rig_init(&r);
    answer("cam status",
           "power=on camera=starting sensor= size=640x480 quality=80 fps=30 hflip=0 vflip=0 led=0 adapt=1 "
           "saved=yes now_size=640x480 now_quality=80 now_fps=0\n");
    rig_run(&r);
    answer("cam dump", "power=on camera=up sensor=OV2640 size=640x480 quality=80 fps=30 hflip=0 vflip=0 led=0 adapt=1 "
                       "saved=yes now_size=640x480 now_quality=80 now_fps=0\n");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA_DUMP], 1);
    rig_line(&r, "cam set size svga");
    rig_line(&r, "cam set quality 60");
    rig_line(&r, "cam set hflip 1");
    rig_line(&r, "cam set vflip 1");
    rig_line(&r, "cam set led 5");
    rig_line(&r, "cam set adapt 0");
    answer("cam set fps 10", "power=on camera=up sensor=OV2640 size=800x600 quality=60 fps=10 hflip=1 vflip=1 led=5 "
                             "adapt=0 saved=no now_size=800x600 now_quality=60 now_fps=0\n");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    assert_int_equal(r.camera.camera.size, CH_SIZE_800X600);
    answer("cam set size qsxga", "error: the sensor does not have this size\n");
    r.d.board.has_led = false;
    answer("cam set led 5", "error: this device has no lamp\n");
    answer_begins("cam power 0", "power=off camera=off ");
    rig_run(&r);
    assert_false(r.camera.power);
    answer_begins("cam power 1", "power=on camera=starting ");
    rig_run(&r);
    assert_true(r.camera.power);
    assert_true(r.d.camera_up);
    answer_begins("cam set fps 11 save", "power=on camera=up sensor=OV2640 size=800x600 quality=60 fps=11 ");
    assert_int_equal(fake_number(&r.fake, "cam/fps"), 11);
    answer_begins("cam clear", "power=on camera=up sensor=OV2640 size=640x480 quality=80 fps=30 ");
    assert_int_equal(fake_number(&r.fake, "cam/fps"), -1);
}

static void answers_of_the_rest(void **state)
{
    ch_vitals vitals = {
        .have_psram = true, .psram = 5000, .have_temperature = true, .temperature = 40, .heap = 100, .heap_min = 90};
    (void)state;
    rig_init(&r);
    answer("", "");
    answer("psram status", "psram=yes total=8388608 free=0\n");
    rig_event(&r, (ch_event){.kind = CH_EV_VITALS, .vitals = &vitals});
    answer("psram status", "psram=yes total=8388608 free=5000\n");
    answer("tcpcam status", "tcpcam=off port=3333 pin=default saved=yes listening=no clients=0 watching=0\n");
    answer("tcpcam on save", "tcpcam=on port=3333 pin=default saved=yes listening=no clients=0 watching=0\n");
    rig_run(&r);
    answer("tcpcam pin 4711", "tcpcam=on port=3333 pin=own saved=no listening=yes clients=0 watching=0\n");
    answer("tcpcam port 4000", "tcpcam=on port=4000 pin=own saved=no listening=yes clients=0 watching=0\n");
    answer("tcpcam clear", "tcpcam=off port=3333 pin=default saved=yes listening=yes clients=0 watching=0\n");
    r.now += 61500;
    answer("sys info",
           "id=cam-test model=Rig firmware=1.0 image=confirmed reset=power-on uptime=61 heap=100 heap_min=90 "
           "temperature=40 captured=0 sent=0 replaced=0 stale=0 failed=0 camera_errors=0 connects=0\n");
    r.d.board.rolled_back = true;
    answer_begins("sys info", "id=cam-test model=Rig firmware=1.0 image=rolled-back ");
    answer("sys reboot", "reboot=now\n");
    rig_pass(&r, CH_REBOOT_DELAY_MS);
    assert_int_equal(r.counts[CH_DO_REBOOT], 1);
    rig_line(&r, "wifi set Home password1 save");
    answer("sys factory-reset", "settings=default reboot=now\n");
    assert_null(fake_text(&r.fake, "wifi/ssid"));
    answer("sys reboot", "reboot=now\n");
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    rig_init(&r);
    answer("dance", "error: there is no such command; `help` lists them\n");
    answer("wifi scan 0", "error: the number of networks is not 1 to 200\nusage: wifi scan [max]\n");
    answer("wifi set \"\" password1", "error: the SSID is empty\n"
                                      "usage: wifi set <ssid> <password> [save]\n"
                                      "usage: wifi set --ssid <ssid> --pass <password> [--save]\n");
    answer("stream set host a 99999",
           "error: the port is not 1 to 65535\nusage: stream set host <host> [port] [save]\n");
    answer("psram", "error: there is no such psram command\nusage: psram status\n");
    answer("cam power 7", "error: the power is not 0 or 1\nusage: cam power <0|1>\n");
    answer("wifi set Home \"", "error: a \" is not closed, or there are too many words\n");
    answer("help dance", "error: there is no help on that\nusage: help [command]\n");
    char line[CH_LINE_MAX + 2];
    memset(line, 'x', sizeof line);
    line[CH_LINE_MAX + 1] = '\0';
    answer(line, "error: the line is longer than 383 characters\n");
    assert_int_equal(r.fake.commits, 0);
    assert_string_equal(r.d.settings.ssid, "");
}

static void what_the_device_gives_up_has_a_reason(void **state)
{
    (void)state;
    rig_init(&r);
    r.mute_wifi = true;
    rig_line(&r, "wifi set Home password1");
    rig_line(&r, "stream set host a");
    rig_pass(&r, CH_WIFI_TIMEOUT_MS);
    answer("wifi status", "ssid=Home saved=no runtime=yes wifi=waiting reason=timeout\n");
    r.mute_wifi = false;
    rig_pass(&r, 2000);
    answer_begins("wifi status", "ssid=Home saved=no runtime=yes wifi=up ip=10.0.0.7\n");
    rig_pass(&r, CH_WS_TIMEOUT_MS);
    rig_line(&r, "stream status");
    assert_non_null(strstr(rig_printed(&r), "ws=waiting name= token=no url=ws://a:8080/ws/camera reason=timeout\n"));
    rig_pass(&r, 2000);
    rig_ws(&r, true, NULL);
    r.hold_frames = true;
    rig_pass(&r, CH_SEND_STALL_MS + 100);
    rig_line(&r, "stream status");
    assert_non_null(strstr(rig_printed(&r), " ws=waiting name= token=no url=ws://a:8080/ws/camera reason=stalled\n"));
    rig_pass(&r, 4000);
    r.hold_frames = false;
    r.mute_pongs = true;
    rig_ws(&r, true, NULL);
    rig_pass(&r, CH_SILENCE_MS);
    rig_line(&r, "stream status");
    assert_non_null(strstr(rig_printed(&r), " ws=waiting name= token=no url=ws://a:8080/ws/camera reason=silence\n"));
}

/* Whatever is asked, no answer has the password, the token or the PIN. */
static void secrets_are_not_printed(void **state)
{
    static const char *const lines[] = {"wifi set Home SECRET-1 save",
                                        "wifi set Home SECRET-1 SECRET",
                                        "wifi status",
                                        "stream set host 10.0.0.2",
                                        "stream set token SECRET-2 save",
                                        "stream set token SECRET-2 SECRET",
                                        "stream set url ws://a/b?x=1&token=SECRET-3 save",
                                        "stream set url ws://a/b?to%6ben=SECRET-3",
                                        "stream status",
                                        "tcpcam pin 987654321 save",
                                        "tcpcam pin 987654321 987654321",
                                        "tcpcam status",
                                        "cam status",
                                        "sys info"};
    (void)state;
    rig_init(&r);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        rig_line(&r, lines[i]);
        rig_run(&r);
    }
    const char *printed = rig_printed(&r);
    assert_non_null(strstr(printed, "token=yes url=\"ws://a:80/b?*\"\n"));
    assert_null(strstr(printed, "SECRET"));
    assert_null(strstr(printed, "987654321"));
    /* It is sent all the same. */
    assert_string_equal(r.url, "ws://a:80/b?to%6ben=SECRET-3");
}

static void help_lists_all_or_one(void **state)
{
    (void)state;
    rig_init(&r);
    answer("help psram", "psram status\n");
    answer("help sys", "sys info\nsys reboot\nsys factory-reset\n");
    rig_line(&r, "help");
    const char *all = rig_printed(&r);
    assert_non_null(strstr(all, "wifi scan [max]\n"));
    assert_non_null(strstr(all, "tcpcam clear\n"));
    assert_non_null(strstr(all, "help [command]\n"));
}

static void a_scan_prints_as_it_finds(void **state)
{
    ch_network home = {"My Home", -50, 6, "wpa2"}, open = {"Cafe", -70, 11, "open"};
    (void)state;
    rig_init(&r);
    answer("wifi scan 2", "");
    assert_true(ch_device_is_scanning(&r.d));
    answer("wifi scan", "error: a scan is running\n");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_WIFI_SCAN], 1);
    rig_event(&r, (ch_event){.kind = CH_EV_SCAN_FOUND, .network = &home});
    rig_event(&r, (ch_event){.kind = CH_EV_SCAN_FOUND, .network = &open});
    rig_event(&r, (ch_event){.kind = CH_EV_SCAN_FOUND, .network = &open});
    rig_event(&r, (ch_event){.kind = CH_EV_SCAN_DONE});
    assert_string_equal(rig_printed(&r), "ssid=\"My Home\" rssi=-50 channel=6 auth=wpa2\n"
                                         "ssid=Cafe rssi=-70 channel=11 auth=open\n"
                                         "scan=done found=2\n");
    assert_false(ch_device_is_scanning(&r.d));
    answer("wifi scan", "");
    rig_pass(&r, CH_SCAN_TIMEOUT_MS);
    assert_string_equal(rig_printed(&r), "scan=failed found=0 reason=timeout\n");
    answer("wifi scan", "");
    rig_event(&r, (ch_event){.kind = CH_EV_SCAN_DONE, .text = "Wi-Fi is busy"});
    assert_string_equal(rig_printed(&r), "scan=failed found=0 reason=\"Wi-Fi is busy\"\n");
}

static void names_and_reasons_of_any_bytes_are_readable(void **state)
{
    ch_network latin1 = {"K\xfc"
                         "che",
                         -50, 6, "wpa2"};
    char reason[80];
    (void)state;
    rig_init(&r);
    rig_line(&r, "wifi scan");
    rig_event(&r, (ch_event){.kind = CH_EV_SCAN_FOUND, .network = &latin1});
    assert_string_equal(rig_printed(&r), "ssid=\"K\\xfcche\" rssi=-50 channel=6 auth=wpa2\n");
    /* Cut before the character that does not fit, wherever that is. */
    for (size_t before = 58; before < 63; before++) {
        memset(reason, 'x', before);
        memcpy(reason + before, "\xf0\x9f\x98\x80 and more", 13);
        ch_keep_reason(r.d.ws_reason, reason);
        assert_int_equal(strlen(r.d.ws_reason), before <= 59 ? 63 : before);
    }
}

static void the_longest_line_is_whole(void **state)
{
    char url[CH_LINE_MAX + 1] = "ws://", reason[CH_REASON_MAX + 1] = "";
    const char *got;
    (void)state;
    rig_init(&r);
    memset(url + 5, 'h', CH_HOST_MAX);
    memcpy(url + 5 + CH_HOST_MAX, ":65535/", 7);
    memset(url + 5 + CH_HOST_MAX + 7, '"', CH_PATH_MAX - 1);
    assert_null(ch_settings_set_url(&r.d.settings, url));
    memset(reason, '\x01', CH_REASON_MAX);
    ch_keep_reason(r.d.ws_reason, reason);
    rig_line(&r, "stream stop");
    got = rig_printed(&r);
    assert_string_equal(got + strlen(got) - 6, "\\x01\"\n");
    assert_in_range(strlen(got), 700, 768);
}

static void a_storage_that_fails_is_told(void **state)
{
    (void)state;
    rig_init(&r);
    r.fake.writes_left = 0;
    answer("wifi set Home password1 save", "error: the storage failed: what was set holds until the device restarts\n"
                                           "ssid=Home saved=no runtime=yes wifi=connecting\n");
    answer("wifi clear", "error: the storage failed: what it holds comes back at the next start\n"
                         "ssid= saved=no runtime=no wifi=off\n");
    answer("sys factory-reset", "error: the storage failed: settings are still in it; try again, or erase the flash\n");
    rig_pass(&r, 2 * CH_REBOOT_DELAY_MS);
    assert_int_equal(r.counts[CH_DO_REBOOT], 0);
    r.fake.writes_left = -1;
    answer("sys factory-reset", "settings=default reboot=now\n");
}

static void a_save_that_fails_in_the_middle_leaves_what_was_there(void **state)
{
    (void)state;
    rig_init(&r);
    rig_line(&r, "stream set host old");
    rig_line(&r, "stream set token chd_old save");
    r.fake.refuses = "stream/token";
    rig_line(&r, "stream set host new 9000");
    rig_line(&r, "stream set token chd_new save");
    assert_non_null(strstr(rig_printed(&r), "error: the storage failed"));
    assert_string_equal(fake_text(&r.fake, "stream/host"), "old");
    assert_int_equal(fake_number(&r.fake, "stream/port"), 8080);
    assert_string_equal(fake_text(&r.fake, "stream/token"), "chd_old");
    /* What was set holds until the restart. */
    answer_begins("stream status", "host=new port=9000 saved=no ");
}

static void words_of_another_console_do_as_well(void **state)
{
    const char *words[] = {"wifi", "set", "My Home", "password1"};
    const char *bad[] = {"wifi", "dance"};
    (void)state;
    rig_init(&r);
    assert_true(ch_device_words(&r.d, r.now, 4, words));
    assert_string_equal(r.d.settings.ssid, "My Home");
    assert_false(ch_device_words(&r.d, r.now, 2, bad));
}

int test_device_console(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_wifi),
        cmocka_unit_test(without_save_it_lasts_until_the_restart),
        cmocka_unit_test(answers_of_stream),
        cmocka_unit_test(answers_of_cam),
        cmocka_unit_test(answers_of_the_rest),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(what_the_device_gives_up_has_a_reason),
        cmocka_unit_test(secrets_are_not_printed),
        cmocka_unit_test(help_lists_all_or_one),
        cmocka_unit_test(a_scan_prints_as_it_finds),
        cmocka_unit_test(names_and_reasons_of_any_bytes_are_readable),
        cmocka_unit_test(the_longest_line_is_whole),
        cmocka_unit_test(a_storage_that_fails_is_told),
        cmocka_unit_test(a_save_that_fails_in_the_middle_leaves_what_was_there),
        cmocka_unit_test(words_of_another_console_do_as_well),
    };
    return cmocka_run_group_tests_name("device console", tests, NULL, NULL);
}
