// How the player stays close to the newest frame: small changes of speed, and a seek when that would take too long.
// Pure; times are milliseconds of a monotonic clock, distances are seconds of media.
//
// What counts is how far the clock of the video element is behind a frame at the moment the frame arrives: that frame
// waits so long before it is shown. The smallest such distance of the last seconds is the part of the delay that no
// frame needed, however irregular the camera or the network is, and that is what gets removed.

/** Delay kept so that a frame is decoded before it is due: two to four frame times of a display, seconds. */
export const TARGET_S = 0.06;

/** Excess over the target that is left alone, so that the speed is not changed for nothing, seconds. */
const SLACK_S = 0.04;

/** More than this behind and speed alone would take several seconds: jump. */
const SEEK_S = 0.5;

/** The same for the first seconds after joining, when the server sends older frames in a burst. */
const JOIN_SEEK_S = 0.25;
const JOIN_MS = 3000;

/**
 * After joining, what there is since the last keyframe arrives in a burst, which can be many seconds of media. The first
 * jump comes when the distance has not grown by `BURST_STEP_S` for this long, and in any case after `BURST_MAX_MS`.
 */
const BURST_MS = 40;
const BURST_STEP_S = 0.25;
const BURST_MAX_MS = 2000;

/** Pause between two seeks. */
const SEEK_PAUSE_MS = 500;

/**
 * A seek decodes from the last keyframe, which takes seconds with cameras that have a keyframe in 20 s. None is begun
 * while one is on its way, but for one that does not end within this time.
 */
const SEEK_GIVE_UP_MS = 10_000;

/**
 * A seek that took longer than this is worth repeating only if it gains more than it takes; more speed is cheaper, since
 * it decodes only what is new.
 */
const CHEAP_SEEK_S = 0.25;
const SEEK_GAIN = 1.5;

/** How long arrivals are remembered for the speed, and how long a lag must last before a seek. */
const WINDOW_MS = 1500;
const LAG_MS = 250;

/**
 * A distance must be too large twice, this far apart, before a seek. After a pause of the page's own, what the
 * browser says first of its clock is from before the pause, and a seek from there would go back to older frames.
 */
const CONFIRM_MS = 50;

/**
 * Slowest and fastest speed, and the steps it is set in: a new speed costs the browser work. Far behind, where no seek
 * helps, it is seen to run.
 */
const SLOWEST = 0.96;
const FASTEST = 1.1;
const RUNNING = 1.5;
const STEP = 0.02;

export class LiveEdge {
  #arrivals = [];
  #joined = null;
  #jumped = false;
  #lastSeek = -Infinity;
  #seeking = false;
  #seekCost = 0;
  #burst = { peak: 0, at: -Infinity };
  #rate = 1;
  #lagging = null;

  /** Takes the distance to the newest frame just after it was appended. */
  arrived(now, behind) {
    if (this.#joined === null) this.#joined = now;
    if (behind > this.#burst.peak + BURST_STEP_S) this.#burst = { peak: behind, at: now };
    this.#arrivals.push({ now, behind });
    while (now - this.#arrivals[0].now > WINDOW_MS) this.#arrivals.shift();
  }

  /** Takes that a seek was begun, which makes the distances so far meaningless. */
  seeked(now) {
    this.#arrivals = [];
    this.#lagging = null;
    this.#lastSeek = now;
    this.#seeking = true;
  }

  /** Takes that the seek came to its end, with its picture shown. */
  landed(now) {
    if (!this.#seeking) return;
    this.#seeking = false;
    this.#seekCost = (now - this.#lastSeek) / 1000;
    this.#arrivals = [];
    this.#lagging = null;
  }

  /** Whether a seek is on its way and may still come to its end. */
  isSeeking(now) {
    return this.#seeking && now - this.#lastSeek < SEEK_GIVE_UP_MS;
  }

  /** Smallest distance at arrival within the last `span` ms, or null when none is known for that long. */
  #floor(now, span) {
    let floor = null;
    for (const arrival of this.#arrivals) {
      if (now - arrival.now <= span && (floor === null || arrival.behind < floor)) floor = arrival.behind;
    }
    return floor;
  }

  /**
   * What to do now.
   * @param {number} now ms
   * @param {number} behind seconds between the element's clock and the newest frame
   * @returns {{seek: boolean, rate: number}}
   */
  decide(now, behind) {
    if (this.#joined === null) return { seek: false, rate: 1 };
    return { seek: this.#mustSeek(now, behind), rate: this.#speed(now) };
  }

  #mustSeek(now, behind) {
    if (!this.#jumped) {
      if (this.#burstGoesOn(now)) return false;
      this.#jumped = true;
      return behind > TARGET_S + SLACK_S;
    }
    if (now - this.#lastSeek < SEEK_PAUSE_MS || this.isSeeking(now)) return false;
    const worth = this.#seekCost > CHEAP_SEEK_S ? this.#seekCost * SEEK_GAIN : 0;
    const limit = worth + (now - this.#joined < JOIN_MS ? JOIN_SEEK_S : SEEK_S);
    if (behind <= limit) {
      this.#lagging = null;
      return false;
    }
    this.#lagging ??= now;
    if (now - this.#lagging < CONFIRM_MS) return false;
    const floor = this.#floor(now, LAG_MS);
    return floor === null || floor > limit;
  }

  #burstGoesOn(now) {
    if (now - this.#joined > BURST_MAX_MS) return false;
    return now - Math.max(this.#joined, this.#burst.at) < BURST_MS;
  }

  #speed(now) {
    const floor = this.#floor(now, WINDOW_MS);
    if (floor === null) return this.#rate;
    const excess = floor - TARGET_S;
    const settled = this.#rate === 1 ? SLACK_S : SLACK_S / 2;
    if (excess > SEEK_S) this.#rate = RUNNING;
    else if (excess > settled) this.#rate = clamp(1 + excess * 0.4, 1 + STEP, FASTEST);
    else if (floor < 0) this.#rate = SLOWEST;
    else if (this.#rate > 1 || floor > TARGET_S / 2) this.#rate = 1;
    this.#rate = Number((Math.round(this.#rate / STEP) * STEP).toFixed(2));
    return this.#rate;
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
