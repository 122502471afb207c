// The server's clock as seen from here, so that the age of a picture is right even when the two clocks differ.
//
// Each ping gives one sample. The error of a sample is at most half its round trip, so the sample with the smallest
// round trip wins. Samples expire, because clocks drift and a laptop that slept has a different offset.

/** How many samples are kept. At one ping every 2 s this is one minute, over which two clocks drift by well under 1 ms. */
const KEEP = 30;

/** Unix time in milliseconds from a clock that never steps: `Date.now()` jumps when the system's time is corrected. */
export function monotonicNow() {
  return performance.timeOrigin + performance.now();
}

export class ServerClock {
  #samples = [];
  #now;

  /** @param {() => number} now the local clock in milliseconds; tests give their own */
  constructor(now = monotonicNow) {
    this.#now = now;
  }

  /**
   * Takes one ping's answer.
   * @param {number} sent local time at which the ping left, ms
   * @param {number} received local time at which the pong came, ms
   * @param {number} server the server's unix time in the pong, ms
   * @returns {boolean} whether the sample was usable
   */
  sample(sent, received, server) {
    const rtt = received - sent;
    if (!(rtt >= 0) || !Number.isFinite(server)) return false;
    this.#samples.push({ rtt, offset: server - (sent + received) / 2 });
    if (this.#samples.length > KEEP) this.#samples.shift();
    return true;
  }

  /** Forgets everything, for a connection that may reach another server. */
  reset() {
    this.#samples = [];
  }

  get #best() {
    let best = null;
    for (const sample of this.#samples) if (!best || sample.rtt < best.rtt) best = sample;
    return best;
  }

  /** Smallest round trip seen lately in ms, or null before the first answer. */
  get rtt() {
    return this.#best?.rtt ?? null;
  }

  /** Server's clock minus local clock in ms, or null before the first answer. */
  get offset() {
    return this.#best?.offset ?? null;
  }

  /** The server's unix time now in ms, or null before the first answer. */
  now() {
    const best = this.#best;
    return best ? this.#now() + best.offset : null;
  }

  /** Local monotonic time in ms, the time base of `sample`. */
  local() {
    return this.#now();
  }
}
