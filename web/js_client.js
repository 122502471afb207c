// camherd for pages without modules: the globals RTSPStreamClient and, where the page has React, RTSPStreamViewer and
// useRTSPStream; it also defines <camherd-player>. Made by clients/js/scripts/plain.js of clients/js/src; edit there.
(() => {
'use strict';

// src/clock.js
const m_clock = (() => {
// The server's clock as seen from here, so that the age of a picture is right even when the two clocks differ.
//
// Each ping gives one sample. The error of a sample is at most half its round trip, so the sample with the smallest
// round trip wins. Samples expire, because clocks drift and a laptop that slept has a different offset.

/** How many samples are kept. At one ping every 2 s this is one minute, over which two clocks drift by well under 1 ms. */
const KEEP = 30;

/** Unix time in milliseconds from a clock that never steps: `Date.now()` jumps when the system's time is corrected. */
function monotonicNow() {
  return performance.timeOrigin + performance.now();
}

class ServerClock {
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
return { monotonicNow, ServerClock };
})();

// src/connection.js
const m_connection = (() => {
const { ServerClock, monotonicNow } = m_clock;
// One WebSocket to the server that comes back by itself, and the clock samples taken over it.


/** Waiting time before the first retry, ms. */
const RETRY_MIN_MS = 500;

/** Longest waiting time: a server that was restarted is found again within this, ms. */
const RETRY_MAX_MS = 10_000;

/** For refusals that only a person can lift (no such stream, not signed in), ms. */
const RETRY_REFUSED_MS = 5000;

/** A connection that lasted this long was a good one: the next retry starts at the shortest wait again, ms. */
const GOOD_AFTER_MS = 5000;

/** A TCP connection to a host that is gone can take minutes to fail; it is given up after this, ms. */
const OPEN_TIMEOUT_MS = 8000;

/** Pings: a few at once for a good first clock sample, then one every 2 s, ms. */
const PING_FIRST_MS = [0, 150, 400, 800];
const PING_EVERY_MS = 2000;

/** Without any message for this long a server that answers pings is gone, though TCP has not noticed, ms. */
const SILENCE_MS = 8000;

/** What a browser says of a connection that ended without a close frame (RFC 6455, 7.1.5). */
const CLOSE_ABNORMAL = 1006;

/** Close codes of the server. */
const CLOSE_GOING_AWAY = 1001;
const CLOSE_TRY_AGAIN_LATER = 1013;
const CLOSE_NOT_SIGNED_IN = 4401;
const CLOSE_NO_SUCH_STREAM = 4404;

/**
 * Waiting time before retry number `attempt` (0 is the first), with jitter so that all viewers of a restarted server
 * do not come back at the same moment.
 * @param {number} attempt
 * @param {number} random in [0, 1)
 * @returns {number} ms
 */
function retryDelay(attempt, random = Math.random()) {
  const full = Math.min(RETRY_MIN_MS * 2 ** Math.min(attempt, 16), RETRY_MAX_MS);
  return full / 2 + (full / 2) * random;
}

/**
 * @typedef {'connecting'|'open'|'lost'|'refused'|'not-found'|'signed-out'} LinkStatus
 * @typedef {{code: number, reason: string, wasClean: boolean}} Close how a connection ended, as a browser's `CloseEvent`
 * @typedef {object} Handlers
 * @property {() => string} url address to connect to, asked at each attempt
 * @property {() => Promise<boolean>} [refused] asks the server whether it wants a sign-in: a browser hides from scripts
 *   why a WebSocket was refused before it opened
 * @property {(message: object) => void} text a JSON text message other than `pong`
 * @property {(bytes: ArrayBuffer) => void} binary
 * @property {(status: LinkStatus, detail: string, close: Close|null) => void} status each change; `close` with those
 *   that are the end of a connection or of an attempt
 */

function ended(reason) {
  return { code: CLOSE_ABNORMAL, reason, wasClean: false };
}

class Connection {
  #handlers;
  #socket = null;
  #timers = new Set();
  #retryTimer = null;
  #attempt = 0;
  #openedAt = 0;
  #heardAt = 0;
  #answersPings = false;
  #stopped = true;
  #online = () => this.wake();

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    this.clock = new ServerClock();
    /** How often the connection was set up again. */
    this.reconnects = 0;
  }

  /** Connects, and stays connected until `stop`. */
  start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#attempt = 0;
    // Where the client runs outside of pages there is no such event.
    globalThis.addEventListener?.('online', this.#online);
    this.#connect();
  }

  /** Ends the connection for good. */
  stop() {
    this.#stopped = true;
    globalThis.removeEventListener?.('online', this.#online);
    this.#clearTimers();
    this.#drop();
  }

  /** Connects anew at once; used for a fresh start at a keyframe. */
  restart() {
    if (this.#stopped) return;
    this.#clearTimers();
    this.#drop();
    this.reconnects += 1;
    this.#connect();
  }

  /** Ends the wait for the next retry, for example when the page is looked at again. */
  wake() {
    this.#retryNow();
  }

  /** The WebSocket in use, or null between two attempts. */
  get socket() {
    return this.#socket;
  }

  /** Sends a JSON message if the connection is open. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connect() {
    this.#handlers.status('connecting', '', null);
    // The handler may have stopped it.
    if (this.#stopped) return;
    let socket;
    try {
      socket = new WebSocket(this.#handlers.url());
    } catch (error) {
      // A malformed address, or ws:// from an https:// page.
      this.#retryIn(RETRY_MAX_MS);
      this.#handlers.status('lost', error.message, ended(error.message));
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#openedAt = 0;
    this.#answersPings = false;
    const mine = (handler) => (event) => this.#socket === socket && handler(event);
    socket.onopen = mine(() => this.#opened());
    socket.onmessage = mine((event) => this.#message(event.data));
    socket.onclose = mine((event) => this.#closed(event));
    this.#after(OPEN_TIMEOUT_MS, () => {
      if (!this.#openedAt) this.#lost('the server does not answer');
    });
  }

  #opened() {
    this.#openedAt = monotonicNow();
    this.#heardAt = this.#openedAt;
    this.clock.reset();
    for (const delay of PING_FIRST_MS) this.#after(delay, () => this.#ping());
    this.#after(PING_EVERY_MS, () => this.#heartbeat());
    this.#handlers.status('open', '', null);
  }

  #ping() {
    this.send({ type: 'ping', t: monotonicNow() });
  }

  #heartbeat() {
    if (this.#answersPings && monotonicNow() - this.#heardAt > SILENCE_MS) {
      this.#lost('the connection went silent');
      return;
    }
    this.#ping();
    this.#after(PING_EVERY_MS, () => this.#heartbeat());
  }

  #message(data) {
    this.#heardAt = monotonicNow();
    if (typeof data !== 'string') {
      this.#handlers.binary(data);
      return;
    }
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message === null || typeof message !== 'object') return;
    if (message.type === 'pong') {
      this.#answersPings = true;
      this.clock.sample(message.t, this.#heardAt, message.now);
    } else {
      this.#handlers.text(message);
    }
  }

  #closed({ code, reason, wasClean = false }) {
    const close = { code, reason, wasClean };
    if (code === CLOSE_NOT_SIGNED_IN) {
      this.#refuse('signed-out', reason, close);
    } else if (code === CLOSE_NO_SUCH_STREAM) {
      this.#refuse('not-found', reason, close);
    } else if (code === CLOSE_GOING_AWAY) {
      this.#lost('the server is restarting', close);
    } else if (code === CLOSE_TRY_AGAIN_LATER && reason) {
      this.#lost(reason, close, 'refused');
    } else if (this.#openedAt) {
      this.#lost(reason || 'the connection was closed', close);
    } else {
      this.#failedToOpen();
    }
  }

  /** A socket that never opened: no server there, or one that wants a sign-in. */
  async #failedToOpen() {
    this.#lost('the server cannot be reached');
    const attempt = this.#retryTimer;
    const refused = await this.#handlers.refused?.().catch(() => false);
    if (refused && this.#retryTimer === attempt && !this.#stopped) this.#refuse('signed-out', '', ended(''));
  }

  #refuse(status, detail, close) {
    this.#drop();
    this.#retryIn(RETRY_REFUSED_MS);
    this.#handlers.status(status, detail, close);
  }

  /** @param {string} detail @param {Close} close @param {LinkStatus} status */
  #lost(detail, close = ended(detail), status = 'lost') {
    if (this.#openedAt && monotonicNow() - this.#openedAt > GOOD_AFTER_MS) this.#attempt = 0;
    this.#drop();
    this.#retryIn(retryDelay(this.#attempt));
    this.#attempt += 1;
    this.#handlers.status(status, detail, close);
  }

  #retryIn(delay) {
    this.#clearTimers();
    this.#retryTimer = this.#after(delay, () => this.#retryNow());
  }

  #retryNow() {
    if (this.#stopped || this.#socket) return;
    this.#clearTimers();
    this.reconnects += 1;
    this.#connect();
  }

  /** Lets go of the socket; its late events are ignored because it is no longer the current one. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close();
  }

  #after(delay, action) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay);
    this.#timers.add(timer);
    return timer;
  }

  #clearTimers() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#retryTimer = null;
  }
}
return { CLOSE_GOING_AWAY, CLOSE_TRY_AGAIN_LATER, CLOSE_NOT_SIGNED_IN, CLOSE_NO_SUCH_STREAM, retryDelay, Connection };
})();

// src/jpeg.js
const m_jpeg = (() => {
// JPEG frames on a canvas. One frame is decoded at a time and only the newest waits for it, so a slow device shows
// fewer frames and never older ones.

class JpegSink {
  #canvas;
  #context;
  #onframe;
  #waiting = null;
  #decoding = false;
  #closed = false;
  #held = false;

  /**
   * @param {HTMLCanvasElement} canvas takes the size of the pictures
   * @param {(frame: {captured: number|null, width: number, height: number, delay: number}) => void} onframe
   *   each frame drawn; `captured` as given to `frame`, `delay` from its arrival until it was drawn, ms
   */
  constructor(canvas, onframe) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false });
    this.#onframe = onframe;
    /** Frames that were never drawn: replaced by a newer one before their turn, or not decodable. */
    this.dropped = 0;
    /** Frames that could not be decoded, included in `dropped`. */
    this.broken = 0;
  }

  /**
   * Takes the next frame.
   * @param {ArrayBuffer} bytes one JPEG
   * @param {number|null} captured capture time, handed through
   */
  frame(bytes, captured) {
    if (this.#closed || this.#held) return;
    if (this.#waiting) this.dropped += 1;
    this.#waiting = { bytes, captured, arrived: performance.now() };
    // Nothing is painted in a background tab. The newest frame is kept and drawn when the tab is back.
    if (!this.#decoding && !document.hidden) this.#drain();
  }

  /** Draws the frame that arrived while the tab was hidden. */
  resume() {
    if (!this.#decoding && this.#waiting) this.#drain();
  }

  /** Freezes the picture, or lets it go on. */
  set held(value) {
    this.#held = value;
    if (value) this.#waiting = null;
  }

  async #drain() {
    this.#decoding = true;
    while (this.#waiting && !this.#closed) {
      const { bytes, captured, arrived } = this.#waiting;
      this.#waiting = null;
      try {
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
        if (!this.#closed) this.#draw(bitmap, captured, arrived);
        bitmap.close();
      } catch {
        this.dropped += 1;
        this.broken += 1;
      }
    }
    this.#decoding = false;
  }

  #draw(bitmap, captured, arrived) {
    const { width, height } = bitmap;
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context.drawImage(bitmap, 0, 0);
    this.#onframe({ captured, width, height, delay: performance.now() - arrived });
  }

  close() {
    this.#closed = true;
    this.#waiting = null;
  }
}
return { JpegSink };
})();

// src/live-edge.js
const m_live_edge = (() => {
// How the player stays close to the newest frame: small changes of speed, and a seek when that would take too long.
// Pure; times are milliseconds of a monotonic clock, distances are seconds of media.
//
// What counts is how far the clock of the video element is behind a frame at the moment the frame arrives: that frame
// waits so long before it is shown. The smallest such distance of the last seconds is the part of the delay that no
// frame needed, however irregular the camera or the network is, and that is what gets removed.

/** Delay kept so that a frame is decoded before it is due: two to four frame times of a display, seconds. */
const TARGET_S = 0.06;

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

class LiveEdge {
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
return { TARGET_S, LiveEdge };
})();

// src/mp4.js
const m_mp4 = (() => {
// The few MP4 boxes that a live player needs to read itself (ISO/IEC 14496-12): the track's timescale from the init
// segment, and decode time, duration, keyframe flag and capture time of a one-frame fragment. Media bytes are left to
// the browser.

/** `sample_composition_time_offset` and what comes before it in a sample of a `trun` (8.8.8), by the flags. */
const FIRST_SAMPLE_FLAGS = 0x004;
const SAMPLE_DURATION = 0x100;
const SAMPLE_SIZE = 0x200;
const SAMPLE_FLAGS = 0x400;
const SAMPLE_COMPOSITION_OFFSET = 0x800;

/** Seconds from the NTP epoch (1900) to the Unix epoch (1970). */
const NTP_TO_UNIX_S = 2_208_988_800;

/** `sample_is_non_sync_sample` in a sample's flags (8.8.3.1). */
const NON_SYNC = 0x0001_0000;

/** What is wrong with an MP4 segment, and at which byte. */
class Mp4Error extends Error {
  constructor(message, offset) {
    super(`${message} at byte ${offset}`);
    this.name = 'Mp4Error';
    this.offset = offset;
  }
}

/**
 * Splits a byte range into boxes (4.2).
 * @param {DataView} view
 * @returns {{type: string, at: number, body: number, end: number}[]}
 */
function boxes(view, from = 0, to = view.byteLength) {
  const found = [];
  let at = from;
  while (at < to) {
    if (to - at < 8) throw new Mp4Error('box header is cut short', at);
    let size = view.getUint32(at);
    let header = 8;
    if (size === 1) {
      if (to - at < 16) throw new Mp4Error('large box header is cut short', at);
      size = uint64(view, at + 8);
      header = 16;
    } else if (size === 0) {
      size = to - at;
    }
    if (size < header || size > to - at) throw new Mp4Error(`box says ${size} bytes, ${to - at} are there`, at);
    found.push({ type: fourcc(view, at + 4), at, body: at + header, end: at + size });
    at += size;
  }
  return found;
}

function fourcc(view, at) {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

/** 64-bit unsigned as a number: exact to 2^53, which at 90 kHz is three thousand years. */
function uint64(view, at) {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

function viewOf(bytes) {
  return bytes instanceof ArrayBuffer ? new DataView(bytes) : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function child(view, parent, type) {
  const box = boxes(view, parent.body, parent.end).find((candidate) => candidate.type === type);
  if (!box) throw new Mp4Error(`${parent.type} has no ${type}`, parent.at);
  return box;
}

/** A full box's reader (4.2): version and flags, then fields in order, each checked against the end of the box. */
class Fields {
  constructor(view, box) {
    this.view = view;
    this.box = box;
    this.at = box.body;
    const head = this.u32();
    this.version = head >>> 24;
    this.flags = head & 0xff_ffff;
  }

  #take(size) {
    if (this.box.end - this.at < size) throw new Mp4Error(`${this.box.type} is cut short`, this.at);
    this.at += size;
    return this.at - size;
  }

  u32() {
    return this.view.getUint32(this.#take(4));
  }

  u64() {
    return uint64(this.view, this.#take(8));
  }

  /** A field that is 64 bits wide from version 1 on. */
  time() {
    return this.version >= 1 ? this.u64() : this.u32();
  }

  skip(size) {
    this.#take(size);
  }
}

/**
 * Reads an init segment.
 * @param {ArrayBuffer|Uint8Array} bytes
 * @returns {{timescale: number}} ticks per second of the (first) track
 */
function readInit(bytes) {
  const view = viewOf(bytes);
  const moov = boxes(view).find((box) => box.type === 'moov');
  if (!moov) throw new Mp4Error('init segment has no moov', 0);
  const mdhd = child(view, child(view, child(view, moov, 'trak'), 'mdia'), 'mdhd');
  const fields = new Fields(view, mdhd);
  fields.skip(fields.version >= 1 ? 16 : 8);
  const timescale = fields.u32();
  if (timescale === 0) throw new Mp4Error('timescale is zero', mdhd.at);
  return { timescale };
}

/**
 * Reads a media fragment of one frame.
 * @param {ArrayBuffer|Uint8Array} bytes
 * @returns {{decodeTime: number, compositionOffset: number, duration: number, keyframe: boolean, captured: number|null}}
 *   `decodeTime`, `duration` and `compositionOffset` in ticks of the track's timescale; the frame is shown at
 *   `decodeTime + compositionOffset`, which in streams with B-frames is another order; `duration` is 0 when the fragment
 *   gives none; `captured` in unix milliseconds of the server's clock, or null without a `prft` box.
 */
function readFragment(bytes) {
  const view = viewOf(bytes);
  let captured = null;
  let moof = null;
  for (const box of boxes(view)) {
    if (box.type === 'prft') captured = readCaptureTime(view, box);
    if (box.type === 'moof' && !moof) moof = box;
  }
  if (!moof) throw new Mp4Error('fragment has no moof', 0);
  return { ...readTrackFragment(view, child(view, moof, 'traf')), captured };
}

/** ProducerReferenceTimeBox (8.16.5): the wall-clock time at which the frame was captured. */
function readCaptureTime(view, box) {
  const fields = new Fields(view, box);
  fields.skip(4);
  const seconds = fields.u32();
  const fraction = fields.u32();
  // Era 0 of NTP ends in 2036; a small value is a time in era 1 (RFC 5905 section 6).
  const era = seconds < 0x8000_0000 ? 0x1_0000_0000 : 0;
  return (seconds + era - NTP_TO_UNIX_S) * 1000 + (fraction * 1000) / 0x1_0000_0000;
}

function readTrackFragment(view, traf) {
  const children = boxes(view, traf.body, traf.end);
  const find = (type) => children.find((box) => box.type === type);
  const tfhd = find('tfhd');
  const tfdt = find('tfdt');
  const trun = find('trun');
  if (!tfhd || !tfdt || !trun) throw new Mp4Error('traf lacks tfhd, tfdt or trun', traf.at);
  const defaults = readDefaults(new Fields(view, tfhd));
  const decodeTime = new Fields(view, tfdt).time();
  return { decodeTime, ...readFirstSample(new Fields(view, trun), defaults) };
}

/** TrackFragmentHeaderBox (8.8.7). */
function readDefaults(fields) {
  const { flags } = fields;
  fields.skip(4);
  if (flags & 0x01) fields.skip(8);
  if (flags & 0x02) fields.skip(4);
  const duration = flags & 0x08 ? fields.u32() : 0;
  if (flags & 0x10) fields.skip(4);
  const sampleFlags = flags & 0x20 ? fields.u32() : 0;
  return { duration, sampleFlags };
}

/** TrackRunBox (8.8.8): the first sample. */
function readFirstSample(fields, defaults) {
  const { flags } = fields;
  if (fields.u32() === 0) throw new Mp4Error('trun has no sample', fields.box.at);
  if (flags & 0x001) fields.skip(4);
  let sampleFlags = flags & FIRST_SAMPLE_FLAGS ? fields.u32() : defaults.sampleFlags;
  const duration = flags & SAMPLE_DURATION ? fields.u32() : defaults.duration;
  if (flags & SAMPLE_SIZE) fields.skip(4);
  if (flags & SAMPLE_FLAGS) {
    // The first sample's own flags win, but the field is there all the same.
    const own = fields.u32();
    if (!(flags & FIRST_SAMPLE_FLAGS)) sampleFlags = own;
  }
  const offset = flags & SAMPLE_COMPOSITION_OFFSET ? fields.u32() : 0;
  // Signed from version 1 on.
  const compositionOffset = fields.version >= 1 ? offset | 0 : offset;
  return { duration, compositionOffset, keyframe: (sampleFlags & NON_SYNC) === 0 };
}
return { Mp4Error, boxes, readInit, readFragment };
})();

// src/timeline.js
const m_timeline = (() => {
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

class Timeline {
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
return { Timeline };
})();

// src/mse.js
const m_mse = (() => {
const { LiveEdge, TARGET_S } = m_live_edge;
const { readFragment, readInit } = m_mp4;
const { Timeline } = m_timeline;
// fMP4 fragments into a video element through Media Source Extensions, kept at the live edge.
//
// The sink never waits for the browser: what cannot be appended yet is queued and joined with what follows. When
// something is wrong that only a fresh start mends (a decode error, a full buffer, a picture that stands still though
// data is there), it says so once through `onfail` and is of no more use.


/**
 * Media kept behind the newest frame, seconds; more where the last keyframe before that is older, because cameras
 * with a keyframe in a minute exist and a frame without its keyframe is no picture. Nobody rewinds a live picture.
 */
const KEEP_S = 10;

/** Old media is removed when this much more than `KEEP_S` has gathered, since each removal holds up the appends, seconds. */
const KEEP_EXTRA_S = 5;

/** Times are rounded to microseconds in the browser: what is removed ends this much before a keyframe, seconds. */
const ROUNDING_S = 0.001;

/** What is kept when the browser says that its buffer is full, seconds. */
const KEEP_LITTLE_S = 2;

/** Queued fragments are appended together up to this size: one append per frame costs more than the bytes, bytes. */
const JOIN_BYTES = 1 << 20;

/** More than this waiting means the browser no longer takes data (a suspended tab); a fresh start is cheaper, bytes. */
const QUEUE_BYTES = 16 << 20;

/** A clock that stands still this long with newer frames buffered is a stall: first a jump, then a fresh start, ms. */
const STALL_JUMP_MS = 700;
const STALL_FAIL_MS = 4000;

/** Distance to the newest frame from which standing still is a stall and not the end of the data, seconds. */
const STALL_BEHIND_S = 0.2;

const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;

/** Whether this browser has Media Source Extensions. */
function mseAvailable() {
  return Boolean(Source);
}

/** Whether this browser says that it plays `mime`, such as `video/mp4; codecs="avc1.42C01E"`. */
function msePlays(mime) {
  return Boolean(Source?.isTypeSupported(mime));
}

/**
 * @typedef {object} MseHandlers
 * @property {(frame: {captured: number|null, width: number, height: number, count: number}) => void} onframe
 *   a frame came on screen; `count` is how many did since the last call
 * @property {(kind: 'decode'|'full'|'stalled'|'autoplay'|'format', detail: string) => void} onfail at most once
 */
class MseSink {
  #video;
  #handlers;
  #source = null;
  #buffer = null;
  #mime = '';
  #queue = [];
  #queued = 0;
  #timeline = new Timeline();
  #live = new LiveEdge();
  #edge = null;
  #appending = null;
  #closed = false;
  #held = false;
  #presented = null;
  #progress = { time: -1, at: 0, jumped: false };
  #frameHandle = 0;
  #off = new AbortController();

  /** @param {HTMLVideoElement} video @param {MseHandlers} handlers */
  constructor(video, handlers) {
    this.#video = video;
    this.#handlers = handlers;
    this.#source = new Source();
    const { signal } = this.#off;
    this.#source.addEventListener('sourceopen', () => this.#pump(), { signal });
    video.addEventListener('seeked', () => this.#live.landed(performance.now()), { signal });
    video.addEventListener('error', () => this.#fail('decode', video.error?.message || 'the video element failed'), { signal });
    this.#attach();
    if (video.requestVideoFrameCallback) this.#frameHandle = video.requestVideoFrameCallback(this.#shown);
  }

  #attach() {
    const video = this.#video;
    if (globalThis.ManagedMediaSource && this.#source instanceof globalThis.ManagedMediaSource) {
      // Safari opens a managed source only where AirPlay is ruled out.
      video.disableRemotePlayback = true;
      video.srcObject = this.#source;
    } else {
      const url = URL.createObjectURL(this.#source);
      video.src = url;
      this.#source.addEventListener('sourceopen', () => URL.revokeObjectURL(url), { once: true });
    }
    this.#play();
  }

  /** Seconds between the element's clock and the newest appended frame, or null before there is one. */
  get behind() {
    return this.#edge === null ? null : this.#edge - this.#video.currentTime;
  }

  /** Takes an init segment, at the start and again when the format changes. */
  init(mime, bytes) {
    let timescale;
    try {
      ({ timescale } = readInit(bytes));
    } catch (error) {
      this.#fail('format', `init segment: ${error.message}`);
      return;
    }
    this.#timeline.setTimescale(timescale);
    this.#enqueue({ mime, bytes, time: null, offset: null });
  }

  /** Takes a fragment of one frame. */
  media(bytes) {
    let place;
    try {
      place = this.#timeline.place(readFragment(bytes));
    } catch (error) {
      this.#fail('format', `fragment: ${error.message}`);
      return;
    }
    this.#enqueue({ mime: null, bytes, ...place });
  }

  #enqueue(item) {
    if (this.#closed) return;
    this.#queue.push(item);
    this.#queued += item.bytes.byteLength;
    if (this.#queued > QUEUE_BYTES) this.#fail('full', 'the browser stopped taking data');
    else this.#pump();
  }

  #pump() {
    if (this.#closed || this.#source.readyState !== 'open' || this.#buffer?.updating || !this.#queue.length) return;
    try {
      if (this.#queue[0].mime !== null) this.#appendInit(this.#take(1)[0]);
      else this.#appendMedia();
    } catch (error) {
      if (error.name === 'QuotaExceededError') this.#makeRoom();
      else this.#fail('decode', error.message);
    }
  }

  /** Removes the first `count` items from the queue. */
  #take(count) {
    const items = this.#queue.splice(0, count);
    for (const item of items) this.#queued -= item.bytes.byteLength;
    return items;
  }

  #appendInit({ mime, bytes }) {
    if (!this.#buffer) {
      this.#buffer = this.#source.addSourceBuffer(mime);
      this.#buffer.mode = 'segments';
      const { signal } = this.#off;
      this.#buffer.addEventListener('updateend', () => this.#updated(), { signal });
      this.#buffer.addEventListener('error', () => this.#fail('decode', 'the browser could not read the stream'), { signal });
    } else if (mime !== this.#mime) {
      this.#buffer.changeType(mime);
    }
    this.#mime = mime;
    this.#buffer.appendBuffer(bytes);
  }

  #appendMedia() {
    const first = this.#queue[0];
    let count = 0;
    let size = 0;
    for (const item of this.#queue) {
      if (item.mime !== null || item.offset !== first.offset || (count && size + item.bytes.byteLength > JOIN_BYTES)) break;
      count += 1;
      size += item.bytes.byteLength;
    }
    if (this.#buffer.timestampOffset !== first.offset) this.#buffer.timestampOffset = first.offset;
    const last = this.#queue[count - 1];
    this.#buffer.appendBuffer(count === 1 ? first.bytes : join(this.#queue.slice(0, count), size));
    this.#take(count);
    this.#appending = last.time;
  }

  #makeRoom() {
    if (!this.#removeBefore((this.#edge ?? 0) - KEEP_LITTLE_S, 0)) this.#fail('full', 'the buffer of the browser is full');
  }

  /**
   * Removes what is older than the last keyframe before `limit`, if that is more than `least` seconds.
   * @returns {boolean} whether there is something to remove
   */
  #removeBefore(limit, least) {
    const { buffered } = this.#buffer;
    const keyframe = this.#timeline.keyframeBefore(limit);
    if (!buffered.length || keyframe === null) return false;
    const [start, end] = [buffered.start(0), keyframe - ROUNDING_S];
    if (end - start <= least) return false;
    this.#buffer.remove(start, end);
    return true;
  }

  #updated() {
    if (this.#closed) return;
    if (this.#appending !== null) {
      this.#edge = this.#appending;
      this.#appending = null;
      this.#live.arrived(performance.now(), this.behind);
      this.#follow();
    }
    this.#pump();
    this.#trim();
  }

  /** Removes media that is far behind the edge, when the buffer is idle. */
  #trim() {
    if (this.#edge === null || this.#buffer.updating || this.#source.readyState !== 'open') return;
    this.#removeBefore(this.#edge - KEEP_S, KEEP_EXTRA_S);
  }

  /** To be called about ten times a second: speed, stalls, holes. */
  tick() {
    if (this.#closed || this.#edge === null || this.#held || document.hidden) return;
    if (this.#video.paused) this.#play();
    this.#follow();
    this.#watchProgress();
    if (!this.#video.requestVideoFrameCallback) this.#countFrames();
  }

  #follow() {
    if (this.#held || document.hidden) return;
    const now = performance.now();
    const { seek, rate } = this.#live.decide(now, this.behind);
    if (seek) this.goLive();
    else if (this.#inHole()) this.goLive();
    else if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }

  /** Whether the element's clock stands where nothing is buffered though newer frames are there. */
  #inHole() {
    const { buffered, currentTime } = this.#video;
    if (!buffered.length || this.#video.seeking || currentTime >= this.#edge) return false;
    for (let i = 0; i < buffered.length; i += 1) {
      if (currentTime >= buffered.start(i) && currentTime < buffered.end(i)) return false;
    }
    return true;
  }

  /** Jumps to the newest frames. */
  goLive() {
    const { buffered } = this.#video;
    if (this.#edge === null || !buffered.length) return;
    const start = buffered.start(buffered.length - 1);
    this.#video.currentTime = Math.max(this.#edge - TARGET_S, start);
    this.#video.playbackRate = 1;
    this.#live.seeked(performance.now());
  }

  #watchProgress() {
    const now = performance.now();
    const time = this.#video.currentTime;
    if (time !== this.#progress.time || this.behind < STALL_BEHIND_S || this.#live.isSeeking(now)) {
      this.#progress = { time, at: now, jumped: false };
      return;
    }
    const still = now - this.#progress.at;
    if (still > STALL_FAIL_MS) {
      this.#fail('stalled', 'the video stands still although data arrives');
    } else if (still > STALL_JUMP_MS && !this.#progress.jumped) {
      this.goLive();
      this.#progress = { time: this.#video.currentTime, at: this.#progress.at, jumped: true };
    }
  }

  #play() {
    this.#video.play()?.catch((error) => {
      if (error.name === 'NotAllowedError') this.#fail('autoplay', error.message);
    });
  }

  /** Freezes the picture, or goes on at the live edge. */
  set held(value) {
    this.#held = value;
    if (value) {
      this.#video.pause();
    } else {
      this.resume();
    }
  }

  /** Continues after the tab was in the background: browsers pause or slow down what is not visible. */
  resume() {
    if (this.#held || this.#closed) return;
    this.#progress = { time: -1, at: performance.now(), jumped: false };
    this.goLive();
    this.#play();
  }

  #shown = (_now, frame) => {
    if (this.#closed) return;
    const count = this.#presented === null ? 1 : Math.max(frame.presentedFrames - this.#presented, 1);
    this.#presented = frame.presentedFrames;
    this.#report(frame.mediaTime, count);
    this.#frameHandle = this.#video.requestVideoFrameCallback(this.#shown);
  };

  /** The same without requestVideoFrameCallback, to the accuracy of `tick`. */
  #countFrames() {
    const quality = this.#video.getVideoPlaybackQuality();
    const presented = quality.totalVideoFrames - quality.droppedVideoFrames;
    const count = presented - (this.#presented ?? 0);
    this.#presented = presented;
    if (count > 0) this.#report(this.#video.currentTime, count);
  }

  #report(mediaTime, count) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    this.#handlers.onframe({ captured: this.#timeline.capturedAt(mediaTime), width, height, count });
  }

  #fail(kind, detail) {
    if (this.#closed) return;
    this.close();
    this.#handlers.onfail(kind, detail);
  }

  /** Lets go of the video element, which keeps its last picture until it gets another source. */
  close() {
    this.#closed = true;
    this.#off.abort();
    this.#queue = [];
    if (this.#frameHandle) this.#video.cancelVideoFrameCallback(this.#frameHandle);
  }
}

function join(items, size) {
  const all = new Uint8Array(size);
  let at = 0;
  for (const { bytes } of items) {
    all.set(new Uint8Array(bytes), at);
    at += bytes.byteLength;
  }
  return all;
}
return { mseAvailable, msePlays, MseSink };
})();

// src/stats.js
const m_stats = (() => {
// Counting what arrives and what is shown. Pure; times are milliseconds of any monotonic clock.

/** Rates are measured over this long: short enough to follow a change, long enough that 1 frame/s reads as 1. */
const WINDOW_MS = 3000;

/** Bytes are never counted over less: a stream begins with all that came since its last keyframe, ms. */
const LEAST_SPAN_MS = 1000;

/** More events than this in the window are merged, so that memory stays bounded at any rate. */
const MAX_EVENTS = 1024;

/** Events and bytes per second over a sliding window. */
class RateMeter {
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
function formatAge(ms) {
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
function formatBitrate(bps) {
  if (!Number.isFinite(bps) || bps < 0) return '–';
  if (bps < 1e6) return `${Math.round(bps / 1e3)} kbit/s`;
  return `${(bps / 1e6).toFixed(1)} Mbit/s`;
}

/** @param {number} fps frames per second @returns {string} "29.9 fps", "0.3 fps" */
function formatFps(fps) {
  if (!Number.isFinite(fps) || fps < 0) return '–';
  return `${fps.toFixed(1)} fps`;
}
return { RateMeter, formatAge, formatBitrate, formatFps };
})();

// src/session.js
const m_session = (() => {
const { Connection } = m_connection;
const { JpegSink } = m_jpeg;
const { MseSink, mseAvailable, msePlays } = m_mse;
const { RateMeter } = m_stats;
// One viewing of one stream: the connection, the way of showing it, the fallback from H.264 to JPEG, and the numbers.
// Draws into the video and canvas it is given; everything else a person sees is the element's business.


/** Speed, stalls and deadlines are looked at this often, ms. */
const TICK_MS = 100;

/** No picture for this long though fragments arrive: the browser only claims to play the format, ms. */
const NO_PICTURE_MS = 5000;

/** No fragment for this long from a live stream: the server cannot make H.264 of it, ms. */
const NO_MEDIA_MS = 10_000;

/** Failures of the video element are forgotten after this long; a second one before that ends the attempt, ms. */
const FAILURE_MEMORY_MS = 60_000;
const MAX_FAILURES = 2;

/** Pause before H.264 is tried again where the page rules out the fallback, ms. */
const RETRY_MSE_MS = 5000;

const CODEC_NAMES = { avc1: 'H.264', avc3: 'H.264', hvc1: 'H.265', hev1: 'H.265', av01: 'AV1', vp09: 'VP9' };

/** @param {string} mime @returns {string} the name people use for the video codec in it */
function codecName(mime) {
  const tag = /codecs="?([a-z0-9]{4})/i.exec(mime)?.[1] ?? '';
  return CODEC_NAMES[tag] ?? (tag || 'this format');
}

/**
 * @typedef {object} SessionOptions
 * @property {HTMLVideoElement} video
 * @property {HTMLCanvasElement} canvas
 * @property {URL} base the server's address
 * @property {string} stream name, empty for the server's default stream
 * @property {'auto'|'mse'|'jpeg'} mode
 * @property {number|null} fps highest rate asked for in JPEG mode
 * @property {'auto'|'high'|'medium'|'low'} quality the one that is asked for; `auto` is what the connection carries
 * @property {() => void} onchange state, mode, size or note changed
 */
class Session {
  #options;
  #link;
  #status = 'connecting';
  #detail = '';
  #server = { state: 'connecting', reason: '' };
  #transport = 'mse';
  #note = '';
  #codec = '';
  #quality = 'high';
  #qualityReason = '';
  #name;
  #sink = null;
  #mime = null;
  #expectInit = false;
  #captured = null;
  #shown = null;
  #size = { width: 0, height: 0 };
  #frames = 0;
  #delay = null;
  #shownRate = new RateMeter();
  #received = new RateMeter();
  #failures = [];
  #mediaSince = null;
  #lastMedia = 0;
  #pictureSeen = false;
  #dropped = { server: 0, serverBefore: 0, decoderBefore: 0 };
  #held = false;
  #timer = 0;
  #retryMse = 0;
  #visibility = () => !document.hidden && this.#becameVisible();

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#name = options.stream;
    this.#link = new Connection({
      url: () => this.#url(),
      refused: () => this.#askForSignIn(),
      text: (message) => this.#text(message),
      binary: (bytes) => this.#binary(bytes),
      status: (status, detail) => this.#linkChanged(status, detail),
    });
  }

  start() {
    const { mode } = this.#options;
    this.#transport = mode === 'jpeg' ? 'jpeg' : 'mse';
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener('visibilitychange', this.#visibility);
    if (this.#transport === 'mse' && !mseAvailable()) this.#cannotPlay('this browser cannot play H.264 here');
    this.#link.start();
  }

  stop() {
    this.#link.stop();
    clearInterval(this.#timer);
    clearTimeout(this.#retryMse);
    document.removeEventListener('visibilitychange', this.#visibility);
    this.#closeSink();
  }

  #url() {
    const { base, fps, quality, stream } = this.#options;
    const jpeg = this.#transport === 'jpeg';
    const url = new URL(jpeg ? 'ws/jpeg' : 'ws/fmp4', base);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.hash = '';
    url.search = base.search;
    if (stream) url.searchParams.set('stream', stream);
    if (quality !== 'auto') url.searchParams.set('quality', quality);
    if (jpeg) url.searchParams.set('meta', '1');
    if (jpeg && fps) url.searchParams.set('fps', String(fps));
    return url.href;
  }

  /** Other origins are not asked: without permission their answer could not be read. */
  async #askForSignIn() {
    const { base } = this.#options;
    if (base.origin !== location.origin) return false;
    const answer = await fetch(new URL(`status${base.search}`, base), { cache: 'no-store' });
    return answer.status === 401;
  }

  #linkChanged(status, detail) {
    if (status === 'connecting') {
      // While it is tried again, what is shown stays: the reason why there is no connection.
      this.#newConnection();
      return;
    }
    this.#status = status;
    this.#detail = detail;
    if (status !== 'open') this.#server = { state: 'connecting', reason: '' };
    this.#options.onchange();
  }

  #newConnection() {
    this.#closeSink();
    this.#expectInit = false;
    this.#quality = 'high';
    this.#qualityReason = '';
    this.#captured = null;
    this.#lastMedia = performance.now();
    this.#dropped.serverBefore += this.#dropped.server;
    this.#dropped.server = 0;
  }

  #closeSink() {
    if (this.#sink instanceof MseSink) this.#dropped.decoderBefore += this.#videoDropped();
    if (this.#sink instanceof JpegSink) this.#dropped.decoderBefore += this.#sink.dropped;
    this.#sink?.close();
    this.#sink = null;
    this.#mediaSince = null;
    this.#pictureSeen = false;
  }

  #text(message) {
    switch (message.type) {
      case 'stream':
        this.#name = String(message.name ?? '');
        break;
      case 'state':
        this.#server = { state: String(message.state), reason: String(message.reason ?? '') };
        if (message.state === 'live') this.#lastMedia = performance.now();
        break;
      case 'quality':
        this.#quality = String(message.quality);
        this.#qualityReason = String(message.reason ?? '');
        break;
      case 'init':
        this.#init(message);
        break;
      case 'frame':
        this.#captured = Number.isFinite(message.captured) ? message.captured : null;
        return;
      case 'dropped':
        if (Number.isFinite(message.total)) this.#dropped.server = message.total;
        return;
      default:
        return;
    }
    this.#options.onchange();
  }

  #init({ mime }) {
    if (this.#transport !== 'mse') return;
    this.#mime = String(mime);
    this.#codec = codecName(this.#mime);
    this.#expectInit = true;
    if (!msePlays(this.#mime)) this.#cannotPlay(`this browser cannot play ${this.#codec}`);
  }

  #binary(bytes) {
    const now = performance.now();
    this.#lastMedia = now;
    if (this.#transport === 'jpeg') {
      this.#received.add(now, bytes.byteLength);
      this.#jpegSink().frame(bytes, this.#captured);
      this.#captured = null;
    } else if (this.#expectInit) {
      this.#expectInit = false;
      this.#mseSink().init(this.#mime, bytes);
    } else if (this.#sink) {
      this.#received.add(now, bytes.byteLength);
      this.#mediaSince ??= now;
      this.#sink.media(bytes);
    }
  }

  #jpegSink() {
    this.#codec = 'MJPEG';
    this.#sink ??= new JpegSink(this.#options.canvas, (frame) => {
      this.#delay = frame.delay;
      this.#frameShown({ ...frame, count: 1 });
    });
    return this.#sink;
  }

  #mseSink() {
    this.#sink ??= new MseSink(this.#options.video, {
      onframe: (frame) => this.#frameShown(frame),
      onfail: (kind, detail) => this.#mseFailed(kind, detail),
    });
    return this.#sink;
  }

  #frameShown({ captured, width, height, count }) {
    this.#pictureSeen = true;
    // With the fallback ruled out, the note told why there was no picture.
    if (this.#options.mode === 'mse') this.#note = '';
    this.#frames += count;
    this.#shown = { captured };
    this.#shownRate.add(performance.now(), 0, count);
    const changed = width !== this.#size.width || height !== this.#size.height || this.#frames === count;
    this.#size = { width, height };
    if (changed) this.#options.onchange();
  }

  #mseFailed(kind, detail) {
    const now = performance.now();
    this.#failures = this.#failures.filter((at) => now - at < FAILURE_MEMORY_MS);
    this.#failures.push(now);
    if (kind === 'autoplay') this.#cannotPlay('this browser does not let video start by itself');
    else if (this.#failures.length >= MAX_FAILURES) this.#cannotPlay(`${this.#codec} failed twice (${detail})`);
    else this.#link.restart();
  }

  /** Falls back to JPEG where that is allowed, and says why. */
  #cannotPlay(why) {
    this.#closeSink();
    if (this.#options.mode === 'mse') {
      this.#note = why;
      clearTimeout(this.#retryMse);
      this.#retryMse = setTimeout(() => this.#link.restart(), RETRY_MSE_MS);
    } else {
      this.#transport = 'jpeg';
      this.#note = `MJPEG: ${why}`;
      this.#shownRate.reset();
      this.#received.reset();
      this.#link.restart();
    }
    this.#options.onchange();
  }

  #tick() {
    if (!(this.#sink instanceof MseSink)) {
      this.#checkMedia();
      return;
    }
    this.#sink.tick();
    const waited = this.#mediaSince === null ? 0 : performance.now() - this.#mediaSince;
    if (this.#pictureSeen || document.hidden || this.#held) this.#mediaSince &&= performance.now();
    else if (waited > NO_PICTURE_MS) this.#cannotPlay(`${this.#codec} gave no picture in this browser`);
  }

  #checkMedia() {
    if (this.#transport !== 'mse' || this.#status !== 'open' || this.#server.state !== 'live') return;
    if (this.#options.mode === 'auto' && performance.now() - this.#lastMedia > NO_MEDIA_MS) {
      this.#cannotPlay('the server sends no H.264 for this stream');
    }
  }

  #becameVisible() {
    if (this.#mediaSince !== null) this.#mediaSince = performance.now();
    this.#sink?.resume();
    this.#link.wake();
  }

  /** Whether the picture is frozen by the viewer. */
  get held() {
    return this.#held;
  }

  set held(value) {
    this.#held = value;
    if (this.#sink) this.#sink.held = value;
    this.#options.onchange();
  }

  /** The drawing element in use. */
  get surface() {
    return this.#transport === 'jpeg' ? this.#options.canvas : this.#options.video;
  }

  #videoDropped() {
    return this.#options.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
  }

  #decoderDropped() {
    if (this.#sink instanceof MseSink) return this.#dropped.decoderBefore + this.#videoDropped();
    return this.#dropped.decoderBefore + (this.#sink?.dropped ?? 0);
  }

  /** What people should read as the state: the server's word while connected, else why there is no connection. */
  #state() {
    if (this.#status === 'open') return this.#server;
    if (this.#status === 'refused') return { state: 'refused', reason: this.#detail };
    if (this.#status === 'lost') return { state: 'unreachable', reason: this.#detail };
    if (this.#status === 'not-found') {
      return { state: 'not-found', reason: this.#detail || `the server has no stream "${this.#name}"` };
    }
    if (this.#status === 'signed-out') return { state: 'signed-out', reason: 'this server asks for a sign-in' };
    return { state: 'connecting', reason: '' };
  }

  #age() {
    const now = this.#link.clock.now();
    if (now === null || !this.#shown || this.#shown.captured === null) return null;
    return Math.max(now - this.#shown.captured, 0);
  }

  #latency() {
    if (this.#sink instanceof MseSink) return this.#sink.behind === null ? null : Math.max(this.#sink.behind * 1000, 0);
    return this.#sink ? this.#delay : null;
  }

  /** A snapshot of the numbers; see `PlayerStats` in index.d.ts for their meaning and units. */
  get stats() {
    const now = performance.now();
    return {
      ...this.#state(),
      stream: this.#name,
      mode: this.#transport,
      codec: this.#codec,
      quality: this.#quality,
      quality_reason: this.#qualityReason,
      note: this.#note,
      fps: this.#shownRate.rate(now),
      bitrate: this.#received.bitrate(now),
      age_ms: this.#age(),
      latency: this.#latency(),
      rtt_ms: this.#link.clock.rtt,
      dropped_server: this.#dropped.serverBefore + this.#dropped.server,
      dropped_decoder: this.#decoderDropped(),
      ...this.#size,
      frames: this.#frames,
      reconnects: this.#link.reconnects,
    };
  }
}
return { codecName, Session };
})();

// src/style.js
const m_style = (() => {
// How the player looks. A constructed style sheet, because a page's content security policy may rule out inline styles.

const CSS = `
:host { display: block; position: relative; width: 100%; min-width: 0; aspect-ratio: 4 / 3; overflow: hidden;
  background: #0b0d10; color: #f4f6f8; container-type: inline-size;
  font: 500 13px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
:host([hidden]) { display: none; }
:host(:fullscreen) { width: 100vw; height: 100vh; max-height: none; aspect-ratio: auto; border-radius: 0; }
video, canvas { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; transition: opacity .3s; }
.mse canvas, .jpeg video { display: none; }
.stale video, .stale canvas { opacity: .35; }
.stage { position: absolute; inset: 0; }

.message { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 6px;
  padding: 16px; text-align: center; text-wrap: balance; text-shadow: 0 1px 3px #000a; }
.message[hidden] { display: none; }
.title { font-size: 16px; font-weight: 600; }
.detail { color: #d5dbe1; max-width: 46ch; overflow-wrap: anywhere; }
.message a { color: #fff; font-weight: 600; text-underline-offset: 3px; }

.hud { position: absolute; left: 0; right: 0; bottom: 0; display: none; align-items: center; gap: 6px 14px;
  min-height: 34px;
  padding: 4px 12px; background: #000d; white-space: nowrap; pointer-events: none; }
:host([hud]) .hud { display: flex; }
.badge { display: inline-flex; align-items: center; gap: 7px; font-weight: 650; font-size: 11px; letter-spacing: .06em; }
.badge::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: currentColor; }
.badge.live { color: #4ade80; } .badge.trouble { color: #fca5a5; } .badge.waiting { color: #fcd34d; }
.numbers { overflow: hidden; text-overflow: ellipsis; color: #e8ecf0; }
.old, .quality { color: #fcd34d; }
.note { position: absolute; top: 10px; left: 10px; max-width: calc(100% - 20px); padding: 3px 9px; border-radius: 6px;
  background: #000a; color: #fde68a; font-size: 12px; }
.note[hidden], :host(:not([hud])) .note { display: none; }
:host([hud="mini"]) .more, :host([hud="mini"]) .note { display: none; }
:host([hud="mini"]) .hud { min-height: 26px; padding: 2px 10px; }
:host([hud="mini"]) .title { font-size: 14px; }
:host([hud="mini"]) .message { font-size: 12px; padding-bottom: 28px; }

.controls { position: absolute; right: 8px; bottom: 8px; display: none; gap: 4px; }
:host([controls][hud]) .controls { right: 4px; bottom: 0; }
:host([controls]) .controls { display: flex; }
:host([controls]) .hud { padding-right: 92px; }
button { display: grid; place-items: center; width: 40px; height: 34px; border: 0; border-radius: 8px; cursor: pointer;
  background: #000a; color: #fff; }
:host([hud]) button { background: #0000; }
button:hover, :host([hud]) button:hover { background: #444c; }
button:focus-visible, a:focus-visible { outline: 2px solid #fff; outline-offset: 2px; border-radius: 6px; }
button svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
  stroke-linejoin: round; }
@container (max-width: 420px) { .wide { display: none; } }
@media (prefers-reduced-motion: reduce) { video, canvas { transition: none; } }
`;

let sheet = null;

/** The style sheet, made once and shared by all players of a page. */
function playerSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
return { playerSheet };
})();

// src/view.js
const m_view = (() => {
const { formatAge, formatBitrate, formatFps } = m_stats;
const { playerSheet } = m_style;
// What the player shows around the picture: badge, numbers, messages and buttons.


/** A picture older than this is marked: it is no longer what happens now, ms. */
const OLD_MS = 2000;

/** From this age on a message over the picture says that it stands still, ms. */
const STANDSTILL_MS = 5000;

/** So far behind the newest frame, an old picture is not the camera's fault, ms. */
const BEHIND_MS = 400;

const BADGES = {
  live: ['LIVE', 'live'],
  waiting: ['WAITING', 'waiting'],
  connecting: ['CONNECTING', 'waiting'],
  offline: ['OFFLINE', 'trouble'],
  unreachable: ['NO CONNECTION', 'trouble'],
  refused: ['REFUSED', 'trouble'],
  'not-found': ['NOT FOUND', 'trouble'],
  'signed-out': ['SIGNED OUT', 'trouble'],
};

const TITLES = {
  waiting: 'Waiting for the camera',
  connecting: 'Connecting',
  offline: 'Camera offline',
  unreachable: 'No connection to the server',
  refused: 'The server gives no picture',
  'not-found': 'No such stream',
  'signed-out': 'Sign in to watch',
};

const ICONS = {
  pause: 'M9 5v14M15 5v14',
  play: 'M7 5l12 7-12 7z',
  fullscreen: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
};

function element(name, className, parent) {
  const made = document.createElement(name);
  if (className) made.className = className;
  parent.append(made);
  return made;
}

function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'path'));
  svg.firstChild.setAttribute('d', ICONS[name]);
  return svg;
}

/** Writes text only when it differs, so that a screen reader is told once and the page is not laid out for nothing. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {string} state @returns {{label: string, tone: 'live'|'waiting'|'trouble'}} the badge for a state */
function badgeOf(state) {
  const [label, tone] = BADGES[state] ?? [state.toUpperCase(), 'waiting'];
  return { label, tone };
}

class PlayerView {
  /**
   * @param {ShadowRoot} root
   * @param {{onpause: () => void, onfullscreen: () => void}} actions
   */
  constructor(root, actions) {
    root.adoptedStyleSheets = [playerSheet()];
    this.stage = element('div', 'stage mse', root);
    this.stage.part = 'stage';
    this.video = element('video', '', this.stage);
    Object.assign(this.video, { muted: true, defaultMuted: true, autoplay: true, playsInline: true });
    this.video.setAttribute('aria-label', 'Live picture');
    this.canvas = element('canvas', '', this.stage);
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', 'Live picture');
    this.#buildMessage(root);
    this.#buildHud(root);
    this.#buildControls(root, actions);
  }

  #buildMessage(root) {
    this.message = element('div', 'message', root);
    this.message.setAttribute('role', 'status');
    this.title = element('div', 'title', this.message);
    this.detail = element('div', 'detail', this.message);
    this.link = element('a', '', this.message);
    this.link.textContent = 'Go to sign-in';
    this.note = element('div', 'note', root);
  }

  #buildHud(root) {
    this.hud = element('div', 'hud', root);
    this.hud.part = 'hud';
    this.badge = element('span', 'badge', this.hud);
    this.numbers = element('span', 'numbers', this.hud);
    this.age = element('span', 'age', this.numbers);
    this.quality = element('span', 'quality', this.numbers);
    this.more = element('span', 'more', this.numbers);
    this.wide = element('span', 'more wide', this.numbers);
  }

  #buildControls(root, { onpause, onfullscreen }) {
    const controls = element('div', 'controls', root);
    controls.part = 'controls';
    this.pauseButton = element('button', '', controls);
    this.pauseButton.addEventListener('click', onpause);
    const fullscreen = element('button', '', controls);
    fullscreen.setAttribute('aria-label', 'Full screen');
    fullscreen.append(icon('fullscreen'));
    fullscreen.addEventListener('click', onfullscreen);
    for (const button of [this.pauseButton, fullscreen]) button.type = 'button';
    this.#pauseLabel(false);
  }

  #pauseLabel(held) {
    const label = held ? 'Continue live' : 'Freeze picture';
    if (this.pauseButton.getAttribute('aria-label') === label) return;
    this.pauseButton.setAttribute('aria-label', label);
    this.pauseButton.replaceChildren(icon(held ? 'play' : 'pause'));
  }

  /**
   * Shows the numbers.
   * @param {import('./index.d.ts').PlayerStats} stats
   * @param {{held: boolean, signIn: string}} extra
   */
  update(stats, { held, signIn }) {
    const still = stats.state === 'live' && !held && (stats.age_ms ?? 0) > STANDSTILL_MS;
    const { label, tone } = badgeOf(stats.state);
    this.stage.className = `stage ${stats.mode}${stats.state === 'live' && !still ? '' : ' stale'}`;
    setText(this.badge, held ? 'FROZEN' : label);
    this.badge.className = `badge ${held ? 'waiting' : tone}`;
    this.#message(stats, still, signIn);
    this.#numbers(stats);
    setText(this.note, stats.note);
    this.note.hidden = !stats.note;
    this.#pauseLabel(held);
  }

  #message(stats, still, signIn) {
    const opening = stats.state === 'live' && stats.frames === 0;
    this.message.hidden = stats.state === 'live' && !still && !opening;
    if (this.message.hidden) return;
    let title = TITLES[stats.state] ?? '';
    if (still) title = stats.latency > BEHIND_MS ? 'Catching up with the camera' : 'The picture stands still';
    if (opening) title = stats.note ? 'No picture' : 'Opening the stream';
    let detail = stats.reason || (stats.state === 'live' ? stats.note : '');
    if (stats.state === 'offline' && stats.note && stats.frames === 0) {
      // Neither the browser nor the server can show what the camera sends, which may be well.
      title = 'No picture';
      detail = `${stats.note}; ${stats.reason}`;
    }
    setText(this.title, title);
    setText(this.detail, detail);
    this.link.hidden = stats.state !== 'signed-out';
    if (!this.link.hidden) this.link.href = signIn;
  }

  #numbers(stats) {
    const known = stats.frames > 0;
    setText(this.age, known && stats.age_ms !== null ? formatAge(stats.age_ms) : '');
    this.age.className = (stats.age_ms ?? 0) > OLD_MS ? 'age old' : 'age';
    const moving = known && stats.state === 'live';
    const told = moving && (stats.quality !== 'high' || stats.quality_reason !== '');
    setText(this.quality, told ? `  ·  ${stats.quality} quality` : '');
    const usual = 'The best that this connection carries, or what was asked for';
    this.quality.title = told ? stats.quality_reason || usual : '';
    setText(this.more, moving ? `  ·  ${formatFps(stats.fps)}` : '');
    const size = `${stats.width}×${stats.height}`;
    setText(this.wide, moving ? `  ·  ${formatBitrate(stats.bitrate)}  ·  ${size}  ·  ${stats.codec}` : '');
  }
}
return { badgeOf, PlayerView };
})();

// src/player.js
const m_player = (() => {
const { Session } = m_session;
const { PlayerView } = m_view;
// <camherd-player>: a live picture that connects when it is put into a page, and lets go when it is taken out.


/** How often the numbers are renewed and the `stats` event is sent, ms. */
const STATS_MS = 500;

/** JPEG mode asks for at most this rate; more than a display shows is a typing error, frames per second. */
const MAX_FPS = 240;

const MODES = ['auto', 'mse', 'jpeg'];
/** What a `state` event tells of. */
const SIGNED = ['state', 'reason', 'mode', 'quality', 'quality_reason', 'note', 'width', 'height'];

const QUALITIES = ['auto', 'high', 'medium', 'low'];

/** Where pages are rendered on a server there are no elements; importing this must not fail there. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/**
 * Attributes: `src` (the server's address, with `?stream=NAME`), `stream` (name on the page's own server), `mode`
 * (`auto`, `mse`, `jpeg`), `fps` (highest rate in JPEG mode), `quality` (`auto` is what the connection carries), `hud` (numbers over the picture; `hud="mini"` shows
 * fewer), `controls` (buttons). The picture has no sound; `muted` is accepted for likeness to `<video>`.
 *
 * Events: `state` when state, mode, quality or note changed, `stats` twice a second; the detail of both is a `PlayerStats`.
 */
class CamherdPlayer extends Base {
  static observedAttributes = ['src', 'stream', 'mode', 'fps', 'quality'];

  #view = null;
  #session = null;
  #timer = 0;
  #signature = '';
  #restartQueued = false;

  connectedCallback() {
    this.#view ??= new PlayerView(this.attachShadow({ mode: 'open' }), {
      onpause: () => (this.paused = !this.paused),
      onfullscreen: () => this.toggleFullscreen(),
    });
    this.#open();
  }

  disconnectedCallback() {
    this.#close();
  }

  attributeChangedCallback(_name, before, after) {
    if (before === after || !this.#session || this.#restartQueued) return;
    // Several attributes that are set together make one restart.
    this.#restartQueued = true;
    queueMicrotask(() => {
      this.#restartQueued = false;
      if (!this.#session) return;
      this.#close();
      this.#open();
    });
  }

  #open() {
    const { base, stream } = this.#target();
    this.#session = new Session({
      video: this.#view.video,
      canvas: this.#view.canvas,
      base,
      stream,
      mode: this.mode,
      fps: this.fps,
      quality: this.quality,
      onchange: () => this.#changed(),
    });
    this.#timer = setInterval(() => this.#renew(), STATS_MS);
    this.#session.start();
    this.#changed();
  }

  #close() {
    clearInterval(this.#timer);
    this.#session?.stop();
    this.#session = null;
    this.#signature = '';
    const { video, canvas } = this.#view;
    video.removeAttribute('src');
    video.srcObject = null;
    video.load();
    canvas.width = 0;
  }

  /** Where the stream is: `src` may be any page of the server; its other query parameters are passed on. */
  #target() {
    let base;
    try {
      base = new URL(this.getAttribute('src') ?? '/', location.href);
    } catch {
      base = new URL('/', location.href);
    }
    if (base.protocol === 'ws:') base.protocol = 'http:';
    if (base.protocol === 'wss:') base.protocol = 'https:';
    const stream = this.getAttribute('stream') ?? base.searchParams.get('stream') ?? '';
    base.searchParams.delete('stream');
    return { base, stream };
  }

  #changed() {
    if (!this.#session) return;
    const stats = this.stats;
    this.#show(stats);
    const signature = JSON.stringify(SIGNED.map((key) => stats[key]));
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.dispatchEvent(new CustomEvent('state', { detail: stats }));
  }

  #renew() {
    const stats = this.stats;
    this.#show(stats);
    this.dispatchEvent(new CustomEvent('stats', { detail: stats }));
  }

  #show(stats) {
    if (stats.width && stats.height) this.style.aspectRatio = `${stats.width} / ${stats.height}`;
    const { base } = this.#target();
    this.#view.update(stats, { held: this.paused, signIn: new URL('sign-in', base).href });
  }

  /** @returns {import('./index.d.ts').PlayerStats|null} the numbers now, or null while not in a page */
  get stats() {
    return this.#session?.stats ?? null;
  }

  /** Way of showing asked for: `auto`, `mse` or `jpeg`. The one in use is `stats.mode`. */
  get mode() {
    const mode = this.getAttribute('mode');
    return MODES.includes(mode) ? mode : 'auto';
  }

  set mode(value) {
    this.setAttribute('mode', value);
  }

  /** Highest frame rate asked for in JPEG mode, or null for all frames. */
  get fps() {
    const fps = Number.parseFloat(this.getAttribute('fps'));
    return fps > 0 && fps <= MAX_FPS ? fps : null;
  }

  set fps(value) {
    if (value === null) this.removeAttribute('fps');
    else this.setAttribute('fps', String(value));
  }

  /** Quality asked for: `auto`, `high`, `medium` or `low`. The one in use is `stats.quality`. */
  get quality() {
    const quality = this.getAttribute('quality');
    return QUALITIES.includes(quality) ? quality : 'auto';
  }

  set quality(value) {
    this.setAttribute('quality', value);
  }

  get src() {
    return this.getAttribute('src') ?? '';
  }

  set src(value) {
    this.setAttribute('src', String(value));
  }

  get stream() {
    return this.getAttribute('stream') ?? '';
  }

  set stream(value) {
    this.setAttribute('stream', String(value));
  }

  /** Whether the picture is frozen. Going on continues at the live edge, not where it stopped. */
  get paused() {
    return this.#session?.held ?? false;
  }

  set paused(value) {
    if (this.#session) this.#session.held = Boolean(value);
  }

  /** Fills the screen with the player, or ends that. */
  async toggleFullscreen() {
    if (document.fullscreenElement === this) {
      await document.exitFullscreen();
    } else if (this.requestFullscreen) {
      await this.requestFullscreen();
    } else {
      // iPhones only let a video element fill the screen.
      this.#view.video.webkitEnterFullscreen?.();
    }
  }

  /**
   * The picture that is on screen.
   * @param {string} type such as `image/jpeg` or `image/png`
   * @returns {Promise<Blob|null>} null when there is no picture yet
   */
  async snapshot(type = 'image/jpeg') {
    const { surface } = this.#session ?? {};
    const { width = 0, height = 0 } = this.stats ?? {};
    if (!surface || !width || !height) return null;
    const copy = document.createElement('canvas');
    Object.assign(copy, { width, height });
    copy.getContext('2d').drawImage(surface, 0, 0, width, height);
    return new Promise((resolve) => copy.toBlob(resolve, type, 0.92));
  }
}

if (globalThis.customElements && !customElements.get('camherd-player')) {
  customElements.define('camherd-player', CamherdPlayer);
}
return { CamherdPlayer };
})();

// src/bgr-canvas.js
const m_bgr_canvas = (() => {
// Raw BGR24 frames on a canvas: at most one per display refresh, always the newest, without allocating per frame.

/**
 * BGR24 to what a canvas takes. A pixel is written as one 32-bit number; every platform with a browser is little-endian.
 * @param {Uint8Array} bgr
 * @param {Uint32Array} rgba one element per pixel
 */
function bgrToRgba(bgr, rgba) {
  for (let from = 0, to = 0; to < rgba.length; from += 3, to += 1) {
    rgba[to] = 0xff00_0000 | (bgr[from] << 16) | (bgr[from + 1] << 8) | bgr[from + 2];
  }
}

class BgrCanvas {
  #canvas;
  #context;
  #image = null;
  #pixels = null;
  #waiting = null;
  #request = 0;

  /**
   * @param {HTMLCanvasElement} canvas takes the size of the frames
   * @throws {Error} when it has no 2D context
   */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    if (!this.#context) throw new Error('the canvas has no 2D context');
    /** Frames drawn. */
    this.drawn = 0;
    /** Frames that a newer one replaced before the display was refreshed, for example while the tab was hidden. */
    this.dropped = 0;
  }

  /**
   * Takes the next frame.
   * @param {Uint8Array} bgr exactly width * height * 3 bytes; must not be changed afterwards
   */
  frame(bgr, width, height) {
    if (this.#waiting) this.dropped += 1;
    this.#waiting = { bgr, width, height };
    this.#request ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#request = 0;
    if (!this.#waiting) return;
    const { bgr, width, height } = this.#waiting;
    this.#waiting = null;
    this.resize(width, height);
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.#image = this.#context.createImageData(width, height);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
    }
    bgrToRgba(bgr, this.#pixels);
    this.#context.putImageData(this.#image, 0, 0);
    this.drawn += 1;
  }

  /** Sets the size of the canvas, which wipes it unless it has that size. */
  resize(width, height) {
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
  }

  /** Draws no more; the canvas keeps its last picture. */
  close() {
    if (this.#request) cancelAnimationFrame(this.#request);
    this.#request = 0;
    this.#waiting = null;
  }
}
return { bgrToRgba, BgrCanvas };
})();

// src/server-api.js
const m_server_api = (() => {
// Requests to the server's HTTP API, with errors that people can read.

/** Longest wait for an answer, ms. A stream is started in the background, so no answer takes long. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A request that the server refused, or that did not reach it. */
class ServerError extends Error {
  /**
   * @param {string} message the server's own words where it sent any
   * @param {number|null} status HTTP status, or null when there was no answer
   * @param {object} body the answer's JSON object, empty when there was none
   */
  constructor(message, status = null, body = {}) {
    super(message);
    this.name = 'ServerError';
    this.status = status;
    this.body = body;
  }
}

/**
 * The forms of a server's address that are needed: all of `http://host:8091`, `ws://host:8091/`, `host:8091`, `/prefix`
 * and the empty string (the page's own server) are understood, with a `token` in the query.
 * @param {string} address
 * @returns {{http: string, ws: string, token: string|null}} base addresses without a slash at the end
 * @throws {TypeError} for anything else
 */
function serverAddress(address) {
  const text = String(address ?? '').trim();
  // "localhost:8091" is, to the letter, an address with the scheme "localhost".
  const full = /^[\w.-]+:\d+(?:[/?]|$)/.test(text) ? `http://${text}` : text;
  let url;
  try {
    url = new URL(full || '/', globalThis.location?.href);
  } catch {
    throw new TypeError(`"${text}" is not a server address such as http://localhost:8091`);
  }
  const secure = { 'http:': false, 'ws:': false, 'https:': true, 'wss:': true }[url.protocol];
  if (secure === undefined) throw new TypeError(`"${text}" is not a server address such as http://localhost:8091`);
  const rest = `://${url.host}${url.pathname.replace(/\/+$/, '')}`;
  return {
    http: `${secure ? 'https' : 'http'}${rest}`,
    ws: `${secure ? 'wss' : 'ws'}${rest}`,
    token: url.searchParams.get('token'),
  };
}

/**
 * Asks the server.
 * @param {string} base the server's address, see `serverAddress`
 * @param {string} path such as `/api/streams`
 * @param {{method?: string, body?: object, token?: string|null}} options
 * @returns {Promise<object>} the answer's JSON object, empty when it has none
 * @throws {ServerError} when it refuses or cannot be reached
 */
async function ask(base, path, { method = 'GET', body, token = null } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  let text;
  try {
    response = await fetch(base + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    text = await response.text();
  } catch (error) {
    throw new ServerError(noAnswer(base, error));
  }
  const answer = parseObject(text);
  if (response.ok) return answer;
  const said = typeof answer.error === 'string' ? answer.error : '';
  throw new ServerError(said || `the server answered ${response.status}`, response.status, answer);
}

/** A browser does not tell scripts whether a server is away or refuses pages of this origin. */
function noAnswer(base, error) {
  if (error.name === 'TimeoutError') return `${base} did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`;
  const { origin } = globalThis.location ?? {};
  const elsewhere = origin !== undefined && !base.startsWith(`${origin}/`) && base !== origin;
  const or = elsewhere ? `, or does not allow pages of ${origin} (setting http.allowed_origins)` : '';
  return `${base} cannot be reached${or}`;
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : {};
  } catch {
    return {};
  }
}
return { ServerError, serverAddress, ask };
})();

// src/client.js
const m_client = (() => {
const { BgrCanvas } = m_bgr_canvas;
const { Connection } = m_connection;
const { ask, serverAddress } = m_server_api;
const { RateMeter } = m_stats;
// RTSPStreamClient: starts and stops streams on a server and shows their raw frames on a canvas. Names, fields,
// arguments and results are those of the single-ingest RTSP servers whose pages it serves; where those kept silent, gave
// up or drew each frame at any price, it reports, comes back, and skips.


const DEFAULT_SERVER = 'http://localhost:8091';
const DEFAULT_STREAM = 'camera1';

/** The size that the API makes of a stream when none is asked for. */
const DEFAULT_SIZE = { width: 640, height: 480 };

/** Bytes of a BGR24 pixel. */
const PIXEL_BYTES = 3;

/** RFC 6455, 7.4.1. */
const CLOSE_NORMAL = 1000;

/** @typedef {import('./client.d.ts').ClientStats} ClientStats */

class RTSPStreamClient {
  #token;
  #link = null;
  #view = null;
  #size = { ...DEFAULT_SIZE };
  #sizeAsked = false;
  #announced = null;
  #rate = new RateMeter();
  #complaint = '';

  /**
   * @param {string} serverUrl `http://`, `https://`, `ws://` or `wss://`; the empty string is the page's own server
   * @param {string} streamId name of the stream
   * @param {{token?: string}} options `token` for servers that ask for one; it may also be in the query of `serverUrl`
   * @throws {TypeError} when `serverUrl` is none
   */
  constructor(serverUrl = DEFAULT_SERVER, streamId = DEFAULT_STREAM, options = {}) {
    const { http, ws, token } = serverAddress(serverUrl);
    this.#token = options.token || token;
    /** Address for WebSockets. */
    this.serverUrl = ws;
    /** Address for HTTP. */
    this.httpServerUrl = http;
    this.streamId = streamId;
    this.canvas = null;
    this.isConnected = false;
    this.isReconnecting = false;
    this.reconnectAttempts = 0;
    /** After so many failures in a row it gives up; without a limit, since cameras and servers come back. */
    this.maxReconnectAttempts = Infinity;
    this.frameCallback = null;
    this.errorCallback = null;
    this.connectCallback = null;
    this.disconnectCallback = null;
    this.resetStats();
  }

  /** Width of the frames in pixels. Setting it asks the server for frames of that size, from the next `connect` on. */
  get width() {
    return this.#size.width;
  }

  set width(pixels) {
    this.#size.width = pixels;
    this.#sizeAsked = true;
  }

  /** As `width`. */
  get height() {
    return this.#size.height;
  }

  set height(pixels) {
    this.#size.height = pixels;
    this.#sizeAsked = true;
  }

  /** The WebSocket in use, or null. */
  get ws() {
    return this.#link?.socket ?? null;
  }

  // `client.onFrame(callback)` and `client.onFrame = callback` do the same.

  get onFrame() {
    return this.#registrar('frameCallback');
  }

  set onFrame(callback) {
    this.frameCallback = callback;
  }

  get onError() {
    return this.#registrar('errorCallback');
  }

  set onError(callback) {
    this.errorCallback = callback;
  }

  get onConnect() {
    return this.#registrar('connectCallback');
  }

  set onConnect(callback) {
    this.connectCallback = callback;
  }

  get onDisconnect() {
    return this.#registrar('disconnectCallback');
  }

  set onDisconnect(callback) {
    this.disconnectCallback = callback;
  }

  /** Anything but a callback is ignored: who assigns callbacks may call the one that was there before with an event. */
  #registrar(slot) {
    return (callback) => {
      if (typeof callback === 'function' || callback === null) this[slot] = callback;
    };
  }

  /**
   * Draws the frames on a canvas, which takes their size.
   * @param {HTMLCanvasElement} canvas
   */
  setupCanvas(canvas) {
    this.#view?.close();
    this.#view = null;
    this.canvas = canvas;
    try {
      this.#view = new BgrCanvas(canvas);
      this.#view.resize(this.width, this.height);
    } catch (error) {
      this.#fail(`Canvas setup failed: ${error.message}`);
    }
  }

  /**
   * Starts the stream `streamId` on the server. A stream of that name that exists already is a conflict.
   * @param {string} rtspUrl address of the camera, of any kind that the server knows
   * @param {number} [width] of the frames in pixels, 640 unless given
   * @param {number} [height] of the frames in pixels, 480 unless given
   * @returns {Promise<import('./client.d.ts').StartResult>} never rejected
   */
  startStream(rtspUrl, width, height) {
    return this.#start('/api/streams', { stream_id: this.streamId, ...source(rtspUrl, width, height) });
  }

  /**
   * Starts a stream under a name that the server makes from the address, which becomes `streamId`. A stream of that
   * address that runs already is used.
   * @returns {Promise<import('./client.d.ts').StartResult>} never rejected
   */
  startStreamWithURL(rtspUrl, width, height) {
    return this.#start('/api/streams/start-with-url', source(rtspUrl, width, height));
  }

  async #start(path, body) {
    this.width = body.width;
    this.height = body.height;
    this.#view?.resize(this.width, this.height);
    try {
      const answer = await this.#ask(path, { method: 'POST', body });
      this.streamId = answer.stream_id ?? this.streamId;
      return {
        success: true,
        message: answer.message ?? '',
        streamId: this.streamId,
        rtspUrl: answer.rtsp_url ?? body.rtsp_url,
        width: answer.width ?? body.width,
        height: answer.height ?? body.height,
      };
    } catch (error) {
      this.#fail(`Failed to start stream: ${error.message}`);
      return { ...failure(error), conflict: error.status === 409 };
    }
  }

  /**
   * Ends the stream on the server, unless it has other viewers: that is a conflict.
   * @returns {Promise<import('./client.d.ts').StopResult>} never rejected
   */
  stopStream() {
    return this.#stop('');
  }

  /**
   * Ends the stream on the server, whoever watches it.
   * @returns {Promise<import('./client.d.ts').StopResult>} never rejected
   */
  forceStopStream() {
    return this.#stop('/force');
  }

  async #stop(suffix) {
    try {
      const answer = await this.#ask(this.#path + suffix, { method: 'DELETE' });
      return { success: true, message: answer.message ?? '' };
    } catch (error) {
      // What is not there is stopped.
      if (error.status === 404) return { success: true, message: error.message };
      const conflict = error.status === 409 ? { conflict: true, clientCount: error.body.client_count } : {};
      return { ...failure(error), ...conflict };
    }
  }

  /** @returns {Promise<object|null>} the server's numbers of the stream; null when it has none or cannot say */
  async getStreamStats() {
    try {
      return await this.#ask(`${this.#path}/stats`);
    } catch (error) {
      if (error.status !== 404) this.#fail(`Failed to get stream stats: ${error.message}`);
      return null;
    }
  }

  /** @returns {Promise<object[]>} the streams of the server; empty when it cannot say */
  async listStreams() {
    try {
      const { streams } = await this.#ask('/api/streams');
      return Array.isArray(streams) ? streams : [];
    } catch (error) {
      this.#fail(`Failed to list streams: ${error.message}`);
      return [];
    }
  }

  get #path() {
    return `/api/streams/${encodeURIComponent(this.streamId)}`;
  }

  #ask(path, options = {}) {
    return ask(this.httpServerUrl, path, { ...options, token: this.#token });
  }

  /** Connects to the frames of `streamId`, and stays connected until `disconnect`. */
  connect() {
    if (this.#link) {
      this.#link.wake();
      return;
    }
    this.#complaint = '';
    this.#link = new Connection({
      url: () => this.#socketUrl(),
      refused: () => this.#asksForToken(),
      text: (message) => this.#text(message),
      binary: (bytes) => this.#frame(bytes),
      status: (status, detail, close) => this.#linkChanged(status, detail, close),
    });
    this.#link.start();
  }

  /** Ends the connection; the canvas keeps its last picture. */
  disconnect() {
    this.#end({ code: CLOSE_NORMAL, reason: 'disconnect() was called', wasClean: true });
  }

  #end(close) {
    this.#link?.stop();
    this.#link = null;
    this.#announced = null;
    this.isReconnecting = false;
    this.reconnectAttempts = 0;
    this.#view?.close();
    this.#closed(close);
  }

  #socketUrl() {
    const url = new URL(`${this.serverUrl.replace(/^http/, 'ws')}/ws/${encodeURIComponent(this.streamId)}`);
    url.searchParams.set('meta', '1');
    if (this.#sizeAsked) {
      url.searchParams.set('width', String(this.width));
      url.searchParams.set('height', String(this.height));
    }
    if (this.#token) url.searchParams.set('token', this.#token);
    return url.href;
  }

  async #asksForToken() {
    const status = await this.#ask('/api/streams').then(() => 200, (error) => error.status);
    return status === 401;
  }

  #linkChanged(status, detail, close) {
    switch (status) {
      case 'connecting':
        this.#connecting();
        return;
      case 'open':
        this.isConnected = true;
        this.isReconnecting = false;
        this.#call('connectCallback', { type: 'open' });
        return;
      default:
        this.isReconnecting = true;
        this.#announced = null;
        this.#closed(close);
        this.#complain(`WebSocket: ${this.#reasonFor(status, detail)}`);
        if (this.reconnectAttempts >= this.maxReconnectAttempts) this.#giveUp(close);
    }
  }

  #connecting() {
    if (!this.isReconnecting) return;
    this.reconnectAttempts += 1;
    this.stats.reconnectCount += 1;
  }

  #reasonFor(status, detail) {
    if (status === 'signed-out') return detail || 'the server asks for a token';
    if (status === 'not-found') return detail || `the server has no stream "${this.streamId}"`;
    return detail;
  }

  #giveUp(close) {
    this.#end(close);
    this.#fail('Max reconnection attempts reached');
  }

  #closed(close) {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.#call('disconnectCallback', { type: 'close', ...close });
  }

  #text(message) {
    switch (message.type) {
      case 'frame':
        this.#announced = message;
        break;
      case 'state':
        this.stats.state = String(message.state);
        this.stats.reason = String(message.reason ?? '');
        if (message.state === 'offline') this.#complain(`Camera offline: ${this.stats.reason}`);
        break;
      case 'dropped':
        if (Number.isFinite(message.missed)) this.stats.framesMissed += message.missed;
        break;
      default:
    }
  }

  /** Takes a frame. A server that announces none sends the size that was asked for. */
  #frame(buffer) {
    const frame = new Uint8Array(buffer);
    const { width, height, seq = null, captured = null } = this.#announced ?? this.#size;
    this.#announced = null;
    if (!(width > 0 && height > 0) || frame.byteLength !== width * height * PIXEL_BYTES) {
      this.#complain(`Frame of ${frame.byteLength} bytes is no BGR picture of ${width}x${height}`);
      return;
    }
    this.#size = { width, height };
    this.#count(frame.byteLength, captured);
    this.#view?.frame(frame, width, height);
    if (this.frameCallback) this.#call('frameCallback', frame, width, height, this.getStats(), { seq, captured });
  }

  #count(bytes, captured) {
    const { stats } = this;
    this.reconnectAttempts = 0;
    this.#complaint = '';
    stats.framesReceived += 1;
    stats.bytesReceived += bytes;
    stats.lastFrameTime = Date.now();
    this.#rate.add(performance.now(), bytes);
    stats.averageFps = this.#rate.rate(performance.now());
    const now = this.#link?.clock.now() ?? null;
    stats.ageMs = now === null || !Number.isFinite(captured) ? null : Math.max(now - captured, 0);
  }

  /** Reports a trouble that lasts once, not with each attempt or frame. */
  #complain(message) {
    if (message === this.#complaint) return;
    this.#complaint = message;
    this.#fail(message);
  }

  #fail(message) {
    if (this.errorCallback) this.#call('errorCallback', message);
    else console.error(`RTSPStreamClient ${this.streamId}: ${message}`);
  }

  /** A callback's own error must not end the connection. */
  #call(slot, ...args) {
    try {
      this[slot]?.(...args);
    } catch (error) {
      console.error(`RTSPStreamClient: error in ${slot}:`, error);
    }
  }

  /** @returns {ClientStats} the numbers of this client */
  getStats() {
    return {
      ...this.stats,
      averageFps: this.#rate.rate(performance.now()),
      framesDrawn: this.#view?.drawn ?? 0,
      framesDropped: this.#view?.dropped ?? 0,
      width: this.width,
      height: this.height,
      ...this.#status(),
    };
  }

  /** Counts from zero again. */
  resetStats() {
    this.#rate.reset();
    this.stats = {
      framesReceived: 0,
      bytesReceived: 0,
      framesMissed: 0,
      lastFrameTime: null,
      averageFps: 0,
      ageMs: null,
      startTime: Date.now(),
      reconnectCount: 0,
      state: '',
      reason: '',
    };
  }

  /** @returns {import('./client.d.ts').ConnectionStatus} */
  getConnectionStatus() {
    return { ...this.#status(), maxReconnectAttempts: this.maxReconnectAttempts, wsState: this.ws?.readyState ?? null };
  }

  #status() {
    const { isConnected, isReconnecting, reconnectAttempts, streamId } = this;
    return { isConnected, isReconnecting, reconnectAttempts, streamId };
  }
}

/** What to start: a size of nothing is the default one. */
function source(rtspUrl, width, height) {
  return { rtsp_url: rtspUrl, width: width || DEFAULT_SIZE.width, height: height || DEFAULT_SIZE.height };
}

function failure(error) {
  return { success: false, error: error.message, status: error.status ?? null };
}
return { RTSPStreamClient };
})();

// src/react-bindings.js
const m_react_bindings = (() => {
const { RTSPStreamClient } = m_client;
const { serverAddress } = m_server_api;
// The React component and hook, made for the React that they are given: a package's own one, or the page's `React`.


const DEFAULT_SERVER = 'http://localhost:8091';

/** What the raw connection shows when no stream is named, as ever. */
const DEFAULT_RAW_STREAM = 'camera1';

/** A stream that could not be started because there was no answer is tried again after this, ms. */
const START_AGAIN_MS = 5000;

/** Numbers in a page need not be renewed with every frame, ms. */
const STATS_MS = 250;

/** How often the hook asks for the server's numbers, ms. */
const SERVER_STATS_MS = 5000;

/** States of the player in which there is no picture for a reason. */
const TROUBLE = new Set(['offline', 'unreachable', 'refused', 'not-found', 'signed-out']);

/** What the hook knows at first. */
const NOT_CONNECTED = { isConnected: false, isReconnecting: false, error: null, stats: null, serverStats: null };

/** The class that a page has put there wins, so that it can put its own. */
function clientClass() {
  return globalThis.window?.RTSPStreamClient ?? RTSPStreamClient;
}

/** @returns {{src: string, wrong: string|null}} the server's address as the player's `src`, or what is wrong with it */
function playerSource(serverUrl, token) {
  try {
    const address = serverAddress(serverUrl);
    const secret = token || address.token;
    return { src: `${address.http}/${secret ? `?token=${encodeURIComponent(secret)}` : ''}`, wrong: null };
  } catch (error) {
    return { src: '', wrong: error.message };
  }
}

/**
 * @param {object} React version 18 or newer
 * @returns {{RTSPStreamViewer: Function, useRTSPStream: Function}} see react.d.ts
 */
function bindReact(React) {
  const { createElement, useCallback, useEffect, useMemo, useRef, useState } = React;

  /** The newest value of something, for effects that shall not run again when it changes. */
  function useLatest(value) {
    const ref = useRef(value);
    useEffect(() => {
      ref.current = value;
    });
    return ref;
  }

  /** Starts a stream while `wanted`. */
  function useStartedStream({ serverUrl, streamId, rtspUrl, width, height, token, wanted, report }) {
    const [started, setStarted] = useState(null);
    useEffect(() => {
      setStarted(null);
      if (!rtspUrl || !wanted) return undefined;
      let gone = false;
      let timer = 0;
      const start = async () => {
        const client = new (clientClass())(serverUrl, streamId, { token });
        // Troubles come as results.
        client.onError(() => {});
        const result = streamId
          ? await client.startStream(rtspUrl, width, height)
          : await client.startStreamWithURL(rtspUrl, width, height);
        if (gone) return;
        // A stream of that name is there already: started by another page, or by this one before a reload.
        if (result.success !== false || result.conflict) {
          report(null);
          const ours = result.success !== false && !/already/i.test(result.message ?? '');
          setStarted({ client, id: client.streamId, ours });
          return;
        }
        report(`Failed to start stream: ${result.error}`);
        if (result.status === null || result.status === undefined) timer = setTimeout(start, START_AGAIN_MS);
      };
      start().catch((error) => gone || report(error.message));
      return () => {
        gone = true;
        clearTimeout(timer);
      };
    }, [serverUrl, streamId, rtspUrl, width, height, token, wanted, report]);
    return started;
  }

  /** Raw frames on a canvas. */
  function RawPicture({ serverUrl, streamId, width, height, token, report }) {
    const canvas = useRef(null);
    useEffect(() => {
      let client;
      try {
        client = new (clientClass())(serverUrl, streamId, { token });
      } catch (error) {
        report(error.message);
        return undefined;
      }
      if (width) client.width = width;
      if (height) client.height = height;
      client.setupCanvas(canvas.current);
      client.onError(report);
      client.onFrame(() => report(null));
      client.connect();
      return () => {
        client.onError(() => {});
        client.disconnect();
      };
    }, [serverUrl, streamId, width, height, token, report]);
    return createElement('canvas', { ref: canvas, style: { display: 'block', width: '100%', height: 'auto' } });
  }

  /** H.264 or JPEG through the player element, which reports in the picture what is wrong. */
  function PlayerPicture({ serverUrl, streamId, mode, token, controls, hud, report }) {
    const player = useRef(null);
    useEffect(() => {
      const element = player.current;
      const changed = ({ detail }) => report(TROUBLE.has(detail.state) ? detail.reason || detail.state : null);
      element.addEventListener('state', changed);
      return () => element.removeEventListener('state', changed);
    }, [report]);
    const { src } = playerSource(serverUrl, token);
    const attributes = { ref: player, src, mode, stream: streamId || undefined };
    if (controls) attributes.controls = '';
    if (hud) attributes.hud = '';
    return createElement('camherd-player', attributes);
  }

  /** Start and stop, with the class names that style sheets know. */
  function StartStop({ wanted, onStart, onStop }) {
    const [className, label, onClick] = wanted
      ? ['btn btn-danger', 'Stop Stream', onStop]
      : ['btn btn-primary', 'Start Stream', onStart];
    return createElement(
      'div',
      { className: 'stream-controls control-buttons' },
      createElement('button', { type: 'button', className, onClick }, label),
    );
  }

  /** See react.d.ts. */
  function RTSPStreamViewer(props) {
    const { serverUrl = DEFAULT_SERVER, streamId, rtspUrl = '', width, height, autoStart = false, mode = 'auto' } = props;
    const { token, controls = !autoStart, hud = false, onError, className = '', style } = props;
    const [wanted, setWanted] = useState(autoStart);
    const [error, setError] = useState(null);
    const onErrorNow = useLatest(onError);
    const report = useCallback((message) => {
      setError(message);
      if (message !== null) onErrorNow.current?.(message);
    }, [onErrorNow]);
    useEffect(() => setWanted(autoStart), [autoStart]);
    const started = useStartedStream({ serverUrl, streamId, rtspUrl, width, height, token, wanted, report });
    const stop = () => {
      setWanted(false);
      setError(null);
      // What another page watches goes on: that is the conflict, and no error.
      if (started?.ours) Promise.resolve(started.client.stopStream()).catch(() => {});
    };

    const { wrong } = playerSource(serverUrl, token);
    const shown = !wrong && (rtspUrl ? started !== null : true);
    const common = { serverUrl, token, report };
    const id = started?.id ?? streamId;
    let picture = null;
    if (shown && mode === 'raw') {
      picture = createElement(RawPicture, { ...common, streamId: id ?? DEFAULT_RAW_STREAM, width, height });
    } else if (shown) {
      picture = createElement(PlayerPicture, { ...common, streamId: id, mode, controls: Boolean(controls), hud });
    }
    // The player writes its troubles over the picture itself.
    const text = wrong ?? (shown && mode !== 'raw' ? null : error);
    const box = { maxWidth: '100%', ...(width ? { width } : {}), ...style };
    return createElement(
      'div',
      { className: `rtsp-stream-viewer ${className}`.trim(), style: box },
      createElement('div', { className: 'stream-display' }, picture),
      text && createElement('div', { className: 'error-message', role: 'alert' }, text),
      rtspUrl && controls ? createElement(StartStop, { wanted, onStart: () => setWanted(true), onStop: stop }) : null,
    );
  }

  /** Callbacks of a client as React state. */
  function useClientState(client) {
    const [state, setState] = useState(NOT_CONNECTED);
    useEffect(() => {
      const merge = (change) => setState((before) => ({ ...before, ...change }));
      let shownAt = 0;
      client.onConnect(() => merge({ isConnected: true, isReconnecting: false, error: null }));
      client.onDisconnect(() => merge({ isConnected: false, isReconnecting: client.isReconnecting }));
      client.onError((error) => merge({ error, isReconnecting: client.isReconnecting }));
      client.onFrame((_frame, _width, _height, stats) => {
        if (Date.now() - shownAt < STATS_MS) return;
        shownAt = Date.now();
        merge({ stats, error: null });
      });
      const timer = setInterval(async () => {
        if (client.isConnected) merge({ serverStats: await client.getStreamStats() });
      }, SERVER_STATS_MS);
      return () => {
        clearInterval(timer);
        client.disconnect();
      };
    }, [client]);
    return [state, setState];
  }

  /** See react.d.ts. */
  function useRTSPStream(serverUrl, streamId, options) {
    const token = options?.token;
    const client = useMemo(() => new (clientClass())(serverUrl, streamId, { token }), [serverUrl, streamId, token]);
    const [state, setState] = useClientState(client);
    const canvasRef = useRef(null);
    useEffect(() => {
      if (canvasRef.current && client.canvas !== canvasRef.current) client.setupCanvas(canvasRef.current);
    });
    const failed = useCallback((result) => {
      if (result.success === false) setState((before) => ({ ...before, error: result.error }));
      return result;
    }, [setState]);
    const startStream = useCallback(async (rtspUrl, width, height) => {
      const result = await client.startStreamWithURL(rtspUrl, width, height);
      if (result.success !== false) client.connect();
      return failed(result);
    }, [client, failed]);
    const stopStream = useCallback(async (force = false) => {
      client.disconnect();
      return failed(await (force ? client.forceStopStream() : client.stopStream()));
    }, [client, failed]);
    const reconnect = useCallback(() => {
      client.disconnect();
      client.connect();
    }, [client]);
    const getConnectionStatus = useCallback(() => client.getConnectionStatus(), [client]);
    const listStreams = useCallback(() => client.listStreams(), [client]);
    return { ...state, canvasRef, startStream, stopStream, reconnect, getConnectionStatus, listStreams, client };
  }

  return { RTSPStreamViewer, useRTSPStream };
}
return { bindReact };
})();

// src/plain.js
const m_plain = (() => {
const { RTSPStreamClient } = m_client;
const { bindReact } = m_react_bindings;
// The plain script: everything as globals, for pages without modules. `scripts/plain.js` makes one file of it.


globalThis.RTSPStreamClient = RTSPStreamClient;

let bound = null;

// React may be loaded before or after this script: it is looked for when the component is asked for.
for (const name of ['RTSPStreamViewer', 'useRTSPStream']) {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() {
      const { React } = globalThis;
      if (!React) return undefined;
      if (bound?.React !== React) bound = { React, ...bindReact(React) };
      return bound[name];
    },
    // A page's own component of this name, such as the former one.
    set(value) {
      Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, writable: true, value });
    },
  });
}

if (typeof module === 'object' && module?.exports) module.exports = { RTSPStreamClient };
return {  };
})();
})();
