// One WebSocket to the server that comes back by itself, and the clock samples taken over it.

import { ServerClock, monotonicNow } from './clock.js';

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
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_TRY_AGAIN_LATER = 1013;
export const CLOSE_NOT_SIGNED_IN = 4401;
export const CLOSE_NO_SUCH_STREAM = 4404;

/**
 * Waiting time before retry number `attempt` (0 is the first), with jitter so that all viewers of a restarted server
 * do not come back at the same moment.
 * @param {number} attempt
 * @param {number} random in [0, 1)
 * @returns {number} ms
 */
export function retryDelay(attempt, random = Math.random()) {
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

export class Connection {
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
