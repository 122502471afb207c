// Raw BGR24 frames on a canvas: at most one per display refresh, always the newest, without allocating per frame.

/**
 * BGR24 to what a canvas takes. A pixel is written as one 32-bit number; every platform with a browser is little-endian.
 * @param {Uint8Array} bgr
 * @param {Uint32Array} rgba one element per pixel
 */
export function bgrToRgba(bgr, rgba) {
  for (let from = 0, to = 0; to < rgba.length; from += 3, to += 1) {
    rgba[to] = 0xff00_0000 | (bgr[from] << 16) | (bgr[from + 1] << 8) | bgr[from + 2];
  }
}

export class BgrCanvas {
  #canvas;
  #context;
  #image = null;
  #pixels = null;
  #waiting = null;
  #request = 0;

  /**
   * @param {HTMLCanvasElement} canvas takes the size of the frames
   * @throws {Error} when it has no 2D context
   */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    if (!this.#context) throw new Error('the canvas has no 2D context');
    /** Frames drawn. */
    this.drawn = 0;
    /** Frames that a newer one replaced before the display was refreshed, for example while the tab was hidden. */
    this.dropped = 0;
  }

  /**
   * Takes the next frame.
   * @param {Uint8Array} bgr exactly width * height * 3 bytes; must not be changed afterwards
   */
  frame(bgr, width, height) {
    if (this.#waiting) this.dropped += 1;
    this.#waiting = { bgr, width, height };
    this.#request ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#request = 0;
    if (!this.#waiting) return;
    const { bgr, width, height } = this.#waiting;
    this.#waiting = null;
    this.resize(width, height);
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.#image = this.#context.createImageData(width, height);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
    }
    bgrToRgba(bgr, this.#pixels);
    this.#context.putImageData(this.#image, 0, 0);
    this.drawn += 1;
  }

  /** Sets the size of the canvas, which wipes it unless it has that size. */
  resize(width, height) {
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
  }

  /** Draws no more; the canvas keeps its last picture. */
  close() {
    if (this.#request) cancelAnimationFrame(this.#request);
    this.#request = 0;
    this.#waiting = null;
  }
}
