#include "camherd/json.h"
#include "unit.h"

static bool parse(const char *text, ch_json_member *members, size_t *count)
{
    return ch_json_object(text, strlen(text), members, 8, count);
}

static void members_are_found_as_written(void **state)
{
    ch_json_member m[8];
    size_t count;
    char text[16];
    uint32_t positive;
    bool flag;
    (void)state;
    assert_true(parse("{\"a\" : \"x\\ty\" ,\"b\":-12,\"c\":true,\"d\":[1,[2]],\"e\":{\"a\":1},\"f\":null,\"g\":7 }", m,
                      &count));
    assert_int_equal(count, 7);
    assert_true(ch_json_string(ch_json_find(m, count, "a"), text, sizeof text));
    assert_string_equal(text, "x\ty");
    assert_memory_equal(ch_json_find(m, count, "b")->value, "-12", 3);
    assert_true(ch_json_bool(ch_json_find(m, count, "c"), &flag));
    assert_true(flag);
    assert_int_equal(ch_json_find(m, count, "d")->kind, CH_JSON_ARRAY);
    assert_int_equal(ch_json_find(m, count, "d")->value_len, 7);
    assert_int_equal(ch_json_find(m, count, "e")->kind, CH_JSON_OBJECT);
    assert_int_equal(ch_json_find(m, count, "f")->kind, CH_JSON_NULL);
    assert_int_equal(ch_json_find(m, count, "g")->value_len, 1);
    assert_true(ch_json_u32(ch_json_find(m, count, "g"), 7, &positive));
    assert_null(ch_json_find(m, count, "h"));
}

static void values_of_another_kind_are_refused(void **state)
{
    ch_json_member m[8];
    size_t count;
    char text[4];
    uint32_t positive;
    bool flag;
    (void)state;
    assert_true(parse("{\"s\":\"long text\",\"n\":-5,\"b\":false}", m, &count));
    assert_false(ch_json_string(&m[0], text, sizeof text));
    assert_false(ch_json_string(&m[1], text, sizeof text));
    assert_false(ch_json_bool(&m[1], &flag));
    assert_false(ch_json_u32(&m[0], 10, &positive));
    assert_false(ch_json_u32(&m[1], 10, &positive));
    assert_true(ch_json_bool(&m[2], &flag) && !flag);
}

static void every_truncation_is_refused(void **state)
{
    static const char text[] = "{\"a\":[1,2.5e-3,{\"b\":\"\\u00e4\\ud83d\\ude00\\n\"},true,false,null],\"\":-0}";
    ch_json_member m[8];
    size_t count;
    (void)state;
    assert_true(ch_json_object(text, sizeof text - 1, m, 8, &count));
    for (size_t len = 0; len < sizeof text - 1; len++) {
        assert_false(ch_json_object(text, len, m, 8, &count));
    }
}

static void members_beyond_the_room_are_no_silence(void **state)
{
    ch_json_member m[2];
    size_t count;
    (void)state;
    assert_true(ch_json_object("{\"a\":1,\"b\":2}", 13, m, 2, &count));
    assert_false(ch_json_object("{\"a\":1,\"b\":2}", 13, m, 1, &count));
    assert_true(ch_json_object("{}", 2, m, 0, &count));
    assert_int_equal(count, 0);
}

static void escapes_become_utf8(void **state)
{
    ch_json_member m[8];
    size_t count;
    char text[32];
    (void)state;
    assert_true(parse("{\"a\":\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\\/\"}", m, &count));
    assert_true(ch_json_string(m, text, sizeof text));
    assert_string_equal(text, "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80/");
}

static void what_is_written_is_read_back(void **state)
{
    char buffer[256], back[64];
    ch_text text;
    ch_json_member m[8];
    size_t count;
    uint32_t positive;
    (void)state;
    ch_text_init(&text, buffer, sizeof buffer);
    ch_json_begin(&text, "song");
    ch_json_put_string(&text, "t", "\"\\/\x01\x1f\n \xc3\xa4\xf0\x9f\x98\x80");
    ch_json_put_string(&text, "bad", "a\xff\xc3(\xe2\x82");
    ch_json_put_u32(&text, "u", 4294967295u);
    ch_json_put_i32(&text, "i", -61);
    ch_json_put_bool(&text, "b", false);
    ch_json_end(&text);
    assert_true(ch_json_object(buffer, text.len, m, 8, &count));
    assert_true(ch_json_string(ch_json_find(m, count, "t"), back, sizeof back));
    assert_string_equal(back, "\"\\/\x01\x1f\n \xc3\xa4\xf0\x9f\x98\x80");
    assert_true(ch_json_string(ch_json_find(m, count, "bad"), back, sizeof back));
    assert_string_equal(back, "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd");
    assert_int_equal(ch_json_find(m, count, "i")->value_len, 3);
    assert_memory_equal(ch_json_find(m, count, "i")->value, "-61", 3);
    assert_true(ch_json_u32(ch_json_find(m, count, "u"), UINT32_MAX, &positive));
    assert_true(positive == UINT32_MAX);
}

int test_json(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_as_written), cmocka_unit_test(values_of_another_kind_are_refused),
        cmocka_unit_test(every_truncation_is_refused),  cmocka_unit_test(members_beyond_the_room_are_no_silence),
        cmocka_unit_test(escapes_become_utf8),          cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
