#include "camherd/link.h"
#include "unit.h"

/* The next action must be this one; gives its attempt. */
static uint32_t expect(ch_link *link, ch_link_action_kind kind)
{
    ch_link_action action;
    assert_true(ch_link_next(link, &action));
    assert_int_equal(action.kind, kind);
    return action.attempt;
}

static void expect_nothing(ch_link *link)
{
    ch_link_action action;
    assert_false(ch_link_next(link, &action));
}

static void in(ch_link *link, ch_ms now, ch_link_event_kind kind, uint32_t attempt)
{
    ch_link_event_in(link, now, (ch_link_event){kind, attempt, true});
}

/* A link with Wi-Fi up and the WebSocket connecting; gives its attempt. */
static uint32_t connecting(ch_link *link, ch_ms now)
{
    ch_link_init(link, 7, now);
    ch_link_want(link, now, true, true, true, CH_ANEW_NO);
    in(link, now, CH_LINK_EV_WIFI_UP, expect(link, CH_LINK_DO_WIFI_CONNECT));
    return expect(link, CH_LINK_DO_WS_OPEN);
}

static uint32_t up(ch_link *link, ch_ms now)
{
    uint32_t attempt = connecting(link, now);
    in(link, now, CH_LINK_EV_WS_UP, attempt);
    assert_int_equal(link->state, CH_LINK_WS_UP);
    return attempt;
}

static void from_nothing_to_streaming(void **state)
{
    ch_link link;
    (void)state;
    ch_link_init(&link, 0, 0);
    assert_string_equal(ch_link_wifi_word(&link), "off");
    assert_string_equal(ch_link_ws_word(&link), "down");
    assert_true(ch_link_deadline(&link) == CH_NEVER);
    expect_nothing(&link);
    ch_link_want(&link, 10, true, true, true, CH_ANEW_NO);
    assert_string_equal(ch_link_wifi_word(&link), "connecting");
    uint32_t wifi = expect(&link, CH_LINK_DO_WIFI_CONNECT);
    in(&link, 20, CH_LINK_EV_WIFI_UP, wifi);
    uint32_t ws = expect(&link, CH_LINK_DO_WS_OPEN);
    assert_string_equal(ch_link_wifi_word(&link), "up");
    assert_string_equal(ch_link_ws_word(&link), "connecting");
    in(&link, 30, CH_LINK_EV_WS_UP, ws);
    assert_string_equal(ch_link_ws_word(&link), "up");
    /* Wanting the same again changes nothing. */
    ch_link_want(&link, 40, true, true, true, CH_ANEW_NO);
    expect_nothing(&link);
}

static void waits_grow_from_one_to_thirty_seconds(void **state)
{
    ch_link link;
    ch_ms now = 1000, longest = 0;
    (void)state;
    uint32_t attempt = connecting(&link, now);
    for (unsigned i = 0; i < 300; i++) {
        in(&link, now, CH_LINK_EV_WS_DOWN, attempt);
        assert_int_equal(link.state, CH_LINK_WS_WAIT);
        ch_ms wait = ch_link_deadline(&link) - now;
        ch_ms upper = i < 4 ? 2000u << i : 30000;
        assert_in_range(wait, upper / 2, upper);
        longest = wait > longest ? wait : longest;
        ch_link_tick(&link, now + wait - 1);
        expect_nothing(&link);
        now += wait;
        ch_link_tick(&link, now);
        attempt = expect(&link, CH_LINK_DO_WS_OPEN);
    }
    assert_in_range(longest, 25000, 30000);
}

static void two_devices_do_not_move_in_step(void **state)
{
    ch_link a, b;
    (void)state;
    in(&a, 0, CH_LINK_EV_WS_DOWN, connecting(&a, 0));
    ch_link_init(&b, 123456, 0);
    ch_link_want(&b, 0, true, true, true, CH_ANEW_NO);
    in(&b, 0, CH_LINK_EV_WIFI_UP, expect(&b, CH_LINK_DO_WIFI_CONNECT));
    in(&b, 0, CH_LINK_EV_WS_DOWN, expect(&b, CH_LINK_DO_WS_OPEN));
    assert_true(ch_link_deadline(&a) != ch_link_deadline(&b));
}

static void a_clean_close_is_followed_by_a_short_wait(void **state)
{
    ch_link link;
    (void)state;
    uint32_t attempt = up(&link, 0);
    link.ws_failures = 9;
    in(&link, CH_LINK_STABLE_MS, CH_LINK_EV_WS_DOWN, attempt);
    assert_in_range(ch_link_deadline(&link) - CH_LINK_STABLE_MS, 1000, 2000);
}

static void a_server_that_closes_at_once_is_not_hammered(void **state)
{
    ch_link link;
    (void)state;
    uint32_t attempt = up(&link, 0);
    link.ws_failures = 9;
    in(&link, CH_LINK_STABLE_MS - 1, CH_LINK_EV_WS_DOWN, attempt);
    assert_in_range(ch_link_deadline(&link) - CH_LINK_STABLE_MS, 14000, 30000);
}

static void every_attempt_times_out(void **state)
{
    ch_link link;
    (void)state;
    /* Wi-Fi */
    ch_link_init(&link, 7, 0);
    ch_link_want(&link, 0, true, true, false, CH_ANEW_NO);
    expect(&link, CH_LINK_DO_WIFI_CONNECT);
    ch_link_tick(&link, CH_WIFI_TIMEOUT_MS - 1);
    expect_nothing(&link);
    ch_link_tick(&link, CH_WIFI_TIMEOUT_MS);
    expect(&link, CH_LINK_DO_WIFI_DISCONNECT);
    assert_string_equal(ch_link_wifi_word(&link), "waiting");
    ch_ms now = ch_link_deadline(&link);
    ch_link_tick(&link, now);
    in(&link, now, CH_LINK_EV_WIFI_UP, expect(&link, CH_LINK_DO_WIFI_CONNECT));
    /* discovery */
    expect(&link, CH_LINK_DO_DISCOVER);
    assert_string_equal(ch_link_ws_word(&link), "discovering");
    assert_true(ch_link_deadline(&link) == now + CH_DISCOVER_TIMEOUT_MS);
    now += CH_DISCOVER_TIMEOUT_MS;
    ch_link_tick(&link, now);
    assert_string_equal(ch_link_ws_word(&link), "waiting");
    now = ch_link_deadline(&link);
    ch_link_tick(&link, now);
    in(&link, now, CH_LINK_EV_FOUND, expect(&link, CH_LINK_DO_DISCOVER));
    /* WebSocket */
    uint32_t attempt = expect(&link, CH_LINK_DO_WS_OPEN);
    now += CH_WS_TIMEOUT_MS;
    ch_link_tick(&link, now);
    assert_int_equal(expect(&link, CH_LINK_DO_WS_CLOSE), attempt);
    assert_int_equal(link.state, CH_LINK_WS_WAIT);
    /* A host that was found is looked for again: the server may have moved. */
    ch_link_tick(&link, ch_link_deadline(&link));
    in(&link, now, CH_LINK_EV_NOT_FOUND, expect(&link, CH_LINK_DO_DISCOVER));
    assert_int_equal(link.state, CH_LINK_DISCOVER_WAIT);
}

static void silence_is_pinged_and_then_ended(void **state)
{
    ch_link link;
    (void)state;
    uint32_t attempt = up(&link, 0);
    assert_true(ch_link_deadline(&link) == CH_PING_EVERY_MS);
    ch_link_tick(&link, CH_PING_EVERY_MS);
    assert_int_equal(expect(&link, CH_LINK_DO_WS_PING), attempt);
    in(&link, 11000, CH_LINK_EV_HEARD, attempt);
    ch_link_tick(&link, 21000);
    expect(&link, CH_LINK_DO_WS_PING);
    ch_link_tick(&link, 22000);
    expect_nothing(&link);
    assert_true(ch_link_deadline(&link) == 11000 + CH_SILENCE_MS);
    ch_link_tick(&link, 11000 + CH_SILENCE_MS);
    assert_int_equal(expect(&link, CH_LINK_DO_WS_CLOSE), attempt);
    assert_int_equal(link.state, CH_LINK_WS_WAIT);
}

static void a_message_that_does_not_leave_ends_the_connection(void **state)
{
    ch_link link;
    (void)state;
    uint32_t attempt = up(&link, 0);
    in(&link, 100, CH_LINK_EV_SENDING, attempt);
    in(&link, 200, CH_LINK_EV_SENT, attempt);
    ch_link_tick(&link, 100 + CH_SEND_STALL_MS);
    expect_nothing(&link);
    in(&link, 1000, CH_LINK_EV_SENDING, attempt);
    assert_true(ch_link_deadline(&link) == 1000 + CH_SEND_STALL_MS);
    ch_link_tick(&link, 1000 + CH_SEND_STALL_MS);
    expect(&link, CH_LINK_DO_WS_CLOSE);
}

static void events_of_an_older_attempt_are_ignored(void **state)
{
    ch_link link;
    (void)state;
    uint32_t old = up(&link, 0);
    ch_link_want(&link, 1, true, true, true, CH_ANEW_WS);
    assert_int_equal(expect(&link, CH_LINK_DO_WS_CLOSE), old);
    uint32_t fresh = expect(&link, CH_LINK_DO_WS_OPEN);
    assert_int_not_equal(old, fresh);
    in(&link, 2, CH_LINK_EV_WS_DOWN, old);
    in(&link, 2, CH_LINK_EV_WS_UP, old);
    assert_int_equal(link.state, CH_LINK_WS_CONNECTING);
    in(&link, 3, CH_LINK_EV_WS_UP, fresh);
    in(&link, 4, CH_LINK_EV_WS_UP, fresh);
    in(&link, 4, CH_LINK_EV_FOUND, fresh);
    assert_int_equal(link.state, CH_LINK_WS_UP);
    in(&link, 5, CH_LINK_EV_WIFI_DOWN, link.wifi_attempt - 1);
    in(&link, 5, CH_LINK_EV_WIFI_UP, link.wifi_attempt);
    assert_int_equal(link.state, CH_LINK_WS_UP);
}

static void losing_wifi_ends_everything(void **state)
{
    ch_link link;
    (void)state;
    uint32_t attempt = up(&link, 0);
    in(&link, 10, CH_LINK_EV_WIFI_DOWN, link.wifi_attempt);
    assert_int_equal(expect(&link, CH_LINK_DO_WS_CLOSE), attempt);
    expect(&link, CH_LINK_DO_WIFI_DISCONNECT);
    assert_int_equal(link.state, CH_LINK_WIFI_WAIT);
    in(&link, 11, CH_LINK_EV_WS_DOWN, attempt);
    in(&link, 11, CH_LINK_EV_HEARD, attempt);
    in(&link, 11, CH_LINK_EV_SENDING, attempt);
    in(&link, 11, CH_LINK_EV_WIFI_DOWN, link.wifi_attempt);
    assert_int_equal(link.state, CH_LINK_WIFI_WAIT);
    assert_in_range(ch_link_deadline(&link), 1010, 2010);
    ch_link_tick(&link, 2010);
    in(&link, 2020, CH_LINK_EV_WIFI_UP, expect(&link, CH_LINK_DO_WIFI_CONNECT));
    expect(&link, CH_LINK_DO_WS_OPEN);
}

static void a_network_that_drops_out_at_once_is_not_hammered(void **state)
{
    ch_link link;
    ch_ms now = 0, wait = 0;
    (void)state;
    ch_link_init(&link, 7, now);
    ch_link_want(&link, now, true, false, false, CH_ANEW_NO);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t attempt = expect(&link, CH_LINK_DO_WIFI_CONNECT);
        in(&link, now, CH_LINK_EV_WIFI_UP, attempt);
        in(&link, now + 100, CH_LINK_EV_WIFI_DOWN, attempt);
        expect(&link, CH_LINK_DO_WIFI_DISCONNECT);
        wait = ch_link_deadline(&link) - now - 100;
        now = ch_link_deadline(&link);
        ch_link_tick(&link, now);
    }
    assert_in_range(wait, 15000, 30000);
    /* One that held is joined again soon. */
    uint32_t attempt = expect(&link, CH_LINK_DO_WIFI_CONNECT);
    in(&link, now, CH_LINK_EV_WIFI_UP, attempt);
    now += CH_LINK_STABLE_MS;
    in(&link, now, CH_LINK_EV_WIFI_DOWN, attempt);
    assert_in_range(ch_link_deadline(&link) - now, 1000, 2000);
}

static void what_a_person_wants_takes_effect_at_once(void **state)
{
    ch_link link;
    (void)state;
    up(&link, 0);
    ch_link_want(&link, 1, true, false, true, CH_ANEW_NO);
    expect(&link, CH_LINK_DO_WS_CLOSE);
    assert_int_equal(link.state, CH_LINK_IDLE);
    assert_true(ch_link_deadline(&link) == CH_NEVER);
    ch_link_want(&link, 2, true, true, true, CH_ANEW_NO);
    in(&link, 3, CH_LINK_EV_WS_DOWN, expect(&link, CH_LINK_DO_WS_OPEN));
    /* A new target does not wait out the old one's. */
    ch_link_want(&link, 4, true, true, true, CH_ANEW_WS);
    expect(&link, CH_LINK_DO_WS_OPEN);
    ch_link_want(&link, 5, true, true, true, CH_ANEW_WIFI);
    expect(&link, CH_LINK_DO_WS_CLOSE);
    expect(&link, CH_LINK_DO_WIFI_DISCONNECT);
    expect(&link, CH_LINK_DO_WIFI_CONNECT);
    ch_link_want(&link, 6, false, true, true, CH_ANEW_NO);
    expect(&link, CH_LINK_DO_WIFI_DISCONNECT);
    assert_int_equal(link.state, CH_LINK_OFF);
    expect_nothing(&link);
    ch_link_want(&link, 7, false, true, true, CH_ANEW_WIFI);
    expect_nothing(&link);
}

static void nothing_that_was_not_taken_yet_is_lost(void **state)
{
    ch_link link;
    (void)state;
    uint32_t attempt = up(&link, 0);
    /* As when lines are pasted: the caller takes actions out only after the last of them. */
    for (unsigned i = 0; i < 5; i++) {
        ch_link_want(&link, 1, true, true, true, CH_ANEW_WIFI);
    }
    assert_int_equal(expect(&link, CH_LINK_DO_WS_CLOSE), attempt);
    expect(&link, CH_LINK_DO_WIFI_DISCONNECT);
    assert_int_equal(expect(&link, CH_LINK_DO_WIFI_CONNECT), link.wifi_attempt);
    expect_nothing(&link);
    in(&link, 2, CH_LINK_EV_WIFI_UP, link.wifi_attempt);
    for (unsigned i = 0; i < 5; i++) {
        ch_link_want(&link, 3, true, true, true, CH_ANEW_WS);
    }
    expect(&link, CH_LINK_DO_WS_CLOSE);
    assert_int_equal(expect(&link, CH_LINK_DO_WS_OPEN), link.attempt);
    expect_nothing(&link);
}

static void a_network_without_any_sign_of_life_is_joined_anew(void **state)
{
    ch_link link;
    ch_ms now = 0;
    unsigned opens = 0;
    (void)state;
    uint32_t attempt = connecting(&link, now);
    for (;;) {
        ch_link_action action;
        ch_link_event_in(&link, now, (ch_link_event){CH_LINK_EV_WS_DOWN, attempt, false});
        if (ch_link_next(&link, &action)) {
            assert_int_equal(action.kind, CH_LINK_DO_WIFI_DISCONNECT);
            break;
        }
        now = ch_link_deadline(&link);
        ch_link_tick(&link, now);
        attempt = expect(&link, CH_LINK_DO_WS_OPEN);
        opens++;
    }
    assert_in_range(now, CH_WIFI_RENEW_MS, CH_WIFI_RENEW_MS + CH_BACKOFF_MAX_MS);
    assert_true(opens > 4);
    expect(&link, CH_LINK_DO_WIFI_CONNECT);
    /* Other traffic is a sign of life. */
    attempt = connecting(&link, 0);
    ch_link_alive(&link, CH_WIFI_RENEW_MS);
    ch_link_event_in(&link, CH_WIFI_RENEW_MS, (ch_link_event){CH_LINK_EV_WS_DOWN, attempt, false});
    expect_nothing(&link);
}

/* Whatever happens, and whatever is lost: from each state time alone leads on. */
static void no_state_is_a_dead_end(void **state)
{
    ch_link link;
    uint32_t random = 99;
    ch_ms now = 0;
    bool wifi = true, stream = true;
    (void)state;
    ch_link_init(&link, 5, 0);
    for (unsigned i = 0; i < 200000; i++) {
        ch_link_action action;
        unsigned dice = ch_random(&random) % 20;
        if (dice == 0) {
            wifi = ch_random(&random) % 4 != 0;
            stream = ch_random(&random) % 4 != 0;
            ch_link_want(&link, now, wifi, stream, ch_random(&random) % 2 == 0, (ch_anew)(ch_random(&random) % 3));
        } else if (dice < 12) {
            ch_link_event event = {(ch_link_event_kind)(ch_random(&random) % 9), 0, ch_random(&random) % 2 == 0};
            bool of_wifi = event.kind == CH_LINK_EV_WIFI_UP || event.kind == CH_LINK_EV_WIFI_DOWN;
            event.attempt = (of_wifi ? link.wifi_attempt : link.attempt) - (ch_random(&random) % 8 == 0 ? 1 : 0);
            ch_link_event_in(&link, now, event);
        } else {
            now += ch_random(&random) % 3000;
            ch_link_tick(&link, now);
        }
        while (ch_random(&random) % 4 != 0 && ch_link_next(&link, &action)) {
        }
        bool chosen = link.state == CH_LINK_OFF || link.state == CH_LINK_IDLE;
        if (!chosen) {
            assert_true(ch_link_deadline(&link) != CH_NEVER);
            assert_true(ch_link_deadline(&link) <= now + 30000);
        }
        assert_true(chosen || link.want_wifi);
        assert_true(link.state != CH_LINK_IDLE || !link.want_stream);
    }
}

int test_link(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_nothing_to_streaming),
        cmocka_unit_test(waits_grow_from_one_to_thirty_seconds),
        cmocka_unit_test(two_devices_do_not_move_in_step),
        cmocka_unit_test(a_clean_close_is_followed_by_a_short_wait),
        cmocka_unit_test(a_server_that_closes_at_once_is_not_hammered),
        cmocka_unit_test(every_attempt_times_out),
        cmocka_unit_test(silence_is_pinged_and_then_ended),
        cmocka_unit_test(a_message_that_does_not_leave_ends_the_connection),
        cmocka_unit_test(events_of_an_older_attempt_are_ignored),
        cmocka_unit_test(losing_wifi_ends_everything),
        cmocka_unit_test(a_network_that_drops_out_at_once_is_not_hammered),
        cmocka_unit_test(what_a_person_wants_takes_effect_at_once),
        cmocka_unit_test(nothing_that_was_not_taken_yet_is_lost),
        cmocka_unit_test(a_network_without_any_sign_of_life_is_joined_anew),
        cmocka_unit_test(no_state_is_a_dead_end),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
