// What all pages share: the banner about the server and the line at the foot.

import { formatAge } from '/static/camherd/stats.js';
import { setText } from './dom.js';

/** Shows at the top of the page that the server is unreachable, and sends those who are not signed in to do so. */
export class Banner {
  #node;

  /** @param {HTMLElement} node an element with role="status" */
  constructor(node) {
    this.#node = node;
  }

  /** @param {import('./status.js').View} view */
  update({ lostAt, signedOut }) {
    if (signedOut) {
      location.replace(`/sign-in?${new URLSearchParams({ next: location.pathname + location.search })}`);
      return;
    }
    this.#node.hidden = lostAt === null;
    if (lostAt === null) return;
    const since = new Date(lostAt).toLocaleTimeString();
    setText(this.#node, `The server has been unreachable since ${since} (${formatAge(Date.now() - lostAt)}). Trying again.`);
  }
}

/** @param {number} count @param {string} one @returns {string} "1 viewer", "3 viewers" */
export function plural(count, one) {
  return `${count} ${count === 1 ? one : `${one}s`}`;
}

/** Writes version and load to the foot of the page. */
export function updateFoot(node, status) {
  if (!status) return;
  const parts = [`camherd ${status.version ?? ''}`.trim()];
  const live = (status.streams ?? []).filter((stream) => stream.state === 'live').length;
  parts.push(plural(live, 'camera'), plural(status.viewer_clients ?? 0, 'viewer'));
  setText(node, parts.join('  ·  '));
}
