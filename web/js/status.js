// The server's word about itself, asked again and again while the page is visible: `GET /status`, and of each stream also
// what `GET /api/streams` knows.

/** Between two questions, ms. */
const POLL_MS = 2000;

/** An answer that takes longer than this does not come, ms. */
const TIMEOUT_MS = 6000;

/**
 * @typedef {object} View
 * @property {object|null} status the last answer of /status, null before the first; its `streams` have in addition
 *   `source`, `configured`, `on_demand` and `device` of /api/streams
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

  /** Asks now, for example after a change that this page has made. */
  renew() {
    this.#ask();
  }

  async #ask() {
    if (this.#busy) return;
    clearTimeout(this.#timer);
    this.#busy = true;
    try {
      const answers = await Promise.all(['/status', '/api/streams'].map(askFor));
      if (answers.includes(null)) this.#view = { status: null, lostAt: null, signedOut: true };
      else this.#view = { status: merge(...answers), lostAt: null, signedOut: false };
    } catch {
      this.#view = { ...this.#view, lostAt: this.#view.lostAt ?? Date.now() };
    }
    this.#busy = false;
    this.#listener(this.#view);
    if (!document.hidden) this.#timer = setTimeout(() => this.#ask(), POLL_MS);
  }
}

/** @returns {Promise<object|null>} the answer's JSON; null when the server asks for a sign-in */
async function askFor(path) {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

/** Puts what the API knows of the streams to what the status says. Ids that share a stream have no entry of their own. */
function merge(status, { streams }) {
  const known = new Map(streams.filter((stream) => stream.shares === null).map((stream) => [stream.name, stream]));
  const withSource = (stream) => {
    const { source = null, configured = true, on_demand: onDemand = false, device = null } = known.get(stream.name) ?? {};
    return { ...stream, source, configured, on_demand: onDemand, device };
  };
  return { ...status, streams: (status.streams ?? []).map(withSource) };
}

/** The stream a page is about: from its address, else the server's default, else the only or first one. */
export function wantedStream(status) {
  const asked = new URLSearchParams(location.search).get('stream');
  return asked || status?.default_stream || status?.streams?.[0]?.name || '';
}
