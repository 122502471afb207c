// One stream in full: the picture, its state and numbers, and the addresses for other programs.

import { badgeOf } from '/static/camherd/view.js';
import { formatAge, formatBitrate, formatFps } from '/static/camherd/stats.js';
import { isRemovable, removeButton } from './cameras.js';
import { DevicePanel } from './device-panel.js';
import { copyButton, h, pageFor, setText, streamUrl } from './dom.js';

/** What can be opened elsewhere: label, what it is good for, address. */
const OUTPUTS = [
  ['MJPEG', 'OpenCV, Home Assistant, any browser', (name) => streamUrl(name, 'mjpeg')],
  ['MPEG-TS', 'VLC, ffmpeg, OpenCV', (name) => streamUrl(name, 'ts')],
  ['MP4', 'ffmpeg, VLC, recording with curl', (name) => streamUrl(name, 'stream.mp4')],
  ['Snapshot', 'the newest picture as one JPEG', (name) => streamUrl(name, 'snapshot.jpg')],
  ['Python', 'camherd.VideoCapture, in place of that of OpenCV', (name) => `camherd://${location.host}/${name}`],
];

const MODES = [
  ['auto', 'Automatic'],
  ['mse', 'H.264'],
  ['jpeg', 'MJPEG'],
];

/** Which picture: what the connection carries, or one in particular. */
const QUALITIES = [
  ['auto', 'Quality: automatic'],
  ['high', 'High quality'],
  ['medium', 'Medium quality'],
  ['low', 'Low quality'],
];

/** The server's counters of what went wrong, in words. */
const TROUBLES = {
  not_jpeg: 'not a JPEG',
  truncated: 'cut short',
  too_large: 'too large',
  connection: 'failed connections',
  cut_off: 'cut off in the middle',
  bad_size: 'impossible size',
  taken: 'second sender turned away',
  replaced: 'sender replaced by its newer connection',
  silence: 'times silent',
};

/** The server's names of codecs as people write them. */
const CODECS = { jpeg: 'JPEG', h264: 'H.264', h265: 'H.265' };

/** In the place of a value that is not known. */
const NOTHING = '–';

/** A picture older than this is marked, ms. */
const OLD_MS = 2000;

export class WatchView {
  #numbers = new Map();
  #options = '';

  /** @param {string} name stream @param {() => void} removed called when the camera was removed */
  constructor(name, removed) {
    this.name = name;
    this.removal = removeButton(name, removed, { hidden: true });
    this.player = h('camherd-player', { stream: name, controls: true });
    this.player.addEventListener('stats', (event) => this.#stats(event.detail));
    this.player.addEventListener('state', (event) => this.#stats(event.detail));
    this.device = new DevicePanel(name);
    this.node = h('section', { class: 'watch', 'aria-labelledby': 'stream-title' });
    this.node.append(
      this.#head(),
      h(
        'div',
        { class: 'watch-body' },
        h('div', { class: 'picture' }, this.player),
        this.#numbersPanel(),
        this.#cameraPanel(),
        this.device.node,
        this.#outputsPanel(),
      ),
    );
  }

  #head() {
    this.badge = h('span', { class: 'badge waiting', text: 'CONNECTING' });
    this.reason = h('p', { class: 'reason', role: 'status' });
    this.switcher = h('select', { 'aria-label': 'Camera', hidden: true });
    this.switcher.addEventListener('change', () => location.assign(pageFor('/watch', this.switcher.value)));
    const title = h('div', { class: 'title-row' }, h('h1', { id: 'stream-title', text: this.name }), this.badge);
    return h('div', { class: 'watch-head' }, h('div', {}, title, this.reason), this.#actions());
  }

  #actions() {
    const snapshot = h('a', {
      class: 'button',
      href: streamUrl(this.name, 'snapshot.jpg'),
      download: `${this.name}.jpg`,
      text: 'Save snapshot',
    });
    const fullscreen = h('button', { type: 'button', class: 'button', text: 'Full screen', onclick: () => this.player.toggleFullscreen() });
    const mode = h('select', { 'aria-label': 'Way of showing', onchange: () => (this.player.mode = mode.value) });
    for (const [value, text] of MODES) mode.append(h('option', { value, text }));
    const quality = h('select', { 'aria-label': 'Quality', onchange: () => (this.player.quality = quality.value) });
    for (const [value, text] of QUALITIES) quality.append(h('option', { value, text }));
    return h('div', { class: 'actions' }, this.switcher, mode, quality, snapshot, fullscreen);
  }

  #numbersPanel() {
    return this.#panel('What you see', [
      ['age', 'Age of the picture'],
      ['fps', 'Frame rate'],
      ['bitrate', 'Bit rate'],
      ['size', 'Resolution'],
      ['mode', 'Shown as'],
      ['quality', 'Quality'],
      ['late', 'Dropped on the way'],
      ['here', 'Dropped here'],
    ]);
  }

  #cameraPanel() {
    const panel = this.#panel('What the camera sends', [
      ['camera-fps', 'Frame rate'],
      ['camera-bitrate', 'Bit rate'],
      ['camera-size', 'Resolution'],
      ['camera-codec', 'Format'],
      ['camera-address', 'From'],
    ]);
    this.camera = panel.querySelector('dl');
    this.cameraTrouble = h('p', { class: 'quiet' });
    panel.append(this.cameraTrouble, this.removal);
    return panel;
  }

  /** A panel of rows, each with a label and a value that `#put` writes. */
  #panel(title, rows) {
    const list = h('dl', { class: 'numbers' });
    for (const [key, label] of rows) {
      const value = h('dd', { text: NOTHING });
      this.#numbers.set(key, value);
      list.append(h('div', {}, h('dt', { text: label }), value));
    }
    return h('section', { class: 'panel', 'aria-label': title }, h('h2', { text: title }), list);
  }

  #put(key, text) {
    setText(this.#numbers.get(key), text || NOTHING);
  }

  #outputsPanel() {
    const rows = OUTPUTS.map(([label, use, address]) => {
      const url = address(this.name);
      const link = url.startsWith('http') ? h('a', { href: url, text: url }) : h('span', { text: url });
      return h(
        'li',
        {},
        h('div', { class: 'output-text' }, h('strong', { text: label }), h('span', { class: 'quiet', text: ` ${use}` }), h('div', { class: 'url' }, link)),
        copyButton(() => url, `the ${label} address`),
      );
    });
    return h('section', { class: 'panel for-programs', 'aria-label': 'For other programs' }, h('h2', { text: 'For other programs' }), h('ul', { class: 'outputs' }, ...rows));
  }

  #stats(stats) {
    if (!stats) return;
    const { label, tone } = badgeOf(stats.state);
    setText(this.badge, label);
    this.badge.className = `badge ${tone}`;
    setText(this.reason, stats.state === 'live' ? stats.note : stats.reason);
    const moving = stats.frames > 0 && stats.state === 'live';
    this.#put('age', formatAge(stats.age_ms));
    this.#numbers.get('age').classList.toggle('old', (stats.age_ms ?? 0) > OLD_MS);
    this.#put('fps', moving && formatFps(stats.fps));
    this.#put('bitrate', moving && formatBitrate(stats.bitrate));
    this.#put('size', sizeOf(stats));
    this.#put('mode', stats.codec);
    this.#put('quality', moving && this.#quality(stats));
    this.#put('late', String(stats.dropped_server));
    this.#put('here', String(stats.dropped_decoder));
  }

  /** The quality in words, and why it is a lower one. */
  #quality({ quality }) {
    if (quality === 'high' || this.player.quality !== 'auto') return quality;
    return `${quality}: your connection is slow`;
  }

  /** @param {object|undefined} stream this stream's entry of /status @param {object[]} streams all entries */
  update(stream, streams) {
    this.#updateSwitcher(streams);
    this.device.update(stream?.device);
    this.camera.hidden = !stream;
    this.removal.hidden = !isRemovable(stream);
    setText(this.cameraTrouble, stream ? troubles(stream) : 'The server does not know this stream.');
    this.cameraTrouble.hidden = !this.cameraTrouble.textContent;
    if (!stream) return;
    const live = stream.state === 'live';
    this.#put('camera-fps', live && formatFps(stream.fps));
    this.#put('camera-bitrate', live && formatBitrate(stream.bitrate));
    this.#put('camera-size', sizeOf(stream));
    this.#put('camera-codec', CODECS[stream.codec] ?? stream.codec);
    this.#put('camera-address', stream.camera ?? stream.source);
  }

  #updateSwitcher(streams) {
    const names = streams.map((stream) => stream.name);
    if (!names.includes(this.name)) names.push(this.name);
    this.switcher.hidden = names.length < 2;
    if (names.join() === this.#options) return;
    this.#options = names.join();
    this.switcher.replaceChildren(...names.map((name) => h('option', { value: name, text: name })));
    this.switcher.value = this.name;
  }

  remove() {
    this.node.remove();
  }
}

function sizeOf({ width, height }) {
  return width ? `${width} × ${height}` : '';
}

/** What went wrong so far and how the camera is fetched, in words; empty when there is nothing to tell. */
function troubles(stream) {
  const drops = Object.entries(stream.dropped ?? {}).filter(([, count]) => count > 0);
  const words = drops.map(([reason, count]) => `${count} ${TROUBLES[reason] ?? reason.replaceAll('_', ' ')}`);
  const parts = [];
  if (stream.on_demand) parts.push('Connected only while somebody watches.');
  if (words.length) parts.push(`Went wrong so far: ${words.join(', ')}.`);
  if (stream.last_error) parts.push(`Last problem: ${stream.last_error}`);
  return parts.join(' ');
}
