// The plain MJPEG page: an image that the server keeps renewing, and the state of its stream in words.

import { badgeOf } from '/static/camherd/view.js';
import { formatAge, formatFps } from '/static/camherd/stats.js';
import { h, pageFor, setText, streamUrl } from './dom.js';
import { Banner, updateFoot } from './shell.js';
import { StatusPoller, wantedStream } from './status.js';

/** Before a failed image is asked for again, ms. */
const RETRY_MS = 2000;

const main = document.querySelector('main');
const foot = document.querySelector('#foot');
const banner = new Banner(document.querySelector('#banner'));
let page = null;
let was = '';

class MjpegPage {
  #retry = 0;

  constructor(name) {
    this.name = name;
    this.badge = h('span', { class: 'badge waiting', text: 'CONNECTING' });
    this.reason = h('p', { class: 'reason', role: 'status' });
    this.image = h('img', { class: 'mjpeg', alt: `Live picture of ${name}` });
    this.image.addEventListener('error', () => this.#failed());
    const title = h('div', { class: 'title-row' }, h('h1', { text: name }), this.badge);
    const other = h('a', { class: 'button', href: pageFor('/watch', name), text: 'Open the player' });
    main.replaceChildren(
      h(
        'section',
        { class: 'watch' },
        h('div', { class: 'watch-head' }, h('div', {}, title, this.reason), h('div', { class: 'actions' }, other)),
        h('div', { class: 'picture' }, this.image),
      ),
    );
    document.title = `${name} (MJPEG) – camherd`;
    this.load();
  }

  /** Asks anew. The number keeps the browser from joining the request that ended. */
  load() {
    clearTimeout(this.#retry);
    this.image.src = `${streamUrl(this.name, 'mjpeg')}?again=${Date.now()}`;
  }

  #failed() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.load(), RETRY_MS);
  }

  update(state, words) {
    const { label, tone } = badgeOf(state);
    setText(this.badge, label);
    this.badge.className = `badge ${tone}`;
    setText(this.reason, words);
    this.image.classList.toggle('stale', state !== 'live');
  }
}

/** State and its words, from the server's answer or the lack of it. */
function describe({ status, lostAt, signedOut }, name) {
  if (lostAt !== null) return ['unreachable', ''];
  if (signedOut) return ['signed-out', ''];
  const stream = status?.streams?.find((candidate) => candidate.name === name);
  if (!stream) return ['waiting', 'The camera has not connected yet.'];
  if (stream.state !== 'live') return [stream.state, stream.reason ?? ''];
  return ['live', `${stream.width} × ${stream.height}  ·  ${formatFps(stream.fps)}  ·  ${formatAge(stream.age_ms)} old at the server`];
}

new StatusPoller((view) => {
  banner.update(view);
  updateFoot(foot, view.status);
  const name = page?.name ?? wantedStream(view.status);
  if (!name) {
    if (view.status) setText(main.querySelector('h1'), 'No camera yet');
    return;
  }
  page ??= new MjpegPage(name);
  const [state, words] = describe(view, name);
  page.update(state, words);
  // An image gives no sign when its endless answer ends after the first picture, so each return to life asks anew.
  if (state === 'live' && was && was !== 'live') page.load();
  was = state;
}).start();
