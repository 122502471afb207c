import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Mp4Error, readFragment, readInit } from '../src/mp4.js';
import { box, fragment, full, init, join, u32 } from './boxes.js';

test('the timescale is read from both versions of mdhd', () => {
  assert.deepEqual(readInit(init(90_000)), { timescale: 90_000 });
  assert.deepEqual(readInit(init(15_360, 1)), { timescale: 15_360 });
});

test('a timescale of zero is refused', () => {
  assert.throws(() => readInit(init(0)), /timescale is zero/);
});

test('a fragment gives time, duration, keyframe and capture time', () => {
  const time = 5_123_456_789;
  const read = readFragment(fragment({ time, duration: 9000, keyframe: true, unixMs: 1_700_000_000_123.25 }));
  assert.equal(read.decodeTime, time);
  assert.equal(read.duration, 9000);
  assert.equal(read.keyframe, true);
  assert.ok(Math.abs(read.captured - 1_700_000_000_123.25) < 0.002, `${read.captured}`);
});

test('capture times after the end of NTP era 0 in 2036 are right', () => {
  const in2040 = Date.UTC(2040, 0, 1);
  const read = readFragment(fragment({ time: 0, duration: 1, keyframe: true, unixMs: in2040 }));
  assert.ok(Math.abs(read.captured - in2040) < 0.002);
});

test('sample defaults in tfhd count when trun has none', () => {
  const key = readFragment(fragment({ time: 7, duration: 3003, keyframe: true, inTrun: false }));
  const delta = readFragment(fragment({ time: 7, duration: 3003, keyframe: false, inTrun: false }));
  assert.deepEqual([key.duration, key.keyframe, key.captured], [3003, true, null]);
  assert.equal(delta.keyframe, false);
});

test('flags of the first sample win over those of tfhd', () => {
  const tfhd = full('tfhd', 0, 0x20, u32(1), u32(0x0101_0000));
  const trun = full('trun', 0, 0x004, u32(1), u32(0x0200_0000));
  const moof = box('moof', box('traf', tfhd, full('tfdt', 0, 0, u32(9)), trun));
  const read = { decodeTime: 9, compositionOffset: 0, duration: 0, keyframe: true, captured: null };
  assert.deepEqual(readFragment(moof), read);
});

test('the composition offset is read, signed from version 1 on', () => {
  const read = (version, flags, ...fields) => {
    const trun = full('trun', version, flags, u32(1), ...fields);
    return readFragment(box('moof', box('traf', full('tfhd', 0, 0, u32(1)), full('tfdt', 0, 0, u32(9)), trun)));
  };
  assert.equal(read(0, 0x800, u32(3000)).compositionOffset, 3000);
  assert.equal(read(1, 0x800, u32(-3000)).compositionOffset, -3000);
  const all = read(1, 0xf01, u32(100), u32(45_000), u32(4), u32(0x0101_0000), u32(6000));
  assert.deepEqual([all.duration, all.keyframe, all.compositionOffset], [45_000, false, 6000]);
  assert.equal(read(0, 0x804, u32(0x0200_0000), u32(1)).compositionOffset, 1);
});

test('a view into a larger buffer is read in its bounds', () => {
  const bytes = fragment({ time: 1, duration: 2, keyframe: true });
  const padded = join([9, 9, 9], bytes, [9]);
  assert.equal(readFragment(padded.subarray(3, 3 + bytes.length)).decodeTime, 1);
});

test('every truncation of a fragment is an error or stops after a whole moof', () => {
  const bytes = fragment({ time: 1, duration: 2, keyframe: true, unixMs: 1e12 });
  const mdatAt = bytes.length - 12;
  for (let length = 0; length < bytes.length; length += 1) {
    const cut = bytes.slice(0, length);
    if (length === mdatAt) assert.equal(readFragment(cut).decodeTime, 1);
    else assert.throws(() => readFragment(cut), Mp4Error, `at ${length}`);
  }
});

test('every truncation of an init segment is an error', () => {
  const bytes = init(90_000);
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => readInit(bytes.slice(0, length)), Mp4Error, `at ${length}`);
  }
});

test('a changed byte never gives anything but a result or an Mp4Error', () => {
  const good = fragment({ time: 1, duration: 2, keyframe: true, unixMs: 1e12 });
  let errors = 0;
  for (let at = 0; at < good.length; at += 1) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const bytes = good.slice();
      bytes[at] = value;
      try {
        readFragment(bytes);
      } catch (error) {
        assert.ok(error instanceof Mp4Error, `${error.stack} at ${at}`);
        errors += 1;
      }
    }
  }
  assert.ok(errors > 50);
});

test('an error names the byte', () => {
  assert.throws(() => readFragment(Uint8Array.from([0, 0, 0, 99, 109, 111, 111, 102])), {
    offset: 0,
    message: 'box says 99 bytes, 8 are there at byte 0',
  });
});
