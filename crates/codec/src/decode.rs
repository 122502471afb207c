//! Video access units to planar 4:2:0: H.264 (ITU-T H.264), and H.265 (ITU-T H.265) with the feature `ffmpeg`.
//!
//! Here is what a stream needs of any decoder: when decoding can begin, and that nothing but whole and right
//! pictures come out. How to decode one access unit is the backend's.

use crate::backend::{self, VideoDecoder};
use crate::view::I420View;
use camherd_media::codec::h264::nal::{NalKind, nal_units};
use camherd_media::time::MediaTime;

/// Largest access unit, in bytes. A picture of level 5.2 at the least compression that the level allows
/// (MinCR of 2) has 7 MB; the libraries count bytes in 32 bits and keep several access units.
pub const MAX_ACCESS_UNIT: usize = 16 << 20;

/// Most bytes of parameter sets without a picture that are kept for the next one: 16 of the usual maximum.
const MAX_AHEAD: usize = 64 << 10;

/// Largest picture, in macroblocks of 16x16 pixels: that of level 5.2 (ITU-T H.264 Table A-1), 4096x2304. A
/// decoder keeps up to 18 pictures, which bounds its memory to 300 MB whatever a header says.
pub const MAX_MACROBLOCKS: u32 = 36_864;

/// Why an access unit cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The decoder could not be set up.
    #[error("the {codec} decoder does not start: {reason}")]
    Library {
        /// Name of the codec.
        codec: &'static str,
        /// What the library says.
        reason: String,
    },
    /// Decoding begins at a keyframe, and starts anew at one after an error; this access unit is none.
    #[error("waiting for a keyframe")]
    AwaitingKeyframe,
    /// The access unit has more than [`MAX_ACCESS_UNIT`] bytes.
    #[error("access unit of {0} bytes: at most {MAX_ACCESS_UNIT} are decoded")]
    TooLarge(usize),
    /// The stream is of a kind that this build does not decode. Waiting does not help.
    #[error("{0}")]
    Unsupported(String),
    /// The access unit is damaged or incomplete, or refers to a picture that is missing. What was decoded of
    /// it is not given out.
    #[error("{0}")]
    Corrupt(String),
}

/// The coding of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC; needs the feature `ffmpeg`.
    H265,
}

impl Codec {
    /// The usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "H.264",
            Codec::H265 => "H.265",
        }
    }
}

/// In what order pictures come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they are coded: each access unit gives its picture at once. Right for streams without B-frames,
    /// where it is also the order of display. (Of streams with B-frames libavcodec may keep pictures back.)
    Decode,
    /// As they are to be shown. Costs the delay that putting B-frames in order takes.
    Display,
}

/// One decoded picture, in memory of the decoder.
#[derive(Clone, Copy, Debug)]
pub struct Decoded<'a> {
    /// The picture, cropped as the stream says.
    pub picture: I420View<'a>,
    /// When to show it: what was given with its access unit.
    pub pts: MediaTime,
}

/// Decodes the access units of one stream, on the caller's thread.
pub struct Decoder {
    backend: Box<dyn VideoDecoder>,
    backend_name: &'static str,
    codec: Codec,
    /// Parameter sets that came in access units without slices, for the next one with.
    ahead: Vec<u8>,
    /// Whether everything before the next keyframe is refused.
    awaiting_keyframe: bool,
}

impl Decoder {
    /// A decoder for a stream of any size.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when this build cannot decode `codec`, [`Error::Library`] when no decoder works.
    pub fn new(codec: Codec, order: Order) -> Result<Decoder, Error> {
        let none = Error::Unsupported(format!(
            "this build cannot decode {}: build with the feature `ffmpeg`",
            codec.name()
        ));
        let (backend, backend_name) =
            backend::first_working(backend::video_decoders(codec), |open| open(codec, order), none)?;
        Ok(Decoder { backend, backend_name, codec, ahead: Vec::new(), awaiting_keyframe: true })
    }

    /// Decodes one whole access unit in Annex B form, which is to be shown at `pts`. A keyframe must begin with
    /// its parameter sets and may change the size.
    ///
    /// The result is `None` where the access unit holds no slice, and in [`Order::Display`] while pictures are
    /// put in order. A keyframe may change how many wait; call [`Decoder::flush`] before one with other parameter
    /// sets to have those that still do.
    ///
    /// A damaged or incomplete H.264 access unit and a missing reference picture are noticed. Of H.265 libavcodec
    /// tells neither: a caller that knows of a loss must leave the unit out and call [`Decoder::reset`].
    ///
    /// # Errors
    /// After [`Error::TooLarge`], [`Error::Unsupported`] and [`Error::Corrupt`] everything up to the next
    /// keyframe is refused with [`Error::AwaitingKeyframe`]; there the decoder goes on by itself.
    pub fn decode(&mut self, access_unit: &[u8], pts: MediaTime) -> Result<Option<Decoded<'_>>, Error> {
        let contents = Contents::of(self.codec, access_unit);
        if !contents.has_slice {
            if contents.parameter_sets && self.ahead.len() + access_unit.len() <= MAX_AHEAD {
                self.ahead.extend_from_slice(access_unit);
            }
            return Ok(None);
        }
        if self.awaiting_keyframe && !contents.keyframe {
            return Err(Error::AwaitingKeyframe);
        }
        let mut ahead = std::mem::take(&mut self.ahead);
        if contents.parameter_sets {
            // The unit's own sets are all that it needs, and those before may be damaged.
            ahead.clear();
        }
        let result = if access_unit.len() > MAX_ACCESS_UNIT {
            Err(Error::TooLarge(access_unit.len()))
        } else if ahead.is_empty() {
            self.backend.decode(access_unit, pts)
        } else {
            ahead.extend_from_slice(access_unit);
            self.backend.decode(&ahead, pts)
        };
        match result {
            Ok(ready) => {
                self.awaiting_keyframe &= !contents.keyframe;
                Ok(if ready { self.backend.picture() } else { None })
            }
            Err(error) => {
                self.reset()?;
                Err(error)
            }
        }
    }

    /// The next picture of those that still wait for their turn in [`Order::Display`], as long as there are
    /// any. To be called at the end of a stream, or before a keyframe with other parameter sets: nothing but a
    /// keyframe is decoded after it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the library fails.
    pub fn flush(&mut self) -> Result<Option<Decoded<'_>>, Error> {
        self.awaiting_keyframe = true;
        match self.backend.flush() {
            Ok(ready) => Ok(if ready { self.backend.picture() } else { None }),
            Err(error) => {
                self.reset()?;
                Err(error)
            }
        }
    }

    /// Forgets all pictures; decoding goes on at the next keyframe. Needed where access units are left out.
    ///
    /// # Errors
    /// [`Error::Library`] when the decoder does not start again.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.awaiting_keyframe = true;
        self.ahead.clear();
        self.backend.reset()
    }

    /// Whether everything is refused until a keyframe comes.
    #[must_use]
    pub fn awaits_keyframe(&self) -> bool {
        self.awaiting_keyframe
    }

    /// Name of the library in use, for reports.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.backend_name
    }
}

/// What the front must know of an access unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Contents {
    /// Whether decoding can begin here.
    keyframe: bool,
    /// Whether there is a slice of a picture.
    has_slice: bool,
    /// Whether there are parameter sets before it.
    parameter_sets: bool,
}

impl Contents {
    fn of(codec: Codec, access_unit: &[u8]) -> Contents {
        let mut contents = Contents::default();
        for nal in nal_units(access_unit) {
            let (slice, keyframe, parameter_set) = match codec {
                Codec::H264 => {
                    let kind = NalKind::of(nal);
                    let parameter_set = matches!(kind, Some(NalKind::Sps | NalKind::Pps));
                    (kind.is_some_and(NalKind::is_vcl), kind == Some(NalKind::IdrSlice), parameter_set)
                }
                // nal_unit_type below 32 is a slice, 16 to 21 one of a picture where decoding can begin, 32 to 34 a
                // parameter set (ITU-T H.265 Table 7-1).
                Codec::H265 => {
                    let kind = nal.first().map_or(u8::MAX, |header| header >> 1 & 0x3f);
                    (kind < 32, (16..=21).contains(&kind), (32..=34).contains(&kind))
                }
            };
            contents.has_slice |= slice;
            contents.keyframe |= keyframe;
            contents.parameter_sets |= parameter_set;
            if slice {
                // The other slices of the picture are of the same kind, and parameter sets come before.
                break;
            }
        }
        contents
    }
}

#[cfg(test)]
mod tests;
