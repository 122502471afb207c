// The JavaScript reader of the test picture against the vectors that all readers share: node --test tests/browser

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ReadError, read } from "./test-picture.js";

const vectors = JSON.parse(readFileSync(new URL("../../testdata/vectors/test-picture.json", import.meta.url)));

// What ImageData holds, with the strip that `rows` describe.
function paint(rows, width, height) {
  const data = new Uint8ClampedArray(4 * width * height).fill(90);
  rows.forEach((row, r) => {
    [...row].forEach((cell, c) => {
      const value = cell === "1" ? 235 : 16;
      for (let y = Math.floor((height * (27 + r)) / 30); y < Math.floor((height * (28 + r)) / 30); y++) {
        const x0 = Math.floor((width * c) / 36);
        const x1 = Math.floor((width * (c + 1)) / 36);
        data.fill(value, 4 * (y * width + x0), 4 * (y * width + x1));
      }
    });
  });
  return { data, width, height };
}

for (const { sequence, captured_ms, cells } of vectors.valid) {
  test(`valid ${sequence}`, () => {
    for (const [width, height] of [[72, 60], [160, 120], [333, 251], [640, 480], [1920, 1080]]) {
      assert.deepEqual(read(paint(cells, width, height)), { sequence, capturedMs: captured_ms });
    }
  });
}

for (const { error, what, cells } of vectors.broken) {
  test(`broken: ${what}`, () => {
    assert.throws(() => read(paint(cells, 640, 480)), (e) => e instanceof ReadError && e.kind === error);
  });
}

test("too small", () => {
  for (const [width, height] of [[71, 60], [72, 59]]) {
    const image = { data: new Uint8ClampedArray(4 * width * height), width, height };
    assert.throws(() => read(image), (e) => e instanceof ReadError && e.kind === "size");
  }
});
