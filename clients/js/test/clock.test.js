import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServerClock } from '../src/clock.js';

test('nothing is known before the first answer', () => {
  const clock = new ServerClock(() => 5);
  assert.deepEqual([clock.now(), clock.offset, clock.rtt], [null, null, null]);
});

test('the sample with the smallest round trip wins', () => {
  const clock = new ServerClock(() => 1000);
  clock.sample(0, 200, 90_000);
  clock.sample(300, 310, 5305);
  clock.sample(400, 500, 70_000);
  assert.equal(clock.offset, 5000);
  assert.equal(clock.rtt, 10);
  assert.equal(clock.now(), 6000);
});

test('old samples expire', () => {
  const clock = new ServerClock(() => 0);
  clock.sample(0, 1, 1000.5);
  for (let i = 0; i < 30; i += 1) clock.sample(10, 20, 2015);
  assert.equal(clock.offset, 2000);
});

test('nonsense is refused', () => {
  const clock = new ServerClock(() => 0);
  for (const [sent, received, server] of [[10, 5, 1], [0, 1, NaN], [undefined, 1, 1], [0, 1, undefined], ['x', 1, 1]]) {
    assert.equal(clock.sample(sent, received, server), false);
  }
  assert.equal(clock.now(), null);
});

test('a reset forgets', () => {
  const clock = new ServerClock(() => 0);
  clock.sample(0, 1, 7);
  clock.reset();
  assert.equal(clock.offset, null);
});
