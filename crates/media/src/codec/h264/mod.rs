//! H.264 (ITU-T H.264) without decoding: NAL units, access units, parameter sets, and what MP4 wants to know.
//!
//! - [`nal`]: kinds of NAL units, and the way over an Annex-B buffer.
//! - [`split`]: a byte stream that is cut anywhere becomes access units.
//! - [`normalise`]: access units become streamable: parameter sets before every IDR picture, nothing before the first.
//! - [`sps`]: profile, level and size of the picture.
//! - [`avcc`]: the forms of MP4: decoder configuration, codec string, length-prefixed NAL units.

pub mod avcc;
mod bits;
pub mod nal;
pub mod normalise;
pub mod split;
pub mod sps;

/// What precedes every NAL unit in the Annex-B buffers that this module makes.
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];
