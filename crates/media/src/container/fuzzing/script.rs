//! Arbitrary bytes as a sequence of units.

use crate::time::{MediaTime, Monotonic};
use crate::unit::{Codec, Format, H264Parameters, H265Parameters, Packaging, Stamps, Unit};
use bytes::Bytes;
use std::sync::Arc;

/// Bytes that describe one unit.
const STEP: usize = 7;
/// Payload bytes after which a script ends, so that one input stays quick.
const MAX_TOTAL: usize = 2_000_000;
/// Factor for large units: 65 535 times 5 is above 300 kB.
const LARGE: usize = 5;
/// 2^33 ticks of 90 kHz, in microseconds: where MPEG-TS wraps.
const WRAP: i64 = (1 << 33) * 100 / 9;

/// Constrained Baseline, level 1.3. Formats differ in their picture parameter sets and sizes.
const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x07, 0xec, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 0x23, 0xc5,
    0x0a, 0xa8,
];

/// Main profile, level 1, as x265 writes it.
const H265_SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
    0x1e, 0xa0, 0x28, 0x81, 0x07, 0x34, 0x46, 0x59, 0x59, 0x12, 0x93, 0x0b, 0xc0, 0x5a, 0x02, 0x00, 0x00,
    0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x14, 0x10,
];
/// The video parameter set that goes with it.
const H265_VPS: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
    0x00, 0x03, 0x00, 0x1e, 0x95, 0x90, 0x09,
];

/// A unit, and what is known about it.
pub(super) struct Step {
    pub(super) unit: Unit,
    /// The NAL units of the payload.
    pub(super) nals: Vec<Vec<u8>>,
    /// Whether the payload begins with a start code.
    pub(super) annexb: bool,
    /// Wall-clock time in microseconds, if the unit has one.
    pub(super) wall: Option<u64>,
}

/// The units of one input.
pub(super) struct Script<'a> {
    data: &'a [u8],
    pts: i64,
    generation: u16,
    format: Arc<Format>,
    /// Whether formats are of H.265.
    h265: bool,
    total: usize,
}

impl<'a> Script<'a> {
    /// The first byte chooses where time begins, the rest are steps.
    pub(super) fn new(data: &'a [u8]) -> Script<'a> {
        let (start, data) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
        let pts = match start % 8 {
            0..4 => 0,
            4 => WRAP - 100_000,
            5 => -150_000,
            6 => 1_700_000_000_000_000,
            _ => i64::MAX / 2,
        };
        let h265 = start & 8 != 0;
        Script { data, pts, generation: 0, format: video(h265, 0), h265, total: 0 }
    }

    fn advance(&mut self, time: u8) {
        let delta = match (time, time % 4) {
            (255, _) => WRAP,
            (_, 0) => 0,
            (_, 1) => i64::from(time) * 1_000,
            (_, 2) => i64::from(time),
            _ => i64::from(time) * 1_000_000,
        };
        self.pts = self.pts.saturating_add(delta);
    }
}

impl Iterator for Script<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let (step, rest) = self.data.split_at_checked(STEP)?;
        let &[what, time, size_low, size_high, shape, seed, stamps] = step else { return None };
        self.data = rest;
        let size = usize::from(u16::from_le_bytes([size_low, size_high]));
        let size = if shape & 0x80 == 0 { size } else { size * LARGE };
        self.total += size;
        if self.total > MAX_TOTAL {
            return None;
        }
        self.advance(time);
        let (mut keyframe, mut pts) = (what % 16 < 4, self.pts);
        match what % 16 {
            3 | 12 => {
                // Without a keyframe (12) this breaks the rules.
                self.generation += 1;
                self.format = video(self.h265, self.generation);
            }
            4 => self.format = Arc::new((*self.format).clone()),
            13 => pts = pts.saturating_sub(1),
            14 => keyframe = true,
            _ => {}
        }
        let (nals, mut payload) = access_unit(&self.format, keyframe, size, shape, seed);
        let annexb = what % 16 != 15 || payload.is_empty();
        if !annexb {
            payload.remove(2);
            payload[0] = 0xff;
        }
        let format = if what == 14 { jpeg() } else { self.format.clone() };
        let captured = (stamps & 1 == 0).then_some(Monotonic(5));
        Some(Step {
            annexb: annexb && !payload.is_empty(),
            unit: Unit {
                payload: payload.into(),
                pts: MediaTime(pts.saturating_add(shown_after(stamps))),
                dts: MediaTime(pts),
                keyframe,
                format,
                stamps: Stamps { captured, ..Stamps::received(Monotonic(u64::from(stamps))) },
            },
            nals,
            wall: (stamps & 2 == 0).then(|| u64::from(stamps) * 8_000_000_000_001),
        })
    }
}

/// Microseconds from decode time to presentation time: none as a rule.
fn shown_after(stamps: u8) -> i64 {
    match stamps >> 4 {
        0..12 => 0,
        12 => 5,
        13 => 40_000,
        14 => 2_000_000,
        // More than 32 bits of ticks.
        _ => 60_000_000_000,
    }
}

fn video(h265: bool, generation: u16) -> Arc<Format> {
    let [high, low] = generation.to_be_bytes();
    let codec = if h265 {
        let pps = Bytes::from(vec![0x44, 1, 0xc1, high | 0x80, low, 0x80]);
        let (vps, sps) = (Bytes::from_static(H265_VPS), Bytes::from_static(H265_SPS));
        Codec::H265(H265Parameters { vps, sps, pps })
    } else {
        let pps = Bytes::from(vec![0x68, 0xce, high | 0x80, low, 0x80]);
        Codec::H264(H264Parameters { sps: Bytes::from_static(SPS), pps })
    };
    let width = u32::from(generation) % 8192 + 1;
    Arc::new(Format { codec, width, height: 480, packaging: Packaging::Bare })
}

fn jpeg() -> Arc<Format> {
    Arc::new(Format { codec: Codec::Jpeg, width: 640, height: 480, packaging: Packaging::Bare })
}

/// NAL units of `size` bytes in all, the parameter sets of a keyframe not counted, and their byte stream.
///
/// `shape`: bits 0 to 1, one less than the number of NAL units; bit 2, a delimiter; bit 3, three-byte
/// start codes after the first; bit 4, zeros after the last; bit 5, zeros are frequent.
fn access_unit(format: &Format, keyframe: bool, size: usize, shape: u8, seed: u8) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut nals = Vec::new();
    let (delimiter, sets, header): (&[u8], Vec<&Bytes>, &[u8]) = match &format.codec {
        Codec::H265(sets) => {
            let header = if keyframe { &[0x26, 1] } else { &[0x02, 1] };
            (&[0x46, 1, 0x10], vec![&sets.vps, &sets.sps, &sets.pps], header)
        }
        Codec::H264(sets) => {
            (&[9, 0x10], vec![&sets.sps, &sets.pps], if keyframe { &[0x65] } else { &[0x41] })
        }
        _ => (&[9, 0x10], Vec::new(), &[0x65]),
    };
    if shape & 4 != 0 {
        nals.push(delimiter.to_vec());
    }
    if keyframe {
        nals.extend(sets.iter().map(|set| set.to_vec()));
    }
    let count = usize::from(shape & 3) + 1;
    let mut random = Random(u32::from(seed) << 8 | 1);
    for index in 0..count {
        let length = size / count + if index == 0 { size % count } else { 0 };
        if length > 0 {
            nals.push(nal(header, length, shape & 0x20 != 0, &mut random));
        }
    }
    let mut stream = Vec::new();
    for nal in &nals {
        let short = shape & 8 != 0 && !stream.is_empty();
        stream.extend_from_slice(if short { &[0, 0, 1] } else { &[0, 0, 0, 1] });
        stream.extend_from_slice(nal);
    }
    if shape & 0x10 != 0 && !stream.is_empty() {
        stream.extend_from_slice(&[0; 3]);
    }
    (nals, stream)
}

/// A NAL unit of `length` bytes, or as long as its header, that keeps the rules of emulation prevention (ITU-T H.264, 7.4.1).
fn nal(header: &[u8], length: usize, many_zeros: bool, random: &mut Random) -> Vec<u8> {
    let mut nal = header.to_vec();
    let mut zeros = 0;
    for _ in header.len()..length {
        let word = random.next();
        let mut byte = if many_zeros && word & 0x300 != 0 { 0 } else { word as u8 };
        if zeros >= 2 && byte <= 3 {
            byte += 4;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        nal.push(byte);
    }
    if nal.last() == Some(&0) {
        let last = nal.len() - 1;
        nal[last] = 0x80;
    }
    nal
}

/// Xorshift: what a picture's bytes look like does not matter, only that a seed repeats them.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}
