#include "camherd/text.h"
#include "camherd/camera.h"
#include "unit.h"

static void what_does_not_fit_is_left_out(void **state)
{
    char buffer[6];
    ch_text text;
    (void)state;
    ch_text_init(&text, buffer, sizeof buffer);
    assert_string_equal(buffer, "");
    ch_text_put(&text, "abc");
    assert_false(text.cut);
    ch_text_u32(&text, 4294967295u);
    assert_true(text.cut);
    assert_string_equal(buffer, "abc42");
    ch_text_put(&text, "x");
    assert_string_equal(buffer, "abc42");
    assert_int_equal(text.len, 5);
}

static void numbers_are_written_in_full(void **state)
{
    char buffer[64];
    ch_text text;
    (void)state;
    ch_text_init(&text, buffer, sizeof buffer);
    ch_text_u32(&text, 0);
    ch_text_put(&text, " ");
    ch_text_i32(&text, -1);
    ch_text_put(&text, " ");
    ch_text_i32(&text, INT32_MIN);
    ch_text_put(&text, " ");
    ch_text_i32(&text, INT32_MAX);
    assert_string_equal(buffer, "0 -1 -2147483648 2147483647");
}

static void values_are_quoted_where_a_reader_would_split(void **state)
{
    static const struct {
        const char *value, *written;
    } cases[] = {
        {"", ""},
        {"10.0.0.2", "10.0.0.2"},
        {"ws://h:1/a_b-c@d+", "ws://h:1/a_b-c@d+"},
        {"My Home", "\"My Home\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a=b", "\"a=b\""},
        {"\x01\x7f\n", "\"\\x01\\x7f\\x0a\""},
        {"K\xc3\xbc", "\"K\xc3\xbc\""},
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\"\xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"K\xfc"
         "che",
         "\"K\\xfcche\""},
        {"\xe2\x82", "\"\\xe2\\x82\""},
        {"\xc2\x9b[2J", "\"\\xc2\\x9b[2J\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[64];
        ch_text text;
        ch_text_init(&text, buffer, sizeof buffer);
        ch_text_value(&text, cases[i].value);
        assert_string_equal(buffer, cases[i].written);
    }
}

static void characters_of_utf8_are_whole_and_as_short_as_can_be(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {"a", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},
        {"\xc0\x80", 0},
        {"\xc1\xbf", 0},
        {"\xc3(", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ch_utf8(cases[i].text, strlen(cases[i].text)), cases[i].len);
        for (size_t cut = 0; cut < cases[i].len; cut++) {
            assert_int_equal(ch_utf8(cases[i].text, cut), 0);
        }
    }
}

static void numbers_are_read_in_their_range_only(void **state)
{
    uint32_t value = 7;
    (void)state;
    assert_true(ch_parse_u32("0", 0, 10, &value));
    assert_int_equal(value, 0);
    assert_true(ch_parse_u32("4294967295", 0, UINT32_MAX, &value));
    assert_true(value == UINT32_MAX);
    assert_true(ch_parse_u32("0000000000010", 1, 10, &value));
    assert_int_equal(value, 10);
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "1.0", "0x1", "11", "4294967296", "99999999999", "a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(ch_parse_u32(bad[i], 1, 10, &value));
    }
    assert_false(ch_parse_u32("4294967296", 0, UINT32_MAX, &value));
    assert_int_equal(value, 10);
}

static void a_copy_that_does_not_fit_changes_nothing(void **state)
{
    char to[4] = "abc";
    (void)state;
    assert_false(ch_copy(to, sizeof to, "defg"));
    assert_string_equal(to, "abc");
    assert_true(ch_copy(to, sizeof to, "def"));
    assert_string_equal(to, "def");
}

static void sizes_have_two_names(void **state)
{
    ch_size size;
    (void)state;
    for (unsigned i = 0; i < CH_SIZES; i++) {
        const ch_size_info *info = ch_size_of((ch_size)i);
        assert_true(ch_size_parse(info->name, &size) && size == (ch_size)i);
        assert_true(ch_size_parse(info->alias, &size) && size == (ch_size)i);
        /* In the order of pixels, which ch_size_fit relies on. */
        if (i > 0) {
            const ch_size_info *smaller = ch_size_of((ch_size)(i - 1));
            assert_true(info->width * info->height > smaller->width * smaller->height);
        }
    }
    assert_true(ch_size_parse("VGA", &size) && size == CH_SIZE_640X480);
    assert_true(ch_size_parse("640X480", &size) && size == CH_SIZE_640X480);
    assert_false(ch_size_parse("", &size));
    assert_false(ch_size_parse("640x48", &size));
    assert_false(ch_size_parse("640x4800", &size));
}

static void the_largest_size_that_is_no_larger_fits(void **state)
{
    ch_size_set set = CH_SIZE_BIT(CH_SIZE_320X240) | CH_SIZE_BIT(CH_SIZE_800X600);
    (void)state;
    assert_int_equal(ch_size_fit(set, CH_SIZE_800X600), CH_SIZE_800X600);
    assert_int_equal(ch_size_fit(set, CH_SIZE_640X480), CH_SIZE_320X240);
    assert_int_equal(ch_size_fit(set, CH_SIZE_2560X1920), CH_SIZE_800X600);
    assert_int_equal(ch_size_fit(set, CH_SIZE_160X120), CH_SIZE_320X240);
    assert_int_equal(ch_size_fit(0, CH_SIZE_160X120), CH_SIZE_160X120);
    assert_true(CH_SIZES_UP_TO(CH_SIZE_176X144) == 3);
}

static void quality_of_sensors_runs_the_other_way(void **state)
{
    (void)state;
    assert_int_equal(ch_quality_to_sensor(100), 0);
    assert_int_equal(ch_quality_to_sensor(80), 12);
    assert_int_equal(ch_quality_to_sensor(1), 62);
}

int test_text(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(values_are_quoted_where_a_reader_would_split),
        cmocka_unit_test(characters_of_utf8_are_whole_and_as_short_as_can_be),
        cmocka_unit_test(numbers_are_read_in_their_range_only),
        cmocka_unit_test(a_copy_that_does_not_fit_changes_nothing),
        cmocka_unit_test(sizes_have_two_names),
        cmocka_unit_test(the_largest_size_that_is_no_larger_fits),
        cmocka_unit_test(quality_of_sensors_runs_the_other_way),
    };
    return cmocka_run_group_tests_name("text and camera", tests, NULL, NULL);
}
