//! The unit: one access unit of one rendition, the only thing that flows through the hub.

use crate::time::{MediaTime, Monotonic};
use bytes::Bytes;
use std::sync::Arc;

/// One access unit: a whole JPEG, a whole H.264 picture, or the packaged bytes of one.
///
/// Invariants that a publisher keeps and every reader may rely on:
/// - `payload` holds exactly one access unit in the form that `format` describes, never a part of one.
/// - A JPEG runs from SOI to EOI and carries its Huffman tables.
/// - H.264 is Annex B with four-byte start codes; a keyframe begins with SPS and PPS.
/// - `pts` does not decrease within a rendition.
/// - Units that share parameters share the same `format` allocation, so `Arc::ptr_eq` detects a change.
///   A change of `format` coincides with a keyframe.
///
/// Cloning copies no payload.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The bytes of the access unit.
    pub payload: Bytes,
    /// When to show it.
    pub pts: MediaTime,
    /// Whether decoding (or parsing) can begin here.
    pub keyframe: bool,
    /// What the payload is.
    pub format: Arc<Format>,
    /// Where it has been, and when.
    pub stamps: Stamps,
}

/// What the payload of a [`Unit`] is, with everything that a consumer must know before the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Codec and its parameters.
    pub codec: Codec,
    /// Width of the picture in pixels, 1 to 8192.
    pub width: u32,
    /// Height of the picture in pixels, 1 to 8192.
    pub height: u32,
    /// How the access unit is wrapped.
    pub packaging: Packaging,
}

/// The coding of the pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Baseline or progressive JPEG.
    Jpeg,
    /// H.264 / AVC (ITU-T H.264).
    H264(H264Parameters),
}

impl Codec {
    /// The codec's usual name: `jpeg` or `h264`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Codec::Jpeg => "jpeg",
            Codec::H264(_) => "h264",
        }
    }
}

/// The parameter sets of an H.264 stream, as NAL units without start code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct H264Parameters {
    /// Sequence parameter set (NAL unit type 7).
    pub sps: Bytes,
    /// Picture parameter set (NAL unit type 8).
    pub pps: Bytes,
}

/// How the access unit is wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packaging {
    /// The bare access unit, in the codec's own form.
    Bare,
    /// One fragment (`moof` and `mdat`) of fragmented MP4; `init` is what must precede the first one.
    Fmp4 {
        /// Initialisation segment: `ftyp` and `moov`.
        init: Bytes,
    },
    /// Whole 188-byte packets of an MPEG transport stream; a keyframe begins with PAT and PMT.
    MpegTs,
    /// One part of `multipart/x-mixed-replace`, from its headers to the boundary that ends it.
    Multipart,
}

/// When the unit passed each place, on the server's monotonic clock. `None` where it has not been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// The camera took the picture, where the camera says so.
    pub captured: Option<Monotonic>,
    /// The last byte arrived at the server.
    pub received: Monotonic,
    /// The decoder gave the picture.
    pub decoded: Option<Monotonic>,
    /// The encoder gave the access unit.
    pub encoded: Option<Monotonic>,
    /// The packager gave the wrapped bytes.
    pub packaged: Option<Monotonic>,
}

impl Stamps {
    /// Stamps of a unit that has just arrived.
    #[must_use]
    pub fn received(at: Monotonic) -> Stamps {
        Stamps { received: at, ..Stamps::default() }
    }

    /// When the picture was taken, as far as known: at the camera, else at arrival.
    #[must_use]
    pub fn taken(&self) -> Monotonic {
        self.captured.unwrap_or(self.received)
    }
}
