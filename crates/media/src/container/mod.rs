//! Containers: access units in, packaged bytes out.
//!
//! [`fmp4`] is for Media Source Extensions and recordings, [`mpegts`] for players and the older browser
//! page, [`multipart`] for MJPEG over HTTP. A muxer serves one rendition and all of its viewers: each
//! output unit is a whole, shared piece, and a viewer may begin at any output keyframe.
//!
//! No demuxers for production are here; those in `fuzzing` exist to check the muxers. The multipart stream
//! of a camera is read in [`wire::multipart_reader`](crate::wire::multipart_reader).

pub mod error;
pub mod fmp4;
#[doc(hidden)]
pub mod fuzzing;
pub mod mpegts;
pub mod multipart;
pub mod wall;

mod annexb;
mod relabel;
#[cfg(test)]
mod testing;
mod timeline;

pub use error::MuxError;
pub use fmp4::Fmp4Muxer;
pub use mpegts::TsMuxer;
pub use multipart::Multipart;
pub use wall::WallClock;
