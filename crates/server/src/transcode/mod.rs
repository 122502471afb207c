//! Derived renditions: subscribers of one rendition that publish another.
//!
//! [`Deriver`] is what the hub asks when somebody wants a rendition that nobody writes yet. Each runs only
//! while it is read, plus [`LINGER`]. [`Input`] finds the rendition to work from.

mod bus;
mod convert;
mod decode;
mod demand;
mod encode;
mod input;
mod ladder;
mod pace;
mod package;
mod pool;
mod room;
mod worker;

pub use bus::clean_up as clean_up_bus;
pub use convert::Form;
pub use encode::IDR_ON_DEMAND;
pub use input::{Input, Want};
pub use ladder::{Ladder, Quality};
pub use pace::{FPS, Pace};

use crate::config::Config;
use camherd_hub::{Derive, DeriveError, RenditionKey, RingLimits, Stream, Subscription, Writer};
use camherd_media::container::Multipart;
use camherd_media::unit::Unit;
use room::Room;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long a rendition goes on after its last reader: a page that reloads finds it warm.
pub const LINGER: Duration = Duration::from_secs(3);

/// H.264, made from the source's JPEGs.
pub const H264: RenditionKey = RenditionKey::from_static("h264");
/// H.264 or H.265 as fragments of MP4.
pub const H264_FMP4: RenditionKey = RenditionKey::from_static("h264/fmp4");
/// H.264 or H.265 as an MPEG transport stream.
pub const H264_TS: RenditionKey = RenditionKey::from_static("h264/ts");
/// JPEG, made from the pictures of a camera that sends something else.
pub const JPEG: RenditionKey = RenditionKey::from_static("jpeg/native");
/// JPEG as parts of `multipart/x-mixed-replace`.
pub const JPEG_MULTIPART: RenditionKey = RenditionKey::from_static("jpeg/multipart");
/// The same with another boundary, as the older multi-format server has it at `/stream<N>`.
pub const JPEG_MULTIPART_OLD: RenditionKey = RenditionKey::from_static("jpeg/multipart-old");
/// The decoded pictures, in the camera's size.
pub const PICTURE: RenditionKey = RenditionKey::from_static("picture");

/// Boundary between the parts of [`JPEG_MULTIPART`].
pub const BOUNDARY: &str = "camherd-frame";

/// The packager of [`JPEG_MULTIPART`], or of [`JPEG_MULTIPART_OLD`]; none for any other key.
#[must_use]
pub fn multipart(key: &RenditionKey) -> Option<Multipart> {
    match key {
        _ if *key == JPEG_MULTIPART => Multipart::new(BOUNDARY).ok(),
        // Declared with the dashes of its delimiter lines, which are `--BOUNDARY` nevertheless.
        _ if *key == JPEG_MULTIPART_OLD => {
            Multipart::new("BOUNDARY").ok().map(Multipart::with_dashes_declared)
        }
        _ => None,
    }
}

/// Raw pictures are a megabyte each: a rendition of them holds so many, enough for a reader that wants
/// every one to be late by a quarter of a second at 30 a second.
const RAW_UNITS: usize = 8;

/// Bytes that a rendition of raw pictures holds at most, but for a single larger one: two of 4K in BGR.
const RAW_BYTES: usize = 64 << 20;

/// What follows the key of a raw rendition whose pictures lie in shared memory.
const SHARED: &str = "/shm";

/// Pictures in a form and a size; `None` is the camera's own size.
#[must_use]
pub fn frames(form: Form, size: Option<(u32, u32)>) -> RenditionKey {
    let size = size.map_or_else(|| "native".to_owned(), |(width, height)| format!("{width}x{height}"));
    RenditionKey::new(format!("{}/{size}", form.name()))
}

/// The same, in shared memory.
#[must_use]
pub fn shared(form: Form, size: Option<(u32, u32)>) -> RenditionKey {
    RenditionKey::new(format!("{}{SHARED}", frames(form, size).as_str()))
}

/// Where the decoded pictures of a stream are: a quality that is made consists of them.
fn pictures_of(stream: &Stream) -> RenditionKey {
    if ladder::is_made(stream) { RenditionKey::SOURCE } else { PICTURE }
}

/// The form and size of a key that [`frames`] has made.
fn parse_frames(key: &str) -> Option<(Form, Option<(u32, u32)>)> {
    let (form, size) = key.split_once('/')?;
    let form = Form::from_name(form)?;
    if size == "native" {
        return Some((form, None));
    }
    let (width, height) = size.split_once('x')?;
    Some((form, Some((width.parse().ok()?, height.parse().ok()?))))
}

/// Starts encoders, decoders and packagers.
pub struct Deriver {
    config: Arc<Config>,
    runtime: Handle,
    encoders: Room,
    decoders: Room,
    bus: bus::Bus,
}

impl Deriver {
    /// A deriver whose packagers run on `runtime`; codecs have threads of their own.
    #[must_use]
    pub fn new(config: Arc<Config>, runtime: Handle) -> Deriver {
        let encoders = Room::new("encoders", config.limits.encoders);
        let decoders = Room::new("decoders", config.limits.decoders);
        let bus = bus::Bus::new(&config.bus);
        Deriver { config, runtime, encoders, decoders, bus }
    }

    /// Removes what the work leaves in shared memory: the server ends, and threads do not hear of it.
    pub fn close(&self) {
        self.bus.remove_files();
    }

    fn start(&self, stream: &Stream, key: &RenditionKey, writer: Writer) -> Result<(), String> {
        let (order, now) = (stream.order(), Instant::now());
        if *key == H264 {
            let encoding = ladder::encoding(&self.config, stream);
            return encode::start(stream, encoding, writer, self.encoders.enter(order, key, now)?);
        }
        if *key == PICTURE {
            return decode::start(stream, writer, self.decoders.enter(order, key, now)?);
        }
        if let Some(packager) = package::Packager::for_key(key) {
            return package::start(stream, packager, writer, &self.runtime).map_err(|error| error.reason);
        }
        let (pictures, in_shared_memory) = match key.as_str().strip_suffix(SHARED) {
            Some(pictures) => (pictures, true),
            None => (key.as_str(), false),
        };
        let what = parse_frames(pictures).ok_or("no such rendition")?;
        let place = self.decoders.enter(order, key, now)?;
        match in_shared_memory {
            true => self.bus.start(stream, what, writer, place),
            false => convert::start(stream, key, what, writer, place),
        }
    }
}

impl Derive for Deriver {
    fn derive(&self, stream: &Stream, key: &RenditionKey, writer: Writer) -> Result<(), DeriveError> {
        self.start(stream, key, writer).map_err(|reason| DeriveError { key: key.clone(), reason })
    }

    fn limits(&self, key: &RenditionKey, limits: RingLimits) -> RingLimits {
        if *key == PICTURE || ladder::is_source_of_made(key) || parse_frames(key.as_str()).is_some() {
            RingLimits { bytes: RAW_BYTES, units: RAW_UNITS, ..limits }
        } else {
            limits
        }
    }
}

/// The units to work on now: the given one and those behind it, or only the newest of more than `most`; the
/// others are counted as dropped. For units that stand alone.
fn waiting(first: Unit, most: usize, input: &mut Subscription, stream: &Stream) -> Vec<Unit> {
    let mut units = vec![first];
    units.extend(std::iter::from_fn(|| input.try_next()).map(|delivery| delivery.unit));
    if units.len() > most {
        let late = units.drain(..units.len() - 1);
        late.for_each(|_| stream.count_drop("overload", "the machine is too slow for the camera".to_owned()));
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_raw_pictures_are_read_back() {
        for key in [(Form::Bgr24, None), (Form::Gray, Some((640, 480))), (Form::Jpeg, Some((16, 8192)))] {
            assert_eq!(parse_frames(frames(key.0, key.1).as_str()), Some(key));
            assert_eq!(
                shared(key.0, key.1).as_str().strip_suffix(SHARED),
                Some(frames(key.0, key.1).as_str())
            );
        }
        for other in
            ["h264", "h264/ts", "jpeg/multipart", "bgr24", "bgr24/640", "bgr24/x", "bgr24/native/shm"]
        {
            assert_eq!(parse_frames(other), None, "{other}");
        }
    }
}
