//! Headers of the codecs: enough to check, repair and split, never to decode.

#[doc(hidden)]
pub mod fuzzing;
pub mod h264;
pub mod jpeg;
