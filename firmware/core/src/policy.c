#include "camherd/policy.h"

#include <string.h>

#define QUALITY_DOWN 10 /* small enough that no step is seen as a jump */
#define QUALITY_UP 5    /* half of it: up more carefully than down */

static uint8_t lower(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

/* What is set, as far as the sensor can. */
static uint8_t full_fps(const ch_policy *p)
{
    return p->max_fps == 0 ? p->set.fps : lower(p->set.fps, p->max_fps);
}

/* Pictures a second that the server is to get; 0: none. */
static uint8_t ws_fps(const ch_policy *p)
{
    uint8_t fps = lower(p->fps, full_fps(p));
    if (!p->ws_up) {
        return 0;
    }
    if (!p->demand_known) {
        return fps;
    }
    if (p->demand.has_fps) {
        fps = lower(fps, p->demand.fps);
    }
    return p->demand.viewers == 0 ? lower(fps, CH_IDLE_FPS) : fps;
}

static uint8_t capture_fps(const ch_policy *p)
{
    uint8_t ws = ws_fps(p), others = p->others > 0 ? full_fps(p) : 0;
    return ws > others ? ws : others;
}

/* After a change of what is wanted: the next frame comes as soon as the new rate asks for it. */
static void retime(ch_policy *p, ch_ms now)
{
    uint8_t fps = capture_fps(p);
    if (p->next_capture < now) {
        p->next_capture = now; /* after a pause: no burst to make up for it */
    }
    if (fps != 0 && p->next_capture > now + 1000u / fps) {
        p->next_capture = now + 1000u / fps;
    }
    fps = ws_fps(p);
    if (fps != 0 && p->next_ws > now + 1000u / fps) {
        p->next_ws = now + 1000u / fps;
    }
}

static void measure_anew(ch_policy *p, ch_ms now)
{
    p->window = now;
    p->busy = 0;
    p->replaced = 0;
    p->sent = 0;
    if (p->sending != CH_NEVER) {
        p->sending = now;
    }
}

void ch_policy_init(ch_policy *p, const ch_camera *set, ch_ms now)
{
    memset(p, 0, sizeof *p);
    p->sending = CH_NEVER;
    p->next_capture = now;
    p->next_ws = now;
    ch_policy_set(p, now, set);
}

/* From the best that is set. */
static void adapt_anew(ch_policy *p, ch_ms now)
{
    p->quality = p->set.quality;
    p->fps = p->set.fps;
    p->calm = 0;
    p->calm_needed = CH_POLICY_CALM_MIN;
    p->rising = false;
    measure_anew(p, now);
}

void ch_policy_set(ch_policy *p, ch_ms now, const ch_camera *set)
{
    p->set = *set;
    adapt_anew(p, now);
    retime(p, now);
}

void ch_policy_sensor(ch_policy *p, ch_size_set sizes, uint8_t max_fps)
{
    p->sizes = sizes;
    p->max_fps = max_fps;
}

void ch_policy_ws(ch_policy *p, ch_ms now, bool up)
{
    if (!up && p->ws_up) {
        p->starved = p->sending != CH_NEVER && !p->delivered;
    }
    p->ws_up = up;
    p->delivered = false;
    p->demand_known = false;
    p->sending = CH_NEVER;
    p->next_ws = now;
    adapt_anew(p, now);
    if (p->starved && p->set.adapt) {
        p->quality = lower(p->set.quality, CH_QUALITY_FLOOR);
        p->fps = CH_FPS_MIN;
    }
    retime(p, now);
}

void ch_policy_others(ch_policy *p, ch_ms now, unsigned clients)
{
    p->others = (uint8_t)clients;
    retime(p, now);
}

void ch_policy_demand(ch_policy *p, ch_ms now, const ch_demand *demand)
{
    uint8_t before = ws_fps(p);
    p->demand_known = true;
    p->demand = *demand;
    if (ws_fps(p) != before) {
        /* What was measured at the old rate says nothing of the new one. The same rate goes on being measured: viewers
         * that come and go all the time must not keep adaptation from ever having a whole window. */
        measure_anew(p, now);
    }
    retime(p, now);
}

ch_ms ch_policy_next_capture(const ch_policy *p)
{
    return capture_fps(p) == 0 ? CH_NEVER : p->next_capture;
}

void ch_policy_captured(ch_policy *p, ch_ms now)
{
    uint8_t fps = capture_fps(p);
    if (fps == 0) {
        return;
    }
    unsigned rest = p->rest + 1000u % fps;
    p->next_capture += 1000u / fps + (rest >= fps ? 1 : 0);
    p->rest = (uint8_t)(rest % fps);
    if (p->next_capture < now) {
        /* Behind by more than a frame: go on from here instead of catching up in a burst. */
        p->next_capture = now;
    }
}

bool ch_policy_for_ws(ch_policy *p, ch_ms now)
{
    uint8_t fps = ws_fps(p);
    bool paced = fps < capture_fps(p);
    if (fps == 0 || (paced && now < p->next_ws)) {
        return false;
    }
    /* From when it was due, not from now: else 25 out of 30 would be every second one, 15. Rounded up: `fps` is a most.
     */
    ch_ms period = (1000u + fps - 1) / fps;
    p->next_ws = paced && p->next_ws + period > now ? p->next_ws + period : now + period;
    return true;
}

void ch_policy_send_began(ch_policy *p, ch_ms now)
{
    p->sending = now;
}

void ch_policy_send_ended(ch_policy *p, ch_ms now)
{
    if (p->sending != CH_NEVER) {
        p->busy += (uint32_t)(now - p->sending);
        p->sent++;
        p->delivered = true;
        p->sending = CH_NEVER;
    }
}

void ch_policy_replaced(ch_policy *p)
{
    p->replaced++;
}

static void step_down(ch_policy *p, uint8_t rate)
{
    if (p->rising && p->calm_needed < CH_POLICY_CALM_MAX) {
        p->calm_needed = (uint8_t)(p->calm_needed * 2 > CH_POLICY_CALM_MAX ? CH_POLICY_CALM_MAX : p->calm_needed * 2);
    }
    p->rising = false;
    p->calm = 0;
    bool far_off = p->sent * 2 < rate;
    if (p->quality > CH_QUALITY_FLOOR) {
        bool last = far_off || p->quality < CH_QUALITY_FLOOR + QUALITY_DOWN;
        p->quality = (uint8_t)(last ? CH_QUALITY_FLOOR : p->quality - QUALITY_DOWN);
        return;
    }
    uint8_t fps = (uint8_t)(lower(p->fps, rate) * 3 / 4);
    if (far_off) {
        /* The rate that really went out says more than a step. */
        fps = lower(fps, (uint8_t)p->sent);
    }
    p->fps = fps < CH_FPS_MIN ? CH_FPS_MIN : fps;
}

static void step_up(ch_policy *p, bool far_off)
{
    if (p->rising && p->calm_needed > CH_POLICY_CALM_MIN) {
        p->calm_needed--; /* the step before held */
    }
    p->calm = 0;
    p->rising = p->fps < p->set.fps || p->quality < p->set.quality;
    if (p->fps < p->set.fps) {
        uint8_t step = far_off ? p->fps : p->fps / 4;
        p->fps = lower(p->set.fps, (uint8_t)(p->fps + (step < 1 ? 1 : step)));
    } else if (p->quality < p->set.quality) {
        p->quality = lower(p->set.quality, (uint8_t)(p->quality + QUALITY_UP));
    }
}

void ch_policy_tick(ch_policy *p, ch_ms now)
{
    uint8_t rate = ws_fps(p);
    uint32_t elapsed = (uint32_t)(now - p->window);
    if (elapsed < CH_POLICY_WINDOW_MS) {
        return;
    }
    uint32_t busy = p->busy + (p->sending == CH_NEVER ? 0 : (uint32_t)(now - p->sending));
    uint32_t percent = busy >= elapsed ? 100 : busy * 100 / elapsed;
    if (rate != 0 && p->set.adapt) {
        bool losing = p->replaced * 4u > (uint32_t)p->sent + p->replaced;
        /* At a rate that demand keeps low, the network looks calmer than it is. */
        uint32_t at_full = percent * lower(p->fps, full_fps(p)) / rate;
        if (percent >= CH_POLICY_BUSY_PERCENT || losing) {
            step_down(p, rate);
        } else if (at_full >= CH_POLICY_CALM_PERCENT) {
            p->calm = 0;
        } else if (++p->calm >= p->calm_needed) {
            step_up(p, at_full < CH_POLICY_IDLE_PERCENT);
        }
    }
    measure_anew(p, now);
}

ch_camera ch_policy_effective(const ch_policy *p)
{
    ch_camera camera = p->set;
    ch_size size = p->set.size;
    if (p->demand_known && p->demand.has_size && p->others == 0 && p->demand.size < size) {
        size = p->demand.size;
    }
    camera.size = ch_size_fit(p->sizes, size);
    camera.quality = lower(p->quality, p->set.quality);
    camera.fps = capture_fps(p);
    return camera;
}
