//! H.264 (ITU-T H.264) without decoding: NAL units, access units, parameter sets, and what MP4 wants to know.
//!
//! - [`nal`]: kinds of NAL units, and the way over an Annex-B buffer.
//! - [`split`]: a byte stream that is cut anywhere becomes access units.
//! - [`normalise`]: access units become streamable: parameter sets before every IDR picture, nothing before the first.
//! - [`sps`]: profile, level, size, colour and order of the pictures.
//! - [`avcc`]: the forms of MP4: decoder configuration, codec string, length-prefixed NAL units.

pub mod avcc;
pub mod nal;
pub mod normalise;
pub mod split;
pub mod sps;
mod vui;

pub use super::annexb::START_CODE;
