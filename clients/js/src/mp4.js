// The few MP4 boxes that a live player needs to read itself (ISO/IEC 14496-12): the track's timescale from the init
// segment, and decode time, duration, keyframe flag and capture time of a one-frame fragment. Media bytes are left to
// the browser.

/** `sample_composition_time_offset` and what comes before it in a sample of a `trun` (8.8.8), by the flags. */
const FIRST_SAMPLE_FLAGS = 0x004;
const SAMPLE_DURATION = 0x100;
const SAMPLE_SIZE = 0x200;
const SAMPLE_FLAGS = 0x400;
const SAMPLE_COMPOSITION_OFFSET = 0x800;

/** Seconds from the NTP epoch (1900) to the Unix epoch (1970). */
const NTP_TO_UNIX_S = 2_208_988_800;

/** `sample_is_non_sync_sample` in a sample's flags (8.8.3.1). */
const NON_SYNC = 0x0001_0000;

/** What is wrong with an MP4 segment, and at which byte. */
export class Mp4Error extends Error {
  constructor(message, offset) {
    super(`${message} at byte ${offset}`);
    this.name = 'Mp4Error';
    this.offset = offset;
  }
}

/**
 * Splits a byte range into boxes (4.2).
 * @param {DataView} view
 * @returns {{type: string, at: number, body: number, end: number}[]}
 */
export function boxes(view, from = 0, to = view.byteLength) {
  const found = [];
  let at = from;
  while (at < to) {
    if (to - at < 8) throw new Mp4Error('box header is cut short', at);
    let size = view.getUint32(at);
    let header = 8;
    if (size === 1) {
      if (to - at < 16) throw new Mp4Error('large box header is cut short', at);
      size = uint64(view, at + 8);
      header = 16;
    } else if (size === 0) {
      size = to - at;
    }
    if (size < header || size > to - at) throw new Mp4Error(`box says ${size} bytes, ${to - at} are there`, at);
    found.push({ type: fourcc(view, at + 4), at, body: at + header, end: at + size });
    at += size;
  }
  return found;
}

function fourcc(view, at) {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

/** 64-bit unsigned as a number: exact to 2^53, which at 90 kHz is three thousand years. */
function uint64(view, at) {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

function viewOf(bytes) {
  return bytes instanceof ArrayBuffer ? new DataView(bytes) : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function child(view, parent, type) {
  const box = boxes(view, parent.body, parent.end).find((candidate) => candidate.type === type);
  if (!box) throw new Mp4Error(`${parent.type} has no ${type}`, parent.at);
  return box;
}

/** A full box's reader (4.2): version and flags, then fields in order, each checked against the end of the box. */
class Fields {
  constructor(view, box) {
    this.view = view;
    this.box = box;
    this.at = box.body;
    const head = this.u32();
    this.version = head >>> 24;
    this.flags = head & 0xff_ffff;
  }

  #take(size) {
    if (this.box.end - this.at < size) throw new Mp4Error(`${this.box.type} is cut short`, this.at);
    this.at += size;
    return this.at - size;
  }

  u32() {
    return this.view.getUint32(this.#take(4));
  }

  u64() {
    return uint64(this.view, this.#take(8));
  }

  /** A field that is 64 bits wide from version 1 on. */
  time() {
    return this.version >= 1 ? this.u64() : this.u32();
  }

  skip(size) {
    this.#take(size);
  }
}

/**
 * Reads an init segment.
 * @param {ArrayBuffer|Uint8Array} bytes
 * @returns {{timescale: number}} ticks per second of the (first) track
 */
export function readInit(bytes) {
  const view = viewOf(bytes);
  const moov = boxes(view).find((box) => box.type === 'moov');
  if (!moov) throw new Mp4Error('init segment has no moov', 0);
  const mdhd = child(view, child(view, child(view, moov, 'trak'), 'mdia'), 'mdhd');
  const fields = new Fields(view, mdhd);
  fields.skip(fields.version >= 1 ? 16 : 8);
  const timescale = fields.u32();
  if (timescale === 0) throw new Mp4Error('timescale is zero', mdhd.at);
  return { timescale };
}

/**
 * Reads a media fragment of one frame.
 * @param {ArrayBuffer|Uint8Array} bytes
 * @returns {{decodeTime: number, compositionOffset: number, duration: number, keyframe: boolean, captured: number|null}}
 *   `decodeTime`, `duration` and `compositionOffset` in ticks of the track's timescale; the frame is shown at
 *   `decodeTime + compositionOffset`, which in streams with B-frames is another order; `duration` is 0 when the fragment
 *   gives none; `captured` in unix milliseconds of the server's clock, or null without a `prft` box.
 */
export function readFragment(bytes) {
  const view = viewOf(bytes);
  let captured = null;
  let moof = null;
  for (const box of boxes(view)) {
    if (box.type === 'prft') captured = readCaptureTime(view, box);
    if (box.type === 'moof' && !moof) moof = box;
  }
  if (!moof) throw new Mp4Error('fragment has no moof', 0);
  return { ...readTrackFragment(view, child(view, moof, 'traf')), captured };
}

/** ProducerReferenceTimeBox (8.16.5): the wall-clock time at which the frame was captured. */
function readCaptureTime(view, box) {
  const fields = new Fields(view, box);
  fields.skip(4);
  const seconds = fields.u32();
  const fraction = fields.u32();
  // Era 0 of NTP ends in 2036; a small value is a time in era 1 (RFC 5905 section 6).
  const era = seconds < 0x8000_0000 ? 0x1_0000_0000 : 0;
  return (seconds + era - NTP_TO_UNIX_S) * 1000 + (fraction * 1000) / 0x1_0000_0000;
}

function readTrackFragment(view, traf) {
  const children = boxes(view, traf.body, traf.end);
  const find = (type) => children.find((box) => box.type === type);
  const tfhd = find('tfhd');
  const tfdt = find('tfdt');
  const trun = find('trun');
  if (!tfhd || !tfdt || !trun) throw new Mp4Error('traf lacks tfhd, tfdt or trun', traf.at);
  const defaults = readDefaults(new Fields(view, tfhd));
  const decodeTime = new Fields(view, tfdt).time();
  return { decodeTime, ...readFirstSample(new Fields(view, trun), defaults) };
}

/** TrackFragmentHeaderBox (8.8.7). */
function readDefaults(fields) {
  const { flags } = fields;
  fields.skip(4);
  if (flags & 0x01) fields.skip(8);
  if (flags & 0x02) fields.skip(4);
  const duration = flags & 0x08 ? fields.u32() : 0;
  if (flags & 0x10) fields.skip(4);
  const sampleFlags = flags & 0x20 ? fields.u32() : 0;
  return { duration, sampleFlags };
}

/** TrackRunBox (8.8.8): the first sample. */
function readFirstSample(fields, defaults) {
  const { flags } = fields;
  if (fields.u32() === 0) throw new Mp4Error('trun has no sample', fields.box.at);
  if (flags & 0x001) fields.skip(4);
  let sampleFlags = flags & FIRST_SAMPLE_FLAGS ? fields.u32() : defaults.sampleFlags;
  const duration = flags & SAMPLE_DURATION ? fields.u32() : defaults.duration;
  if (flags & SAMPLE_SIZE) fields.skip(4);
  if (flags & SAMPLE_FLAGS) {
    // The first sample's own flags win, but the field is there all the same.
    const own = fields.u32();
    if (!(flags & FIRST_SAMPLE_FLAGS)) sampleFlags = own;
  }
  const offset = flags & SAMPLE_COMPOSITION_OFFSET ? fields.u32() : 0;
  // Signed from version 1 on.
  const compositionOffset = fields.version >= 1 ? offset | 0 : offset;
  return { duration, compositionOffset, keyframe: (sampleFlags & NON_SYNC) === 0 };
}
