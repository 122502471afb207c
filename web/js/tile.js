// One stream in the overview: a small live picture that runs only while it can be seen.

import { formatFps } from '/static/camherd/stats.js';
import { isRemovable, removeButton } from './cameras.js';
import { h, pageFor, setText } from './dom.js';
import { plural } from './shell.js';

/** Rate of small pictures in JPEG: enough to see that they live, a sixth of the bytes, frames per second. */
const TILE_FPS = 5;

/** A page in the background lets go of its streams after this long, so that a short look elsewhere costs nothing, ms. */
const HIDDEN_MS = 15_000;

/** Pictures start a little before they scroll into view. */
const MARGIN = '120px';

/** Video is shown as it comes: of JPEGs the server would first have to make them. Not known yet, the address tells. */
function modeFor({ codec, source }) {
  const video = codec ? codec !== 'jpeg' : source?.startsWith('rtsp:');
  return video ? 'auto' : 'jpeg';
}

export class Tile {
  #slot;
  #name;
  #meta;
  #player = null;
  #seen = false;
  #asleep = false;
  #mode = 'jpeg';
  #remove;

  /** @param {string} name stream @param {() => void} changed called when the camera was removed */
  constructor(name, changed) {
    this.#name = name;
    this.#slot = h('div', { class: 'tile-picture' });
    this.#meta = h('span', { class: 'quiet' });
    const link = h('a', { href: pageFor('/watch', name), 'aria-label': `Watch ${name}` });
    link.append(this.#slot, h('div', { class: 'tile-caption' }, h('span', { class: 'tile-name', text: name }), this.#meta));
    this.#remove = removeButton(name, changed, { hidden: true });
    this.node = h('li', { class: 'tile' }, link, this.#remove);
  }

  update(stream) {
    const live = stream.state === 'live';
    const size = stream.width ? `${stream.width}×${stream.height}` : '';
    const parts = live ? [size, formatFps(stream.fps), plural(stream.viewers ?? 0, 'viewer')] : [stream.reason || stream.state];
    setText(this.#meta, parts.filter(Boolean).join('  ·  '));
    this.#mode = modeFor(stream);
    if (this.#player && this.#player.mode !== this.#mode) this.#player.mode = this.#mode;
    this.#remove.hidden = !isRemovable(stream);
  }

  set seen(value) {
    this.#seen = value;
    this.#apply();
  }

  set asleep(value) {
    this.#asleep = value;
    this.#apply();
  }

  #apply() {
    const run = this.#seen && !this.#asleep;
    if (run && !this.#player) {
      this.#player = h('camherd-player', { stream: this.#name, mode: this.#mode, fps: TILE_FPS, hud: 'mini' });
      this.#slot.append(this.#player);
    } else if (!run && this.#player) {
      this.#player.remove();
      this.#player = null;
    }
  }
}

/** All tiles, kept in the order of the server's list. */
export class Grid {
  #tiles = new Map();
  #observer;
  #list = h('ul', { class: 'grid' });
  #sleep = 0;
  #visibility = () => this.#pageVisibility();
  #changed;

  /** @param {() => void} changed called when a camera was removed */
  constructor(changed) {
    this.#changed = changed;
    this.node = h('section', { 'aria-labelledby': 'overview-title' }, h('h1', { id: 'overview-title', text: 'Cameras' }), this.#list);
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const tile = [...this.#tiles.values()].find((candidate) => candidate.node === entry.target);
        if (tile) tile.seen = entry.isIntersecting;
      }
    }, { rootMargin: MARGIN });
    document.addEventListener('visibilitychange', this.#visibility);
  }

  #pageVisibility() {
    clearTimeout(this.#sleep);
    const set = (asleep) => this.#tiles.forEach((tile) => (tile.asleep = asleep));
    if (document.hidden) this.#sleep = setTimeout(() => set(true), HIDDEN_MS);
    else set(false);
  }

  update(streams) {
    const names = new Set(streams.map((stream) => stream.name));
    for (const [name, tile] of this.#tiles) {
      if (names.has(name)) continue;
      this.#observer.unobserve(tile.node);
      tile.node.remove();
      this.#tiles.delete(name);
    }
    streams.forEach((stream, index) => {
      const tile = this.#tiles.get(stream.name) ?? this.#add(stream.name);
      tile.update(stream);
      // Moving a node that is in place already would restart its player.
      const there = this.#list.children[index];
      if (there !== tile.node) this.#list.insertBefore(tile.node, there ?? null);
    });
  }

  #add(name) {
    const tile = new Tile(name, this.#changed);
    this.#tiles.set(name, tile);
    this.#list.append(tile.node);
    this.#observer.observe(tile.node);
    return tile;
  }

  remove() {
    clearTimeout(this.#sleep);
    this.#observer.disconnect();
    document.removeEventListener('visibilitychange', this.#visibility);
    this.node.remove();
  }
}
