// Counting what arrives and what is shown. Pure; times are milliseconds of any monotonic clock.

/** Rates are measured over this long: short enough to follow a change, long enough that 1 frame/s reads as 1. */
const WINDOW_MS = 3000;

/** Bytes are never counted over less: a stream begins with all that came since its last keyframe, ms. */
const LEAST_SPAN_MS = 1000;

/** More events than this in the window are merged, so that memory stays bounded at any rate. */
const MAX_EVENTS = 1024;

/** Events and bytes per second over a sliding window. */
export class RateMeter {
  #events = [];
  #started = null;

  /** @param {number} now ms @param {number} bytes size of what came @param {number} count how many events this stands for */
  add(now, bytes = 0, count = 1) {
    if (this.#started === null) this.#started = now;
    const last = this.#events.at(-1);
    if (last && this.#events.length >= MAX_EVENTS) {
      last.bytes += bytes;
      last.count += count;
    } else {
      this.#events.push({ at: now, bytes, count });
    }
    this.#expire(now);
  }

  #expire(now) {
    while (this.#events.length && now - this.#events[0].at > WINDOW_MS) this.#events.shift();
  }

  /** Time base of the rates in seconds: the window, or less while the meter is young. */
  #span(now) {
    return Math.max(Math.min(now - this.#started, WINDOW_MS), 1) / 1000;
  }

  /** Events per second; 0 when nothing came within the window. */
  rate(now) {
    this.#expire(now);
    if (this.#events.length < 2) return this.#events.length ? this.#events[0].count / (WINDOW_MS / 1000) : 0;
    // Intervals, not events, are counted while the window is still filling: n events span n - 1 intervals.
    const young = now - this.#started < WINDOW_MS;
    const events = this.#events.reduce((sum, event) => sum + event.count, 0);
    return (young ? events - this.#events[0].count : events) / this.#span(now);
  }

  /** Bits per second; 0 when nothing came within the window. */
  bitrate(now) {
    this.#expire(now);
    if (this.#events.length < 2) return 0;
    const bits = this.#events.reduce((sum, event) => sum + event.bytes, 0) * 8;
    return bits / Math.max(this.#span(now), LEAST_SPAN_MS / 1000);
  }

  reset() {
    this.#events = [];
    this.#started = null;
  }
}

/** @param {number|null} ms an age or delay @returns {string} for people: "85 ms", "2.4 s", "3 min", "5 h" */
export function formatAge(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  // The estimate of the server's clock can be off by half a round trip, so a fresh picture can seem to be from the future.
  const age = Math.max(ms, 0);
  if (age < 1000) return `${Math.round(age)} ms`;
  if (age < 9950) return `${(age / 1000).toFixed(1)} s`;
  if (age < 120_000) return `${Math.round(age / 1000)} s`;
  if (age < 7_200_000) return `${Math.round(age / 60_000)} min`;
  return `${Math.round(age / 3_600_000)} h`;
}

/** @param {number} bps bits per second @returns {string} "640 kbit/s", "1.2 Mbit/s" */
export function formatBitrate(bps) {
  if (!Number.isFinite(bps) || bps < 0) return '–';
  if (bps < 1e6) return `${Math.round(bps / 1e3)} kbit/s`;
  return `${(bps / 1e6).toFixed(1)} Mbit/s`;
}

/** @param {number} fps frames per second @returns {string} "29.9 fps", "0.3 fps" */
export function formatFps(fps) {
  if (!Number.isFinite(fps) || fps < 0) return '–';
  return `${fps.toFixed(1)} fps`;
}
