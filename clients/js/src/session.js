// One viewing of one stream: the connection, the way of showing it, the fallback from H.264 to JPEG, and the numbers.
// Draws into the video and canvas it is given; everything else a person sees is the element's business.

import { Connection } from './connection.js';
import { JpegSink } from './jpeg.js';
import { MseSink, mseAvailable, msePlays } from './mse.js';
import { RateMeter } from './stats.js';

/** Speed, stalls and deadlines are looked at this often, ms. */
const TICK_MS = 100;

/** No picture for this long though fragments arrive: the browser only claims to play the format, ms. */
const NO_PICTURE_MS = 5000;

/** No fragment for this long from a live stream: the server cannot make H.264 of it, ms. */
const NO_MEDIA_MS = 10_000;

/** Failures of the video element are forgotten after this long; a second one before that ends the attempt, ms. */
const FAILURE_MEMORY_MS = 60_000;
const MAX_FAILURES = 2;

/** Pause before H.264 is tried again where the page rules out the fallback, ms. */
const RETRY_MSE_MS = 5000;

const CODEC_NAMES = { avc1: 'H.264', avc3: 'H.264', hvc1: 'H.265', hev1: 'H.265', av01: 'AV1', vp09: 'VP9' };

/** @param {string} mime @returns {string} the name people use for the video codec in it */
export function codecName(mime) {
  const tag = /codecs="?([a-z0-9]{4})/i.exec(mime)?.[1] ?? '';
  return CODEC_NAMES[tag] ?? (tag || 'this format');
}

/**
 * @typedef {object} SessionOptions
 * @property {HTMLVideoElement} video
 * @property {HTMLCanvasElement} canvas
 * @property {URL} base the server's address
 * @property {string} stream name, empty for the server's default stream
 * @property {'auto'|'mse'|'jpeg'} mode
 * @property {number|null} fps highest rate asked for in JPEG mode
 * @property {'auto'|'high'|'medium'|'low'} quality the one that is asked for; `auto` is what the connection carries
 * @property {() => void} onchange state, mode, size or note changed
 */
export class Session {
  #options;
  #link;
  #status = 'connecting';
  #detail = '';
  #server = { state: 'connecting', reason: '' };
  #transport = 'mse';
  #note = '';
  #codec = '';
  #quality = 'high';
  #qualityReason = '';
  #name;
  #sink = null;
  #mime = null;
  #expectInit = false;
  #captured = null;
  #shown = null;
  #size = { width: 0, height: 0 };
  #frames = 0;
  #delay = null;
  #shownRate = new RateMeter();
  #received = new RateMeter();
  #failures = [];
  #mediaSince = null;
  #lastMedia = 0;
  #pictureSeen = false;
  #dropped = { server: 0, serverBefore: 0, decoderBefore: 0 };
  #held = false;
  #timer = 0;
  #retryMse = 0;
  #visibility = () => !document.hidden && this.#becameVisible();

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#name = options.stream;
    this.#link = new Connection({
      url: () => this.#url(),
      refused: () => this.#askForSignIn(),
      text: (message) => this.#text(message),
      binary: (bytes) => this.#binary(bytes),
      status: (status, detail) => this.#linkChanged(status, detail),
    });
  }

  start() {
    const { mode } = this.#options;
    this.#transport = mode === 'jpeg' ? 'jpeg' : 'mse';
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener('visibilitychange', this.#visibility);
    if (this.#transport === 'mse' && !mseAvailable()) this.#cannotPlay('this browser cannot play H.264 here');
    this.#link.start();
  }

  stop() {
    this.#link.stop();
    clearInterval(this.#timer);
    clearTimeout(this.#retryMse);
    document.removeEventListener('visibilitychange', this.#visibility);
    this.#closeSink();
  }

  #url() {
    const { base, fps, quality, stream } = this.#options;
    const jpeg = this.#transport === 'jpeg';
    const url = new URL(jpeg ? 'ws/jpeg' : 'ws/fmp4', base);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.hash = '';
    url.search = base.search;
    if (stream) url.searchParams.set('stream', stream);
    if (quality !== 'auto') url.searchParams.set('quality', quality);
    if (jpeg) url.searchParams.set('meta', '1');
    if (jpeg && fps) url.searchParams.set('fps', String(fps));
    return url.href;
  }

  /** Other origins are not asked: without permission their answer could not be read. */
  async #askForSignIn() {
    const { base } = this.#options;
    if (base.origin !== location.origin) return false;
    const answer = await fetch(new URL(`status${base.search}`, base), { cache: 'no-store' });
    return answer.status === 401;
  }

  #linkChanged(status, detail) {
    if (status === 'connecting') {
      // While it is tried again, what is shown stays: the reason why there is no connection.
      this.#newConnection();
      return;
    }
    this.#status = status;
    this.#detail = detail;
    if (status !== 'open') this.#server = { state: 'connecting', reason: '' };
    this.#options.onchange();
  }

  #newConnection() {
    this.#closeSink();
    this.#expectInit = false;
    this.#quality = 'high';
    this.#qualityReason = '';
    this.#captured = null;
    this.#lastMedia = performance.now();
    this.#dropped.serverBefore += this.#dropped.server;
    this.#dropped.server = 0;
  }

  #closeSink() {
    if (this.#sink instanceof MseSink) this.#dropped.decoderBefore += this.#videoDropped();
    if (this.#sink instanceof JpegSink) this.#dropped.decoderBefore += this.#sink.dropped;
    this.#sink?.close();
    this.#sink = null;
    this.#mediaSince = null;
    this.#pictureSeen = false;
  }

  #text(message) {
    switch (message.type) {
      case 'stream':
        this.#name = String(message.name ?? '');
        break;
      case 'state':
        this.#server = { state: String(message.state), reason: String(message.reason ?? '') };
        if (message.state === 'live') this.#lastMedia = performance.now();
        break;
      case 'quality':
        this.#quality = String(message.quality);
        this.#qualityReason = String(message.reason ?? '');
        break;
      case 'init':
        this.#init(message);
        break;
      case 'frame':
        this.#captured = Number.isFinite(message.captured) ? message.captured : null;
        return;
      case 'dropped':
        if (Number.isFinite(message.total)) this.#dropped.server = message.total;
        return;
      default:
        return;
    }
    this.#options.onchange();
  }

  #init({ mime }) {
    if (this.#transport !== 'mse') return;
    this.#mime = String(mime);
    this.#codec = codecName(this.#mime);
    this.#expectInit = true;
    if (!msePlays(this.#mime)) this.#cannotPlay(`this browser cannot play ${this.#codec}`);
  }

  #binary(bytes) {
    const now = performance.now();
    this.#lastMedia = now;
    if (this.#transport === 'jpeg') {
      this.#received.add(now, bytes.byteLength);
      this.#jpegSink().frame(bytes, this.#captured);
      this.#captured = null;
    } else if (this.#expectInit) {
      this.#expectInit = false;
      this.#mseSink().init(this.#mime, bytes);
    } else if (this.#sink) {
      this.#received.add(now, bytes.byteLength);
      this.#mediaSince ??= now;
      this.#sink.media(bytes);
    }
  }

  #jpegSink() {
    this.#codec = 'MJPEG';
    this.#sink ??= new JpegSink(this.#options.canvas, (frame) => {
      this.#delay = frame.delay;
      this.#frameShown({ ...frame, count: 1 });
    });
    return this.#sink;
  }

  #mseSink() {
    this.#sink ??= new MseSink(this.#options.video, {
      onframe: (frame) => this.#frameShown(frame),
      onfail: (kind, detail) => this.#mseFailed(kind, detail),
    });
    return this.#sink;
  }

  #frameShown({ captured, width, height, count }) {
    this.#pictureSeen = true;
    // With the fallback ruled out, the note told why there was no picture.
    if (this.#options.mode === 'mse') this.#note = '';
    this.#frames += count;
    this.#shown = { captured };
    this.#shownRate.add(performance.now(), 0, count);
    const changed = width !== this.#size.width || height !== this.#size.height || this.#frames === count;
    this.#size = { width, height };
    if (changed) this.#options.onchange();
  }

  #mseFailed(kind, detail) {
    const now = performance.now();
    this.#failures = this.#failures.filter((at) => now - at < FAILURE_MEMORY_MS);
    this.#failures.push(now);
    if (kind === 'autoplay') this.#cannotPlay('this browser does not let video start by itself');
    else if (this.#failures.length >= MAX_FAILURES) this.#cannotPlay(`${this.#codec} failed twice (${detail})`);
    else this.#link.restart();
  }

  /** Falls back to JPEG where that is allowed, and says why. */
  #cannotPlay(why) {
    this.#closeSink();
    if (this.#options.mode === 'mse') {
      this.#note = why;
      clearTimeout(this.#retryMse);
      this.#retryMse = setTimeout(() => this.#link.restart(), RETRY_MSE_MS);
    } else {
      this.#transport = 'jpeg';
      this.#note = `MJPEG: ${why}`;
      this.#shownRate.reset();
      this.#received.reset();
      this.#link.restart();
    }
    this.#options.onchange();
  }

  #tick() {
    if (!(this.#sink instanceof MseSink)) {
      this.#checkMedia();
      return;
    }
    this.#sink.tick();
    const waited = this.#mediaSince === null ? 0 : performance.now() - this.#mediaSince;
    if (this.#pictureSeen || document.hidden || this.#held) this.#mediaSince &&= performance.now();
    else if (waited > NO_PICTURE_MS) this.#cannotPlay(`${this.#codec} gave no picture in this browser`);
  }

  #checkMedia() {
    if (this.#transport !== 'mse' || this.#status !== 'open' || this.#server.state !== 'live') return;
    if (this.#options.mode === 'auto' && performance.now() - this.#lastMedia > NO_MEDIA_MS) {
      this.#cannotPlay('the server sends no H.264 for this stream');
    }
  }

  #becameVisible() {
    if (this.#mediaSince !== null) this.#mediaSince = performance.now();
    this.#sink?.resume();
    this.#link.wake();
  }

  /** Whether the picture is frozen by the viewer. */
  get held() {
    return this.#held;
  }

  set held(value) {
    this.#held = value;
    if (this.#sink) this.#sink.held = value;
    this.#options.onchange();
  }

  /** The drawing element in use. */
  get surface() {
    return this.#transport === 'jpeg' ? this.#options.canvas : this.#options.video;
  }

  #videoDropped() {
    return this.#options.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
  }

  #decoderDropped() {
    if (this.#sink instanceof MseSink) return this.#dropped.decoderBefore + this.#videoDropped();
    return this.#dropped.decoderBefore + (this.#sink?.dropped ?? 0);
  }

  /** What people should read as the state: the server's word while connected, else why there is no connection. */
  #state() {
    if (this.#status === 'open') return this.#server;
    if (this.#status === 'refused') return { state: 'refused', reason: this.#detail };
    if (this.#status === 'lost') return { state: 'unreachable', reason: this.#detail };
    if (this.#status === 'not-found') {
      return { state: 'not-found', reason: this.#detail || `the server has no stream "${this.#name}"` };
    }
    if (this.#status === 'signed-out') return { state: 'signed-out', reason: 'this server asks for a sign-in' };
    return { state: 'connecting', reason: '' };
  }

  #age() {
    const now = this.#link.clock.now();
    if (now === null || !this.#shown || this.#shown.captured === null) return null;
    return Math.max(now - this.#shown.captured, 0);
  }

  #latency() {
    if (this.#sink instanceof MseSink) return this.#sink.behind === null ? null : Math.max(this.#sink.behind * 1000, 0);
    return this.#sink ? this.#delay : null;
  }

  /** A snapshot of the numbers; see `PlayerStats` in index.d.ts for their meaning and units. */
  get stats() {
    const now = performance.now();
    return {
      ...this.#state(),
      stream: this.#name,
      mode: this.#transport,
      codec: this.#codec,
      quality: this.#quality,
      quality_reason: this.#qualityReason,
      note: this.#note,
      fps: this.#shownRate.rate(now),
      bitrate: this.#received.bitrate(now),
      age_ms: this.#age(),
      latency: this.#latency(),
      rtt_ms: this.#link.clock.rtt,
      dropped_server: this.#dropped.serverBefore + this.#dropped.server,
      dropped_decoder: this.#decoderDropped(),
      ...this.#size,
      frames: this.#frames,
      reconnects: this.#link.reconnects,
    };
  }
}
