//! From raw pictures to what programs read: another size, another pixel format, or JPEG. A thread for each
//! such rendition, shared by all its readers.

use super::demand::{Demand, Passed, Wish};
use super::pool::Pool;
use super::room::Place;
use super::{pictures_of, waiting, worker};
use bytes::Bytes;
use camherd_codec::picture::Picture;
use camherd_codec::scale::Scaler;
use camherd_codec::{I420View, convert, jpeg};
use camherd_hub::{Clock, Event, RenditionKey, Start, Stream, Subscription, Writer};
use camherd_media::time::Monotonic;
use camherd_media::unit::{Codec, Colour, Format, Packaging, PixelFormat, SharedFormat, Unit};

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

    /// The pixels of a raw picture in the given colours; `None` for JPEG.
    pub(super) fn pixels(self, colour: Colour) -> Option<PixelFormat> {
        match self {
            Form::Bgr24 => Some(PixelFormat::Bgr24),
            Form::Gray => Some(PixelFormat::Gray8),
            Form::I420 => Some(PixelFormat::I420(colour)),
            Form::Jpeg => None,
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
    let passed = Passed::of(&writer, size);
    let input = stream.subscribe_for(&pictures_of(stream), Start::Newest, passed.want());
    let input = input.map_err(|error| error.reason)?;
    let (name, stream) = (format!("{key:?} {}", stream.name()), stream.clone());
    worker::start(name, place, writer, move || {
        let mut job = Job::new(form, size, stream)?;
        Ok(async move |writer: &Writer| job.run(input, passed, writer).await)
    })
}

/// What to make of the decoder's pictures, and which of them.
pub(super) struct Wanted {
    form: Form,
    size: Option<(u32, u32)>,
    scaler: Scaler,
    scaled: Picture,
    /// Raw pictures are for programs, which must not take one for new that a camera left behind when it went away,
    /// an hour ago perhaps: what was received before this is not given out.
    since: Option<Monotonic>,
}

impl Wanted {
    /// `size` is the picture's own if there is none.
    pub(super) fn new(form: Form, size: Option<(u32, u32)>, stream: &Stream) -> Wanted {
        let since = (form != Form::Jpeg && !stream.state().is_live()).then(|| stream.clock().now());
        Wanted { form, size, scaler: Scaler::new(), scaled: Picture::default(), since }
    }

    /// The pictures to work on now, of the given one and those that wait behind it.
    pub(super) fn of(&self, first: Unit, input: &mut Subscription, stream: &Stream) -> Vec<Unit> {
        let mut units = waiting(first, MAX_WAITING, input, stream);
        units.retain(|unit| self.since.is_none_or(|since| unit.stamps.received >= since));
        units
    }

    /// A picture of the decoder in the size that is wanted.
    pub(super) fn view<'a>(&'a mut self, unit: &'a Unit) -> Result<I420View<'a>, String> {
        let Codec::Raw(PixelFormat::I420(colour)) = unit.format.codec else {
            return Err(format!("a decoder gave {}", unit.format.codec.name()));
        };
        let (width, height) = (unit.format.width, unit.format.height);
        let view = I420View::from_packed(&unit.payload, width, height, colour);
        let view = view.map_err(|error| error.to_string())?;
        let (width, height) = self.size.unwrap_or((width, height));
        if (width, height) == (view.width(), view.height()) {
            return Ok(view);
        }
        self.scaled.resize(width, height).map_err(|error| error.to_string())?;
        self.scaler.scale_view(&view, &mut self.scaled);
        Ok(I420View::from(&self.scaled))
    }
}

struct Job {
    wanted: Wanted,
    stream: Stream,
    clock: Clock,
    pool: Pool,
    jpeg: jpeg::Encoder,
    format: SharedFormat,
}

impl Job {
    fn new(form: Form, size: Option<(u32, u32)>, stream: Stream) -> Result<Job, String> {
        let jpeg = jpeg::Encoder::new(JPEG_QUALITY).map_err(|error| error.to_string())?;
        let (wanted, clock) = (Wanted::new(form, size, &stream), stream.clock());
        Ok(Job { wanted, stream, clock, pool: Pool::default(), jpeg, format: SharedFormat::default() })
    }

    /// Converts until nobody reads.
    async fn run(
        &mut self,
        mut input: Subscription,
        mut passed: Passed,
        writer: &Writer,
    ) -> Result<(), String> {
        let mut demand = Demand::default();
        loop {
            let event = tokio::select! {
                event = input.next() => event,
                wish = demand.next(writer) => match wish {
                    Wish::Keyframe => continue,
                    Wish::End => return Ok(()),
                },
                want = passed.changed(writer) => {
                    input.set_want(want);
                    continue;
                }
            };
            match event {
                Event::Unit(delivery) => {
                    for unit in self.wanted.of(delivery.unit, &mut input, &self.stream) {
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
        let form = self.wanted.form;
        let view = self.wanted.view(unit)?;
        let (width, height) = (view.width(), view.height());
        let mut stamps = unit.stamps;
        let (payload, codec) = match form.pixels(view.colour()) {
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
