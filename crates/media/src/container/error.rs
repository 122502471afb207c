//! Why a unit cannot be packaged.

use crate::codec::h264::avcc::AvccError;
use crate::codec::h265::hvcc::HvccError;
use crate::time::MediaTime;

/// Why a muxer refuses a unit.
///
/// A refused unit leaves the muxer as it was. The caller may go on with the next unit, but pictures
/// that refer to the refused one show damage until the next keyframe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MuxError {
    /// The container does not carry this codec, or the unit is packaged already.
    #[error("this container takes bare {expected} units, not {codec} units packaged as {packaging}")]
    WrongFormat {
        /// The codec that the container takes.
        expected: &'static str,
        /// The codec of the unit.
        codec: &'static str,
        /// How the unit is wrapped: `bare`, `fmp4`, `mpegts`, `multipart` or `shared memory`.
        packaging: &'static str,
    },
    /// The first unit, or the first after a change of parameters, is not a keyframe.
    #[error("the unit at {} us must be a keyframe: the stream begins or its parameters change here", pts.0)]
    NeedsKeyframe {
        /// Presentation time of the unit.
        pts: MediaTime,
    },
    /// The unit is decoded before its predecessor.
    #[error("the unit at {} us comes before its predecessor at {} us", dts.0, last.0)]
    TimeWentBack {
        /// Decode time of the unit.
        dts: MediaTime,
        /// Decode time of the unit before it.
        last: MediaTime,
    },
    /// The decode time is negative, which the container cannot say.
    #[error("the unit is at {} us, but decode times in fMP4 are not negative", dts.0)]
    NegativeTime {
        /// Decode time of the unit.
        dts: MediaTime,
    },
    /// The presentation time is further after the decode time than the container can say.
    #[error("the unit is shown {} us after it is decoded, more than 32 bits of ticks can say", delay_us)]
    ShownTooLate {
        /// Microseconds from decode time to presentation time.
        delay_us: u64,
    },
    /// The payload does not begin with an Annex B start code (ITU-T H.264 B.1.1).
    #[error("the payload of {length} bytes does not begin with an Annex B start code")]
    NotAnnexB {
        /// Length of the payload in bytes.
        length: usize,
    },
    /// The payload holds delimiters and parameter sets only.
    #[error("the access unit of {length} bytes has no NAL unit besides delimiters and parameter sets")]
    NoPicture {
        /// Length of the payload in bytes.
        length: usize,
    },
    /// The access unit exceeds the container's 32-bit sizes.
    #[error("the access unit of {length} bytes is larger than a 32-bit box can hold")]
    TooLarge {
        /// Length of the payload in bytes.
        length: usize,
    },
    /// The parameter sets cannot be described in an `avcC` box.
    #[error("the parameter sets of the stream cannot be described in MP4")]
    BadParameters(#[from] AvccError),
    /// The parameter sets cannot be described in an `hvcC` box.
    #[error("the parameter sets of the stream cannot be described in MP4")]
    BadH265Parameters(#[from] HvccError),
    /// The picture is empty or larger than the container can say.
    #[error("a picture of {width}x{height} pixels cannot be described; each side has 1 to 65535")]
    PictureSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}
