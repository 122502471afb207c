import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RateMeter, formatAge, formatBitrate, formatFps } from '../src/stats.js';

function feed(meter, from, to, every, bytes = 0) {
  let now = from;
  for (; now < to; now += every) meter.add(now, bytes);
  return now - every;
}

test('30 frames per second read as 30 from the first second on', () => {
  const meter = new RateMeter();
  const early = feed(meter, 0, 1000, 1000 / 30);
  assert.ok(Math.abs(meter.rate(early) - 30) < 0.5, `${meter.rate(early)}`);
  const later = feed(meter, 1000, 9000, 1000 / 30);
  assert.ok(Math.abs(meter.rate(later) - 30) < 0.5, `${meter.rate(later)}`);
});

test('one frame per second reads as about 1', () => {
  const meter = new RateMeter();
  const now = feed(meter, 0, 20_000, 1000);
  assert.ok(Math.abs(meter.rate(now + 500) - 1) < 0.35, `${meter.rate(now + 500)}`);
});

test('the rate falls to 0 when nothing comes', () => {
  const meter = new RateMeter();
  const now = feed(meter, 0, 5000, 33, 1000);
  assert.ok(meter.rate(now + 1500) < 20);
  assert.equal(meter.rate(now + 3100), 0);
  assert.equal(meter.bitrate(now + 3100), 0);
});

test('the bit rate counts bytes', () => {
  const meter = new RateMeter();
  const now = feed(meter, 0, 6000, 40, 5000);
  assert.ok(Math.abs(meter.bitrate(now) - 1e6) < 0.03e6, `${meter.bitrate(now)}`);
});

test('a stream that begins with a burst has no absurd bit rate', () => {
  const meter = new RateMeter();
  for (let i = 0; i < 30; i += 1) meter.add(i / 10, 4000);
  assert.ok(meter.bitrate(3) <= 30 * 4000 * 8, `${meter.bitrate(3)}`);
});

test('memory is bounded and nothing is lost at any rate', () => {
  const meter = new RateMeter();
  for (let i = 0; i <= 30_000; i += 1) meter.add(i / 10);
  assert.ok(Math.abs(meter.rate(3000) - 10_000) < 400, `${meter.rate(3000)}`);
});

test('ages are for people', () => {
  const cases = [[null, '–'], [NaN, '–'], [-40, '0 ms'], [85.4, '85 ms'], [2440, '2.4 s'], [9960, '10 s'], [75_000, '75 s'], [180_000, '3 min'], [18_000_000, '5 h']];
  for (const [ms, text] of cases) assert.equal(formatAge(ms), text);
});

test('rates are for people', () => {
  assert.equal(formatBitrate(640_400), '640 kbit/s');
  assert.equal(formatBitrate(1_240_000), '1.2 Mbit/s');
  assert.equal(formatBitrate(undefined), '–');
  assert.equal(formatFps(29.94), '29.9 fps');
  assert.equal(formatFps(undefined), '–');
});
