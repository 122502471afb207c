import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LiveEdge, TARGET_S } from '../src/live-edge.js';

/** Frames every 33 ms whose distance on arrival is `behind(i)`; gives the last decision. */
function run(edge, from, frames, behind) {
  let decision = null;
  let now = from;
  for (let i = 0; i < frames; i += 1) {
    now = from + i * 33;
    edge.arrived(now, behind(i));
    decision = edge.decide(now, behind(i));
  }
  return { now, ...decision };
}

test('nothing is done before the first frame', () => {
  assert.deepEqual(new LiveEdge().decide(0, 0), { seek: false, rate: 1 });
});

test('the burst after joining is awaited, then one jump is made', () => {
  const edge = new LiveEdge();
  for (let i = 0; i < 15; i += 1) edge.arrived(1000 + i, i * 0.033);
  assert.equal(edge.decide(1015, 0.47).seek, false);
  assert.equal(edge.decide(1050, 0.43).seek, true);
  edge.seeked(1050);
  assert.equal(edge.decide(1060, TARGET_S).seek, false);
});

test('a long burst is awaited to its end, but not for ever', () => {
  const edge = new LiveEdge();
  for (let i = 0; i <= 20; i += 1) {
    edge.arrived(i * 30, i * 0.9);
    assert.equal(edge.decide(i * 30, i * 0.9).seek, false, `${i}`);
  }
  assert.equal(edge.decide(650, 18).seek, true);
  const endless = new LiveEdge();
  let seeks = 0;
  for (let i = 0; i <= 100; i += 1) {
    endless.arrived(i * 30, i * 0.9);
    if (endless.decide(i * 30, i * 0.9).seek) seeks += endless.seeked(i * 30) ?? 1;
  }
  assert.equal(seeks, 1);
});

test('at the target the speed stays 1', () => {
  const { rate, seek } = run(new LiveEdge(), 0, 120, () => TARGET_S + 0.02);
  assert.deepEqual([rate, seek], [1, false]);
});

test('a lag is made good with 2 to 10 percent more speed, and then the speed is 1 again', () => {
  const edge = new LiveEdge();
  run(edge, 0, 120, () => TARGET_S);
  const some = run(edge, 10_000, 60, () => 0.15);
  assert.ok(some.rate >= 1.02 && some.rate < 1.1, `${some.rate}`);
  const much = run(edge, 20_000, 60, () => 0.45);
  assert.equal(much.rate, 1.1);
  assert.equal(run(edge, 30_000, 60, () => TARGET_S).rate, 1);
});

test('one late frame among many shows that the delay is needed', () => {
  const edge = new LiveEdge();
  run(edge, 0, 120, () => TARGET_S);
  assert.equal(run(edge, 10_000, 90, (i) => (i % 15 === 0 ? TARGET_S : 0.3)).rate, 1);
});

test('a clock that is past the frames when they arrive is slowed down', () => {
  const { rate } = run(new LiveEdge(), 0, 90, () => -0.02);
  assert.ok(rate < 1 && rate > 0.9, `${rate}`);
});

test('more than half a second behind, and not just for a moment, is a jump', () => {
  const edge = new LiveEdge();
  const { now } = run(edge, 0, 200, () => TARGET_S);
  edge.arrived(now + 33, 0.7);
  assert.equal(edge.decide(now + 33, 0.7).seek, false, 'one burst of late frames');
  assert.equal(run(edge, now + 66, 12, () => 0.7).seek, true);
});

test('jumps leave each other time', () => {
  const edge = new LiveEdge();
  const { now } = run(edge, 0, 200, () => 0.9);
  edge.seeked(now);
  edge.landed(now + 50);
  edge.arrived(now + 300, 0.9);
  assert.equal(edge.decide(now + 300, 0.9).seek, false);
  edge.arrived(now + 600, 0.9);
  assert.equal(edge.decide(now + 600, 0.9).seek, false, 'one reading may be from before a pause of the page');
  assert.equal(edge.decide(now + 660, 0.9).seek, true);
});

test('no seek is begun while one is on its way, unless it never ends', () => {
  const edge = new LiveEdge();
  const { now } = run(edge, 0, 200, () => TARGET_S);
  edge.seeked(now);
  assert.equal(run(edge, now + 33, 150, (i) => 0.1 + i * 0.033).seek, false);
  assert.equal(edge.isSeeking(now + 5000), true);
  assert.equal(run(edge, now + 10_033, 20, () => 9).seek, true);
});

test('after a seek that took long, what it would gain is made good by more speed', () => {
  const edge = new LiveEdge();
  const { now } = run(edge, 0, 200, () => TARGET_S);
  edge.seeked(now);
  edge.landed(now + 1500);
  const after = run(edge, now + 1533, 60, () => 1.6);
  assert.deepEqual([after.seek, after.rate], [false, 1.5]);
  assert.equal(run(edge, now + 5000, 60, () => 3).seek, true, 'this is worth another one');
  edge.seeked(now + 7000);
  edge.landed(now + 7020);
  assert.equal(run(edge, now + 8000, 60, () => 0.7).seek, true, 'a cheap one is worth it at once');
});
