//! H.264 (ITU-T H.264) from planar 4:2:0: constrained baseline, one slice, no reordering, no delay.
//!
//! Here is what a stream needs of any encoder: when to send an IDR picture, how fast pictures come, which
//! parameter sets are in force. How to encode one picture is the backend's.

use crate::backend::{self, H264Encoder};
use crate::picture::{Picture, Range};
use bytes::Bytes;
use camherd_media::time::MediaTime;
use camherd_media::unit::H264Parameters;
use std::time::Duration;

mod pace;

/// Smallest width and height, in pixels: one macroblock.
pub const MIN_DIMENSION: u32 = 16;
/// Longest side, in pixels. With [`MAX_SHORT_SIDE`] the limit of OpenH264, below that of level 5.2.
pub const MAX_LONG_SIDE: u32 = 3840;
/// Longest shorter side, in pixels.
pub const MAX_SHORT_SIDE: u32 = 2160;
/// Lowest target, in bit/s: below it the rate control of OpenH264 divides by almost nothing.
pub const MIN_BITRATE: u32 = 10_000;
/// Highest target, in bit/s: more than level 5.0 allows (135 Mbit/s) is a mistake in the unit.
pub const MAX_BITRATE: u32 = 135_000_000;
/// Lowest frame rate that the rate control can plan with, in Hz; slower streams are treated as this.
pub const MIN_FPS: f32 = 1.0;
/// Highest frame rate that the rate control can plan with, in Hz; faster streams are treated as this.
pub const MAX_FPS: f32 = 60.0;

/// `nal_unit_type` of a sequence parameter set (ITU-T H.264 Table 7-1).
const NAL_SPS: u8 = 7;
/// `nal_unit_type` of a picture parameter set.
const NAL_PPS: u8 = 8;

/// Why a picture cannot be encoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The encoder could not be set up.
    #[error("the H.264 encoder does not start: {0}")]
    Library(String),
    /// The size asked for cannot be encoded.
    #[error(
        "H.264 picture of {width}x{height} pixels: must be at least {MIN_DIMENSION}x{MIN_DIMENSION} and at most \
         {MAX_LONG_SIDE}x{MAX_SHORT_SIDE} or {MAX_SHORT_SIDE}x{MAX_LONG_SIDE}"
    )]
    Size {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// The target is out of range.
    #[error("H.264 target of {0} bit/s: must be {MIN_BITRATE} to {MAX_BITRATE}")]
    Bitrate(u32),
    /// The frame rate is not a positive number.
    #[error("H.264 frame rate of {0} Hz: must be positive")]
    FrameRate(f32),
    /// The picture does not have the size that the encoder was made for.
    #[error(
        "picture of {width}x{height} pixels given to an H.264 encoder for {expected_width}x{expected_height}"
    )]
    PictureSize {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// Width of what is encoded.
        expected_width: u32,
        /// Height of what is encoded.
        expected_height: u32,
    },
    /// The picture does not have the range that the encoder was made for.
    #[error("picture in {0:?} range given to an H.264 encoder for the other range")]
    PictureRange(Range),
    /// The library failed; the encoder is of no further use.
    #[error("the H.264 encoder failed: {0}")]
    Encode(String),
}

/// What to encode, and how much to spend.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Width of the pictures. An odd width loses its last column: 4:2:0 needs even sizes.
    pub width: u32,
    /// Height of the pictures. An odd height loses its last row.
    pub height: u32,
    /// Target in bit/s, [`MIN_BITRATE`] to [`MAX_BITRATE`]. A quiet scene needs far less.
    pub bitrate: u32,
    /// Highest frame rate to expect, in Hz. It sets the level and what the rate control assumes until it
    /// has seen the true rate.
    pub max_fps: f32,
    /// Longest time between two IDR pictures. Zero makes every picture one.
    pub idr_period: Duration,
    /// The range of the pictures, which the stream tells the player.
    pub range: Range,
}

/// One encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The access unit in Annex B form with four-byte start codes; SPS and PPS precede an IDR picture.
    pub data: Bytes,
    /// Whether this is an IDR picture.
    pub keyframe: bool,
}

/// An access unit as a backend writes it, in buffers that are reused.
#[derive(Debug, Default)]
pub(crate) struct AccessUnit {
    /// Annex B with four-byte start codes; empty when the encoder gave nothing.
    pub(crate) data: Vec<u8>,
    /// Where the NAL units lie in `data`, without start codes.
    pub(crate) nals: Vec<std::ops::Range<usize>>,
    /// Whether this is an IDR picture.
    pub(crate) keyframe: bool,
}

impl AccessUnit {
    /// The first NAL unit of that type.
    fn nal(&self, kind: u8) -> Option<&[u8]> {
        let mut nals = self.nals.iter().filter_map(|at| self.data.get(at.clone()));
        nals.find(|nal| nal.first().is_some_and(|header| header & 0x1f == kind))
    }
}

/// Encodes the pictures of one stream. Each picture gives one access unit at once.
pub struct Encoder {
    backend: Box<dyn H264Encoder>,
    backend_name: &'static str,
    width: u32,
    height: u32,
    range: Range,
    idr_period: Duration,
    pace: pace::Pace,
    first_pts: Option<MediaTime>,
    last_idr: Option<Duration>,
    parameters: Option<H264Parameters>,
    unit: AccessUnit,
}

impl Encoder {
    /// An encoder for pictures of one size and range.
    ///
    /// # Errors
    /// What is wrong with `config`; [`Error::Library`] when no encoder works.
    pub fn new(config: &Config) -> Result<Encoder, Error> {
        let config = checked(config)?;
        let none = Error::Library("no backend is built in".to_owned());
        let (backend, backend_name) =
            backend::first_working(backend::H264_ENCODERS, |open| open(&config), none)?;
        Ok(Encoder {
            backend,
            backend_name,
            width: config.width,
            height: config.height,
            range: config.range,
            idr_period: config.idr_period,
            pace: pace::Pace::new(config.max_fps),
            first_pts: None,
            last_idr: None,
            parameters: None,
            unit: AccessUnit::default(),
        })
    }

    /// Encodes `picture`, which is to be shown at `pts`. The result is an IDR picture if it is the first, if
    /// the IDR period is over, or with `force_idr`. It is `None` when the encoder dropped the picture, which
    /// no present backend does.
    ///
    /// The bits spent follow the true frame rate as `pts` tells it. `pts` should not go back; where it does,
    /// the picture counts as shown at once after the one before.
    ///
    /// # Errors
    /// [`Error::PictureSize`] or [`Error::PictureRange`] when the picture is not as configured;
    /// [`Error::Encode`] when the library fails, after which every call fails.
    pub fn encode(
        &mut self,
        picture: &Picture,
        pts: MediaTime,
        force_idr: bool,
    ) -> Result<Option<Encoded>, Error> {
        self.check(picture)?;
        let at = pts.since(*self.first_pts.get_or_insert(pts));
        if let Some(fps) = self.pace.observe(at) {
            self.backend.set_frame_rate(fps)?;
        }
        // A picture from before the last IDR picture finds no period over, since `at` is then the smaller.
        let due = self.last_idr.is_none_or(|last| at.saturating_sub(last) >= self.idr_period);
        self.backend.encode(picture, self.pace.now(), force_idr || due, &mut self.unit)?;
        if self.unit.data.is_empty() {
            return Ok(None);
        }
        if self.unit.keyframe {
            self.last_idr = Some(at);
            self.learn_parameters();
        }
        Ok(Some(Encoded { data: Bytes::copy_from_slice(&self.unit.data), keyframe: self.unit.keyframe }))
    }

    /// The parameter sets of the last IDR picture; `None` before the first.
    #[must_use]
    pub fn parameters(&self) -> Option<&H264Parameters> {
        self.parameters.as_ref()
    }

    /// Changes the target, in bit/s, from the next picture on and without an IDR picture.
    ///
    /// # Errors
    /// [`Error::Bitrate`] outside [`MIN_BITRATE`] to [`MAX_BITRATE`]; [`Error::Encode`] when the library fails.
    pub fn set_bitrate(&mut self, bitrate: u32) -> Result<(), Error> {
        check_bitrate(bitrate)?;
        self.backend.set_bitrate(bitrate)
    }

    /// Size of the encoded pictures in pixels, width and height; both even.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Name of the library in use, for reports.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.backend_name
    }

    fn check(&self, picture: &Picture) -> Result<(), Error> {
        let (width, height) = (picture.width(), picture.height());
        if (even(width), even(height)) != (self.width, self.height) {
            let (expected_width, expected_height) = self.size();
            return Err(Error::PictureSize { width, height, expected_width, expected_height });
        }
        if picture.range() != self.range {
            return Err(Error::PictureRange(picture.range()));
        }
        Ok(())
    }

    /// Keeps the parameter sets of the access unit where they differ from those known.
    fn learn_parameters(&mut self) {
        let (Some(sps), Some(pps)) = (self.unit.nal(NAL_SPS), self.unit.nal(NAL_PPS)) else { return };
        if self.parameters.as_ref().is_none_or(|known| known.sps != sps || known.pps != pps) {
            let (sps, pps) = (Bytes::copy_from_slice(sps), Bytes::copy_from_slice(pps));
            self.parameters = Some(H264Parameters { sps, pps });
        }
    }
}

/// The largest even number that is not above `n`.
fn even(n: u32) -> u32 {
    n & !1
}

fn check_bitrate(bitrate: u32) -> Result<(), Error> {
    if (MIN_BITRATE..=MAX_BITRATE).contains(&bitrate) { Ok(()) } else { Err(Error::Bitrate(bitrate)) }
}

/// `config` with even sizes and a frame rate that a backend can take.
fn checked(config: &Config) -> Result<Config, Error> {
    let (width, height) = (even(config.width), even(config.height));
    let (long, short) = (width.max(height), width.min(height));
    if !(MIN_DIMENSION..=MAX_SHORT_SIDE).contains(&short) || long > MAX_LONG_SIDE {
        return Err(Error::Size { width: config.width, height: config.height });
    }
    check_bitrate(config.bitrate)?;
    if config.max_fps.is_nan() || config.max_fps <= 0.0 {
        return Err(Error::FrameRate(config.max_fps));
    }
    Ok(Config { width, height, max_fps: config.max_fps.clamp(MIN_FPS, MAX_FPS), ..*config })
}

#[cfg(test)]
mod tests;
