#include "camherd/policy.h"
#include "unit.h"

static const ch_camera full = {CH_SIZE_640X480, 80, 30, false, false, 0, true};

static ch_policy started(const ch_camera *set)
{
    ch_policy p;
    ch_policy_init(&p, set, 0);
    ch_policy_sensor(&p, CH_SIZES_UP_TO(CH_SIZE_800X600), 0);
    return p;
}

/* Runs the camera for a while without sending; how many frames were due, and how many of them for the WebSocket. */
static unsigned run(ch_policy *p, ch_ms *now, ch_ms ms, unsigned *ws)
{
    unsigned frames = 0;
    for (ch_ms end = *now + ms; *now < end; ++*now) {
        if (*now >= ch_policy_next_capture(p)) {
            frames++;
            *ws += ch_policy_for_ws(p, *now) ? 1 : 0;
            ch_policy_captured(p, *now);
        }
    }
    return frames;
}

/* The same with a network that takes `send_ms` for a frame of quality 100, and less for lower quality. */
static void run_sending(ch_policy *p, ch_ms *now, ch_ms ms, unsigned send_ms)
{
    ch_ms done = CH_NEVER;
    bool pending = false;
    for (ch_ms end = *now + ms; *now < end; ++*now) {
        if (*now >= done) {
            ch_policy_send_ended(p, *now);
            done = CH_NEVER;
        }
        if (*now >= ch_policy_next_capture(p)) {
            ch_policy_tick(p, *now);
            if (ch_policy_for_ws(p, *now)) {
                if (pending) {
                    ch_policy_replaced(p);
                }
                pending = true;
            }
            ch_policy_captured(p, *now);
        }
        if (pending && done == CH_NEVER) {
            pending = false;
            ch_policy_send_began(p, *now);
            done = *now + send_ms * ch_policy_effective(p).quality / 100;
        }
    }
}

static void nobody_is_sent_nothing(void **state)
{
    ch_policy p = started(&full);
    (void)state;
    assert_true(ch_policy_next_capture(&p) == CH_NEVER);
    ch_policy_captured(&p, 0);
    assert_false(ch_policy_for_ws(&p, 0));
    assert_int_equal(ch_policy_effective(&p).fps, 0);
}

static void an_old_server_gets_what_is_set(void **state)
{
    static const uint8_t rates[] = {1, 7, 15, 30, 60};
    (void)state;
    for (size_t i = 0; i < sizeof rates; i++) {
        ch_camera set = full;
        ch_ms now = 0;
        unsigned ws = 0;
        set.fps = rates[i];
        ch_policy p = started(&set);
        ch_policy_ws(&p, now, true);
        /* Exactly: the thirds of a millisecond of 30 fps are made up for. */
        assert_int_equal(run(&p, &now, 10000, &ws), rates[i] * 10);
        assert_int_equal(ws, rates[i] * 10);
    }
}

static void the_sensor_is_the_limit(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    unsigned ws = 0;
    (void)state;
    ch_policy_sensor(&p, CH_SIZE_BIT(CH_SIZE_320X240), 15);
    ch_policy_ws(&p, now, true);
    assert_int_equal(run(&p, &now, 10000, &ws), 150);
    assert_int_equal(ch_policy_effective(&p).size, CH_SIZE_320X240);
}

static void unwatched_is_one_a_second_or_nothing(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    unsigned ws = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    run(&p, &now, 1000, &ws);
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 0});
    assert_in_range(run(&p, &now, 10000, &ws), 10, 11);
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 0, .has_fps = true, .fps = 30});
    assert_in_range(run(&p, &now, 10000, &ws), 9, 11);
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 0, .has_fps = true, .fps = 0});
    assert_int_equal(run(&p, &now, 10000, &ws), 0);
    /* Somebody comes: no waiting for the pace of before. */
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 1});
    assert_true(ch_policy_next_capture(&p) <= now + 33);
    assert_in_range(run(&p, &now, 1000, &ws), 30, 31);
    /* One a second, and again somebody. */
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 0});
    run(&p, &now, 1500, &ws);
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 1});
    assert_true(ch_policy_next_capture(&p) <= now + 33);
}

static void a_wish_is_a_limit(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    unsigned ws = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    ch_policy_demand(&p, now,
                     &(ch_demand){.viewers = 2, .has_fps = true, .fps = 10, .has_size = true, .size = CH_SIZE_320X240});
    assert_in_range(run(&p, &now, 10000, &ws), 100, 101);
    assert_int_equal(ch_policy_effective(&p).size, CH_SIZE_320X240);
    ch_policy_demand(&p, now,
                     &(ch_demand){.viewers = 2, .has_fps = true, .fps = 60, .has_size = true, .size = CH_SIZE_800X600});
    assert_in_range(run(&p, &now, 10000, &ws), 299, 301);
    assert_int_equal(ch_policy_effective(&p).size, CH_SIZE_640X480);
    /* The next connection may be to a server that wants nothing in particular. */
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 0, .has_fps = true, .fps = 0});
    ch_policy_ws(&p, now, false);
    ch_policy_ws(&p, now, true);
    assert_int_equal(ch_policy_effective(&p).fps, 30);
}

static void others_get_all_while_the_server_gets_little(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    unsigned ws = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    ch_policy_demand(&p, now, &(ch_demand){.viewers = 0, .has_size = true, .size = CH_SIZE_160X120});
    ch_policy_others(&p, now, 1);
    assert_int_equal(run(&p, &now, 10000, &ws), 300);
    assert_in_range(ws, 9, 11);
    assert_int_equal(ch_policy_effective(&p).size, CH_SIZE_640X480);
    ch_policy_others(&p, now, 0);
    assert_int_equal(ch_policy_effective(&p).size, CH_SIZE_160X120);
}

static void beside_others_the_server_gets_the_rate_it_wants(void **state)
{
    static const uint8_t rates[] = {2, 7, 12, 20, 25, 29};
    (void)state;
    for (size_t i = 0; i < sizeof rates; i++) {
        ch_policy p = started(&full);
        ch_ms now = 0;
        unsigned ws = 0;
        ch_policy_ws(&p, now, true);
        ch_policy_others(&p, now, 1);
        run(&p, &now, 3000, &ws);
        ws = 0;
        ch_policy_demand(&p, now, &(ch_demand){.viewers = 1, .has_fps = true, .fps = rates[i]});
        assert_int_equal(run(&p, &now, 10000, &ws), 300);
        assert_in_range(ws, 10u * rates[i] - 6, 10u * rates[i] + 1);
    }
}

static void a_camera_that_was_late_does_not_burst(void **state)
{
    ch_policy p = started(&full);
    (void)state;
    ch_policy_ws(&p, 0, true);
    ch_policy_captured(&p, 5000);
    assert_true(ch_policy_next_capture(&p) == 5000);
    ch_policy_captured(&p, 5000);
    assert_true(ch_policy_next_capture(&p) >= 5033);
}

static void a_fast_network_is_left_alone(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    run_sending(&p, &now, 60000, 10);
    assert_int_equal(ch_policy_effective(&p).quality, 80);
    assert_int_equal(ch_policy_effective(&p).fps, 30);
}

static void a_slow_network_costs_quality_first(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    /* 60 ms at quality 100: 48 at 80, 30 at 50; 33 ms is the time of a frame at 30 fps. */
    run_sending(&p, &now, 5000, 60);
    ch_camera camera = ch_policy_effective(&p);
    assert_in_range(camera.quality, CH_QUALITY_FLOOR, 70);
    assert_in_range(camera.fps, 20, 30);
}

static void viewers_that_come_and_go_do_not_end_adaptation(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    for (unsigned i = 0; i < 20; i++) {
        ch_policy_demand(&p, now, &(ch_demand){.viewers = 1 + i % 2});
        run_sending(&p, &now, CH_POLICY_WINDOW_MS / 2, 1000);
    }
    assert_int_equal(ch_policy_effective(&p).quality, CH_QUALITY_FLOOR);
}

static void a_very_slow_network_costs_fps_too(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    /* 400 ms at the lowest quality: 2.5 a second at most. */
    run_sending(&p, &now, 15000, 1000);
    ch_camera camera = ch_policy_effective(&p);
    assert_int_equal(camera.quality, CH_QUALITY_FLOOR);
    assert_in_range(camera.fps, 1, 3);
    /* The network recovers: so does all of it. */
    run_sending(&p, &now, 180000, 10);
    camera = ch_policy_effective(&p);
    assert_int_equal(camera.quality, 80);
    assert_int_equal(camera.fps, 30);
}

static void a_network_too_slow_for_the_best_carries_the_least(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    (void)state;
    /* The connection ends before the first frame is through. */
    ch_policy_ws(&p, now, true);
    run_sending(&p, &now, 5000, 10000);
    ch_policy_ws(&p, now, false);
    ch_policy_ws(&p, now, true);
    assert_int_equal(ch_policy_effective(&p).quality, CH_QUALITY_FLOOR);
    assert_int_equal(ch_policy_effective(&p).fps, CH_FPS_MIN);
    /* It was a bad moment: all of it comes back. */
    run_sending(&p, &now, 60000, 10);
    assert_int_equal(ch_policy_effective(&p).quality, 80);
    assert_int_equal(ch_policy_effective(&p).fps, 30);
    /* One that carried frames, or had none to carry, says nothing of the network. */
    ch_policy_ws(&p, now, false);
    ch_policy_ws(&p, now, true);
    assert_int_equal(ch_policy_effective(&p).quality, 80);
    ch_policy_ws(&p, now, false);
    ch_policy_ws(&p, now, true);
    assert_int_equal(ch_policy_effective(&p).quality, 80);
    assert_int_equal(ch_policy_effective(&p).fps, 30);
}

static void steps_up_that_fail_become_rare(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    unsigned changes = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    run_sending(&p, &now, 120000, 55);
    uint8_t before = ch_policy_effective(&p).quality;
    for (unsigned i = 0; i < 120; i++) {
        run_sending(&p, &now, 1000, 55);
        changes += ch_policy_effective(&p).quality != before ? 1 : 0;
        before = ch_policy_effective(&p).quality;
    }
    assert_in_range(changes, 0, 24);
}

static void adaptation_can_be_switched_off(void **state)
{
    ch_camera set = full;
    ch_ms now = 0;
    (void)state;
    set.adapt = false;
    ch_policy p = started(&set);
    ch_policy_ws(&p, now, true);
    run_sending(&p, &now, 20000, 1000);
    assert_int_equal(ch_policy_effective(&p).quality, 80);
    assert_int_equal(ch_policy_effective(&p).fps, 30);
}

static void a_quality_set_below_the_floor_is_kept(void **state)
{
    ch_camera set = full;
    ch_ms now = 0;
    (void)state;
    set.quality = 20;
    ch_policy p = started(&set);
    ch_policy_ws(&p, now, true);
    run_sending(&p, &now, 10000, 2000);
    assert_int_equal(ch_policy_effective(&p).quality, 20);
    assert_in_range(ch_policy_effective(&p).fps, 1, 10);
}

static void what_is_set_anew_is_tried_anew(void **state)
{
    ch_policy p = started(&full);
    ch_ms now = 0;
    (void)state;
    ch_policy_ws(&p, now, true);
    run_sending(&p, &now, 15000, 1000);
    ch_policy_set(&p, now, &full);
    assert_int_equal(ch_policy_effective(&p).quality, 80);
    assert_int_equal(ch_policy_effective(&p).fps, 30);
}

int test_policy(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_sent_nothing),
        cmocka_unit_test(an_old_server_gets_what_is_set),
        cmocka_unit_test(the_sensor_is_the_limit),
        cmocka_unit_test(unwatched_is_one_a_second_or_nothing),
        cmocka_unit_test(a_wish_is_a_limit),
        cmocka_unit_test(others_get_all_while_the_server_gets_little),
        cmocka_unit_test(beside_others_the_server_gets_the_rate_it_wants),
        cmocka_unit_test(a_camera_that_was_late_does_not_burst),
        cmocka_unit_test(a_fast_network_is_left_alone),
        cmocka_unit_test(a_slow_network_costs_quality_first),
        cmocka_unit_test(viewers_that_come_and_go_do_not_end_adaptation),
        cmocka_unit_test(a_very_slow_network_costs_fps_too),
        cmocka_unit_test(a_network_too_slow_for_the_best_carries_the_least),
        cmocka_unit_test(steps_up_that_fail_become_rare),
        cmocka_unit_test(adaptation_can_be_switched_off),
        cmocka_unit_test(a_quality_set_below_the_floor_is_kept),
        cmocka_unit_test(what_is_set_anew_is_tried_anew),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
