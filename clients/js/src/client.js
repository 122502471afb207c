// RTSPStreamClient: starts and stops streams on a server and shows their raw frames on a canvas. Names, fields,
// arguments and results are those of the single-ingest RTSP servers whose pages it serves; where those kept silent, gave
// up or drew each frame at any price, it reports, comes back, and skips.

import { BgrCanvas } from './bgr-canvas.js';
import { Connection } from './connection.js';
import { ask, serverAddress } from './server-api.js';
import { RateMeter } from './stats.js';

const DEFAULT_SERVER = 'http://localhost:8091';
const DEFAULT_STREAM = 'camera1';

/** The size that the API makes of a stream when none is asked for. */
const DEFAULT_SIZE = { width: 640, height: 480 };

/** Bytes of a BGR24 pixel. */
const PIXEL_BYTES = 3;

/** RFC 6455, 7.4.1. */
const CLOSE_NORMAL = 1000;

/** @typedef {import('./client.d.ts').ClientStats} ClientStats */

export class RTSPStreamClient {
  #token;
  #link = null;
  #view = null;
  #size = { ...DEFAULT_SIZE };
  #sizeAsked = false;
  #announced = null;
  #rate = new RateMeter();
  #complaint = '';

  /**
   * @param {string} serverUrl `http://`, `https://`, `ws://` or `wss://`; the empty string is the page's own server
   * @param {string} streamId name of the stream
   * @param {{token?: string}} options `token` for servers that ask for one; it may also be in the query of `serverUrl`
   * @throws {TypeError} when `serverUrl` is none
   */
  constructor(serverUrl = DEFAULT_SERVER, streamId = DEFAULT_STREAM, options = {}) {
    const { http, ws, token } = serverAddress(serverUrl);
    this.#token = options.token || token;
    /** Address for WebSockets. */
    this.serverUrl = ws;
    /** Address for HTTP. */
    this.httpServerUrl = http;
    this.streamId = streamId;
    this.canvas = null;
    this.isConnected = false;
    this.isReconnecting = false;
    this.reconnectAttempts = 0;
    /** After so many failures in a row it gives up; without a limit, since cameras and servers come back. */
    this.maxReconnectAttempts = Infinity;
    this.frameCallback = null;
    this.errorCallback = null;
    this.connectCallback = null;
    this.disconnectCallback = null;
    this.resetStats();
  }

  /** Width of the frames in pixels. Setting it asks the server for frames of that size, from the next `connect` on. */
  get width() {
    return this.#size.width;
  }

  set width(pixels) {
    this.#size.width = pixels;
    this.#sizeAsked = true;
  }

  /** As `width`. */
  get height() {
    return this.#size.height;
  }

  set height(pixels) {
    this.#size.height = pixels;
    this.#sizeAsked = true;
  }

  /** The WebSocket in use, or null. */
  get ws() {
    return this.#link?.socket ?? null;
  }

  // `client.onFrame(callback)` and `client.onFrame = callback` do the same.

  get onFrame() {
    return this.#registrar('frameCallback');
  }

  set onFrame(callback) {
    this.frameCallback = callback;
  }

  get onError() {
    return this.#registrar('errorCallback');
  }

  set onError(callback) {
    this.errorCallback = callback;
  }

  get onConnect() {
    return this.#registrar('connectCallback');
  }

  set onConnect(callback) {
    this.connectCallback = callback;
  }

  get onDisconnect() {
    return this.#registrar('disconnectCallback');
  }

  set onDisconnect(callback) {
    this.disconnectCallback = callback;
  }

  /** Anything but a callback is ignored: who assigns callbacks may call the one that was there before with an event. */
  #registrar(slot) {
    return (callback) => {
      if (typeof callback === 'function' || callback === null) this[slot] = callback;
    };
  }

  /**
   * Draws the frames on a canvas, which takes their size.
   * @param {HTMLCanvasElement} canvas
   */
  setupCanvas(canvas) {
    this.#view?.close();
    this.#view = null;
    this.canvas = canvas;
    try {
      this.#view = new BgrCanvas(canvas);
      this.#view.resize(this.width, this.height);
    } catch (error) {
      this.#fail(`Canvas setup failed: ${error.message}`);
    }
  }

  /**
   * Starts the stream `streamId` on the server. A stream of that name that exists already is a conflict.
   * @param {string} rtspUrl address of the camera, of any kind that the server knows
   * @param {number} [width] of the frames in pixels, 640 unless given
   * @param {number} [height] of the frames in pixels, 480 unless given
   * @returns {Promise<import('./client.d.ts').StartResult>} never rejected
   */
  startStream(rtspUrl, width, height) {
    return this.#start('/api/streams', { stream_id: this.streamId, ...source(rtspUrl, width, height) });
  }

  /**
   * Starts a stream under a name that the server makes from the address, which becomes `streamId`. A stream of that
   * address that runs already is used.
   * @returns {Promise<import('./client.d.ts').StartResult>} never rejected
   */
  startStreamWithURL(rtspUrl, width, height) {
    return this.#start('/api/streams/start-with-url', source(rtspUrl, width, height));
  }

  async #start(path, body) {
    this.width = body.width;
    this.height = body.height;
    this.#view?.resize(this.width, this.height);
    try {
      const answer = await this.#ask(path, { method: 'POST', body });
      this.streamId = answer.stream_id ?? this.streamId;
      return {
        success: true,
        message: answer.message ?? '',
        streamId: this.streamId,
        rtspUrl: answer.rtsp_url ?? body.rtsp_url,
        width: answer.width ?? body.width,
        height: answer.height ?? body.height,
      };
    } catch (error) {
      this.#fail(`Failed to start stream: ${error.message}`);
      return { ...failure(error), conflict: error.status === 409 };
    }
  }

  /**
   * Ends the stream on the server, unless it has other viewers: that is a conflict.
   * @returns {Promise<import('./client.d.ts').StopResult>} never rejected
   */
  stopStream() {
    return this.#stop('');
  }

  /**
   * Ends the stream on the server, whoever watches it.
   * @returns {Promise<import('./client.d.ts').StopResult>} never rejected
   */
  forceStopStream() {
    return this.#stop('/force');
  }

  async #stop(suffix) {
    try {
      const answer = await this.#ask(this.#path + suffix, { method: 'DELETE' });
      return { success: true, message: answer.message ?? '' };
    } catch (error) {
      // What is not there is stopped.
      if (error.status === 404) return { success: true, message: error.message };
      const conflict = error.status === 409 ? { conflict: true, clientCount: error.body.client_count } : {};
      return { ...failure(error), ...conflict };
    }
  }

  /** @returns {Promise<object|null>} the server's numbers of the stream; null when it has none or cannot say */
  async getStreamStats() {
    try {
      return await this.#ask(`${this.#path}/stats`);
    } catch (error) {
      if (error.status !== 404) this.#fail(`Failed to get stream stats: ${error.message}`);
      return null;
    }
  }

  /** @returns {Promise<object[]>} the streams of the server; empty when it cannot say */
  async listStreams() {
    try {
      const { streams } = await this.#ask('/api/streams');
      return Array.isArray(streams) ? streams : [];
    } catch (error) {
      this.#fail(`Failed to list streams: ${error.message}`);
      return [];
    }
  }

  get #path() {
    return `/api/streams/${encodeURIComponent(this.streamId)}`;
  }

  #ask(path, options = {}) {
    return ask(this.httpServerUrl, path, { ...options, token: this.#token });
  }

  /** Connects to the frames of `streamId`, and stays connected until `disconnect`. */
  connect() {
    if (this.#link) {
      this.#link.wake();
      return;
    }
    this.#complaint = '';
    this.#link = new Connection({
      url: () => this.#socketUrl(),
      refused: () => this.#asksForToken(),
      text: (message) => this.#text(message),
      binary: (bytes) => this.#frame(bytes),
      status: (status, detail, close) => this.#linkChanged(status, detail, close),
    });
    this.#link.start();
  }

  /** Ends the connection; the canvas keeps its last picture. */
  disconnect() {
    this.#end({ code: CLOSE_NORMAL, reason: 'disconnect() was called', wasClean: true });
  }

  #end(close) {
    this.#link?.stop();
    this.#link = null;
    this.#announced = null;
    this.isReconnecting = false;
    this.reconnectAttempts = 0;
    this.#view?.close();
    this.#closed(close);
  }

  #socketUrl() {
    const url = new URL(`${this.serverUrl.replace(/^http/, 'ws')}/ws/${encodeURIComponent(this.streamId)}`);
    url.searchParams.set('meta', '1');
    if (this.#sizeAsked) {
      url.searchParams.set('width', String(this.width));
      url.searchParams.set('height', String(this.height));
    }
    if (this.#token) url.searchParams.set('token', this.#token);
    return url.href;
  }

  async #asksForToken() {
    const status = await this.#ask('/api/streams').then(() => 200, (error) => error.status);
    return status === 401;
  }

  #linkChanged(status, detail, close) {
    switch (status) {
      case 'connecting':
        this.#connecting();
        return;
      case 'open':
        this.isConnected = true;
        this.isReconnecting = false;
        this.#call('connectCallback', { type: 'open' });
        return;
      default:
        this.isReconnecting = true;
        this.#announced = null;
        this.#closed(close);
        this.#complain(`WebSocket: ${this.#reasonFor(status, detail)}`);
        if (this.reconnectAttempts >= this.maxReconnectAttempts) this.#giveUp(close);
    }
  }

  #connecting() {
    if (!this.isReconnecting) return;
    this.reconnectAttempts += 1;
    this.stats.reconnectCount += 1;
  }

  #reasonFor(status, detail) {
    if (status === 'signed-out') return detail || 'the server asks for a token';
    if (status === 'not-found') return detail || `the server has no stream "${this.streamId}"`;
    return detail;
  }

  #giveUp(close) {
    this.#end(close);
    this.#fail('Max reconnection attempts reached');
  }

  #closed(close) {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.#call('disconnectCallback', { type: 'close', ...close });
  }

  #text(message) {
    switch (message.type) {
      case 'frame':
        this.#announced = message;
        break;
      case 'state':
        this.stats.state = String(message.state);
        this.stats.reason = String(message.reason ?? '');
        if (message.state === 'offline') this.#complain(`Camera offline: ${this.stats.reason}`);
        break;
      case 'dropped':
        if (Number.isFinite(message.missed)) this.stats.framesMissed += message.missed;
        break;
      default:
    }
  }

  /** Takes a frame. A server that announces none sends the size that was asked for. */
  #frame(buffer) {
    const frame = new Uint8Array(buffer);
    const { width, height, seq = null, captured = null } = this.#announced ?? this.#size;
    this.#announced = null;
    if (!(width > 0 && height > 0) || frame.byteLength !== width * height * PIXEL_BYTES) {
      this.#complain(`Frame of ${frame.byteLength} bytes is no BGR picture of ${width}x${height}`);
      return;
    }
    this.#size = { width, height };
    this.#count(frame.byteLength, captured);
    this.#view?.frame(frame, width, height);
    if (this.frameCallback) this.#call('frameCallback', frame, width, height, this.getStats(), { seq, captured });
  }

  #count(bytes, captured) {
    const { stats } = this;
    this.reconnectAttempts = 0;
    this.#complaint = '';
    stats.framesReceived += 1;
    stats.bytesReceived += bytes;
    stats.lastFrameTime = Date.now();
    this.#rate.add(performance.now(), bytes);
    stats.averageFps = this.#rate.rate(performance.now());
    const now = this.#link?.clock.now() ?? null;
    stats.ageMs = now === null || !Number.isFinite(captured) ? null : Math.max(now - captured, 0);
  }

  /** Reports a trouble that lasts once, not with each attempt or frame. */
  #complain(message) {
    if (message === this.#complaint) return;
    this.#complaint = message;
    this.#fail(message);
  }

  #fail(message) {
    if (this.errorCallback) this.#call('errorCallback', message);
    else console.error(`RTSPStreamClient ${this.streamId}: ${message}`);
  }

  /** A callback's own error must not end the connection. */
  #call(slot, ...args) {
    try {
      this[slot]?.(...args);
    } catch (error) {
      console.error(`RTSPStreamClient: error in ${slot}:`, error);
    }
  }

  /** @returns {ClientStats} the numbers of this client */
  getStats() {
    return {
      ...this.stats,
      averageFps: this.#rate.rate(performance.now()),
      framesDrawn: this.#view?.drawn ?? 0,
      framesDropped: this.#view?.dropped ?? 0,
      width: this.width,
      height: this.height,
      ...this.#status(),
    };
  }

  /** Counts from zero again. */
  resetStats() {
    this.#rate.reset();
    this.stats = {
      framesReceived: 0,
      bytesReceived: 0,
      framesMissed: 0,
      lastFrameTime: null,
      averageFps: 0,
      ageMs: null,
      startTime: Date.now(),
      reconnectCount: 0,
      state: '',
      reason: '',
    };
  }

  /** @returns {import('./client.d.ts').ConnectionStatus} */
  getConnectionStatus() {
    return { ...this.#status(), maxReconnectAttempts: this.maxReconnectAttempts, wsState: this.ws?.readyState ?? null };
  }

  #status() {
    const { isConnected, isReconnecting, reconnectAttempts, streamId } = this;
    return { isConnected, isReconnecting, reconnectAttempts, streamId };
  }
}

/** What to start: a size of nothing is the default one. */
function source(rtspUrl, width, height) {
  return { rtsp_url: rtspUrl, width: width || DEFAULT_SIZE.width, height: height || DEFAULT_SIZE.height };
}

function failure(error) {
  return { success: false, error: error.message, status: error.status ?? null };
}
