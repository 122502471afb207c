//! H.265 (ITU-T H.265) without decoding: NAL units, parameter sets, and what MP4 wants to know.
//!
//! - [`nal`]: kinds of NAL units.
//! - [`normalise`]: access units become streamable: parameter sets before every random access picture, nothing
//!   before the first.
//! - [`sps`]: profile, level, size and order of the pictures.
//! - [`hvcc`]: the forms of MP4: decoder configuration, codec string, NAL units of a sample.
//!
//! Streams of several layers (annexes F to I) are read as their base layer.

pub mod hvcc;
pub mod nal;
pub mod normalise;
pub mod sps;
