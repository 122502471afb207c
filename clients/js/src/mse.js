// fMP4 fragments into a video element through Media Source Extensions, kept at the live edge.
//
// The sink never waits for the browser: what cannot be appended yet is queued and joined with what follows. When
// something is wrong that only a fresh start mends (a decode error, a full buffer, a picture that stands still though
// data is there), it says so once through `onfail` and is of no more use.

import { LiveEdge, TARGET_S } from './live-edge.js';
import { readFragment, readInit } from './mp4.js';
import { Timeline } from './timeline.js';

/**
 * Media kept behind the newest frame, seconds; more where the last keyframe before that is older, because cameras
 * with a keyframe in a minute exist and a frame without its keyframe is no picture. Nobody rewinds a live picture.
 */
const KEEP_S = 10;

/** Old media is removed when this much more than `KEEP_S` has gathered, since each removal holds up the appends, seconds. */
const KEEP_EXTRA_S = 5;

/** Times are rounded to microseconds in the browser: what is removed ends this much before a keyframe, seconds. */
const ROUNDING_S = 0.001;

/** What is kept when the browser says that its buffer is full, seconds. */
const KEEP_LITTLE_S = 2;

/** Queued fragments are appended together up to this size: one append per frame costs more than the bytes, bytes. */
const JOIN_BYTES = 1 << 20;

/** More than this waiting means the browser no longer takes data (a suspended tab); a fresh start is cheaper, bytes. */
const QUEUE_BYTES = 16 << 20;

/** A clock that stands still this long with newer frames buffered is a stall: first a jump, then a fresh start, ms. */
const STALL_JUMP_MS = 700;
const STALL_FAIL_MS = 4000;

/** Distance to the newest frame from which standing still is a stall and not the end of the data, seconds. */
const STALL_BEHIND_S = 0.2;

const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;

/** Whether this browser has Media Source Extensions. */
export function mseAvailable() {
  return Boolean(Source);
}

/** Whether this browser says that it plays `mime`, such as `video/mp4; codecs="avc1.42C01E"`. */
export function msePlays(mime) {
  return Boolean(Source?.isTypeSupported(mime));
}

/**
 * @typedef {object} MseHandlers
 * @property {(frame: {captured: number|null, width: number, height: number, count: number}) => void} onframe
 *   a frame came on screen; `count` is how many did since the last call
 * @property {(kind: 'decode'|'full'|'stalled'|'autoplay'|'format', detail: string) => void} onfail at most once
 */
export class MseSink {
  #video;
  #handlers;
  #source = null;
  #buffer = null;
  #mime = '';
  #queue = [];
  #queued = 0;
  #timeline = new Timeline();
  #live = new LiveEdge();
  #edge = null;
  #appending = null;
  #closed = false;
  #held = false;
  #presented = null;
  #progress = { time: -1, at: 0, jumped: false };
  #frameHandle = 0;
  #off = new AbortController();

  /** @param {HTMLVideoElement} video @param {MseHandlers} handlers */
  constructor(video, handlers) {
    this.#video = video;
    this.#handlers = handlers;
    this.#source = new Source();
    const { signal } = this.#off;
    this.#source.addEventListener('sourceopen', () => this.#pump(), { signal });
    video.addEventListener('seeked', () => this.#live.landed(performance.now()), { signal });
    video.addEventListener('error', () => this.#fail('decode', video.error?.message || 'the video element failed'), { signal });
    this.#attach();
    if (video.requestVideoFrameCallback) this.#frameHandle = video.requestVideoFrameCallback(this.#shown);
  }

  #attach() {
    const video = this.#video;
    if (globalThis.ManagedMediaSource && this.#source instanceof globalThis.ManagedMediaSource) {
      // Safari opens a managed source only where AirPlay is ruled out.
      video.disableRemotePlayback = true;
      video.srcObject = this.#source;
    } else {
      const url = URL.createObjectURL(this.#source);
      video.src = url;
      this.#source.addEventListener('sourceopen', () => URL.revokeObjectURL(url), { once: true });
    }
    this.#play();
  }

  /** Seconds between the element's clock and the newest appended frame, or null before there is one. */
  get behind() {
    return this.#edge === null ? null : this.#edge - this.#video.currentTime;
  }

  /** Takes an init segment, at the start and again when the format changes. */
  init(mime, bytes) {
    let timescale;
    try {
      ({ timescale } = readInit(bytes));
    } catch (error) {
      this.#fail('format', `init segment: ${error.message}`);
      return;
    }
    this.#timeline.setTimescale(timescale);
    this.#enqueue({ mime, bytes, time: null, offset: null });
  }

  /** Takes a fragment of one frame. */
  media(bytes) {
    let place;
    try {
      place = this.#timeline.place(readFragment(bytes));
    } catch (error) {
      this.#fail('format', `fragment: ${error.message}`);
      return;
    }
    this.#enqueue({ mime: null, bytes, ...place });
  }

  #enqueue(item) {
    if (this.#closed) return;
    this.#queue.push(item);
    this.#queued += item.bytes.byteLength;
    if (this.#queued > QUEUE_BYTES) this.#fail('full', 'the browser stopped taking data');
    else this.#pump();
  }

  #pump() {
    if (this.#closed || this.#source.readyState !== 'open' || this.#buffer?.updating || !this.#queue.length) return;
    try {
      if (this.#queue[0].mime !== null) this.#appendInit(this.#take(1)[0]);
      else this.#appendMedia();
    } catch (error) {
      if (error.name === 'QuotaExceededError') this.#makeRoom();
      else this.#fail('decode', error.message);
    }
  }

  /** Removes the first `count` items from the queue. */
  #take(count) {
    const items = this.#queue.splice(0, count);
    for (const item of items) this.#queued -= item.bytes.byteLength;
    return items;
  }

  #appendInit({ mime, bytes }) {
    if (!this.#buffer) {
      this.#buffer = this.#source.addSourceBuffer(mime);
      this.#buffer.mode = 'segments';
      const { signal } = this.#off;
      this.#buffer.addEventListener('updateend', () => this.#updated(), { signal });
      this.#buffer.addEventListener('error', () => this.#fail('decode', 'the browser could not read the stream'), { signal });
    } else if (mime !== this.#mime) {
      this.#buffer.changeType(mime);
    }
    this.#mime = mime;
    this.#buffer.appendBuffer(bytes);
  }

  #appendMedia() {
    const first = this.#queue[0];
    let count = 0;
    let size = 0;
    for (const item of this.#queue) {
      if (item.mime !== null || item.offset !== first.offset || (count && size + item.bytes.byteLength > JOIN_BYTES)) break;
      count += 1;
      size += item.bytes.byteLength;
    }
    if (this.#buffer.timestampOffset !== first.offset) this.#buffer.timestampOffset = first.offset;
    const last = this.#queue[count - 1];
    this.#buffer.appendBuffer(count === 1 ? first.bytes : join(this.#queue.slice(0, count), size));
    this.#take(count);
    this.#appending = last.time;
  }

  #makeRoom() {
    if (!this.#removeBefore((this.#edge ?? 0) - KEEP_LITTLE_S, 0)) this.#fail('full', 'the buffer of the browser is full');
  }

  /**
   * Removes what is older than the last keyframe before `limit`, if that is more than `least` seconds.
   * @returns {boolean} whether there is something to remove
   */
  #removeBefore(limit, least) {
    const { buffered } = this.#buffer;
    const keyframe = this.#timeline.keyframeBefore(limit);
    if (!buffered.length || keyframe === null) return false;
    const [start, end] = [buffered.start(0), keyframe - ROUNDING_S];
    if (end - start <= least) return false;
    this.#buffer.remove(start, end);
    return true;
  }

  #updated() {
    if (this.#closed) return;
    if (this.#appending !== null) {
      this.#edge = this.#appending;
      this.#appending = null;
      this.#live.arrived(performance.now(), this.behind);
      this.#follow();
    }
    this.#pump();
    this.#trim();
  }

  /** Removes media that is far behind the edge, when the buffer is idle. */
  #trim() {
    if (this.#edge === null || this.#buffer.updating || this.#source.readyState !== 'open') return;
    this.#removeBefore(this.#edge - KEEP_S, KEEP_EXTRA_S);
  }

  /** To be called about ten times a second: speed, stalls, holes. */
  tick() {
    if (this.#closed || this.#edge === null || this.#held || document.hidden) return;
    if (this.#video.paused) this.#play();
    this.#follow();
    this.#watchProgress();
    if (!this.#video.requestVideoFrameCallback) this.#countFrames();
  }

  #follow() {
    if (this.#held || document.hidden) return;
    const now = performance.now();
    const { seek, rate } = this.#live.decide(now, this.behind);
    if (seek) this.goLive();
    else if (this.#inHole()) this.goLive();
    else if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }

  /** Whether the element's clock stands where nothing is buffered though newer frames are there. */
  #inHole() {
    const { buffered, currentTime } = this.#video;
    if (!buffered.length || this.#video.seeking || currentTime >= this.#edge) return false;
    for (let i = 0; i < buffered.length; i += 1) {
      if (currentTime >= buffered.start(i) && currentTime < buffered.end(i)) return false;
    }
    return true;
  }

  /** Jumps to the newest frames. */
  goLive() {
    const { buffered } = this.#video;
    if (this.#edge === null || !buffered.length) return;
    const start = buffered.start(buffered.length - 1);
    this.#video.currentTime = Math.max(this.#edge - TARGET_S, start);
    this.#video.playbackRate = 1;
    this.#live.seeked(performance.now());
  }

  #watchProgress() {
    const now = performance.now();
    const time = this.#video.currentTime;
    if (time !== this.#progress.time || this.behind < STALL_BEHIND_S || this.#live.isSeeking(now)) {
      this.#progress = { time, at: now, jumped: false };
      return;
    }
    const still = now - this.#progress.at;
    if (still > STALL_FAIL_MS) {
      this.#fail('stalled', 'the video stands still although data arrives');
    } else if (still > STALL_JUMP_MS && !this.#progress.jumped) {
      this.goLive();
      this.#progress = { time: this.#video.currentTime, at: this.#progress.at, jumped: true };
    }
  }

  #play() {
    this.#video.play()?.catch((error) => {
      if (error.name === 'NotAllowedError') this.#fail('autoplay', error.message);
    });
  }

  /** Freezes the picture, or goes on at the live edge. */
  set held(value) {
    this.#held = value;
    if (value) {
      this.#video.pause();
    } else {
      this.resume();
    }
  }

  /** Continues after the tab was in the background: browsers pause or slow down what is not visible. */
  resume() {
    if (this.#held || this.#closed) return;
    this.#progress = { time: -1, at: performance.now(), jumped: false };
    this.goLive();
    this.#play();
  }

  #shown = (_now, frame) => {
    if (this.#closed) return;
    const count = this.#presented === null ? 1 : Math.max(frame.presentedFrames - this.#presented, 1);
    this.#presented = frame.presentedFrames;
    this.#report(frame.mediaTime, count);
    this.#frameHandle = this.#video.requestVideoFrameCallback(this.#shown);
  };

  /** The same without requestVideoFrameCallback, to the accuracy of `tick`. */
  #countFrames() {
    const quality = this.#video.getVideoPlaybackQuality();
    const presented = quality.totalVideoFrames - quality.droppedVideoFrames;
    const count = presented - (this.#presented ?? 0);
    this.#presented = presented;
    if (count > 0) this.#report(this.#video.currentTime, count);
  }

  #report(mediaTime, count) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    this.#handlers.onframe({ captured: this.#timeline.capturedAt(mediaTime), width, height, count });
  }

  #fail(kind, detail) {
    if (this.#closed) return;
    this.close();
    this.#handlers.onfail(kind, detail);
  }

  /** Lets go of the video element, which keeps its last picture until it gets another source. */
  close() {
    this.#closed = true;
    this.#off.abort();
    this.#queue = [];
    if (this.#frameHandle) this.#video.cancelVideoFrameCallback(this.#frameHandle);
  }
}

function join(items, size) {
  const all = new Uint8Array(size);
  let at = 0;
  for (const { bytes } of items) {
    all.set(new Uint8Array(bytes), at);
    at += bytes.byteLength;
  }
  return all;
}
