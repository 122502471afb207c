// Builds MP4 boxes for the tests, independently of the reader under test.

export function box(type, ...parts) {
  const body = parts.flatMap((part) => [...part]);
  return Uint8Array.from([...u32(8 + body.length), ...[...type].map((c) => c.charCodeAt(0)), ...body]);
}

export function u32(value) {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

export function u64(value) {
  const big = BigInt(value);
  return [...u32(Number(big >> 32n)), ...u32(Number(big & 0xffff_ffffn))];
}

export function full(type, version, flags, ...parts) {
  return box(type, u32((version << 24) | flags), ...parts);
}

export function init(timescale, version = 0) {
  const times = version ? [...u64(0), ...u64(0)] : [...u32(0), ...u32(0)];
  const mdhd = full('mdhd', version, 0, times, u32(timescale), version ? u64(0) : u32(0), [0, 0, 0, 0]);
  return join(box('ftyp', u32(0)), box('moov', box('trak', box('mdia', mdhd))));
}

/** A fragment with the sample's duration and flags in `trun`, or as defaults in `tfhd`. */
export function fragment({ time, duration, keyframe, unixMs = null, inTrun = true }) {
  const sampleFlags = keyframe ? 0x0200_0000 : 0x0101_0000;
  const tfhd = inTrun
    ? full('tfhd', 0, 0x02_0000, u32(1))
    : full('tfhd', 0, 0x02_0028, u32(1), u32(duration), u32(sampleFlags));
  const trun = inTrun
    ? full('trun', 0, 0x701, u32(1), u32(100), u32(duration), u32(4), u32(sampleFlags))
    : full('trun', 0, 0x201, u32(1), u32(100), u32(4));
  const moof = box('moof', full('mfhd', 0, 0, u32(1)), box('traf', tfhd, full('tfdt', 1, 0, u64(time)), trun));
  const mdat = box('mdat', [1, 2, 3, 4]);
  return unixMs === null ? join(moof, mdat) : join(prft(unixMs, time), moof, mdat);
}

function prft(unixMs, time) {
  const micros = BigInt(Math.round(unixMs * 1000));
  const seconds = micros / 1_000_000n + 2_208_988_800n;
  const fraction = ((micros % 1_000_000n) << 32n) / 1_000_000n;
  return full('prft', 1, 24, u32(1), u32(Number(seconds & 0xffff_ffffn)), u32(Number(fraction)), u64(time));
}

export function join(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
