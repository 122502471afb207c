/*
 * TCPCam requests, split as the first bytes say. Asserts that splitting changes nothing, that nothing is sent before
 * the right PIN, that what is sent is whole frames in order, and that no buffer is lost.
 */
#include "camherd/tcpcam.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

typedef struct outcome {
    ch_tcpcam_state state;
    bool endless;
    uint32_t count;
} outcome;

static void begin(ch_tcpcam *server, ch_frames *frames)
{
    ch_frames_init(frames, 3);
    ch_tcpcam_init(server, frames, "1235");
}

/* Reads a request in pieces of `piece` bytes. */
static outcome read_request(const uint8_t *data, size_t size, size_t piece)
{
    ch_frames frames;
    ch_tcpcam server;
    begin(&server, &frames);
    int client = ch_tcpcam_open(&server, 0);
    CHECK(client == 0);
    for (size_t at = 0; at < size; at += piece) {
        ch_tcpcam_received(&server, 1, client, data + at, size - at < piece ? size - at : piece);
    }
    ch_tcpcam_tick(&server, 1 + CH_TCPCAM_QUIET_MS);
    const ch_tcpcam_client *c = &server.clients[client];
    if (c->state == CH_TCPCAM_READY) {
        /* Line ends before it do not count; the PIN does. */
        while (size > 0 && (*data == '\r' || *data == '\n' || *data == '\0')) {
            data++;
            size--;
        }
        CHECK(size >= 5 && memcmp(data, "1235", 4) == 0);
    }
    return (outcome){c->state, c->state == CH_TCPCAM_READY && c->endless, c->state == CH_TCPCAM_READY ? c->count : 0};
}

/* Serves as `script` says, and checks every byte that goes out. */
static void serve(const uint8_t *script, size_t size)
{
    static const uint8_t payload[] = "0123456789";
    ch_frames frames;
    ch_tcpcam server;
    ch_ms now = 0;
    uint32_t sent[CH_TCPCAM_CLIENTS] = {0};
    unsigned outstanding = 0;
    begin(&server, &frames);
    for (size_t i = 0; i < size; i++) {
        int client = script[i] >> 4 & 3;
        ch_tcpcam_action action;
        void *handle;
        switch (script[i] & 15) {
        case 0:
        case 1:
            client = ch_tcpcam_open(&server, now);
            if (client >= 0) {
                sent[client] = 0;
                ch_tcpcam_received(&server, now, client, (const uint8_t *)(script[i] & 1 ? "12353\n" : "12350\n"), 6);
            }
            break;
        case 2:
        case 3:
        case 4: {
            ch_frame frame = {.data = payload, .len = 10, .taken = now};
            int number = ch_frames_add(&frames, &frame);
            if (number != CH_NO_FRAME) {
                outstanding++;
                ch_tcpcam_offer(&server, number);
                ch_frames_drop(&frames, number);
            }
            break;
        }
        case 5:
            ch_tcpcam_gone(&server, client);
            break;
        case 6:
            ch_tcpcam_close_hog(&server, now);
            break;
        case 7:
            ch_tcpcam_forget(&server);
            break;
        case 8:
            now += 1500;
            ch_tcpcam_tick(&server, now);
            break;
        default:
            now += script[i] >> 4;
            if (ch_tcpcam_next(&server, now, &action) && action.kind == CH_TCPCAM_DO_SEND) {
                uint32_t at = sent[action.client] % 14;
                CHECK(at < 4 ? action.len == 4 - at : action.data == payload + (at - 4));
                size_t taken = 1 + (script[i] & 3);
                taken = taken < action.len ? taken : action.len;
                for (size_t n = 0; n < taken && at + n < 4; n++) {
                    CHECK(action.data[n] == (at + n == 3 ? 10 : 0));
                }
                sent[action.client] += (uint32_t)taken;
                ch_tcpcam_sent(&server, now, action.client, taken);
            } else if (action.kind == CH_TCPCAM_DO_CLOSE) {
                sent[action.client] = 0;
            }
            break;
        }
        while (ch_frames_next_return(&frames, &handle)) {
            CHECK(outstanding-- > 0);
        }
        CHECK(ch_frames_in_use(&frames) == outstanding);
    }
    ch_tcpcam_close_all(&server);
    for (void *handle; ch_frames_next_return(&frames, &handle); outstanding--) {
    }
    CHECK(outstanding == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t piece = 1 + data[0] % 8;
    outcome whole = read_request(data + 1, size - 1, size);
    outcome split = read_request(data + 1, size - 1, piece);
    CHECK(whole.state == split.state && whole.endless == split.endless && whole.count == split.count);
    serve(data + 1, size - 1);
    return 0;
}
