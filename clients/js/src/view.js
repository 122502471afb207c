// What the player shows around the picture: badge, numbers, messages and buttons.

import { formatAge, formatBitrate, formatFps } from './stats.js';
import { playerSheet } from './style.js';

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
export function badgeOf(state) {
  const [label, tone] = BADGES[state] ?? [state.toUpperCase(), 'waiting'];
  return { label, tone };
}

export class PlayerView {
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
