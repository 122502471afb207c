#include "camherd/frames.h"
#include "camherd/telemetry.h"
#include "unit.h"

static const uint8_t bytes[4];

static void buffers_come_back_after_their_last_user(void **state)
{
    ch_frames frames;
    void *handle;
    int mark;
    ch_frame frame = {.data = bytes, .len = 4, .handle = &mark};
    (void)state;
    ch_frames_init(&frames, 2);
    int number = ch_frames_add(&frames, &frame);
    assert_int_equal(number, 0);
    ch_frames_use(&frames, number);
    ch_frames_drop(&frames, number);
    assert_false(ch_frames_next_return(&frames, &handle));
    ch_frames_drop(&frames, number);
    /* Until the shell has been told, the place is taken. */
    assert_int_equal(ch_frames_in_use(&frames), 1);
    assert_true(ch_frames_next_return(&frames, &handle));
    assert_ptr_equal(handle, &mark);
    assert_false(ch_frames_next_return(&frames, &handle));
    assert_int_equal(ch_frames_in_use(&frames), 0);
    ch_frames_drop(&frames, CH_NO_FRAME);
}

static void there_are_no_more_than_allowed(void **state)
{
    ch_frames frames;
    ch_frame frame = {.data = bytes, .len = 4};
    (void)state;
    ch_frames_init(&frames, 0);
    assert_int_equal(frames.limit, 1);
    ch_frames_init(&frames, 100);
    for (int i = 0; i < CH_FRAMES_MAX; i++) {
        assert_false(ch_frames_full(&frames));
        assert_int_equal(ch_frames_add(&frames, &frame), i);
    }
    assert_true(ch_frames_full(&frames));
    assert_int_equal(ch_frames_add(&frames, &frame), CH_NO_FRAME);
}

static void a_second_is_too_old(void **state)
{
    ch_frame frame = {.taken = 5000};
    (void)state;
    assert_true(ch_frame_is_fresh(&frame, 5000));
    assert_true(ch_frame_is_fresh(&frame, 5999));
    assert_false(ch_frame_is_fresh(&frame, 6000));
}

static void intervals_begin_at_zero(void **state)
{
    ch_counters c;
    ch_frame frame = {.capture_ms = 30, .convert_ms = 10};
    (void)state;
    ch_counters_init(&c, 5);
    ch_counters_captured(&c, &frame);
    ch_counters_sent(&c, 1000, 20);
    assert_int_equal(c.interval.bytes, 1000);
    assert_int_equal(c.interval.capture_ms, 30);
    ch_counters_next_interval(&c, 99);
    assert_int_equal(c.interval.bytes, 0);
    assert_int_equal(c.interval.began, 99);
    assert_int_equal(c.captured, 1);
    assert_int_equal(c.sent, 1);
}

int test_frames(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_come_back_after_their_last_user),
        cmocka_unit_test(there_are_no_more_than_allowed),
        cmocka_unit_test(a_second_is_too_old),
        cmocka_unit_test(intervals_begin_at_zero),
    };
    return cmocka_run_group_tests_name("frames and counters", tests, NULL, NULL);
}
