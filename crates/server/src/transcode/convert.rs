//! From raw pictures to what programs read: another size, another pixel format, or JPEG. A thread for each
//! such rendition, shared by all its readers.

use super::demand::{Demand, Wish};
use super::pool::Pool;
use super::room::Place;
use super::{PICTURE, waiting, worker};
use bytes::Bytes;
use camherd_codec::picture::Picture;
use camherd_codec::scale::Scaler;
use camherd_codec::{I420View, convert, jpeg};
use camherd_hub::{Clock, Event, RenditionKey, Start, Stream, Subscription, Writer};
use camherd_media::time::Monotonic;
use camherd_media::unit::{Codec, Format, Packaging, PixelFormat, SharedFormat, Unit};

/// When so many pictures wait, this thread is slower than the camera: only the newest is worth its time.
/// Conversion is quick, so that a burst after a hiccup is caught up with in a few milliseconds, and
/// programs that want every picture get it.
const MAX_WAITING: usize = 6;

/// Quality of the JPEGs that are made, on libjpeg's scale: no visible loss against H.264's own.
const JPEG_QUALITY: u8 = 80;

/// What to make of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Raw, as [`PixelFormat::Bgr24`].
    Bgr24,
    /// Raw, as [`PixelFormat::Gray8`].
    Gray,
    /// Raw, as [`PixelFormat::I420`] in the colours that the camera has.
    I420,
    /// JPEG.
    Jpeg,
}

impl Form {
    /// All of them.
    pub const ALL: [Form; 4] = [Form::Bgr24, Form::Gray, Form::I420, Form::Jpeg];

    /// The name in addresses and renditions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Form::Bgr24 => "bgr24",
            Form::Gray => "gray",
            Form::I420 => "i420",
            Form::Jpeg => "jpeg",
        }
    }

    /// The form of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name() == name)
    }
}

/// Starts the thread; `size` is the picture's own if there is none.
pub(super) fn start(
    stream: &Stream,
    key: &RenditionKey,
    (form, size): (Form, Option<(u32, u32)>),
    writer: Writer,
    place: Place,
) -> Result<(), String> {
    let input = stream.subscribe(&PICTURE, Start::Newest).map_err(|error| error.reason)?;
    let (name, stream) = (format!("{key:?} {}", stream.name()), stream.clone());
    worker::start(name, place, writer, move || {
        let mut job = Job::new(form, size, stream)?;
        Ok(async move |writer: &Writer| job.run(input, writer).await)
    })
}

struct Job {
    form: Form,
    size: Option<(u32, u32)>,
    stream: Stream,
    clock: Clock,
    pool: Pool,
    scaler: Scaler,
    scaled: Picture,
    jpeg: jpeg::Encoder,
    format: SharedFormat,
    /// Raw pictures are for programs, which must not take one for new that a camera left behind when it went away,
    /// an hour ago perhaps: what was received before this is not given out.
    since: Option<Monotonic>,
}

impl Job {
    fn new(form: Form, size: Option<(u32, u32)>, stream: Stream) -> Result<Job, String> {
        let jpeg = jpeg::Encoder::new(JPEG_QUALITY).map_err(|error| error.to_string())?;
        let (scaler, scaled) = (Scaler::new(), Picture::default());
        let clock = stream.clock();
        let since = (form != Form::Jpeg && !stream.state().is_live()).then(|| clock.now());
        let (pool, format) = (Pool::default(), SharedFormat::default());
        Ok(Job { form, size, stream, clock, pool, scaler, scaled, jpeg, format, since })
    }

    /// Converts until nobody reads.
    async fn run(&mut self, mut input: Subscription, writer: &Writer) -> Result<(), String> {
        let mut demand = Demand::default();
        loop {
            let event = tokio::select! {
                event = input.next() => event,
                wish = demand.next(writer) => match wish {
                    Wish::Keyframe => continue,
                    Wish::End => return Ok(()),
                },
            };
            match event {
                Event::Unit(delivery) => {
                    for unit in waiting(delivery.unit, MAX_WAITING, &mut input, &self.stream) {
                        if self.since.is_some_and(|since| unit.stamps.received < since) {
                            continue;
                        }
                        if writer.push(self.convert(&unit)?).is_err() {
                            return Ok(());
                        }
                    }
                }
                Event::State(_) => {}
                Event::Ended(reason) => return Err(reason.to_string()),
            }
        }
    }

    fn convert(&mut self, unit: &Unit) -> Result<Unit, String> {
        let Codec::Raw(PixelFormat::I420(colour)) = unit.format.codec else {
            return Err(format!("a decoder gave {}", unit.format.codec.name()));
        };
        let (width, height) = (unit.format.width, unit.format.height);
        let view = I420View::from_packed(&unit.payload, width, height, colour);
        let view = view.map_err(|error| error.to_string())?;
        let (width, height) = self.size.unwrap_or((width, height));
        let Job { scaler, scaled, .. } = self;
        let view = if (width, height) == (view.width(), view.height()) {
            view
        } else {
            scaled.resize(width, height).map_err(|error| error.to_string())?;
            scaler.scale_view(&view, scaled);
            I420View::from(&*scaled)
        };
        let mut stamps = unit.stamps;
        let pixels = match self.form {
            Form::Bgr24 => Some(PixelFormat::Bgr24),
            Form::Gray => Some(PixelFormat::Gray8),
            Form::I420 => Some(PixelFormat::I420(view.colour())),
            Form::Jpeg => None,
        };
        let (payload, codec) = match pixels {
            Some(pixels) => {
                let mut buffer = self.pool.take(pixels.frame_bytes(width, height));
                convert::convert(&view, pixels, buffer.as_mut()).map_err(|error| error.to_string())?;
                (buffer.freeze(), Codec::Raw(pixels))
            }
            None => {
                let jpeg: Bytes = self.jpeg.encode_view(&view).map_err(|error| error.to_string())?;
                stamps.encoded = Some(self.clock.now());
                (jpeg, Codec::Jpeg)
            }
        };
        let format = self.format.share(Format { codec, width, height, packaging: Packaging::Bare });
        Ok(Unit { payload, pts: unit.pts, dts: unit.dts, keyframe: true, format, stamps })
    }
}
