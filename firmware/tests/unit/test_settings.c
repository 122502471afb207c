#include "camherd/settings.h"
#include "unit.h"

static void an_empty_store_gives_defaults(void **state)
{
    fake_store fake;
    ch_store store = fake_store_new(&fake);
    ch_settings s;
    (void)state;
    ch_settings_load(&s, &store);
    assert_string_equal(s.ssid, "");
    assert_string_equal(s.host, "");
    assert_int_equal(s.port, 8080);
    assert_int_equal(s.camera.size, CH_SIZE_640X480);
    assert_int_equal(s.camera.quality, 80);
    assert_int_equal(s.camera.fps, 30);
    assert_true(s.camera.adapt);
    assert_false(s.tcpcam_on);
    assert_int_equal(s.tcpcam_port, 3333);
    assert_string_equal(s.tcpcam_pin, "1235");
    assert_int_equal(fake.count, 0);
}

static void the_store_of_an_older_firmware_is_read(void **state)
{
    fake_store fake;
    ch_store store = fake_store_new(&fake);
    ch_settings s;
    (void)state;
    fake_put_text(&fake, "wifi/ssid", "Home");
    fake_put_text(&fake, "wifi/pass", "password1");
    fake_put_text(&fake, "stream/host", "10.0.0.2");
    fake_put_number(&fake, "stream/port", 9000);
    ch_settings_load(&s, &store);
    assert_string_equal(s.ssid, "Home");
    assert_string_equal(s.pass, "password1");
    assert_string_equal(s.host, "10.0.0.2");
    assert_int_equal(s.port, 9000);
    assert_true(ch_settings_save(&s, CH_GROUP_STREAM, &store));
    assert_int_equal(fake_number(&fake, "camherd/version"), CH_SETTINGS_VERSION);
}

static void a_later_version_is_left_as_it_is(void **state)
{
    fake_store fake;
    ch_store store = fake_store_new(&fake);
    ch_settings s;
    (void)state;
    fake_put_number(&fake, "camherd/version", 9);
    fake_put_text(&fake, "stream/host", "a");
    fake_put_text(&fake, "stream/novel", "kept");
    ch_settings_load(&s, &store);
    assert_string_equal(s.host, "a");
    assert_true(ch_settings_save(&s, CH_GROUP_STREAM, &store));
    assert_int_equal(fake_number(&fake, "camherd/version"), 9);
    assert_string_equal(fake_text(&fake, "stream/novel"), "kept");
}

static void what_is_saved_is_loaded(void **state)
{
    fake_store fake;
    ch_store store = fake_store_new(&fake);
    ch_settings s, back;
    (void)state;
    ch_settings_defaults(&s);
    ch_copy(s.ssid, sizeof s.ssid, "My Home");
    ch_copy(s.pass, sizeof s.pass, "");
    assert_null(ch_settings_set_url(&s, "wss://cam.example.org:444/in?x=1"));
    ch_copy(s.token, sizeof s.token, "chd_x");
    s.camera = (ch_camera){CH_SIZE_320X240, 55, 12, true, true, 70, false};
    s.tcpcam_on = true;
    s.tcpcam_port = 4444;
    ch_copy(s.tcpcam_pin, sizeof s.tcpcam_pin, "99999999");
    for (unsigned i = 0; i < CH_GROUPS; i++) {
        ch_settings_load(&back, &store);
        assert_false(ch_settings_equal(&s, &back, (ch_group)i));
        assert_true(ch_settings_save(&s, (ch_group)i, &store));
        ch_settings_load(&back, &store);
        assert_true(ch_settings_equal(&s, &back, (ch_group)i));
    }
    assert_string_equal(fake_text(&fake, "cam/size"), "320x240");
    assert_int_equal(fake.commits, CH_GROUPS);
    for (unsigned i = 0; i < CH_GROUPS; i++) {
        assert_true(ch_settings_clear(&s, (ch_group)i, &store));
        ch_settings_load(&back, &store);
        assert_true(ch_settings_equal(&s, &back, (ch_group)i));
    }
    assert_int_equal(fake.count, 1); /* the version */
}

static void bad_values_become_defaults_one_by_one(void **state)
{
    fake_store fake;
    ch_store store = fake_store_new(&fake);
    ch_settings s;
    (void)state;
    fake_put_text(&fake, "wifi/ssid", "a name of more than thirty-two bytes");
    fake_put_text(&fake, "wifi/pass", "short");
    fake_put_text(&fake, "stream/host", "a b");
    fake_put_number(&fake, "stream/port", 0);
    fake_put_number(&fake, "stream/tls", 2);
    fake_put_text(&fake, "stream/path", "no-slash");
    fake_put_text(&fake, "stream/name", "Door");
    fake_put_text(&fake, "stream/token", "a b");
    fake_put_text(&fake, "cam/size", "1x1");
    fake_put_number(&fake, "cam/quality", 0);
    fake_put_number(&fake, "cam/fps", 61);
    fake_put_text(&fake, "cam/hflip", "1");
    fake_put_number(&fake, "cam/led", 5);
    fake_put_text(&fake, "tcpcam/pin", "12a5");
    fake_put_number(&fake, "tcpcam/port", 0);
    ch_settings_load(&s, &store);
    assert_string_equal(s.ssid, "");
    assert_string_equal(s.pass, "");
    assert_string_equal(s.host, "");
    assert_int_equal(s.port, 8080);
    assert_string_equal(s.path, "");
    assert_string_equal(s.name, "");
    assert_string_equal(s.token, "");
    assert_int_equal(s.camera.size, CH_SIZE_640X480);
    assert_int_equal(s.camera.quality, 80);
    assert_int_equal(s.camera.fps, 30);
    assert_false(s.camera.hflip);
    assert_int_equal(s.camera.led, 5);
    assert_string_equal(s.tcpcam_pin, "1235");
    assert_int_equal(s.tcpcam_port, 3333);
}

static void what_is_damaged_opens_nothing(void **state)
{
    fake_store fake;
    ch_store store = fake_store_new(&fake);
    ch_settings s;
    (void)state;
    /* Each as it is, and then damaged: against the rules, or of another type. */
    fake_put_text(&fake, "wifi/ssid", "Home");
    fake_put_number(&fake, "tcpcam/on", 1);
    ch_settings_load(&s, &store);
    assert_string_equal(s.ssid, "Home");
    assert_true(s.tcpcam_on);
    assert_false(s.tls);
    fake_put_text(&fake, "wifi/pass", "short");
    fake_put_number(&fake, "stream/tls", 2);
    fake_put_text(&fake, "tcpcam/pin", "12a5");
    for (unsigned i = 0; i < 2; i++) {
        ch_settings_load(&s, &store);
        assert_string_equal(s.ssid, "");
        assert_true(s.tls);
        assert_false(s.tcpcam_on);
        fake_put_number(&fake, "wifi/pass", 12345);
        fake_put_text(&fake, "stream/tls", "0");
        fake_put_number(&fake, "tcpcam/pin", 4711);
    }
}

static void a_store_that_fails_is_told(void **state)
{
    fake_store fake;
    ch_store store = fake_store_new(&fake);
    ch_settings s;
    (void)state;
    ch_settings_defaults(&s);
    for (int writes = 0; writes < 7; writes++) {
        fake.writes_left = writes;
        assert_false(ch_settings_save(&s, CH_GROUP_CAMERA, &store));
    }
    fake.writes_left = 0;
    s.port = 1;
    assert_false(ch_settings_clear(&s, CH_GROUP_STREAM, &store));
    assert_int_equal(s.port, 8080);
    fake.writes_left = -1;
    fake.commit_fails = 1;
    assert_false(ch_settings_save(&s, CH_GROUP_WIFI, &store));
    assert_false(ch_settings_clear(&s, CH_GROUP_WIFI, &store));
}

/* `len` characters of one kind. */
static const char *repeated(char c, size_t len)
{
    static char text[256];
    assert_true(len < sizeof text);
    memset(text, c, len);
    text[len] = '\0';
    return text;
}

static void each_rule_takes_and_refuses(void **state)
{
    static const struct {
        const char *about;
        const char *(*check)(const char *);
        const char *good[3], *bad[4];
    } rules[] = {
        {"ssid",
         ch_check_ssid,
         {"a", "My \xc3\x9c"
               "ber-Net"},
         {""}},
        {"pass",
         ch_check_pass,
         {"", "12345678", "0123456789abcdefABCDEF0123456789abcdefABCDEF0123456789abcdefABCD"},
         {"1234567", "g123456789abcdefABCDEF0123456789abcdefABCDEF0123456789abcdefABCD"}},
        {"host", ch_check_host, {"cam-1.local", "fe80::1", "10.0.0.2"}, {"", "10.0.0.2:8080", "a/b", "a b"}},
        {"path", ch_check_path, {"", "/a?b=c"}, {"a", "/a b", "/\xc3\xa4", "/a\n"}},
        {"name", ch_check_name, {"", "front_door-2"}, {"Door", "a b", "\xc3\xa4"}},
        {"token", ch_check_token, {"", "chd_0"}, {"a b", "a\x7f"}},
        {"pin", ch_check_pin, {"1234", "0000"}, {"", "123", "12 4", "12a4"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        for (size_t n = 0; n < 3 && rules[i].good[n] != NULL; n++) {
            if (rules[i].check(rules[i].good[n]) != NULL) {
                fail_msg("%s refuses '%s'", rules[i].about, rules[i].good[n]);
            }
        }
        for (size_t n = 0; n < 4 && rules[i].bad[n] != NULL; n++) {
            if (rules[i].check(rules[i].bad[n]) == NULL) {
                fail_msg("%s takes '%s'", rules[i].about, rules[i].bad[n]);
            }
        }
    }
}

static void each_rule_has_a_longest_text(void **state)
{
    static const struct {
        const char *(*check)(const char *);
        char c;
        size_t most;
    } limits[] = {
        {ch_check_ssid, 'a', CH_SSID_MAX},   {ch_check_pass, 'a', CH_PASS_MAX}, {ch_check_pass, 'z', CH_PASS_MAX - 1},
        {ch_check_host, 'a', CH_HOST_MAX},   {ch_check_path, '/', CH_PATH_MAX}, {ch_check_name, 'a', CH_NAME_MAX},
        {ch_check_token, 'a', CH_TOKEN_MAX}, {ch_check_pin, '1', CH_PIN_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        assert_null(limits[i].check(repeated(limits[i].c, limits[i].most)));
        assert_non_null(limits[i].check(repeated(limits[i].c, limits[i].most + 1)));
    }
}

static void urls_come_back_as_they_went_in(void **state)
{
    static const struct {
        const char *in, *out, *host;
        uint16_t port;
    } cases[] = {
        {"ws://10.0.0.2:8080/ws/camera/door", "ws://10.0.0.2:8080/ws/camera/door", "10.0.0.2", 8080},
        {"ws://cam.local/x", "ws://cam.local:80/x", "cam.local", 80},
        {"wss://a", "wss://a:443/ws/camera", "a", 443},
        {"ws://[fe80::1]:81/y?z=1", "ws://[fe80::1]:81/y?z=1", "fe80::1", 81},
        {"ws://[::1]", "ws://[::1]:80/ws/camera", "::1", 80},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ch_settings s;
        char buffer[CH_URL_SIZE];
        ch_text url;
        ch_settings_defaults(&s);
        assert_null(ch_settings_set_url(&s, cases[i].in));
        assert_string_equal(s.host, cases[i].host);
        assert_int_equal(s.port, cases[i].port);
        ch_text_init(&url, buffer, sizeof buffer);
        ch_settings_url(&s, s.host, s.port, &url);
        assert_string_equal(buffer, cases[i].out);
    }
}

static void bad_urls_change_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "http://a",
        "ws:/a",
        "ws://",
        "ws:///x",
        "ws://:80/x",
        "ws://a:/x",
        "ws://a:0/x",
        "ws://a:65536/x",
        "ws://a:123456/x",
        "ws://a:8o/x",
        "ws://a b/x",
        "ws://[::1/x",
        "ws://[::1]80/x",
        "ws://[a]]:80/x",
        "ws://user:pw@a/x",
        "ws://a/x#y",
        "ws://a?x",
        "ws://a/x y",
        "ws://1234567890123456789012345678901234567890123456789012345678901234/",
    };
    ch_settings s, before;
    (void)state;
    ch_settings_defaults(&s);
    ch_copy(s.name, sizeof s.name, "door");
    before = s;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_non_null(ch_settings_set_url(&s, bad[i]));
        assert_true(ch_settings_equal(&s, &before, CH_GROUP_STREAM));
    }
}

static void the_name_becomes_part_of_the_address(void **state)
{
    ch_settings s;
    char buffer[CH_URL_SIZE];
    ch_text url;
    (void)state;
    ch_settings_defaults(&s);
    ch_copy(s.name, sizeof s.name, "door");
    ch_text_init(&url, buffer, sizeof buffer);
    ch_settings_url(&s, "10.0.0.2", 9000, &url);
    assert_string_equal(buffer, "ws://10.0.0.2:9000/ws/camera/door");
    assert_null(ch_settings_set_url(&s, "ws://b/z"));
    assert_string_equal(s.name, "");
}

int test_settings(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store_gives_defaults),
        cmocka_unit_test(the_store_of_an_older_firmware_is_read),
        cmocka_unit_test(a_later_version_is_left_as_it_is),
        cmocka_unit_test(what_is_saved_is_loaded),
        cmocka_unit_test(bad_values_become_defaults_one_by_one),
        cmocka_unit_test(what_is_damaged_opens_nothing),
        cmocka_unit_test(a_store_that_fails_is_told),
        cmocka_unit_test(each_rule_takes_and_refuses),
        cmocka_unit_test(each_rule_has_a_longest_text),
        cmocka_unit_test(urls_come_back_as_they_went_in),
        cmocka_unit_test(bad_urls_change_nothing),
        cmocka_unit_test(the_name_becomes_part_of_the_address),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
