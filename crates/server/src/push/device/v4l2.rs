//! The device: which format it is asked for, and the thread that waits for its pictures.

use super::raw::{Layout, RawError, to_picture};
use super::trouble::explained;
use crate::client::source::{End, Ender, Ending};
use crate::sources::jpeg_units::JpegUnits;
use bytes::Bytes;
use camherd_codec::Picture;
use camherd_codec::jpeg::Encoder;
use camherd_hub::Publisher;
use camherd_media::codec::jpeg;
use linuxvideo::format::{PixFormat, PixelFormat};
use linuxvideo::stream::ReadStream;
use linuxvideo::{BufType, Device, Fract};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Pictures that wait to be published, which takes no time.
const WAITING: usize = 2;

/// Quality of raw pictures that are encoded here, on the scale of the Independent JPEG Group: as good as what
/// cameras make of theirs.
const QUALITY: u8 = 80;

/// A device that gives nothing for so long gives nothing any more: a USB camera that hangs, or one whose driver waits for
/// more buffers than there are. Exposures in the dark take some seconds at most.
const SILENCE: Duration = Duration::from_secs(15);

/// Asked for where the device does not say what it is set to.
const DEFAULT_SIZE: (u32, u32) = (640, 480);

/// The frame interval is asked for in thousandths of its rate.
const RATE_SCALE: u32 = 1000;

/// What the device gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gives {
    Jpeg,
    Raw(Layout),
}

/// What is asked for, the best first: what is JPEG already costs nothing.
fn wanted() -> [(PixelFormat, Gives); 5] {
    let raw = |layout: Layout| (PixelFormat::from_fourcc(layout.fourcc()), Gives::Raw(layout));
    [
        (PixelFormat::MJPG, Gives::Jpeg),
        (PixelFormat::JPEG, Gives::Jpeg),
        raw(Layout::Yu12),
        raw(Layout::Nv12),
        raw(Layout::Yuyv),
    ]
}

/// Opens the device and begins to publish.
pub(super) fn start(
    publisher: Publisher,
    path: &Path,
    size: Option<(u32, u32)>,
    fps: Option<f64>,
) -> io::Result<Ending> {
    let mut camera = Camera::open(path, size, fps).map_err(explained)?;
    let (sender, pictures) = mpsc::channel(WAITING);
    let work = move || {
        loop {
            let picture = camera.next();
            let over = picture.is_err();
            if sender.blocking_send(picture).is_err() || over {
                return;
            }
        }
    };
    std::thread::Builder::new().name("v4l2".to_owned()).spawn(work)?;
    let (ender, ending) = Ender::new();
    let name = path.display().to_string();
    tokio::spawn(async move {
        let reason = publish(publisher, pictures).await;
        ender.end(End::Failed(format!("{name}: {reason}")));
    });
    Ok(ending)
}

/// Publishes until the device fails; gives the reason.
async fn publish(
    mut publisher: Publisher,
    mut pictures: mpsc::Receiver<io::Result<Option<Bytes>>>,
) -> String {
    let clock = publisher.stream().clock();
    let mut units = JpegUnits::default();
    loop {
        let picture = match timeout(SILENCE, pictures.recv()).await {
            Ok(Some(Ok(Some(picture)))) => picture,
            Ok(Some(Ok(None))) => {
                publisher.stream().count_drop("device", "the device gave a broken picture".to_owned());
                continue;
            }
            Ok(Some(Err(error))) => return explained(error).to_string(),
            Ok(None) => return "its thread has ended".to_owned(),
            Err(_) => return format!("no picture for {} s", SILENCE.as_secs()),
        };
        match jpeg::normalise(&picture) {
            Ok(picture) => {
                if publisher.push(units.unit(&clock, picture, clock.now())).is_err() {
                    return "another source took its place".to_owned();
                }
            }
            Err(error) => publisher.stream().count_drop(error.kind().label(), error.to_string()),
        }
    }
}

struct Camera {
    stream: ReadStream,
    gives: Gives,
    size: (u32, u32),
    stride: usize,
    picture: Picture,
    encoder: Encoder,
}

impl Camera {
    fn open(path: &Path, size: Option<(u32, u32)>, fps: Option<f64>) -> io::Result<Camera> {
        let device = Device::open(path)?;
        let formats = device.formats(BufType::VIDEO_CAPTURE);
        let offered: Vec<PixelFormat> =
            formats.map(|format| Ok(format?.pixel_format())).collect::<io::Result<_>>()?;
        let chosen = wanted().into_iter().find(|(format, _)| offered.contains(format));
        let Some((format, gives)) = chosen else {
            let what = match offered.is_empty() {
                true => "it gives no pictures; a camera may have a second device for other data, beside the one for these"
                    .to_owned(),
                false => format!("it gives {offered:?}; MJPG, JPEG, YU12, NV12 or YUYV is needed"),
            };
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        };
        let (width, height) = size.or_else(|| set_to(&device)).unwrap_or(DEFAULT_SIZE);
        let capture = device.video_capture(PixFormat::new(width, height, format))?;
        let got = capture.format();
        if got.pixel_format() != format {
            let what =
                format!("it offers {format:?}, and gives {:?} when asked for that", got.pixel_format());
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        if let Some(fps) = fps {
            // Within 240 a second; a device that has no choice goes on as it is.
            let rate = (fps * f64::from(RATE_SCALE)).round() as u32;
            if let Err(error) = capture.set_frame_interval(Fract::new(RATE_SCALE, rate.max(1))) {
                tracing::warn!("the camera keeps its own frame rate: {error}");
            }
        }
        let (size, stride) = ((got.width(), got.height()), got.bytes_per_line() as usize);
        tracing::info!(?format, width = size.0, height = size.1, "the camera is open");
        Ok(Camera {
            stream: capture.into_stream()?,
            gives,
            size,
            stride,
            picture: Picture::default(),
            encoder: Encoder::new(QUALITY).map_err(io::Error::other)?,
        })
    }

    /// Waits for the next picture; `None` for one that is broken: the device says so, or a part is missing.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Camera { stream, gives, size, stride, picture, encoder } = self;
        stream.dequeue(|view| {
            if view.is_error() {
                return Ok(None);
            }
            match gives {
                // The device writes into this buffer again.
                Gives::Jpeg => Ok(Some(Bytes::copy_from_slice(&view))),
                Gives::Raw(layout) => match to_picture(*layout, &view, *stride, *size, picture) {
                    Ok(()) => encoder.encode(picture).map(Some).map_err(io::Error::other),
                    Err(error) => broken(error).map(|()| None),
                },
            }
        })
    }
}

/// Whether a device that gave no picture may give the next: what a USB camera loses on the wire is missing from one
/// buffer, a size that cannot be encoded is that of all.
fn broken(error: RawError) -> io::Result<()> {
    match error {
        RawError::Short { .. } => {
            tracing::debug!("no picture: {error}");
            Ok(())
        }
        RawError::Size(_) => Err(io::Error::other(error)),
    }
}

/// The size that the device is set to.
fn set_to(device: &Device) -> Option<(u32, u32)> {
    match device.format(BufType::VIDEO_CAPTURE) {
        Ok(linuxvideo::format::Format::VideoCapture(format)) => Some((format.width(), format.height())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_buffer_is_one_picture_less_and_a_wrong_size_the_end() {
        let mut picture = Picture::default();
        let mut taken =
            |data: &[u8], size| to_picture(Layout::Yu12, data, 0, size, &mut picture).unwrap_err();
        assert!(broken(taken(&[0; 11], (4, 2))).is_ok());
        assert!(broken(taken(&[], (0, 2))).is_err());
    }
}
