//! JPEG and video codecs behind safe types: [`jpeg`] decodes and encodes pictures, [`h264`] encodes them,
//! [`decode`] decodes H.264 (and H.265 with the feature `ffmpeg`), [`scale`] changes their size, [`convert`] makes
//! BGR and gray of them. All share planar I420 with 8 bits: [`picture::Picture`] owns one, [`view::I420View`]
//! borrows one.
//!
//! Everything here is synchronous, runs on the caller's thread and keeps its buffers between calls, so one
//! codec per stream and thread is the intended use. No threads, no clocks and no files. The libraries sit in
//! `backend` behind traits; what they cannot do is said by the `Error` of each module.

#[cfg(test)]
extern crate self as camherd_codec;

mod backend;
mod chroma;
pub mod convert;
pub mod decode;
pub mod h264;
pub mod jpeg;
pub mod memory;
pub mod picture;
mod recolour;
pub mod scale;
pub mod view;

pub use picture::{Picture, Range};
pub use view::I420View;

#[cfg(test)]
#[path = "../tests/support/scene.rs"]
mod scene;
