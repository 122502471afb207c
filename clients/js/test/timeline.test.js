import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Timeline } from '../src/timeline.js';

const TICKS = 90_000;
const near = (actual, expected) => assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);
const frame = (seconds, captured = null) => ({ decodeTime: Math.round(seconds * TICKS), duration: 9000, captured });

test('the first frame is at 0 wherever the stream is', () => {
  const timeline = new Timeline();
  const { time, offset } = timeline.place(frame(55_555));
  near(time, 0);
  near(offset, -55_555);
});

test('frames keep their irregular distances', () => {
  const timeline = new Timeline();
  const times = [100, 100.033, 100.12, 100.121].map((seconds) => timeline.place(frame(seconds)).time);
  [0, 0.033, 0.12, 0.121].forEach((expected, i) => assert.ok(Math.abs(times[i] - expected) < 1e-4));
});

test('a step of twice the duration or more is closed, and what follows goes on from there', () => {
  const timeline = new Timeline();
  timeline.place(frame(10));
  near(timeline.place(frame(10.19)).time, 0.19);
  near(timeline.place(frame(3610)).time, 0.29);
  near(timeline.place(frame(3610.05)).time, 0.34);
});

test('a step back is closed as well', () => {
  const timeline = new Timeline();
  timeline.place(frame(500));
  near(timeline.place(frame(2)).time, 0.1);
  near(timeline.place(frame(2)).time, 0.2);
});

test('a new timescale starts a new run without a hole', () => {
  const timeline = new Timeline();
  timeline.place(frame(10));
  timeline.setTimescale(1000);
  near(timeline.place({ decodeTime: 10_033, duration: 100, captured: null }).time, 0.1);
});

test('a shown frame finds its capture time', () => {
  const timeline = new Timeline();
  timeline.place(frame(10, 1000));
  timeline.place(frame(10.05, 1050));
  timeline.place(frame(10.1, 1100));
  assert.equal(timeline.capturedAt(0.05), 1050);
  assert.equal(timeline.capturedAt(0.0499), 1050, 'rounding by the browser');
  assert.equal(timeline.capturedAt(0.09), 1050, 'between two frames the earlier one is shown');
  assert.equal(timeline.capturedAt(9), 1100);
  assert.equal(timeline.capturedAt(-1), null);
});

test('remembered frames are bounded and the newest stay', () => {
  const timeline = new Timeline();
  for (let i = 0; i < 5000; i += 1) timeline.place(frame(i / 30, i));
  assert.equal(timeline.capturedAt(0), null);
  assert.equal(timeline.capturedAt(4999 / 30), 4999);
});

test('frames that are shown in another order than they are decoded find their capture times', () => {
  const timeline = new Timeline();
  // I P B B, decoded every 40 ms, with a delay of one frame.
  for (const [decoded, shown] of [[0, 40], [40, 160], [80, 80], [120, 120]]) {
    timeline.place({
      decodeTime: decoded * 90,
      compositionOffset: (shown - decoded) * 90,
      duration: 45_000,
      captured: 1000 + shown,
    });
  }
  for (const shown of [40, 80, 120, 160]) assert.equal(timeline.capturedAt(shown / 1000), 1000 + shown);
  assert.equal(timeline.capturedAt(0.03), null);
});

test('media may be removed up to the last keyframe before a time, never beyond it', () => {
  const timeline = new Timeline();
  assert.equal(timeline.keyframeBefore(100), null);
  for (let i = 0; i < 200; i += 1) {
    timeline.place({ decodeTime: i * 9000, duration: 45_000, keyframe: i % 50 === 0, captured: null });
  }
  near(timeline.keyframeBefore(4.9), 0);
  near(timeline.keyframeBefore(12), 10);
  assert.equal(timeline.keyframeBefore(9), null, 'what was removed is no longer known');
  near(timeline.keyframeBefore(99), 15);
});
