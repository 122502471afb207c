// <camherd-player>: a live picture that connects when it is put into a page, and lets go when it is taken out.

import { Session } from './session.js';
import { PlayerView } from './view.js';

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
export class CamherdPlayer extends Base {
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
