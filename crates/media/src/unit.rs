//! The unit: one access unit of one rendition, the only thing that flows through the hub.

use crate::time::{MediaTime, Monotonic};
use bytes::Bytes;
use std::sync::Arc;

/// One access unit: a whole JPEG, a whole H.264 picture, or the packaged bytes of one.
///
/// Invariants that a publisher keeps and every reader may rely on:
/// - `payload` holds exactly one access unit in the form that `format` describes, never a part of one.
/// - A JPEG runs from SOI to EOI and carries its Huffman tables.
/// - H.264 and H.265 are Annex B with four-byte start codes; a keyframe begins with its parameter sets.
/// - A raw picture has exactly the bytes that [`PixelFormat::frame_bytes`] tells.
/// - `dts` does not decrease within a rendition, and no `pts` is before its `dts`.
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
    /// When to decode it: the same as `pts` but in streams with B-frames, whose units come in decoding order.
    pub dts: MediaTime,
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

/// The format of the newest unit, for who makes units one after the other: those of one format share one [`Arc`], so
/// that whoever takes them sees by the pointer that nothing has changed.
#[derive(Clone, Debug, Default)]
pub struct SharedFormat(Option<Arc<Format>>);

impl SharedFormat {
    /// `format` as the one of before, if that is equal.
    pub fn share(&mut self, format: Format) -> Arc<Format> {
        match &self.0 {
            Some(known) if **known == format => known.clone(),
            _ => self.0.insert(Arc::new(format)).clone(),
        }
    }

    /// The one that was shared last; `None` before the first.
    #[must_use]
    pub fn get(&self) -> Option<&Arc<Format>> {
        self.0.as_ref()
    }
}

/// The coding of the pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Baseline or progressive JPEG.
    Jpeg,
    /// H.264 / AVC (ITU-T H.264).
    H264(H264Parameters),
    /// H.265 / HEVC (ITU-T H.265).
    H265(H265Parameters),
    /// No coding: the samples themselves.
    Raw(PixelFormat),
}

impl Codec {
    /// The codec's usual name: `jpeg`, `h264`, `h265`, or the [`PixelFormat::name`] of raw pictures.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Codec::Jpeg => "jpeg",
            Codec::H264(_) => "h264",
            Codec::H265(_) => "h265",
            Codec::Raw(pixels) => pixels.name(),
        }
    }
}

/// How the samples of a raw picture lie in memory, without any padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Blue, green, red, a byte each, row after row: what OpenCV takes.
    Bgr24,
    /// Luma alone in full range, a byte a pixel.
    Gray8,
    /// Planes Y, Cb, Cr with 8 bits a sample, chroma of half the width and height (rounded up).
    I420(Colour),
}

impl PixelFormat {
    /// `bgr24`, `gray` or `i420`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PixelFormat::Bgr24 => "bgr24",
            PixelFormat::Gray8 => "gray",
            PixelFormat::I420(_) => "i420",
        }
    }

    /// The bytes of a picture of `width` by `height` pixels.
    #[must_use]
    pub fn frame_bytes(self, width: u32, height: u32) -> usize {
        let (width, height) = (width as usize, height as usize);
        match self {
            PixelFormat::Bgr24 => width * height * 3,
            PixelFormat::Gray8 => width * height,
            PixelFormat::I420(_) => width * height + 2 * width.div_ceil(2) * height.div_ceil(2),
        }
    }
}

/// What the samples of a YCbCr picture mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Whether black is 0 and white 255 (as in JPEG), not 16 and 235 (as in video).
    pub full_range: bool,
    /// How luma and chroma were made of red, green and blue.
    pub matrix: Matrix,
}

/// The matrix between RGB and YCbCr (ITU-T H.273, table 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601, also that of JPEG (ITU-T T.871) and what video without a word about it is taken for.
    #[default]
    Bt601,
    /// ITU-R BT.709.
    Bt709,
}

/// The parameter sets of an H.264 stream, as NAL units without start code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct H264Parameters {
    /// Sequence parameter set (NAL unit type 7).
    pub sps: Bytes,
    /// Picture parameter set (NAL unit type 8).
    pub pps: Bytes,
}

/// The parameter sets of an H.265 stream, as NAL units without start code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct H265Parameters {
    /// Video parameter set (NAL unit type 32).
    pub vps: Bytes,
    /// Sequence parameter set (NAL unit type 33).
    pub sps: Bytes,
    /// Picture parameter set (NAL unit type 34).
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
    /// Not the picture, but a line of text that says which slot of a ring in shared memory holds it;
    /// `descriptor` is the line that says where the ring is, and must precede the first one.
    SharedMemory {
        /// A JSON object and a line feed.
        descriptor: Bytes,
    },
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
