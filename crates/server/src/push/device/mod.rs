//! A camera of this machine as the source of a stream: `/dev/videoN`, with Linux's V4L2.
//!
//! JPEG is taken as the camera gives it; raw pictures are encoded here. `raw` is what their bytes mean, `v4l2` the
//! device, `trouble` what its errors mean.

#[cfg(any(target_os = "linux", test))]
mod raw;
#[cfg(target_os = "linux")]
mod trouble;
#[cfg(target_os = "linux")]
mod v4l2;

use crate::client::source::Ending;
use camherd_hub::Publisher;
use std::io;
use std::path::Path;

/// Begins to publish what the camera gives, at a size and a rate if it has them.
#[cfg(target_os = "linux")]
pub(super) fn start(
    publisher: Publisher,
    path: &Path,
    size: Option<(u32, u32)>,
    fps: Option<f64>,
) -> io::Result<Ending> {
    v4l2::start(publisher, path, size, fps)
}

/// Other systems have no such devices.
#[cfg(not(target_os = "linux"))]
pub(super) fn start(_: Publisher, _: &Path, _: Option<(u32, u32)>, _: Option<f64>) -> io::Result<Ending> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "cameras of this machine are read on Linux only"))
}
