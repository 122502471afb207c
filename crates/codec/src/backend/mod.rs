//! The codec libraries, each behind a trait, and the tables of candidates in order of preference.
//!
//! A new backend (a hardware encoder) is a file here and a line in a table. The traits have no default
//! methods, so that a backend cannot forget part of the contract.

mod bits;
#[cfg(feature = "ffmpeg")]
mod continuity;
#[cfg(feature = "ffmpeg")]
mod libav;
mod openh264;
mod openh264_decoder;
mod reorder;
mod sps;
mod turbojpeg;

use crate::picture::Picture;
use crate::view::I420View;
use crate::{decode, h264, jpeg};
use bytes::Bytes;
use camherd_media::time::MediaTime;
use std::time::Duration;

/// Decodes JPEG pictures of any size, one after the other.
pub(crate) trait JpegDecoder: Send {
    /// Decodes one whole JPEG file into `out`, which takes its size and full range.
    fn decode(&mut self, jpeg: &[u8], out: &mut Picture) -> Result<(), jpeg::Error>;
}

/// Encodes full-range pictures of any size to 4:2:0 JPEG files.
pub(crate) trait JpegEncoder: Send {
    /// Encodes one picture in the colours of JPEG to a whole file with JFIF header and Huffman tables.
    fn encode(&mut self, picture: &I420View<'_>) -> Result<Bytes, jpeg::Error>;
}

/// Encodes pictures of one size to constrained-baseline H.264, one access unit per picture and no delay.
pub(crate) trait H264Encoder: Send {
    /// Encodes `picture`, which is at least as large as configured, into `out`. `at` is the time since the
    /// first picture and does not decrease. With `force_idr` the result is an IDR picture.
    fn encode(
        &mut self,
        picture: &Picture,
        at: Duration,
        force_idr: bool,
        out: &mut h264::AccessUnit,
    ) -> Result<(), h264::Error>;
    /// Changes the target, in bit/s, from the next picture on.
    fn set_bitrate(&mut self, bitrate: u32) -> Result<(), h264::Error>;
    /// Tells the rate control how many pictures per second to expect from now on.
    fn set_frame_rate(&mut self, fps: f32) -> Result<(), h264::Error>;
}

/// Decodes the access units of one stream, with no concealment of errors.
pub(crate) trait VideoDecoder: Send {
    /// Decodes one access unit in Annex B form, which has a slice; gives whether [`VideoDecoder::picture`] has a picture now. An
    /// error is the last thing before a `reset`.
    fn decode(&mut self, access_unit: &[u8], pts: MediaTime) -> Result<bool, decode::Error>;
    /// Takes the next of the pictures that are kept back for their order; gives whether there is one.
    fn flush(&mut self) -> Result<bool, decode::Error>;
    /// Forgets everything; the next access unit is a keyframe with parameter sets.
    fn reset(&mut self) -> Result<(), decode::Error>;
    /// The picture that the last call gave.
    fn picture(&self) -> Option<decode::Decoded<'_>>;
}

/// A backend that may or may not work here.
pub(crate) struct Candidate<Open> {
    /// Name for reports.
    pub(crate) name: &'static str,
    /// Opens the backend.
    pub(crate) open: Open,
}

type OpenJpegDecoder = fn() -> Result<Box<dyn JpegDecoder>, jpeg::Error>;
type OpenJpegEncoder = fn(quality: u8) -> Result<Box<dyn JpegEncoder>, jpeg::Error>;
type OpenH264Encoder = fn(&h264::Config) -> Result<Box<dyn H264Encoder>, h264::Error>;
type OpenVideoDecoder = fn(decode::Codec, decode::Order) -> Result<Box<dyn VideoDecoder>, decode::Error>;

/// JPEG decoders, best first.
pub(crate) const JPEG_DECODERS: &[Candidate<OpenJpegDecoder>] =
    &[Candidate { name: "libjpeg-turbo", open: turbojpeg::open_decoder }];

/// JPEG encoders, best first.
pub(crate) const JPEG_ENCODERS: &[Candidate<OpenJpegEncoder>] =
    &[Candidate { name: "libjpeg-turbo", open: turbojpeg::open_encoder }];

/// H.264 encoders, best first.
pub(crate) const H264_ENCODERS: &[Candidate<OpenH264Encoder>] =
    &[Candidate { name: "openh264", open: openh264::open_encoder }];

/// Decoders for `codec`, best first.
pub(crate) fn video_decoders(codec: decode::Codec) -> &'static [Candidate<OpenVideoDecoder>] {
    match codec {
        decode::Codec::H264 => H264_DECODERS,
        decode::Codec::H265 => H265_DECODERS,
    }
}

/// H.264 decoders, best first.
const H264_DECODERS: &[Candidate<OpenVideoDecoder>] = &[
    #[cfg(feature = "ffmpeg")]
    Candidate { name: "libavcodec", open: libav::open_decoder },
    Candidate { name: "openh264", open: openh264_decoder::open_decoder },
];

/// H.265 decoders, best first.
const H265_DECODERS: &[Candidate<OpenVideoDecoder>] = &[
    #[cfg(feature = "ffmpeg")]
    Candidate { name: "libavcodec", open: libav::open_decoder },
];

/// Opens the first candidate that works; the error is that of the last one tried.
pub(crate) fn first_working<Open, Codec, Error>(
    candidates: &[Candidate<Open>],
    open: impl Fn(&Open) -> Result<Codec, Error>,
    none: Error,
) -> Result<(Codec, &'static str), Error> {
    let mut failure = none;
    for candidate in candidates {
        match open(&candidate.open) {
            Ok(codec) => return Ok((codec, candidate.name)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_candidate_that_opens_wins_and_the_last_error_is_told() {
        let table = [
            Candidate { name: "broken", open: Err("no device") },
            Candidate { name: "good", open: Ok(7) },
            Candidate { name: "other", open: Ok(8) },
        ];
        assert_eq!(first_working(&table, |open| *open, "none"), Ok((7, "good")));
        assert_eq!(first_working(&table[..1], |open| *open, "none"), Err("no device"));
        assert_eq!(first_working(&table[..0], |open| *open, "none"), Err("none"));
    }
}
