/*
 * What the device counts and measures about itself.
 */
#ifndef CAMHERD_TELEMETRY_H
#define CAMHERD_TELEMETRY_H

#include "camherd/frames.h"

#define CH_TELEMETRY_EVERY_MS 10000

/* What only the shell can measure; zero `have_...` fields are left out of reports. */
typedef struct ch_vitals {
    bool have_rssi, have_temperature, have_psram;
    int8_t rssi;        /* dBm */
    int8_t temperature; /* of the chip, degrees Celsius */
    uint32_t heap;      /* free bytes of internal RAM */
    uint32_t heap_min;  /* lowest since start */
    uint32_t psram;     /* free bytes */
} ch_vitals;

/* Totals since start, and sums of the interval that the next report covers. */
typedef struct ch_counters {
    uint32_t captured; /* frames from the camera */
    uint32_t sent;     /* frames that left over the WebSocket */
    uint32_t replaced; /* dropped because a newer one came first */
    uint32_t stale;    /* dropped because they were older than a second */
    uint32_t failed;   /* lost with a connection */
    uint32_t camera_errors;
    uint32_t connects; /* WebSocket connections that came up */
    struct {
        uint32_t captured, sent, bytes;
        uint32_t capture_ms, convert_ms, send_ms;
        ch_ms began;
    } interval;
} ch_counters;

void ch_counters_init(ch_counters *counters, ch_ms now);
void ch_counters_captured(ch_counters *counters, const ch_frame *frame);
void ch_counters_sent(ch_counters *counters, uint32_t bytes, uint32_t took_ms);
void ch_counters_next_interval(ch_counters *counters, ch_ms now);

#endif
