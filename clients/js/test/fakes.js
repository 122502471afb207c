// Stand-ins for what a browser gives to scripts.

export class FakeSocket {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  sent = [];

  static get newest() {
    return FakeSocket.all.at(-1);
  }

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
    this.closedByUs = true;
  }

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  end(code, reason = '') {
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

/** Answers `fetch` and takes WebSockets in place of the global ones. */
export class FakeServer {
  requests = [];
  status = 200;
  answer = {};
  fetchError = null;
  #before = { fetch: globalThis.fetch, WebSocket: globalThis.WebSocket };

  constructor() {
    FakeSocket.all = [];
    globalThis.WebSocket = FakeSocket;
    globalThis.fetch = async (url, { method, headers, body }) => {
      this.requests.push({ url, method, headers, body: body && JSON.parse(body) });
      if (this.fetchError) throw this.fetchError;
      const text = typeof this.answer === 'string' ? this.answer : JSON.stringify(this.answer);
      return new Response(text, { status: this.status });
    };
  }

  close() {
    Object.assign(globalThis, this.#before);
  }
}

/** Replaces `requestAnimationFrame`. @returns {() => void} refreshes the display */
export function useFakeFrames() {
  let waiting = new Map();
  let last = 0;
  globalThis.requestAnimationFrame = (callback) => {
    waiting.set((last += 1), callback);
    return last;
  };
  globalThis.cancelAnimationFrame = (id) => waiting.delete(id);
  return () => {
    const now = waiting;
    waiting = new Map();
    for (const callback of now.values()) callback();
  };
}

/** A canvas that keeps the pixels that were put on it. */
export class FakeCanvas {
  width = 300;
  height = 150;
  drawn = [];
  images = 0;

  getContext() {
    return {
      createImageData: (width, height) => {
        this.images += 1;
        return { width, height, data: new Uint8ClampedArray(width * height * 4) };
      },
      putImageData: ({ data }) => this.drawn.push([...data]),
    };
  }
}
