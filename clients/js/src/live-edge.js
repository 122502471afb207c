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

/** The burst after joining arrives within this time on a LAN; the first jump waits for it. */
const BURST_MS = 40;

/** A seek decodes from the last keyframe, so it gets time to finish before the next one. */
const SEEK_PAUSE_MS = 500;

/** How long arrivals are remembered for the speed, and how long a lag must last before a seek. */
const WINDOW_MS = 1500;
const LAG_MS = 250;

/**
 * A distance must be too large twice, this far apart, before a seek. After a pause of the page's own, what the
 * browser says first of its clock is from before the pause, and a seek from there would go back to older frames.
 */
const CONFIRM_MS = 50;

/** Slowest and fastest speed, and the steps it is set in: a new speed costs the browser work. */
const SLOWEST = 0.96;
const FASTEST = 1.1;
const STEP = 0.02;

export class LiveEdge {
  #arrivals = [];
  #joined = null;
  #jumped = false;
  #lastSeek = -Infinity;
  #rate = 1;
  #lagging = null;

  /** Takes the distance to the newest frame just after it was appended. */
  arrived(now, behind) {
    if (this.#joined === null) this.#joined = now;
    this.#arrivals.push({ now, behind });
    while (now - this.#arrivals[0].now > WINDOW_MS) this.#arrivals.shift();
  }

  /** Forgets distances that a seek made meaningless. */
  seeked(now) {
    this.#arrivals = [];
    this.#lagging = null;
    this.#lastSeek = now;
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
      if (now - this.#joined < BURST_MS) return false;
      this.#jumped = true;
      return behind > TARGET_S + SLACK_S;
    }
    if (now - this.#lastSeek < SEEK_PAUSE_MS) return false;
    const limit = now - this.#joined < JOIN_MS ? JOIN_SEEK_S : SEEK_S;
    if (behind <= limit) {
      this.#lagging = null;
      return false;
    }
    this.#lagging ??= now;
    if (now - this.#lagging < CONFIRM_MS) return false;
    const floor = this.#floor(now, LAG_MS);
    return floor === null || floor > limit;
  }

  #speed(now) {
    const floor = this.#floor(now, WINDOW_MS);
    if (floor === null) return this.#rate;
    const excess = floor - TARGET_S;
    const settled = this.#rate === 1 ? SLACK_S : SLACK_S / 2;
    if (excess > settled) this.#rate = clamp(1 + excess * 0.4, 1 + STEP, FASTEST);
    else if (floor < 0) this.#rate = SLOWEST;
    else if (this.#rate > 1 || floor > TARGET_S / 2) this.#rate = 1;
    this.#rate = Number((Math.round(this.#rate / STEP) * STEP).toFixed(2));
    return this.#rate;
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
