//! Headers of the codecs: enough to check, repair and split, never to decode.

mod annexb;
mod bits;
#[doc(hidden)]
pub mod fuzzing;
pub mod h264;
pub mod h265;
pub mod jpeg;
pub mod order;
