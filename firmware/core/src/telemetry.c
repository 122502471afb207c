#include "camherd/telemetry.h"

#include <string.h>

void ch_counters_init(ch_counters *counters, ch_ms now)
{
    memset(counters, 0, sizeof *counters);
    counters->interval.began = now;
}

void ch_counters_captured(ch_counters *counters, const ch_frame *frame)
{
    counters->captured++;
    counters->interval.captured++;
    counters->interval.capture_ms += frame->capture_ms;
    counters->interval.convert_ms += frame->convert_ms;
}

void ch_counters_sent(ch_counters *counters, uint32_t bytes, uint32_t took_ms)
{
    counters->sent++;
    counters->interval.sent++;
    counters->interval.bytes += bytes;
    counters->interval.send_ms += took_ms;
}

void ch_counters_next_interval(ch_counters *counters, ch_ms now)
{
    memset(&counters->interval, 0, sizeof counters->interval);
    counters->interval.began = now;
}
