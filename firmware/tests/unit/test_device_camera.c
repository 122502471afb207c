#include "rig.h"

static rig r;

static void a_camera_that_fails_is_tried_again(void **state)
{
    (void)state;
    rig_init(&r);
    r.camera_fault = "no sensor answers on SCCB";
    rig_pass(&r, 25000);
    assert_int_equal(r.counts[CH_DO_CAMERA], 3);
    r.camera_fault = NULL;
    rig_pass(&r, CH_CAMERA_RETRY_MS);
    assert_true(r.d.camera_up);
    assert_string_equal(r.d.sensor.name, "OV2640");
    /* One that does not answer at all, too. */
    r.mute_camera = true;
    rig_restart(&r);
    rig_pass(&r, CH_CAMERA_TIMEOUT_MS + CH_CAMERA_RETRY_MS + 10);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    /* An answer that nobody asked for is none. */
    r.d.camera_sent = false;
    rig_event(&r, (ch_event){.kind = CH_EV_CAMERA_UP, .sensor = &r.sensor});
    assert_false(r.d.camera_up);
}

static void without_psram_the_camera_stays_off(void **state)
{
    (void)state;
    rig_init(&r);
    r.board.psram_size = 0;
    rig_restart(&r);
    rig_pass(&r, 30000);
    assert_int_equal(r.counts[CH_DO_CAMERA], 0);
    rig_line(&r, "cam status");
    assert_non_null(strstr(rig_printed(&r), "no PSRAM was found"));
}

static void a_camera_that_gives_nothing_is_set_up_anew(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_pass(&r, 100);
    assert_int_equal(r.counts[CH_DO_CAMERA], 1);
    r.now += 50;
    assert_true(ch_device_wants_frame(&r.d, r.now));
    for (unsigned i = 0; i < 60; i++) {
        rig_event(&r, (ch_event){.kind = CH_EV_CAMERA_ERROR});
        r.now += 100;
        rig_run(&r);
        ch_device_wants_frame(&r.d, r.now);
    }
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    assert_int_equal(r.d.counters.camera_errors, 60);
    rig_pass(&r, 1000);
    assert_true(r.d.camera_up);
}

static void a_camera_that_is_not_asked_is_left_alone(void **state)
{
    (void)state;
    rig_streaming(&r);
    /* A picture failed, and then nobody wants one. */
    r.now += 50;
    assert_true(ch_device_wants_frame(&r.d, r.now));
    rig_event(&r, (ch_event){.kind = CH_EV_CAMERA_ERROR});
    rig_text(&r, "{\"type\":\"demand\",\"viewers\":0,\"fps\":0}");
    rig_pass(&r, 2 * CH_CAPTURE_TIMEOUT_MS);
    assert_int_equal(r.counts[CH_DO_CAMERA], 1);
    assert_true(r.d.camera_up);
}

static void without_pictures_the_fps_are_none(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_line(&r, "cam status");
    assert_non_null(strstr(rig_printed(&r), "now_fps=30"));
    rig_line(&r, "cam power 0");
    rig_pass(&r, CH_TELEMETRY_EVERY_MS + 100);
    assert_non_null(strstr(r.text, "\"type\":\"telemetry\""));
    assert_non_null(strstr(r.text, "\"fps\":0,"));
    rig_line(&r, "cam status");
    assert_non_null(strstr(rig_printed(&r), "now_fps=0"));
}

static void the_hello_follows_the_sensor(void **state)
{
    (void)state;
    rig_init(&r);
    r.mute_camera = true;
    rig_line(&r, "wifi set Home password1");
    rig_line(&r, "stream set host a");
    rig_run(&r);
    rig_ws(&r, true, NULL);
    rig_run(&r);
    assert_non_null(strstr(r.text, "\"sensor\":\"\""));
    rig_event(&r, (ch_event){.kind = CH_EV_CAMERA_UP, .sensor = &r.sensor});
    rig_run(&r);
    assert_non_null(strstr(r.text, "\"sensor\":\"OV2640\""));
}

static void a_long_name_of_a_sensor_is_told_once(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.sensor.name = "a sensor with a long name";
    rig_line(&r, "cam set quality 50");
    rig_pass(&r, 100);
    assert_non_null(strstr(r.text, "\"sensor\":\"a sensor with a\""));
    unsigned texts = r.counts[CH_DO_WS_TEXT];
    r.d.camera.quality = 1; /* set up once more, with nothing to tell */
    rig_pass(&r, 100);
    assert_int_equal(r.counts[CH_DO_CAMERA], 3);
    assert_int_equal(r.counts[CH_DO_WS_TEXT], texts);
}

static int tcp_client(const char *text)
{
    int client = ch_device_tcpcam_open(&r.d, r.now);
    assert_int_not_equal(client, -1);
    ch_device_tcpcam_received(&r.d, r.now, client, (const uint8_t *)text, strlen(text));
    return client;
}

static void tcpcam_clients_get_frames_without_a_server(void **state)
{
    (void)state;
    rig_init(&r);
    assert_int_equal(ch_device_tcpcam_open(&r.d, r.now), -1);
    rig_line(&r, "tcpcam on");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_TCPCAM_LISTEN], 1);
    rig_pass(&r, 1000);
    assert_int_equal(r.d.counters.captured, 0);
    tcp_client("12353\n");
    rig_pass(&r, 1000);
    assert_int_equal(r.counts[CH_DO_TCPCAM_SEND], 6);
    assert_int_equal(r.counts[CH_DO_TCPCAM_CLOSE], 1);
    assert_int_equal(rig_used(&r), 0);
    unsigned captured = r.d.counters.captured;
    rig_pass(&r, 1000);
    assert_int_equal(r.d.counters.captured, captured);
    /* Another port, and off. */
    rig_line(&r, "tcpcam port 4000");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_TCPCAM_STOP], 1);
    assert_int_equal(r.counts[CH_DO_TCPCAM_LISTEN], 2);
    int client = tcp_client("12350");
    ch_device_tcpcam_ended(&r.d, r.now, client);
    rig_line(&r, "tcpcam off");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_TCPCAM_CLOSE], 2);
    assert_int_equal(ch_device_tcpcam_open(&r.d, r.now), -1);
}

static void a_port_that_is_taken_is_tried_again(void **state)
{
    (void)state;
    rig_init(&r);
    rig_line(&r, "tcpcam on");
    rig_run(&r);
    rig_event(&r, (ch_event){.kind = CH_EV_TCPCAM_FAILED, .text = "address in use"});
    rig_line(&r, "tcpcam status");
    assert_non_null(strstr(rig_printed(&r), "reason=\"address in use\""));
    rig_pass(&r, CH_CAMERA_RETRY_MS + 10);
    assert_int_equal(r.counts[CH_DO_TCPCAM_LISTEN], 2);
}

static void slow_clients_never_stop_the_camera(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_line(&r, "tcpcam on");
    rig_run(&r);
    r.no_tcp = true;
    tcp_client("12350\n");
    rig_pass(&r, 200);
    tcp_client("12350\n");
    rig_pass(&r, 200);
    tcp_client("12350\n");
    r.ws_frames = 0;
    rig_pass(&r, 10000);
    /* Those that held the last buffers were closed, and the server went on getting frames. */
    assert_true(r.counts[CH_DO_TCPCAM_CLOSE] >= 1);
    assert_true(r.ws_frames > 200);
}

static void a_client_that_goes_gives_its_frame_back(void **state)
{
    (void)state;
    rig_init(&r);
    rig_line(&r, "tcpcam on");
    r.no_tcp = true;
    rig_run(&r);
    int client = tcp_client("12350\n");
    rig_pass(&r, 100);
    assert_true(rig_used(&r) > 0);
    r.tcp_sends[client] = NULL;
    ch_device_tcpcam_gone(&r.d, r.now, client);
    rig_run(&r);
    assert_int_equal(rig_used(&r), 0);
}

static void frames_that_were_not_asked_for_are_refused_when_full(void **state)
{
    ch_frame frame = {.data = r.bytes[0], .len = 16, .handle = &r.used[0]};
    (void)state;
    rig_streaming(&r);
    r.hold_frames = true;
    frame.taken = r.now;
    for (unsigned i = 0; i < r.board.frames; i++) {
        assert_true(ch_device_frame(&r.d, r.now, &frame));
    }
    assert_false(ch_device_frame(&r.d, r.now, &frame));
}

static void buffers_go_only_when_no_frame_is_out(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.hold_frames = true;
    rig_frame(&r);
    r.now += 40;
    rig_frame(&r);
    rig_line(&r, "cam set size svga");
    rig_run(&r);
    /* The one that waited is back, the one on its way is not, so the camera is left alone. */
    assert_int_equal(rig_used(&r), 1);
    assert_int_equal(r.counts[CH_DO_CAMERA], 1);
    assert_false(rig_frame(&r));
    rig_sent(&r);
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    assert_int_equal(rig_used(&r), 0);
    /* A send that never ends is ended; the same when power goes off. */
    r.now += 40;
    rig_frame(&r);
    rig_line(&r, "cam power 0");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    rig_pass(&r, CH_SEND_STALL_MS);
    assert_int_equal(r.counts[CH_DO_CAMERA], 3);
    assert_false(r.camera.power);
}

static void a_camera_that_is_off_wakes_nobody(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_line(&r, "tcpcam on");
    rig_run(&r);
    r.hold_frames = true;
    rig_frame(&r);
    /* It waits for the picture on its way, and meanwhile fails. */
    rig_line(&r, "cam set size svga");
    rig_run(&r);
    assert_true(r.d.camera_emptying);
    r.d.camera_up = false;
    rig_line(&r, "cam power 0");
    rig_line(&r, "stream stop");
    rig_line(&r, "wifi disconnect");
    rig_run(&r);
    assert_true(ch_device_deadline(&r.d, r.now) == CH_NEVER);
}

static void buffers_stay_while_a_frame_is_being_taken(void **state)
{
    ch_frame frame = {.data = r.bytes[0], .len = 16, .handle = &r.used[0]};
    (void)state;
    rig_streaming(&r);
    /* The camera's task is at it when the size changes: its frame would lie in a buffer that goes. */
    assert_true(ch_device_wants_frame(&r.d, r.now));
    rig_line(&r, "cam set size svga");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 1);
    frame.taken = r.now;
    r.used[0] = true;
    assert_true(ch_device_frame(&r.d, r.now, &frame));
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    /* An error ends it too. */
    r.now += 40;
    assert_true(ch_device_wants_frame(&r.d, r.now));
    rig_line(&r, "cam set size vga");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    rig_event(&r, (ch_event){.kind = CH_EV_CAMERA_ERROR});
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 3);
    /* So does setting up the camera meanwhile, for which buffers stay. */
    r.now += 40;
    assert_true(ch_device_wants_frame(&r.d, r.now));
    rig_line(&r, "cam set quality 30");
    rig_run(&r);
    rig_line(&r, "cam set size qvga");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 5);
    /* One that never ends is not waited for. */
    r.now += 40;
    assert_true(ch_device_wants_frame(&r.d, r.now));
    rig_line(&r, "cam power 0");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 5);
    rig_pass(&r, CH_CAPTURE_TIMEOUT_MS + 100);
    assert_int_equal(r.counts[CH_DO_CAMERA], 6);
    assert_false(r.camera.power);
}

static void a_slow_client_does_not_hold_the_camera(void **state)
{
    (void)state;
    rig_init(&r);
    rig_line(&r, "tcpcam on");
    r.no_tcp = true;
    rig_run(&r);
    tcp_client("12350\n");
    rig_pass(&r, 100);
    rig_line(&r, "cam set size svga");
    rig_pass(&r, CH_TCPCAM_HOG_MS + 200);
    assert_int_equal(r.counts[CH_DO_TCPCAM_CLOSE], 1);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
    assert_true(r.d.camera_up);
}

static void quality_changes_without_waiting(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.hold_frames = true;
    rig_frame(&r);
    rig_line(&r, "cam set quality 50");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_CAMERA], 2);
}

int test_device_camera(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_camera_that_fails_is_tried_again),
        cmocka_unit_test(without_psram_the_camera_stays_off),
        cmocka_unit_test(a_camera_that_gives_nothing_is_set_up_anew),
        cmocka_unit_test(a_camera_that_is_not_asked_is_left_alone),
        cmocka_unit_test(without_pictures_the_fps_are_none),
        cmocka_unit_test(the_hello_follows_the_sensor),
        cmocka_unit_test(tcpcam_clients_get_frames_without_a_server),
        cmocka_unit_test(a_port_that_is_taken_is_tried_again),
        cmocka_unit_test(slow_clients_never_stop_the_camera),
        cmocka_unit_test(a_client_that_goes_gives_its_frame_back),
        cmocka_unit_test(frames_that_were_not_asked_for_are_refused_when_full),
        cmocka_unit_test(buffers_go_only_when_no_frame_is_out),
        cmocka_unit_test(a_long_name_of_a_sensor_is_told_once),
        cmocka_unit_test(a_camera_that_is_off_wakes_nobody),
        cmocka_unit_test(buffers_stay_while_a_frame_is_being_taken),
        cmocka_unit_test(a_slow_client_does_not_hold_the_camera),
        cmocka_unit_test(quality_changes_without_waiting),
    };
    return cmocka_run_group_tests_name("device camera and clients", tests, NULL, NULL);
}
