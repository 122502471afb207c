/* A device to which anything happens in any order. What holds all the time, the rig checks. */
#include "rig.h"

static rig r;

static const char *one_of(uint32_t *random, const char *const *list, size_t count)
{
    return list[ch_random(random) % count];
}

/* Something that happens to a device: a line, a message, a client, a fault. */
static void something_happens(uint32_t *random)
{
    static const char *const lines[] = {
        "wifi set Home password1",
        "wifi disconnect",
        "wifi connect",
        "stream stop",
        "stream start",
        "stream clear",
        "stream set host a",
        "cam power 0",
        "cam power 1",
        "cam set size qvga",
        "cam set size svga",
        "cam set quality 30",
        "cam clear",
        "tcpcam on",
        "tcpcam off",
        "tcpcam port 4000",
        "tcpcam pin 4711",
        "tcpcam clear",
        "wifi scan",
        "sys reboot",
    };
    static const char *const messages[] = {
        "{\"type\":\"demand\",\"viewers\":0}",
        "{\"type\":\"demand\",\"viewers\":0,\"fps\":0,\"id\":1}",
        "{\"type\":\"demand\",\"viewers\":2,\"fps\":10,\"size\":\"320x240\"}",
        "{\"type\":\"demand\",\"viewers\":1}",
        "{\"type\":\"set\",\"size\":\"800x600\",\"fps\":60,\"save\":true,\"id\":2}",
        "{\"type\":\"set\",\"quality\":0,\"id\":3}",
        "{\"type\":\"reboot\"}",
        "{\"type\":\"update\",\"url\":\"http://a/b\",\"size\":10,\"signature\":\"MAA=\",\"sha256\":"
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}",
    };
    static const ch_event_kind events[] = {CH_EV_CAMERA_ERROR, CH_EV_SCAN_DONE,     CH_EV_TCPCAM_FAILED,
                                           CH_EV_UPDATE_DONE,  CH_EV_UPDATE_FAILED, CH_EV_UPDATE_PROGRESS,
                                           CH_EV_CAMERA_FAILED};
    static const char *const requests[] = {"12350\n", "47112\n", "12", "9999", "1235"};
    int client = (int)(ch_random(random) % CH_TCPCAM_CLIENTS);
    const char *request;
    switch (ch_random(random) % 12) {
    case 0:
        rig_line(&r, one_of(random, lines, sizeof lines / sizeof lines[0]));
        break;
    case 1:
        rig_text(&r, one_of(random, messages, sizeof messages / sizeof messages[0]));
        break;
    case 2:
        rig_ws(&r, ch_random(random) % 3 != 0, "x");
        break;
    case 3:
        rig_wifi(&r, ch_random(random) % 3 != 0, "x");
        break;
    case 4:
        r.hold_frames = ch_random(random) % 2 == 0;
        r.no_tcp = ch_random(random) % 2 == 0;
        r.mute_wifi = ch_random(random) % 8 == 0;
        r.mute_camera = ch_random(random) % 8 == 0;
        r.mute_pongs = ch_random(random) % 8 == 0;
        r.camera_fault = ch_random(random) % 8 == 0 ? "x" : NULL;
        break;
    case 5:
        client = ch_device_tcpcam_open(&r.d, r.now);
        if (client >= 0) {
            request = one_of(random, requests, sizeof requests / sizeof requests[0]);
            ch_device_tcpcam_received(&r.d, r.now, client, (const uint8_t *)request, strlen(request));
        }
        break;
    case 6:
        r.tcp_sends[client] = NULL;
        ch_device_tcpcam_gone(&r.d, r.now, client);
        break;
    case 7:
        ch_device_tcpcam_ended(&r.d, r.now, client);
        break;
    case 8:
        rig_event(&r, (ch_event){.kind = events[ch_random(random) % (sizeof events / sizeof events[0])],
                                 .number = ch_random(random) % 120,
                                 .text = "x"});
        break;
    case 9:
        rig_sent(&r);
        break;
    default:
        rig_take(&r);
        break;
    }
}

/* All that a device needs to stream is there again. */
static void all_is_well(void)
{
    if (r.taking) {
        rig_take(&r);
    }
    r.hold_frames = r.no_tcp = r.mute_wifi = r.mute_camera = r.mute_pongs = false;
    r.camera_fault = NULL;
    rig_line(&r, "cam power 1");
    rig_line(&r, "wifi set Home password1");
    rig_line(&r, "stream start");
    rig_line(&r, "stream set host a");
    rig_run(&r);
    rig_ws(&r, true, NULL);
}

/* Anything in any order: no buffer is lost or used too long, no deadline keeps a shell spinning, and in the end it
 * streams again. */
static void anything_goes(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        uint32_t random = seed * 2654435761u;
        rig_streaming(&r);
        for (unsigned i = 0; i < 1000; i++) {
            /* Several things at a time, as when the shell is busy. */
            do {
                something_happens(&random);
            } while (ch_random(&random) % 3 == 0);
            if (ch_random(&random) % 8 == 0) {
                all_is_well();
            }
            rig_pass(&r, ch_random(&random) % 2 * (ch_random(&random) % 2000));
            rig_printed(&r);
            assert_true(rig_used(&r) <= r.board.frames);
        }
        /* The longest that anything takes to give up: an update. */
        rig_pass(&r, CH_UPDATE_TIMEOUT_MS + 10);
        all_is_well();
        rig_pass(&r, 10000); /* after a connection that carried nothing it begins slowly */
        rig_printed(&r);
        r.ws_frames = 0;
        rig_pass(&r, 3000);
        rig_printed(&r);
        assert_in_range(r.ws_frames, 10, 181);
    }
}

int test_device_anything(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anything_goes),
    };
    return cmocka_run_group_tests_name("device, anything", tests, NULL, NULL);
}
