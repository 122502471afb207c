#include "rig.h"

static rig r;

static void two_lines_and_it_streams(void **state)
{
    (void)state;
    rig_init(&r);
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_WIFI_CONNECT], 0);
    assert_int_equal(r.counts[CH_DO_CAMERA], 1);
    rig_line(&r, "wifi set Home password1 save");
    rig_line(&r, "stream set host 10.0.0.2 save");
    rig_run(&r);
    assert_string_equal(r.ssid, "Home");
    assert_string_equal(r.pass, "password1");
    assert_string_equal(r.url, "ws://10.0.0.2:8080/ws/camera");
    assert_string_equal(r.token, "");
    rig_ws(&r, true, NULL);
    rig_run(&r);
    assert_non_null(strstr(r.text, "\"type\":\"hello\""));
    rig_pass(&r, 1000);
    assert_in_range(r.ws_frames, 29, 31);
    /* After a restart nothing has to be said. */
    rig_restart(&r);
    rig_run(&r);
    assert_string_equal(r.url, "ws://10.0.0.2:8080/ws/camera");
}

static void frames_go_out_uncopied_and_come_back(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.hold_frames = true;
    assert_true(rig_frame(&r));
    assert_ptr_equal(r.frame.data, r.bytes[0]);
    assert_int_equal(r.frame.len, 16);
    assert_true(r.used[0]);
    r.now += 33;
    assert_true(rig_frame(&r));
    r.now += 34;
    /* The newest wins: the one that waited goes back. */
    assert_true(rig_frame(&r));
    assert_false(r.used[1] && r.used[2]);
    assert_int_equal(r.d.counters.replaced, 1);
    rig_sent(&r);
    rig_run(&r);
    assert_int_equal(r.d.counters.sent, 1);
    assert_int_equal(r.ws_frames, 2);
    assert_false(r.used[0]);
}

static void a_frame_older_than_a_second_is_not_sent(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.hold_frames = true;
    rig_frame(&r);
    r.now += 33;
    rig_frame(&r);
    r.now += CH_FRAME_AGE_MAX_MS;
    rig_sent(&r);
    rig_run(&r);
    assert_int_equal(r.ws_frames, 1);
    assert_int_equal(r.d.counters.stale, 1);
    assert_int_equal(rig_used(&r), 0);
}

static void a_server_that_stops_reading_is_left(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_pass(&r, 500);
    r.hold_frames = true;
    rig_pass(&r, CH_SEND_STALL_MS + 100);
    assert_int_equal(r.counts[CH_DO_WS_CLOSE], 1);
    assert_int_equal(rig_used(&r), 0);
    assert_true(r.d.counters.failed >= 1);
    rig_pass(&r, 2000);
    assert_int_equal(r.counts[CH_DO_WS_OPEN], 2);
    r.hold_frames = false;
    rig_ws(&r, true, NULL);
    unsigned before = r.ws_frames;
    rig_pass(&r, 500);
    assert_true(r.ws_frames > before + 2);
}

static void every_loss_is_followed_by_a_return(void **state)
{
    (void)state;
    rig_streaming(&r);
    for (unsigned i = 0; i < 20; i++) {
        ch_ms lost = r.now;
        unsigned opens = r.counts[CH_DO_WS_OPEN];
        if (i % 2 == 0) {
            rig_ws(&r, false, "closed 1001");
        } else {
            rig_wifi(&r, false, "beacon-lost");
        }
        while (r.counts[CH_DO_WS_OPEN] == opens) {
            rig_pass(&r, 10);
            assert_true(r.now - lost < CH_BACKOFF_MAX_MS + 1000);
        }
        rig_ws(&r, true, NULL);
        rig_pass(&r, 20000);
        assert_int_equal(rig_used(&r), 0);
    }
    assert_int_equal(r.d.counters.connects, 21);
}

static void unwatched_it_idles(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_text(&r, "{\"type\":\"demand\",\"viewers\":0}");
    r.ws_frames = 0;
    rig_pass(&r, 10000);
    assert_in_range(r.ws_frames, 10, 11);
    rig_text(&r, "{\"type\":\"demand\",\"viewers\":0,\"fps\":0}");
    r.ws_frames = 0;
    rig_pass(&r, 10000);
    assert_int_equal(r.ws_frames, 0);
    rig_text(&r, "{\"type\":\"demand\",\"viewers\":1,\"size\":\"320x240\",\"id\":5}");
    rig_pass(&r, 1000);
    assert_in_range(r.ws_frames, 29, 31);
    assert_int_equal(r.camera.camera.size, CH_SIZE_320X240);
}

static void the_server_sets_and_is_answered(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_text(&r,
             "{\"type\":\"set\",\"id\":7,\"quality\":50,\"fps\":10,\"size\":\"320x240\",\"hflip\":true,\"vflip\":true,"
             "\"led\":10,\"adapt\":false,\"save\":true}");
    /* hello comes first, with the new settings, then the answer. */
    ch_action action;
    do {
        assert_true(ch_device_next(&r.d, r.now, &action));
    } while (action.kind != CH_DO_WS_TEXT);
    assert_non_null(strstr((const char *)action.data, "\"quality\":50"));
    rig_sent(&r);
    rig_run(&r);
    assert_string_equal(r.text, "{\"type\":\"ack\",\"id\":7,\"ok\":true}");
    assert_int_equal(r.d.settings.camera.led, 10);
    assert_true(r.d.settings.camera.vflip);
    assert_int_equal(fake_number(&r.fake, "cam/fps"), 10);
    assert_string_equal(fake_text(&r.fake, "cam/size"), "320x240");
    rig_text(&r, "{\"type\":\"hello\",\"id\":4,\"v\":1,\"server\":\"camherd 0.1.0\"}");
    rig_run(&r);
    assert_string_equal(r.text, "{\"type\":\"ack\",\"id\":4,\"ok\":true}");
    rig_text(&r, "{\"type\":\"set\",\"id\":8,\"quality\":0}");
    rig_run(&r);
    assert_string_equal(r.text, "{\"type\":\"ack\",\"id\":8,\"ok\":false,\"error\":\"quality: 1 to 100\"}");
    rig_text(&r, "{\"type\":\"set\",\"id\":9,\"size\":\"2560x1920\"}");
    rig_run(&r);
    assert_non_null(strstr(r.text, "size: not one of this sensor's sizes"));
    r.d.board.has_led = false;
    rig_text(&r, "{\"type\":\"set\",\"id\":10,\"led\":1}");
    rig_run(&r);
    assert_non_null(strstr(r.text, "led: this device has none"));
    r.fake.commit_fails = 1;
    rig_text(&r, "{\"type\":\"set\",\"id\":11,\"fps\":11,\"save\":true}");
    rig_run(&r);
    assert_non_null(strstr(r.text, "save: the storage failed"));
    assert_int_equal(r.d.settings.camera.fps, 11);
}

static void what_is_not_understood_is_not_answered(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.text[0] = '\0';
    rig_text(&r, "{\"type\":\"dance\",\"id\":1}");
    rig_text(&r, "{\"type\":\"hello\",\"v\":1}");
    rig_text(&r, "nonsense");
    rig_text(&r, "{\"type\":\"set\",\"quality\":1000}");
    rig_run(&r);
    assert_string_equal(r.text, "");
}

static void more_questions_than_answers_fit_lose_answers_only(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.mute_texts = true;
    for (unsigned i = 0; i < 20; i++) {
        rig_text(&r, "{\"type\":\"demand\",\"viewers\":1,\"id\":1}");
    }
    assert_int_equal(r.d.ack_count, CH_ACKS_MAX);
    rig_ws(&r, false, NULL);
    assert_int_equal(r.d.ack_count, 0);
}

static void it_reports_every_ten_seconds(void **state)
{
    ch_vitals vitals = {.have_rssi = true, .rssi = -50, .heap = 1000, .heap_min = 900};
    (void)state;
    rig_streaming(&r);
    rig_event(&r, (ch_event){.kind = CH_EV_VITALS, .vitals = &vitals});
    rig_pass(&r, CH_TELEMETRY_EVERY_MS - 1);
    assert_null(strstr(r.text, "telemetry"));
    rig_pass(&r, 2);
    assert_non_null(strstr(r.text, "\"type\":\"telemetry\""));
    assert_non_null(strstr(r.text, "\"rssi\":-50"));
    assert_non_null(strstr(r.text, "\"capture_ms\":5"));
    unsigned texts = r.counts[CH_DO_WS_TEXT];
    rig_pass(&r, 5 * CH_TELEMETRY_EVERY_MS);
    assert_int_equal(r.counts[CH_DO_WS_TEXT], texts + 5);
}

static void a_reboot_is_acknowledged_first(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_text(&r, "{\"type\":\"reboot\",\"id\":3}");
    rig_run(&r);
    assert_string_equal(r.text, "{\"type\":\"ack\",\"id\":3,\"ok\":true}");
    assert_int_equal(r.counts[CH_DO_REBOOT], 0);
    rig_pass(&r, CH_REBOOT_DELAY_MS);
    assert_int_equal(r.counts[CH_DO_REBOOT], 1);
    rig_pass(&r, 5000);
    assert_int_equal(r.counts[CH_DO_REBOOT], 1);
}

static void a_picture_on_its_way_does_not_cost_the_answer(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.hold_frames = true;
    assert_true(rig_frame(&r));
    rig_text(&r, "{\"type\":\"reboot\",\"id\":3}");
    rig_pass(&r, 3 * CH_REBOOT_DELAY_MS);
    assert_int_equal(r.counts[CH_DO_REBOOT], 0);
    rig_sent(&r);
    rig_run(&r);
    assert_string_equal(r.text, "{\"type\":\"ack\",\"id\":3,\"ok\":true}");
    assert_int_equal(r.ws_frames, 1);
    rig_pass(&r, CH_REBOOT_DELAY_MS);
    assert_int_equal(r.counts[CH_DO_REBOOT], 1);
    /* Nobody waits for a server that takes nothing. */
    rig_streaming(&r);
    r.hold_frames = true;
    assert_true(rig_frame(&r));
    rig_text(&r, "{\"type\":\"reboot\",\"id\":3}");
    rig_pass(&r, CH_SEND_STALL_MS + 100);
    assert_int_equal(r.counts[CH_DO_REBOOT], 1);
}

static const char update[] =
    "{\"type\":\"update\",\"id\":9,\"url\":\"http://a/b\",\"size\":10,\"sha256\":"
    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"signature\":\"MAA=\"}";

static void an_update_runs_and_restarts(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_text(&r, update);
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_UPDATE], 1);
    assert_string_equal(r.d.update.url, "http://a/b");
    r.ws_frames = 0;
    rig_pass(&r, 1000);
    assert_int_equal(r.ws_frames, 0);
    rig_text(&r, update);
    rig_run(&r);
    assert_non_null(strstr(r.text, "update: the device is busy"));
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_PROGRESS, .number = 42});
    rig_run(&r);
    assert_string_equal(r.text, "{\"type\":\"update\",\"state\":\"loading\",\"percent\":42}");
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_PROGRESS, .number = 43});
    unsigned texts = r.counts[CH_DO_WS_TEXT];
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_PROGRESS, .number = 1000});
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_WS_TEXT], texts + 1);
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_DONE});
    rig_run(&r);
    assert_string_equal(r.text, "{\"type\":\"update\",\"state\":\"restarting\"}");
    rig_pass(&r, CH_REBOOT_DELAY_MS);
    assert_int_equal(r.counts[CH_DO_REBOOT], 1);
}

static void an_update_that_fails_leaves_the_device_working(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_text(&r, update);
    rig_run(&r);
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_FAILED, .text = "the signature does not fit"});
    rig_run(&r);
    assert_non_null(strstr(r.text, "\"state\":\"failed\",\"error\":\"the signature does not fit\""));
    r.ws_frames = 0;
    rig_pass(&r, 1000);
    assert_true(r.ws_frames > 20);
    /* It may be tried again, and one that stands still ends by itself. */
    assert_int_equal(r.counts[CH_DO_UPDATE_STOP], 0);
    rig_text(&r, update);
    rig_pass(&r, CH_UPDATE_TIMEOUT_MS + 10);
    assert_int_equal(r.d.update_state, CH_UPDATE_FAILED);
    assert_int_equal(r.counts[CH_DO_UPDATE_STOP], 1);
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_DONE});
    assert_int_equal(r.d.update_state, CH_UPDATE_FAILED);
    r.d.board.has_update = false;
    rig_text(&r, update);
    rig_run(&r);
    assert_non_null(strstr(r.text, "update: this device cannot"));
}

static void an_update_that_trickles_does_not_keep_the_camera_dark(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_text(&r, update);
    rig_run(&r);
    /* One percent in time, then words without another. */
    rig_pass(&r, CH_UPDATE_TIMEOUT_MS - 1000);
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_PROGRESS, .number = 1});
    for (unsigned i = 0; i < 59; i++) {
        rig_pass(&r, 1000);
        rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_PROGRESS, .number = 1 - i % 2});
        assert_int_equal(r.d.update_state, CH_UPDATE_LOADING);
    }
    r.ws_frames = 0;
    rig_pass(&r, 2000);
    assert_int_equal(r.d.update_state, CH_UPDATE_FAILED);
    assert_true(r.ws_frames > 10);
}

/* A shell with several tasks must not be able to choose the image between the giving up and hearing of it. */
static void an_update_is_stopped_in_the_call_that_gives_it_up(void **state)
{
    ch_action action;
    (void)state;
    rig_streaming(&r);
    rig_text(&r, update);
    rig_run(&r);
    r.now += CH_UPDATE_TIMEOUT_MS - 1;
    rig_run(&r);
    assert_int_equal(r.d.update_state, CH_UPDATE_LOADING);
    /* Whatever else is due: */
    rig_line(&r, "stream set host b");
    rig_line(&r, "cam dump");
    r.now++;
    assert_true(ch_device_next(&r.d, r.now, &action));
    assert_int_equal(action.kind, CH_DO_UPDATE_STOP);
    rig_pass(&r, 2 * CH_UPDATE_TIMEOUT_MS);
    assert_int_equal(r.counts[CH_DO_UPDATE_STOP], 0); /* it came once */
    assert_int_equal(r.counts[CH_DO_UPDATE], 1);
}

static void only_an_update_that_was_begun_is_stopped_or_ends(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_text(&r, update);
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_FAILED, .text = "of the one before"});
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_DONE});
    assert_int_equal(r.d.update_state, CH_UPDATE_LOADING);
    r.now += CH_UPDATE_TIMEOUT_MS;
    rig_run(&r);
    assert_int_equal(r.d.update_state, CH_UPDATE_FAILED);
    assert_int_equal(r.counts[CH_DO_UPDATE], 0);
    assert_int_equal(r.counts[CH_DO_UPDATE_STOP], 0);
}

static void a_new_image_must_prove_itself(void **state)
{
    (void)state;
    rig_streaming(&r);
    r.board.trial = true;
    rig_line(&r, "wifi set Home password1 save");
    rig_line(&r, "stream set host a save");
    rig_restart(&r);
    rig_run(&r);
    rig_ws(&r, true, NULL);
    rig_run(&r);
    assert_non_null(strstr(r.text, "\"image\":\"trial\""));
    rig_text(&r, update);
    rig_run(&r);
    assert_non_null(strstr(r.text, "update: the image that runs is not confirmed yet"));
    rig_pass(&r, CH_TRIAL_CONFIRM_MS + 100);
    assert_int_equal(r.counts[CH_DO_CONFIRM], 1);
    rig_pass(&r, 2 * CH_TRIAL_LIMIT_MS);
    assert_int_equal(r.counts[CH_DO_CONFIRM], 1);
    assert_int_equal(r.counts[CH_DO_REBOOT], 0);
    /* Without a connection it is taken back. */
    r.board.trial = true;
    r.mute_wifi = true;
    rig_restart(&r);
    rig_pass(&r, CH_TRIAL_LIMIT_MS + CH_REBOOT_DELAY_MS);
    assert_int_equal(r.counts[CH_DO_CONFIRM], 0);
    assert_int_equal(r.counts[CH_DO_REBOOT], 1);
    assert_true(r.d.reboot_rollback);
}

static void a_server_is_found_when_none_is_set(void **state)
{
    (void)state;
    rig_init(&r);
    rig_line(&r, "wifi set Home password1");
    rig_run(&r);
    assert_int_equal(r.counts[CH_DO_DISCOVER], 1);
    rig_event(&r,
              (ch_event){.kind = CH_EV_FOUND, .attempt = r.discover_attempt, .text = "camherd.local", .number = 8080});
    rig_run(&r);
    assert_string_equal(r.url, "ws://camherd.local:8080/ws/camera");
    rig_ws(&r, false, "refused");
    rig_pass(&r, 2000);
    assert_int_equal(r.counts[CH_DO_DISCOVER], 2);
    /* What makes no sense counts as nothing found. */
    rig_event(&r, (ch_event){.kind = CH_EV_FOUND, .attempt = r.discover_attempt, .text = "a b", .number = 8080});
    rig_pass(&r, 4000);
    assert_int_equal(r.counts[CH_DO_DISCOVER], 3);
    rig_event(&r, (ch_event){.kind = CH_EV_NOT_FOUND, .attempt = r.discover_attempt});
    rig_pass(&r, 8000);
    assert_int_equal(r.counts[CH_DO_DISCOVER], 4);
    assert_int_equal(r.counts[CH_DO_WS_OPEN], 1);
}

static void old_events_mean_nothing(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_event(&r, (ch_event){.kind = CH_EV_WS_DOWN, .attempt = r.ws_attempt - 1});
    rig_sent(&r);
    rig_event(&r, (ch_event){.kind = CH_EV_WS_HEARD, .attempt = r.ws_attempt});
    rig_event(&r, (ch_event){.kind = CH_EV_WIFI_DOWN, .attempt = r.wifi_attempt - 1});
    rig_event(&r, (ch_event){.kind = CH_EV_SCAN_DONE});
    assert_string_equal(ch_link_ws_word(&r.d.link), "up");
    rig_ws(&r, false, NULL);
    rig_text(&r, "{\"type\":\"reboot\"}");
    assert_true(r.d.reboot_at == CH_NEVER);
    rig_event(&r, (ch_event){.kind = CH_EV_UPDATE_DONE});
    assert_true(r.d.reboot_at == CH_NEVER);
}

static void silence_is_answered_by_a_ping(void **state)
{
    (void)state;
    rig_streaming(&r);
    rig_pass(&r, CH_PING_EVERY_MS + 100);
    assert_int_equal(r.counts[CH_DO_WS_PING], 1);
}

int test_device(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_lines_and_it_streams),
        cmocka_unit_test(frames_go_out_uncopied_and_come_back),
        cmocka_unit_test(a_frame_older_than_a_second_is_not_sent),
        cmocka_unit_test(a_server_that_stops_reading_is_left),
        cmocka_unit_test(every_loss_is_followed_by_a_return),
        cmocka_unit_test(unwatched_it_idles),
        cmocka_unit_test(the_server_sets_and_is_answered),
        cmocka_unit_test(what_is_not_understood_is_not_answered),
        cmocka_unit_test(more_questions_than_answers_fit_lose_answers_only),
        cmocka_unit_test(it_reports_every_ten_seconds),
        cmocka_unit_test(a_reboot_is_acknowledged_first),
        cmocka_unit_test(a_picture_on_its_way_does_not_cost_the_answer),
        cmocka_unit_test(an_update_runs_and_restarts),
        cmocka_unit_test(an_update_that_fails_leaves_the_device_working),
        cmocka_unit_test(an_update_that_trickles_does_not_keep_the_camera_dark),
        cmocka_unit_test(an_update_is_stopped_in_the_call_that_gives_it_up),
        cmocka_unit_test(only_an_update_that_was_begun_is_stopped_or_ends),
        cmocka_unit_test(a_new_image_must_prove_itself),
        cmocka_unit_test(a_server_is_found_when_none_is_set),
        cmocka_unit_test(old_events_mean_nothing),
        cmocka_unit_test(silence_is_answered_by_a_ping),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
