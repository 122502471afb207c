// JPEG frames on a canvas. One frame is decoded at a time and only the newest waits for it, so a slow device shows
// fewer frames and never older ones.

export class JpegSink {
  #canvas;
  #context;
  #onframe;
  #waiting = null;
  #decoding = false;
  #closed = false;
  #held = false;

  /**
   * @param {HTMLCanvasElement} canvas takes the size of the pictures
   * @param {(frame: {captured: number|null, width: number, height: number, delay: number}) => void} onframe
   *   each frame drawn; `captured` as given to `frame`, `delay` from its arrival until it was drawn, ms
   */
  constructor(canvas, onframe) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false });
    this.#onframe = onframe;
    /** Frames that were never drawn: replaced by a newer one before their turn, or not decodable. */
    this.dropped = 0;
    /** Frames that could not be decoded, included in `dropped`. */
    this.broken = 0;
  }

  /**
   * Takes the next frame.
   * @param {ArrayBuffer} bytes one JPEG
   * @param {number|null} captured capture time, handed through
   */
  frame(bytes, captured) {
    if (this.#closed || this.#held) return;
    if (this.#waiting) this.dropped += 1;
    this.#waiting = { bytes, captured, arrived: performance.now() };
    // Nothing is painted in a background tab. The newest frame is kept and drawn when the tab is back.
    if (!this.#decoding && !document.hidden) this.#drain();
  }

  /** Draws the frame that arrived while the tab was hidden. */
  resume() {
    if (!this.#decoding && this.#waiting) this.#drain();
  }

  /** Freezes the picture, or lets it go on. */
  set held(value) {
    this.#held = value;
    if (value) this.#waiting = null;
  }

  async #drain() {
    this.#decoding = true;
    while (this.#waiting && !this.#closed) {
      const { bytes, captured, arrived } = this.#waiting;
      this.#waiting = null;
      try {
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
        if (!this.#closed) this.#draw(bitmap, captured, arrived);
        bitmap.close();
      } catch {
        this.dropped += 1;
        this.broken += 1;
      }
    }
    this.#decoding = false;
  }

  #draw(bitmap, captured, arrived) {
    const { width, height } = bitmap;
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context.drawImage(bitmap, 0, 0);
    this.#onframe({ captured, width, height, delay: performance.now() - arrived });
  }

  close() {
    this.#closed = true;
    this.#waiting = null;
  }
}
