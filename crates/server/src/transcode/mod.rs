//! Derived renditions: subscribers of one rendition that publish another.
//!
//! [`Deriver`] is what the hub asks when somebody wants a rendition that nobody writes yet. Each runs only
//! while it is read, plus [`LINGER`].

mod demand;
mod encode;
mod package;
mod room;

pub use encode::IDR_ON_DEMAND;

use crate::config::Config;
use camherd_hub::{Derive, DeriveError, RenditionKey, Stream, Writer};
use room::Room;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long a rendition goes on after its last reader: a page that reloads finds it warm.
pub const LINGER: Duration = Duration::from_secs(3);

/// H.264, made from the source's JPEGs.
pub const H264: RenditionKey = RenditionKey::from_static("h264");
/// [`H264`] as fragments of MP4.
pub const H264_FMP4: RenditionKey = RenditionKey::from_static("h264/fmp4");
/// [`H264`] as an MPEG transport stream.
pub const H264_TS: RenditionKey = RenditionKey::from_static("h264/ts");
/// The source's JPEGs as parts of `multipart/x-mixed-replace`.
pub const JPEG_MULTIPART: RenditionKey = RenditionKey::from_static("source/multipart");

/// Boundary between the parts of [`JPEG_MULTIPART`].
pub const BOUNDARY: &str = "camherd-frame";

/// Starts encoders and packagers.
pub struct Deriver {
    config: Arc<Config>,
    runtime: Handle,
    room: Room,
}

impl Deriver {
    /// A deriver whose packagers run on `runtime`; encoders have threads of their own.
    #[must_use]
    pub fn new(config: Arc<Config>, runtime: Handle) -> Deriver {
        let room = Room::new(config.limits.encoders);
        Deriver { config, runtime, room }
    }
}

impl Derive for Deriver {
    fn derive(&self, stream: &Stream, key: &RenditionKey, writer: Writer) -> Result<(), DeriveError> {
        let fail = |reason: String| DeriveError { key: key.clone(), reason };
        if *key == H264 {
            let encoding = self.config.encoding(stream.name());
            let place = self.room.enter(stream.name(), Instant::now()).map_err(fail)?;
            return encode::start(stream, encoding, writer, place).map_err(fail);
        }
        let packager = package::Packager::for_key(key).ok_or_else(|| fail("no such rendition".to_owned()))?;
        package::start(stream, packager, writer, &self.runtime).map_err(|error| fail(error.reason))
    }
}
