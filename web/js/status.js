// The server's word about itself (`GET /status`), asked again and again while the page is visible.

/** Between two questions, ms. */
const POLL_MS = 2000;

/** An answer that takes longer than this does not come, ms. */
const TIMEOUT_MS = 6000;

/**
 * @typedef {object} View
 * @property {object|null} status the last answer, null before the first
 * @property {number|null} lostAt `Date.now()` of the first failure in a row, null while the server answers
 * @property {boolean} signedOut the server asks for a sign-in
 */
export class StatusPoller {
  #listener;
  #timer = 0;
  #busy = false;
  #view = { status: null, lostAt: null, signedOut: false };

  /** @param {(view: View) => void} listener called after each question, answered or not */
  constructor(listener) {
    this.#listener = listener;
  }

  start() {
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#ask();
    });
    this.#ask();
  }

  async #ask() {
    if (this.#busy) return;
    clearTimeout(this.#timer);
    this.#busy = true;
    try {
      const answer = await fetch('/status', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (answer.status === 401) this.#view = { status: null, lostAt: null, signedOut: true };
      else if (!answer.ok) throw new Error(`status ${answer.status}`);
      else this.#view = { status: await answer.json(), lostAt: null, signedOut: false };
    } catch {
      this.#view = { ...this.#view, lostAt: this.#view.lostAt ?? Date.now() };
    }
    this.#busy = false;
    this.#listener(this.#view);
    if (!document.hidden) this.#timer = setTimeout(() => this.#ask(), POLL_MS);
  }
}

/** The stream a page is about: from its address, else the server's default, else the only or first one. */
export function wantedStream(status) {
  const asked = new URLSearchParams(location.search).get('stream');
  return asked || status?.default_stream || status?.streams?.[0]?.name || '';
}
