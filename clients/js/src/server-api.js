// Requests to the server's HTTP API, with errors that people can read.

/** Longest wait for an answer, ms. A stream is started in the background, so no answer takes long. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A request that the server refused, or that did not reach it. */
export class ServerError extends Error {
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
export function serverAddress(address) {
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
export async function ask(base, path, { method = 'GET', body, token = null } = {}) {
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
