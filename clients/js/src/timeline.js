// Where each fragment goes on the player's timeline, and which capture time belongs to which shown frame. Pure.
//
// The server's decode times are absolute and say how much time passed between two frames, also over an hour without
// frames. The player's timeline starts at 0 and has no holes: Media Source Extensions (3.5.8, coded frame processing)
// treats a step of more than twice the last frame's duration as a new group that must begin with a keyframe and drops
// every frame until then, which would freeze the picture after each hiccup of the camera. Such a step is closed here by
// moving the timestamp offset. Nothing is lost by it: the age of a picture comes from its capture time.
//
// Frames come in decoding order. With B-frames that is not the order in which they are shown: what is placed is the
// decode time, which is also how far everything has arrived that will be shown, since no frame is shown before it is
// decoded. What is remembered is the presentation time, because that is what the browser tells of a shown frame.

/** Frames whose capture time is remembered: more than what can be buffered ahead of the shown one. */
const MAX_FRAMES = 1024;

/** Frame length that is assumed when a fragment gives none, in seconds. */
const DEFAULT_DURATION_S = 0.1;

/** `mediaTime` of a shown frame and the time it was given differ by rounding to the browser's microseconds. */
const ROUNDING_S = 0.0015;

export class Timeline {
  #timescale = 90_000;
  #offset = 0;
  #last = null;
  /** By presentation time. */
  #frames = [];
  #keyframes = [];

  /** @param {number} ticks per second, from the init segment. A change of timescale starts a new run. */
  setTimescale(ticks) {
    if (ticks === this.#timescale) return;
    this.#timescale = ticks;
    if (this.#last) this.#last.decodeTime = Number.NaN;
  }

  /**
   * Places the next fragment.
   * @param {{decodeTime: number, compositionOffset?: number, duration: number, keyframe?: boolean,
   *   captured: number|null}} fragment see `readFragment`
   * @returns {{time: number, offset: number}} the frame's decode time and the `timestampOffset` that puts it there, in
   *   seconds
   */
  place({ decodeTime, compositionOffset = 0, duration, keyframe = false, captured }) {
    const seconds = decodeTime / this.#timescale;
    if (!this.#last) {
      this.#offset = -seconds;
    } else if (!this.#continues(decodeTime)) {
      this.#offset = this.#last.time + this.#last.duration - seconds;
    }
    const time = seconds + this.#offset;
    const length = duration > 0 ? duration / this.#timescale : DEFAULT_DURATION_S;
    this.#last = { decodeTime, time, duration: length };
    this.#remember({ time: time + compositionOffset / this.#timescale, captured }, keyframe);
    return { time, offset: this.#offset };
  }

  #remember(frame, keyframe) {
    const frames = this.#frames;
    let at = frames.length;
    while (at > 0 && frames[at - 1].time > frame.time) at -= 1;
    frames.splice(at, 0, frame);
    if (frames.length > MAX_FRAMES) frames.shift();
    if (keyframe) this.#keyframes.push(frame.time);
    if (this.#keyframes.length > MAX_FRAMES) this.#keyframes.shift();
  }

  /**
   * The last keyframe shown at `time` or before, and forgets those before it: media must not be removed beyond it,
   * since a browser then removes all frames that depend on it as well (Media Source Extensions, 3.5.7).
   * @param {number} time seconds on the player's timeline
   * @returns {number|null} its time in seconds; null when there is none
   */
  keyframeBefore(time) {
    while (this.#keyframes.length > 1 && this.#keyframes[1] <= time) this.#keyframes.shift();
    return this.#keyframes.length && this.#keyframes[0] <= time ? this.#keyframes[0] : null;
  }

  #continues(decodeTime) {
    const step = (decodeTime - this.#last.decodeTime) / this.#timescale;
    return step > 0 && step < 2 * this.#last.duration;
  }

  /**
   * The capture time of the frame shown at `mediaTime`.
   * @param {number} mediaTime seconds on the player's timeline
   * @returns {number|null} unix milliseconds of the server's clock, null when unknown
   */
  capturedAt(mediaTime) {
    for (let i = this.#frames.length - 1; i >= 0; i -= 1) {
      if (this.#frames[i].time <= mediaTime + ROUNDING_S) return this.#frames[i].captured;
    }
    return null;
  }
}
