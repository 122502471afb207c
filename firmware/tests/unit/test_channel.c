#include "camherd/channel.h"
#include "unit.h"

#include <stdio.h>

/* A case of to_device.json; numbers are -1 and texts NULL where the message does not have them. */
typedef struct to_device_case {
    const char *about, *text;
    size_t len;
    const char *kind, *field;
    int64_t id;
    const char *size;
    int quality, fps, hflip, vflip, led, adapt, save;
    int64_t viewers;
    const char *url;
    uint32_t image;
    const char *sha256, *signature;
    size_t signature_len;
} to_device_case;

typedef struct from_device_case {
    const char *about, *text;
} from_device_case;

#include "vectors.h"

static const char *const kinds[] = {
    [CH_MSG_IGNORED] = "ignored", [CH_MSG_INVALID] = "invalid", [CH_MSG_HELLO] = "hello",   [CH_MSG_SET] = "set",
    [CH_MSG_DEMAND] = "demand",   [CH_MSG_REBOOT] = "reboot",   [CH_MSG_UPDATE] = "update",
};

/* Compares a member of a `set`, which is there if `bit` is. */
static void compare_set(const to_device_case *c, const ch_message *m, unsigned bit, int value, int wanted)
{
    if (((m->fields & bit) != 0) != (wanted >= 0) || (wanted >= 0 && value != wanted)) {
        fail_msg("%s: field %u is %d, not %d", c->about, bit, value, wanted);
    }
}

static void compare(const to_device_case *c, const ch_message *m)
{
    ch_size size = CH_SIZES;
    if (c->size != NULL) {
        assert_true(ch_size_parse(c->size, &size));
    }
    if (m->kind == CH_MSG_SET) {
        compare_set(c, m, CH_SET_SIZE, (int)m->set.size, c->size != NULL ? (int)size : -1);
        compare_set(c, m, CH_SET_QUALITY, m->set.quality, c->quality);
        compare_set(c, m, CH_SET_FPS, m->set.fps, c->fps);
        compare_set(c, m, CH_SET_HFLIP, m->set.hflip, c->hflip);
        compare_set(c, m, CH_SET_VFLIP, m->set.vflip, c->vflip);
        compare_set(c, m, CH_SET_LED, m->set.led, c->led);
        compare_set(c, m, CH_SET_ADAPT, m->set.adapt, c->adapt);
        assert_int_equal(m->save, c->save == 1);
    } else if (m->kind == CH_MSG_DEMAND) {
        assert_true(m->demand.viewers == c->viewers);
        assert_int_equal(m->demand.has_fps, c->fps >= 0);
        assert_int_equal(m->demand.fps, c->fps >= 0 ? c->fps : 0);
        assert_int_equal(m->demand.has_size, c->size != NULL);
        assert_true(c->size == NULL || m->demand.size == size);
    } else if (m->kind == CH_MSG_UPDATE) {
        assert_string_equal(m->update.url, c->url);
        assert_int_equal(m->update.size, c->image);
        assert_memory_equal(m->update.sha256, c->sha256, 32);
        assert_int_equal(m->update.signature_len, c->signature_len);
        assert_memory_equal(m->update.signature, c->signature, c->signature_len);
    } else if (m->kind == CH_MSG_INVALID) {
        size_t len = strlen(c->field);
        if (strncmp(m->error, c->field, len) != 0 || m->error[len] != ':') {
            fail_msg("%s: '%s' is not about %s", c->about, m->error, c->field);
        }
    }
}

static void the_vectors_to_the_device(void **state)
{
    (void)state;
    assert_true(sizeof to_device_cases / sizeof to_device_cases[0] > 80);
    for (size_t i = 0; i < sizeof to_device_cases / sizeof to_device_cases[0]; i++) {
        const to_device_case *c = &to_device_cases[i];
        ch_message m;
        ch_channel_read(c->text, c->len, &m);
        if (strcmp(kinds[m.kind], c->kind) != 0) {
            fail_msg("%s: %s, not %s", c->about, kinds[m.kind], c->kind);
        }
        if (m.kind == CH_MSG_IGNORED) {
            continue;
        }
        if (m.has_id != (c->id >= 0) || (m.has_id && m.id != c->id)) {
            fail_msg("%s: the id is wrong", c->about);
        }
        compare(c, &m);
    }
}

/* The address goes into an HTTP request: it must not be able to end a line there. */
static void addresses_of_updates(void **state)
{
    static const struct {
        const char *url;
        ch_message_kind kind;
    } cases[] = {
        {"http://a/b", CH_MSG_UPDATE},
        {"https://a", CH_MSG_UPDATE},
        {"http://a/b?c=d#e", CH_MSG_UPDATE},
        {"http://", CH_MSG_INVALID},
        {"https://", CH_MSG_INVALID},
        {"http:///b", CH_MSG_INVALID},
        {"http://?x", CH_MSG_INVALID},
        {"http://a/b c", CH_MSG_INVALID},
        {"http://a/\\r\\nHost: b", CH_MSG_INVALID},
        {"http://a/\\u0001", CH_MSG_INVALID},
        {"http://a/\\u00e4", CH_MSG_INVALID},
        {"http://a/\x7f", CH_MSG_INVALID},
        {"ftp://a/b", CH_MSG_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        ch_message m;
        int len = snprintf(text, sizeof text,
                           "{\"type\":\"update\",\"url\":\"%s\",\"size\":1,\"signature\":\"MAA=\",\"sha256\":"
                           "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}",
                           cases[i].url);
        ch_channel_read(text, (size_t)len, &m);
        if (m.kind != cases[i].kind) {
            fail_msg("'%s' is %s", cases[i].url, kinds[m.kind]);
        }
        assert_true(m.kind != CH_MSG_INVALID || strncmp(m.error, "url:", 4) == 0);
    }
}

static const ch_board board = {
    .id = "cam-a1b2c3",
    .model = "AtomS3R-CAM",
    .firmware = "0.1.0",
    .reset = "power-on",
    .has_update = true,
};
static const ch_sensor sensor = {"OV3660", CH_SIZE_BIT(CH_SIZE_320X240) | CH_SIZE_BIT(CH_SIZE_640X480), 30};
static const ch_camera camera = {CH_SIZE_640X480, 80, 30, false, false, 0, true};

static char written[CH_MESSAGE_MAX + 1];

static ch_text *fresh(void)
{
    static ch_text text;
    ch_text_init(&text, written, sizeof written);
    return &text;
}

/* What was written is the vector of that name, byte for byte. */
static void assert_vector(const char *about)
{
    for (size_t i = 0; i < sizeof from_device_cases / sizeof from_device_cases[0]; i++) {
        if (strcmp(from_device_cases[i].about, about) == 0) {
            assert_string_equal(written, from_device_cases[i].text);
            return;
        }
    }
    fail_msg("there is no vector '%s'", about);
}

static void hello_is_as_in_the_vectors(void **state)
{
    (void)state;
    assert_true(ch_channel_hello(fresh(), &board, &sensor, &camera));
    assert_vector("hello");
    assert_true(ch_channel_hello(fresh(), &board, &(ch_sensor){"", 0, 0}, &camera));
    assert_vector("hello before the sensor is found");
    ch_board other = board;
    other.trial = true;
    other.has_led = true;
    ch_camera low = {CH_SIZE_160X120, 1, 1, true, true, 30, false};
    assert_true(ch_channel_hello(fresh(), &other, &sensor, &low));
    assert_vector("hello on trial, with a lamp");
    other = board;
    other.rolled_back = true;
    other.reset = "watchdog";
    assert_true(ch_channel_hello(fresh(), &other, &sensor, &camera));
    assert_vector("hello after a rollback");
    other = board;
    other.model = "A \"B\" \\ C\xc3\xa4";
    assert_true(ch_channel_hello(fresh(), &other, &sensor, &camera));
    assert_vector("hello with a model that needs escapes");
}

static void telemetry_is_as_in_the_vectors(void **state)
{
    ch_counters c = {
        .captured = 1000,
        .sent = 990,
        .replaced = 7,
        .stale = 1,
        .failed = 2,
        .camera_errors = 3,
        .connects = 4,
        .interval = {.captured = 3,
                     .sent = 2,
                     .bytes = 2000000,
                     .capture_ms = 100,
                     .convert_ms = 36,
                     .send_ms = 41,
                     .began = 5000},
    };
    ch_report report = {
        .id = "cam-a1b2c3",
        .reset = "power-on",
        .uptime_s = 3600,
        .vitals = {true, true, true, -61, 48, 181000, 163000, 4000000},
        .now = {CH_SIZE_640X480, 70, 15, false, false, 0, true},
        .counters = &c,
        .viewers = 1,
        .time = 15000,
    };
    (void)state;
    assert_true(ch_channel_telemetry(fresh(), &report));
    assert_vector("telemetry");
    c = (ch_counters){.connects = 1};
    report.vitals = (ch_vitals){0};
    report.uptime_s = 10;
    report.viewers = 0;
    report.now = (ch_camera){CH_SIZE_320X240, 80, 0, false, false, 0, true};
    assert_true(ch_channel_telemetry(fresh(), &report));
    assert_vector("telemetry of a device that measures nothing and pauses");
    /* At the very moment that the interval begins there is no rate. */
    report.time = 0;
    assert_true(ch_channel_telemetry(fresh(), &report));
    assert_null(strstr(written, "kbit_s"));
}

static void answers_are_as_in_the_vectors(void **state)
{
    (void)state;
    assert_true(ch_channel_ack(fresh(), 7, NULL));
    assert_vector("done");
    assert_true(ch_channel_ack(fresh(), UINT32_MAX, "quality: 1 to 100"));
    assert_vector("refused");
    assert_true(ch_channel_update(fresh(), CH_UPDATE_LOADING, 40, NULL));
    assert_vector("an update loads");
    assert_true(ch_channel_update(fresh(), CH_UPDATE_RESTARTING, 0, NULL));
    assert_vector("an update is ready");
    assert_true(ch_channel_update(fresh(), CH_UPDATE_FAILED, 0, "the signature does not fit"));
    assert_vector("an update failed");
}

static void what_does_not_fit_is_no_message(void **state)
{
    static char long_name[CH_MESSAGE_MAX + 1];
    ch_board other = board;
    char small[40];
    ch_text text;
    (void)state;
    memset(long_name, 'x', CH_MESSAGE_MAX);
    other.model = long_name;
    assert_false(ch_channel_hello(fresh(), &other, &sensor, &camera));
    ch_text_init(&text, small, sizeof small);
    assert_false(ch_channel_ack(&text, 1, "too long an answer"));
    /* All sizes and the largest numbers do fit. */
    ch_sensor all = {"OV5640-and-some", CH_SIZES_UP_TO(CH_SIZE_2560X1920), 60};
    assert_true(ch_channel_hello(fresh(), &board, &all, &camera));
    ch_counters c;
    memset(&c, 0xff, sizeof c);
    c.interval.began = 0;
    ch_report report = {
        .id = "cam-a1b2c3a1b2c3",
        .reset = "deep-sleep",
        .uptime_s = UINT32_MAX,
        .vitals = {true, true, true, -128, -128, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        .now = camera,
        .counters = &c,
        .viewers = UINT32_MAX,
        .time = 10000,
    };
    assert_true(ch_channel_telemetry(fresh(), &report));
}

int test_channel(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_to_the_device),      cmocka_unit_test(hello_is_as_in_the_vectors),
        cmocka_unit_test(telemetry_is_as_in_the_vectors), cmocka_unit_test(answers_are_as_in_the_vectors),
        cmocka_unit_test(addresses_of_updates),           cmocka_unit_test(what_does_not_fit_is_no_message),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
