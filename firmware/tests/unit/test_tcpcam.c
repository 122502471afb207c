#include "camherd/tcpcam.h"
#include "unit.h"

static ch_frames frames;
static ch_tcpcam server;

static void begin(const char *pin)
{
    ch_frames_init(&frames, CH_FRAMES_MAX);
    ch_tcpcam_init(&server, &frames, pin);
}

static void receive(int client, ch_ms now, const char *text)
{
    ch_tcpcam_received(&server, now, client, (const uint8_t *)text, strlen(text));
}

/* A camera's frame: offered, and let go by the camera. */
static void offer(const char *payload, ch_ms taken)
{
    ch_frame frame = {.data = (const uint8_t *)payload, .len = (uint32_t)strlen(payload), .taken = taken};
    int number = ch_frames_add(&frames, &frame);
    assert_int_not_equal(number, CH_NO_FRAME);
    ch_tcpcam_offer(&server, number);
    ch_frames_drop(&frames, number);
}

static void return_all(void)
{
    void *handle;
    while (ch_frames_next_return(&frames, &handle)) {
    }
}

/* Lets a socket take all that there is, `piece` bytes at a time; what it took. */
static size_t drain(int client, ch_ms now, char *out, size_t room, size_t piece, bool *closed)
{
    ch_tcpcam_action action;
    size_t len = 0;
    *closed = false;
    while (ch_tcpcam_next(&server, now, &action)) {
        assert_int_equal(action.client, client);
        if (action.kind == CH_TCPCAM_DO_CLOSE) {
            *closed = true;
            continue;
        }
        size_t taken = action.len < piece ? action.len : piece;
        assert_true(len + taken <= room);
        memcpy(out + len, action.data, taken);
        len += taken;
        ch_tcpcam_sent(&server, now, client, taken);
    }
    return_all();
    return len;
}

/* Connects and sends a request whole. */
static int request(const char *text, ch_ms now)
{
    int client = ch_tcpcam_open(&server, now);
    assert_int_not_equal(client, -1);
    receive(client, now, text);
    ch_tcpcam_tick(&server, now + CH_TCPCAM_QUIET_MS);
    return client;
}

static void requests_split_anywhere(void **state)
{
    static const struct {
        const char *text;
        bool endless;
        uint32_t count;
    } cases[] = {
        {"12350", true, 0},
        {"12353", false, 3},
        {"1235-1", true, 1},
        {"1235+2", false, 2},
        {"1235\r\n7\r\n", false, 7},
        {"1235\n\n7", false, 7},
        {"\r\n12351\n", false, 1},
        {"1235100000000", false, 100000000},
        {"12350010", false, 10},
        {"1235-5\n", true, 5},
        {"12350\n9", true, 0},
        {"12352147483647", false, INT32_MAX},
        {"12350000000001", false, 1},
        {"12359999999999", false, INT32_MAX},
        {"1235-2147483648", true, INT32_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].text);
        for (size_t first = 0; first <= len; first++) {
            for (size_t second = first; second <= len; second++) {
                begin("1235");
                int client = ch_tcpcam_open(&server, 0);
                const uint8_t *bytes = (const uint8_t *)cases[i].text;
                ch_tcpcam_received(&server, 0, client, bytes, first);
                ch_tcpcam_received(&server, 1, client, bytes + first, second - first);
                ch_tcpcam_received(&server, 2, client, bytes + second, len - second);
                ch_tcpcam_tick(&server, 2 + CH_TCPCAM_QUIET_MS);
                assert_int_equal(server.clients[client].state, CH_TCPCAM_READY);
                assert_int_equal(server.clients[client].endless, cases[i].endless);
                assert_int_equal(server.clients[client].count, cases[i].count);
            }
        }
    }
}

static void nul_is_padding_too(void **state)
{
    (void)state;
    begin("1235");
    int client = ch_tcpcam_open(&server, 0);
    ch_tcpcam_received(&server, 0, client, (const uint8_t *)"1235\0", 5);
    ch_tcpcam_received(&server, 0, client, (const uint8_t *)"2\0", 2);
    assert_int_equal(server.clients[client].state, CH_TCPCAM_READY);
    assert_int_equal(server.clients[client].count, 2);
}

static void bad_requests_are_closed_and_get_nothing(void **state)
{
    static const char *const bad[] = {"1234",   "12340",           "0000",      "123\n",    "abcd",
                                      "1235x",  "1235-",           "1235--1\n", "12351-\n", "1235+-1\n",
                                      "1235 1", "123512345678901", "1235-\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char out[8];
        bool closed;
        begin("1235");
        offer("frame", 0);
        int client = request(bad[i], 0);
        ch_tcpcam_tick(&server, CH_TCPCAM_REQUEST_MS);
        assert_int_equal(drain(client, 0, out, sizeof out, 8, &closed), 0);
        assert_true(closed);
        assert_int_equal(ch_tcpcam_clients(&server), 0);
    }
}

static void pins_of_other_lengths(void **state)
{
    (void)state;
    begin("1234567890123456");
    assert_int_equal(server.clients[request("12345678901234560", 0)].state, CH_TCPCAM_READY);
    assert_int_equal(server.clients[request("12345678901234570", 0)].state, CH_TCPCAM_CLOSING);
    /* A PIN that is made shorter meanwhile does not let one in that had sent more. */
    begin("12345678");
    int client = ch_tcpcam_open(&server, 0);
    receive(client, 0, "123456");
    ch_tcpcam_set_pin(&server, "12345");
    receive(client, 0, "7");
    assert_int_equal(server.clients[client].state, CH_TCPCAM_CLOSING);
}

static void who_says_nothing_is_closed(void **state)
{
    (void)state;
    begin("1235");
    int silent = ch_tcpcam_open(&server, 0), half = ch_tcpcam_open(&server, 0);
    receive(half, 1, "1235");
    assert_true(ch_tcpcam_deadline(&server) == CH_TCPCAM_REQUEST_MS);
    ch_tcpcam_tick(&server, CH_TCPCAM_REQUEST_MS - 1);
    assert_int_equal(ch_tcpcam_clients(&server), 2);
    ch_tcpcam_tick(&server, CH_TCPCAM_REQUEST_MS);
    assert_int_equal(server.clients[silent].state, CH_TCPCAM_CLOSING);
    assert_int_equal(server.clients[half].state, CH_TCPCAM_CLOSING);
}

static void guessing_is_slow(void **state)
{
    ch_tcpcam_action action;
    (void)state;
    begin("1235");
    for (unsigned i = 0; i < CH_TCPCAM_TRIES; i++) {
        request("9999", 50);
        assert_true(ch_tcpcam_next(&server, 50, &action));
    }
    assert_int_equal(ch_tcpcam_open(&server, 50), -1);
    assert_int_equal(ch_tcpcam_open(&server, 49 + CH_TCPCAM_LOCK_MS), -1);
    assert_int_equal(ch_tcpcam_open(&server, 50 + CH_TCPCAM_LOCK_MS), 0);
    /* A right one in between is forgiving. */
    begin("1235");
    for (unsigned i = 0; i < 3 * CH_TCPCAM_TRIES; i++) {
        int client = request(i % 2 == 0 ? "9999" : "12350", 0);
        ch_tcpcam_gone(&server, client);
    }
    assert_int_not_equal(ch_tcpcam_open(&server, 0), -1);
}

static void exactly_n_frames_then_close(void **state)
{
    char out[64];
    bool closed;
    (void)state;
    for (size_t piece = 1; piece < 12; piece++) {
        begin("1235");
        int client = request("12352", 0);
        assert_int_equal(drain(client, 0, out, sizeof out, piece, &closed), 0);
        offer("first", 100);
        assert_int_equal(drain(client, 110, out, sizeof out, piece, &closed), 9);
        assert_memory_equal(out, "\0\0\0\5first", 9);
        assert_false(closed);
        /* The same frame is not sent twice. */
        assert_int_equal(drain(client, 120, out, sizeof out, piece, &closed), 0);
        offer("the last", 200);
        assert_int_equal(drain(client, 210, out, sizeof out, piece, &closed), 12);
        assert_memory_equal(out, "\0\0\0\10the last", 12);
        assert_true(closed);
        ch_tcpcam_forget(&server);
        return_all();
        assert_int_equal(ch_frames_in_use(&frames), 0);
    }
}

static void payload_is_sent_from_where_it_lies(void **state)
{
    static const char payload[] = "payload";
    ch_tcpcam_action action;
    (void)state;
    begin("1235");
    request("12350", 0);
    offer(payload, 0);
    assert_true(ch_tcpcam_next(&server, 0, &action));
    assert_true(action.more);
    assert_int_equal(action.len, 4);
    /* One piece at a time. */
    assert_false(ch_tcpcam_next(&server, 0, &action));
    ch_tcpcam_sent(&server, 0, 0, 4);
    assert_true(ch_tcpcam_next(&server, 0, &action));
    assert_ptr_equal(action.data, payload);
    assert_false(action.more);
    ch_tcpcam_sent(&server, 0, 0, 3);
    assert_true(ch_tcpcam_next(&server, 0, &action));
    assert_ptr_equal(action.data, payload + 3);
    assert_int_equal(action.len, 4);
}

static void a_slow_client_skips_and_delays_nobody(void **state)
{
    ch_tcpcam_action action;
    char out[64];
    bool closed;
    (void)state;
    begin("1235");
    int slow = request("12350", 0), fast = request("12350", 0);
    offer("one", 10);
    assert_true(ch_tcpcam_next(&server, 10, &action));
    while (action.client != slow) {
        ch_tcpcam_sent(&server, 10, action.client, action.len);
        assert_true(ch_tcpcam_next(&server, 10, &action));
    }
    drain(fast, 10, out, sizeof out, 64, &closed);
    for (unsigned i = 0; i < 5; i++) {
        offer("more", 20 + i);
        assert_int_equal(drain(fast, 30, out, sizeof out, 64, &closed), 8);
    }
    /* Two frames are held: the one that the slow one is at, and the newest. */
    assert_int_equal(ch_frames_in_use(&frames), 2);
    ch_tcpcam_sent(&server, 40, slow, 4);
    assert_true(ch_tcpcam_next(&server, 40, &action));
    assert_memory_equal(action.data, "one", 3);
    ch_tcpcam_sent(&server, 40, slow, 3);
    assert_int_equal(drain(slow, 50, out, sizeof out, 64, &closed), 8);
    assert_memory_equal(out + 4, "more", 4);
}

static void an_old_frame_is_not_begun(void **state)
{
    char out[64];
    bool closed;
    (void)state;
    begin("1235");
    offer("old", 0);
    int client = request("12350", CH_FRAME_AGE_MAX_MS);
    assert_int_equal(drain(client, CH_FRAME_AGE_MAX_MS, out, sizeof out, 64, &closed), 0);
    offer("new", CH_FRAME_AGE_MAX_MS);
    assert_int_equal(drain(client, CH_FRAME_AGE_MAX_MS, out, sizeof out, 64, &closed), 7);
}

static void who_takes_nothing_is_closed(void **state)
{
    ch_tcpcam_action action;
    (void)state;
    begin("1235");
    request("12350", 0);
    offer("frame", 300);
    assert_true(ch_tcpcam_next(&server, 300, &action));
    assert_true(ch_tcpcam_deadline(&server) == 300 + CH_TCPCAM_STALL_MS);
    ch_tcpcam_sent(&server, 1000, 0, 2);
    ch_tcpcam_tick(&server, 300 + CH_TCPCAM_STALL_MS);
    assert_int_equal(ch_tcpcam_watching(&server), 1);
    ch_tcpcam_tick(&server, 1000 + CH_TCPCAM_STALL_MS);
    assert_int_equal(ch_tcpcam_watching(&server), 0);
    assert_true(ch_tcpcam_next(&server, 9000, &action));
    assert_int_equal(action.kind, CH_TCPCAM_DO_CLOSE);
    /* What the socket took late counts for nothing. */
    ch_tcpcam_sent(&server, 9000, 0, 2);
    ch_tcpcam_forget(&server);
    return_all();
    assert_int_equal(ch_frames_in_use(&frames), 0);
}

static void the_one_that_holds_a_buffer_longest_goes_first(void **state)
{
    ch_tcpcam_action action;
    (void)state;
    begin("1235");
    request("12350", 0);
    offer("old", 0);
    assert_true(ch_tcpcam_next(&server, 0, &action));
    int second = request("12350", 0);
    offer("new", 500);
    assert_true(ch_tcpcam_next(&server, 500, &action));
    assert_int_equal(action.client, second);
    ch_tcpcam_close_hog(&server, CH_TCPCAM_HOG_MS - 1);
    assert_int_equal(ch_tcpcam_watching(&server), 2);
    ch_tcpcam_close_hog(&server, CH_TCPCAM_HOG_MS + 600);
    assert_int_equal(server.clients[0].state, CH_TCPCAM_CLOSING);
    assert_int_equal(server.clients[second].state, CH_TCPCAM_SENDING);
}

static void as_many_clients_as_there_is_room_for(void **state)
{
    ch_tcpcam_action action;
    (void)state;
    begin("1235");
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        assert_int_equal(ch_tcpcam_open(&server, 0), i);
    }
    assert_int_equal(ch_tcpcam_open(&server, 0), -1);
    ch_tcpcam_gone(&server, 2);
    assert_int_equal(ch_tcpcam_open(&server, 0), 2);
    ch_tcpcam_close_all(&server);
    for (int i = 0; i < CH_TCPCAM_CLIENTS; i++) {
        assert_true(ch_tcpcam_next(&server, 0, &action));
        assert_int_equal(action.kind, CH_TCPCAM_DO_CLOSE);
    }
    assert_false(ch_tcpcam_next(&server, 0, &action));
    ch_tcpcam_close_all(&server);
    assert_false(ch_tcpcam_next(&server, 0, &action));
}

static void the_end_of_sending_ends_a_request(void **state)
{
    (void)state;
    begin("1235");
    int whole = ch_tcpcam_open(&server, 0), half = ch_tcpcam_open(&server, 0), none = ch_tcpcam_open(&server, 0);
    receive(whole, 0, "12355");
    receive(half, 0, "1235");
    ch_tcpcam_ended(&server, 0, whole);
    ch_tcpcam_ended(&server, 0, half);
    ch_tcpcam_ended(&server, 0, none);
    assert_int_equal(server.clients[whole].state, CH_TCPCAM_READY);
    assert_int_equal(server.clients[half].state, CH_TCPCAM_CLOSING);
    assert_int_equal(server.clients[none].state, CH_TCPCAM_CLOSING);
    /* It may still read. */
    ch_tcpcam_ended(&server, 0, whole);
    assert_int_equal(server.clients[whole].state, CH_TCPCAM_READY);
}

static void a_count_goes_on_while_it_is_typed(void **state)
{
    (void)state;
    begin("1235");
    int client = ch_tcpcam_open(&server, 0);
    receive(client, 0, "12351");
    assert_true(ch_tcpcam_deadline(&server) == CH_TCPCAM_QUIET_MS);
    ch_tcpcam_tick(&server, CH_TCPCAM_QUIET_MS - 1);
    receive(client, CH_TCPCAM_QUIET_MS - 1, "0");
    ch_tcpcam_tick(&server, CH_TCPCAM_QUIET_MS);
    assert_int_equal(server.clients[client].state, CH_TCPCAM_COUNT);
    ch_tcpcam_tick(&server, 2 * CH_TCPCAM_QUIET_MS);
    assert_int_equal(server.clients[client].count, 10);
    assert_int_equal(ch_tcpcam_watching(&server), 1);
}

int test_tcpcam(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_split_anywhere),
        cmocka_unit_test(nul_is_padding_too),
        cmocka_unit_test(bad_requests_are_closed_and_get_nothing),
        cmocka_unit_test(pins_of_other_lengths),
        cmocka_unit_test(who_says_nothing_is_closed),
        cmocka_unit_test(guessing_is_slow),
        cmocka_unit_test(exactly_n_frames_then_close),
        cmocka_unit_test(payload_is_sent_from_where_it_lies),
        cmocka_unit_test(a_slow_client_skips_and_delays_nobody),
        cmocka_unit_test(an_old_frame_is_not_begun),
        cmocka_unit_test(who_takes_nothing_is_closed),
        cmocka_unit_test(the_one_that_holds_a_buffer_longest_goes_first),
        cmocka_unit_test(as_many_clients_as_there_is_room_for),
        cmocka_unit_test(the_end_of_sending_ends_a_request),
        cmocka_unit_test(a_count_goes_on_while_it_is_typed),
    };
    return cmocka_run_group_tests_name("tcpcam", tests, NULL, NULL);
}
