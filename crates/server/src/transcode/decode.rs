//! To raw pictures: one thread per stream that decodes while somebody wants pictures, for all of them.

use super::demand::{Demand, Passed, Wish};
use super::pool::Pool;
use super::room::Place;
use super::{PICTURE, worker};
use camherd_codec::decode::{self, Order};
use camherd_codec::picture::Picture;
use camherd_codec::{I420View, convert, jpeg};
use camherd_hub::{Clock, Delivery, Event, RenditionKey, Start, Stream, Subscription, Writer};
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Format, Packaging, PixelFormat, SharedFormat, Stamps, Unit};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a group that is held is run through before a picture of it is shown. A machine that is slower than the
/// camera never comes to its end.
const CATCH_UP: Duration = Duration::from_secs(2);

/// Pictures that a decoder may hold back to put them in order (ITU-T H.264 A.3.1: MaxDpbFrames is 16 at
/// most).
const MAX_HELD: usize = 16;

/// Starts the thread.
pub(super) fn start(stream: &Stream, writer: Writer, place: Place) -> Result<(), String> {
    let passed = Passed::of(&writer, None);
    let input = stream.subscribe_for(&RenditionKey::SOURCE, Start::Newest, passed.want());
    let input = input.map_err(|error| error.reason)?;
    let name = format!("{PICTURE:?} {}", stream.name());
    let stream = stream.clone();
    worker::start(name, place, writer, move || {
        let mut job = Job::new(stream);
        Ok(async move |writer: &Writer| job.run(input, passed, writer).await)
    })
}

/// The decoder for what the camera sends now.
enum Decoder {
    None,
    Jpeg(Box<jpeg::Decoder>, Picture),
    Video(Box<decode::Decoder>, decode::Codec, Order),
}

/// Why there is no picture.
enum Failure {
    /// This access unit is broken, or one that it refers to.
    Broken(String),
    /// No access unit of this stream can be decoded.
    Hopeless(String),
}

struct Job {
    stream: Stream,
    clock: Clock,
    pool: Pool,
    decoder: Decoder,
    /// After a picture that could not be decoded, nothing is shown before the next keyframe: what refers
    /// to the lost one would be garbage.
    broken: bool,
    format: SharedFormat,
    /// When the units that the decoder still holds were received, by their presentation time.
    held: VecDeque<(MediaTime, Stamps)>,
    last: Option<MediaTime>,
    /// Nothing has been shown yet: of the group so far, only its newest picture matters.
    catching_up: bool,
    /// The unit that is being decoded is followed by another one already, whose picture will be shown in place of its
    /// own: that need not be copied.
    passed_over: bool,
}

impl Job {
    fn new(stream: Stream) -> Job {
        Job {
            clock: stream.clock(),
            stream,
            pool: Pool::default(),
            decoder: Decoder::None,
            broken: false,
            format: SharedFormat::default(),
            held: VecDeque::new(),
            last: None,
            catching_up: true,
            passed_over: false,
        }
    }

    /// Decodes until nobody reads.
    async fn run(
        &mut self,
        mut input: Subscription,
        mut passed: Passed,
        writer: &Writer,
    ) -> Result<(), String> {
        let mut demand = Demand::of_makers();
        loop {
            let event = tokio::select! {
                event = input.next() => event,
                wish = demand.next(writer) => match wish {
                    // Each picture is one.
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
                    if !self.take(delivery, &mut input, writer)? {
                        return Ok(());
                    }
                }
                Event::State(_) => {}
                Event::Ended(reason) => return Err(reason.to_string()),
            }
        }
    }

    /// Decodes one unit, or all that wait while nothing has been shown yet; `Ok(false)` when nobody takes them
    /// any more. It comes back soon also when units come faster than they are decoded: whether anybody
    /// still reads is looked at between two calls.
    fn take(&mut self, first: Delivery, input: &mut Subscription, writer: &Writer) -> Result<bool, String> {
        let until = Instant::now() + CATCH_UP;
        let (mut current, mut newest) = (first, None);
        loop {
            let next = if self.catching_up && Instant::now() < until { input.try_next() } else { None };
            self.passed_over = next.is_some();
            newest = self.decode(&current.unit)?.or(newest);
            match next {
                Some(delivery) => current = delivery,
                None => break,
            }
        }
        let Some(unit) = newest else { return Ok(true) };
        self.catching_up = false;
        Ok(writer.push(unit).is_ok())
    }

    /// One access unit in, at most one picture out.
    fn decode(&mut self, source: &Unit) -> Result<Option<Unit>, String> {
        if self.broken && !source.keyframe {
            return Ok(None);
        }
        self.broken = false;
        if source.keyframe {
            self.prepare(source)?;
        }
        self.held.push_back((source.pts, source.stamps));
        if self.held.len() > MAX_HELD {
            self.held.pop_front();
        }
        match self.picture(source) {
            Ok(unit) => Ok(unit),
            Err(Failure::Broken(error)) => {
                self.stream.count_drop("undecodable", error);
                self.broken = true;
                self.held.clear();
                Ok(None)
            }
            Err(Failure::Hopeless(error)) => Err(error),
        }
    }

    /// Makes the decoder fit the keyframe.
    fn prepare(&mut self, source: &Unit) -> Result<(), String> {
        let order = if source.pts == source.dts { Order::Decode } else { Order::Display };
        let codec = match &source.format.codec {
            Codec::Jpeg => None,
            Codec::H264(_) => Some(decode::Codec::H264),
            Codec::H265(_) => Some(decode::Codec::H265),
            Codec::Raw(pixels) => return Err(format!("no camera sends {}", pixels.name())),
        };
        let fits = match (&self.decoder, codec) {
            (Decoder::Jpeg(..), None) => true,
            (Decoder::Video(_, codec, before), Some(now)) => (*codec, *before) == (now, order),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        self.held.clear();
        self.decoder = match codec {
            Some(codec) => {
                let decoder = decode::Decoder::new(codec, order).map_err(|error| error.to_string())?;
                Decoder::Video(Box::new(decoder), codec, order)
            }
            None => {
                let decoder = jpeg::Decoder::new().map_err(|error| error.to_string())?;
                Decoder::Jpeg(Box::new(decoder), Picture::default())
            }
        };
        Ok(())
    }

    fn picture(&mut self, source: &Unit) -> Result<Option<Unit>, Failure> {
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::None);
        let unit = match &mut decoder {
            Decoder::None => Ok(None),
            Decoder::Jpeg(decoder, picture) => match decoder.decode(&source.payload, picture) {
                Ok(()) => Ok(self.unit(I420View::from(&*picture), source.pts)),
                Err(error) => Err(Failure::Broken(error.to_string())),
            },
            Decoder::Video(decoder, _, order) => match decoder.decode(&source.payload, source.pts) {
                // In the order of display the next unit may give none.
                Ok(Some(decoded)) if self.passed_over && *order == Order::Decode => {
                    self.stamps(decoded.pts);
                    Ok(None)
                }
                Ok(Some(decoded)) => Ok(self.unit(decoded.picture, decoded.pts)),
                Ok(None) => Ok(None),
                Err(error @ decode::Error::Unsupported(_)) => Err(Failure::Hopeless(error.to_string())),
                Err(error) => Err(Failure::Broken(error.to_string())),
            },
        };
        self.decoder = decoder;
        unit
    }

    fn unit(&mut self, view: I420View<'_>, pts: MediaTime) -> Option<Unit> {
        let (width, height) = (view.width(), view.height());
        let pixels = PixelFormat::I420(view.colour());
        let mut buffer = self.pool.take(pixels.frame_bytes(width, height));
        convert::convert(&view, pixels, buffer.as_mut()).ok()?;
        let mut stamps = self.stamps(pts)?;
        stamps.decoded = Some(self.clock.now());
        let codec = Codec::Raw(pixels);
        let format = self.format.share(Format { codec, width, height, packaging: Packaging::Bare });
        // Pictures are shown in order, whatever the camera says.
        let pts = pts.max(self.last.unwrap_or(pts));
        self.last = Some(pts);
        Some(Unit { payload: buffer.freeze(), pts, dts: pts, keyframe: true, format, stamps })
    }

    fn stamps(&mut self, pts: MediaTime) -> Option<Stamps> {
        let at = self.held.iter().position(|(held, _)| *held == pts)?;
        self.held.remove(at).map(|(_, stamps)| stamps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use bytes::Bytes;
    use camherd_codec::h264;
    use camherd_codec::picture::Range;
    use camherd_hub::{Derive, DeriveError, Hub, Owner, RingLimits};
    use camherd_media::time::Monotonic;
    use camherd_media::unit::H264Parameters;
    use std::sync::{Arc, Mutex};

    const SIDE: u32 = 64;

    /// A camera that sends H.264: each picture of another grey, a keyframe each so many.
    struct Camera {
        encoder: h264::Encoder,
        sent: i64,
    }

    impl Camera {
        fn new() -> Camera {
            let config = h264::Config {
                width: SIDE,
                height: SIDE,
                bitrate: 1_000_000,
                max_fps: 30.0,
                idr_period: Duration::from_secs(60),
                range: Range::Limited,
            };
            Camera { encoder: h264::Encoder::new(&config).unwrap(), sent: 0 }
        }

        fn unit(&mut self, keyframe: bool) -> Unit {
            let mut picture = Picture::new(SIDE, SIDE).unwrap();
            picture.set_range(Range::Limited);
            picture.fill(40 + 10 * self.sent as u8, 128, 128);
            let pts = MediaTime(self.sent * 33_000);
            self.sent += 1;
            let encoded = self.encoder.encode(&picture, pts, keyframe).unwrap().unwrap();
            let parameters = self.encoder.parameters().unwrap().clone();
            unit(Codec::H264(parameters), encoded.data, pts, encoded.keyframe)
        }
    }

    fn unit(codec: Codec, payload: Bytes, pts: MediaTime, keyframe: bool) -> Unit {
        let format = Format { codec, width: SIDE, height: SIDE, packaging: Packaging::Bare };
        let stamps = Stamps::received(Monotonic(pts.0 as u64));
        Unit { payload, pts, dts: pts, keyframe, format: Arc::new(format), stamps }
    }

    /// Keeps the writer of what is asked for.
    #[derive(Default)]
    struct Asked(Mutex<Option<Writer>>);

    impl Derive for Asked {
        fn derive(&self, _: &Stream, _: &RenditionKey, writer: Writer) -> Result<(), DeriveError> {
            *self.0.lock().unwrap() = Some(writer);
            Ok(())
        }

        fn limits(&self, _: &RenditionKey, limits: RingLimits) -> RingLimits {
            limits
        }
    }

    fn job() -> Job {
        let hub = testing::hub(1);
        Job::new(hub.get_or_create(&"door".parse().unwrap()).unwrap())
    }

    /// The grey of a picture, roughly.
    fn grey(unit: &Unit) -> u8 {
        unit.payload[(SIDE * SIDE / 2) as usize]
    }

    #[test]
    fn each_access_unit_gives_its_own_picture_with_its_times() {
        let (mut job, mut camera) = (job(), Camera::new());
        for number in 0..5 {
            let sent = camera.unit(number == 0);
            let shown = job.decode(&sent).unwrap().expect("low delay");
            assert_eq!((shown.pts, shown.dts, shown.keyframe), (sent.pts, sent.pts, true));
            assert_eq!(shown.stamps.received, sent.stamps.received);
            assert!(shown.stamps.decoded.is_some());
            assert_eq!(shown.payload.len(), (SIDE * SIDE * 3 / 2) as usize);
            assert!(grey(&shown).abs_diff(40 + 10 * number) < 8, "{} at {number}", grey(&shown));
        }
    }

    #[test]
    fn of_a_held_group_the_newest_is_shown_and_then_each_call_takes_one_unit() {
        let asked = Arc::new(Asked::default());
        let hub = Hub::new(RingLimits::default(), 1, asked.clone());
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let _reader = stream.subscribe(&PICTURE, Start::Newest).unwrap();
        let writer = asked.0.lock().unwrap().take().unwrap();
        let mut input = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
        let mut publisher = stream.publish(Owner(String::new()), String::new()).unwrap();
        let (mut job, mut camera) = (Job::new(stream.clone()), Camera::new());
        (0..4).for_each(|number| publisher.push(camera.unit(number == 0)).unwrap());
        let first = input.try_next().unwrap();
        assert!(job.take(first, &mut input, &writer).unwrap());
        let (shown, number) = stream.newest_of(&PICTURE).unwrap();
        assert_eq!((shown.pts, number), (MediaTime(3 * 33_000), 0), "of four, the newest");
        (0..2).for_each(|_| publisher.push(camera.unit(false)).unwrap());
        let next = input.try_next().unwrap();
        assert!(job.take(next, &mut input, &writer).unwrap());
        assert_eq!(stream.newest_of(&PICTURE).unwrap().1, 1);
        assert!(input.try_next().is_some(), "whether anybody reads is looked at before the next");
    }

    #[test]
    fn after_a_broken_access_unit_nothing_is_shown_before_the_next_keyframe() {
        let (mut job, mut camera) = (job(), Camera::new());
        assert!(job.decode(&camera.unit(true)).unwrap().is_some());
        let whole = camera.unit(false);
        let broken = Unit { payload: whole.payload.slice(..whole.payload.len() / 2), ..whole };
        assert!(job.decode(&broken).unwrap().is_none());
        assert_eq!(job.stream.stats().drops["undecodable"], 1);
        assert!(job.decode(&camera.unit(false)).unwrap().is_none(), "it refers to what was lost");
        assert!(job.decode(&camera.unit(true)).unwrap().is_some());
        assert!(job.decode(&camera.unit(false)).unwrap().is_some());
        assert_eq!(job.stream.stats().drops["undecodable"], 1, "one fault is counted once");
    }

    #[test]
    fn a_camera_that_changes_to_jpeg_is_followed() {
        let (mut job, mut camera) = (job(), Camera::new());
        assert!(job.decode(&camera.unit(true)).unwrap().is_some());
        let mut picture = Picture::new(SIDE, SIDE).unwrap();
        picture.fill(200, 128, 128);
        let jpeg = jpeg::Encoder::new(90).unwrap().encode(&picture).unwrap();
        let shown = job.decode(&unit(Codec::Jpeg, jpeg, MediaTime(1_000_000), true)).unwrap().unwrap();
        assert!(grey(&shown).abs_diff(200) < 4);
        let Codec::Raw(PixelFormat::I420(colour)) = shown.format.codec else { panic!("not I420") };
        assert!(colour.full_range);
    }

    #[test]
    fn what_no_decoder_takes_ends_with_a_reason() {
        let empty = H264Parameters { sps: Bytes::new(), pps: Bytes::new() };
        let raw = Codec::Raw(PixelFormat::Bgr24);
        assert!(job().decode(&unit(raw, Bytes::new(), MediaTime(0), true)).is_err());
        let nothing = unit(Codec::H264(empty), Bytes::from_static(b"\0\0\0\x01\x65"), MediaTime(0), true);
        let mut job = job();
        assert!(job.decode(&nothing).unwrap().is_none());
        assert_eq!(job.stream.stats().drops.len(), 1);
    }
}
