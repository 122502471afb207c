#include "camherd/frames.h"

#include <string.h>

void ch_frames_init(ch_frames *frames, unsigned limit)
{
    memset(frames, 0, sizeof *frames);
    frames->limit = (uint8_t)(limit < 1 ? 1 : limit > CH_FRAMES_MAX ? CH_FRAMES_MAX : limit);
}

static bool is_free(const ch_held *held)
{
    return held->users == 0 && !held->returned;
}

int ch_frames_add(ch_frames *frames, const ch_frame *frame)
{
    for (int i = 0; i < frames->limit; i++) {
        ch_held *held = &frames->held[i];
        if (is_free(held)) {
            held->frame = *frame;
            held->users = 1;
            return i;
        }
    }
    return CH_NO_FRAME;
}

void ch_frames_use(ch_frames *frames, int number)
{
    frames->held[number].users++;
}

void ch_frames_drop(ch_frames *frames, int number)
{
    if (number == CH_NO_FRAME) {
        return;
    }
    ch_held *held = &frames->held[number];
    held->users--;
    held->returned = held->users == 0;
}

const ch_frame *ch_frames_at(const ch_frames *frames, int number)
{
    return &frames->held[number].frame;
}

bool ch_frames_next_return(ch_frames *frames, void **handle)
{
    for (int i = 0; i < frames->limit; i++) {
        if (frames->held[i].returned) {
            frames->held[i].returned = false;
            *handle = frames->held[i].frame.handle;
            return true;
        }
    }
    return false;
}

unsigned ch_frames_in_use(const ch_frames *frames)
{
    unsigned count = 0;
    for (int i = 0; i < frames->limit; i++) {
        count += is_free(&frames->held[i]) ? 0 : 1;
    }
    return count;
}

bool ch_frames_full(const ch_frames *frames)
{
    return ch_frames_in_use(frames) >= frames->limit;
}

bool ch_frame_is_fresh(const ch_frame *frame, ch_ms now)
{
    return now < frame->taken + CH_FRAME_AGE_MAX_MS;
}
