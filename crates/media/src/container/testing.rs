//! Units for the tests of the muxers.

use crate::time::{MediaTime, Monotonic};
use crate::unit::{Codec, Format, H264Parameters, Packaging, Stamps, Unit};
use bytes::Bytes;
use std::sync::Arc;

/// Constrained Baseline, level 1.3, as x264 writes it.
pub(super) const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x07, 0xec, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 0x23, 0xc5,
    0x0a, 0xa8,
];
pub(super) const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

pub(super) fn h264_format(width: u32) -> Arc<Format> {
    let parameters = H264Parameters { sps: Bytes::from_static(SPS), pps: Bytes::from_static(PPS) };
    Arc::new(Format { codec: Codec::H264(parameters), width, height: 480, packaging: Packaging::Bare })
}

pub(super) fn annexb(nals: &[&[u8]]) -> Bytes {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect()
}

/// A keyframe whose slice has `slice` bytes.
pub(super) fn keyframe(format: &Arc<Format>, pts: i64, slice: usize) -> Unit {
    unit(format, pts, true, annexb(&[SPS, PPS, &vec![0x65; slice]]))
}

/// Another picture whose slice has `slice` bytes.
pub(super) fn picture(format: &Arc<Format>, pts: i64, slice: usize) -> Unit {
    unit(format, pts, false, annexb(&[&vec![0x41; slice]]))
}

pub(super) fn unit(format: &Arc<Format>, pts: i64, keyframe: bool, payload: Bytes) -> Unit {
    let stamps = Stamps::received(Monotonic(3));
    Unit { payload, pts: MediaTime(pts), dts: MediaTime(pts), keyframe, format: format.clone(), stamps }
}
