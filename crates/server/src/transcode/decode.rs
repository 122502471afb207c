//! To raw pictures: one thread per stream that decodes while somebody wants pictures, for all of them.

use super::demand::{Demand, Wish};
use super::pool::Pool;
use super::room::Place;
use super::{PICTURE, worker};
use camherd_codec::decode::{self, Order};
use camherd_codec::picture::Picture;
use camherd_codec::{I420View, convert, jpeg};
use camherd_hub::{Clock, Delivery, Event, RenditionKey, Start, Stream, Subscription, Writer};
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Colour, Format, Packaging, PixelFormat, Stamps, Unit};
use std::collections::VecDeque;
use std::sync::Arc;

/// Pictures that a decoder may hold back to put them in order (ITU-T H.264 A.3.1: MaxDpbFrames is 16 at
/// most).
const MAX_HELD: usize = 16;

/// Starts the thread.
pub(super) fn start(stream: &Stream, writer: Writer, place: Place) -> Result<(), String> {
    let input = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).map_err(|error| error.reason)?;
    let name = format!("{PICTURE:?} {}", stream.name());
    let stream = stream.clone();
    worker::start(name, place, writer, move || {
        let mut job = Job::new(stream);
        Ok(async move |writer: &Writer| job.run(input, writer).await)
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
    format: Option<Arc<Format>>,
    /// When the units that the decoder still holds were received, by their presentation time.
    held: VecDeque<(MediaTime, Stamps)>,
    last: Option<MediaTime>,
    /// Nothing has been shown yet: of the group so far, only its newest picture matters.
    catching_up: bool,
}

impl Job {
    fn new(stream: Stream) -> Job {
        Job {
            clock: stream.clock(),
            stream,
            pool: Pool::default(),
            decoder: Decoder::None,
            broken: false,
            format: None,
            held: VecDeque::new(),
            last: None,
            catching_up: true,
        }
    }

    /// Decodes until nobody reads.
    async fn run(&mut self, mut input: Subscription, writer: &Writer) -> Result<(), String> {
        let mut demand = Demand::default();
        loop {
            let event = tokio::select! {
                event = input.next() => event,
                wish = demand.next(writer) => match wish {
                    // Each picture is one.
                    Wish::Keyframe => continue,
                    Wish::End => return Ok(()),
                },
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

    /// Decodes one unit and those that wait behind it; `Ok(false)` when nobody takes them any more.
    fn take(
        &mut self,
        first: Delivery,
        input: &mut Subscription,
        writer: &Writer,
    ) -> Result<bool, String> {
        let mut next = Some(first);
        let mut newest = None;
        while let Some(delivery) = next {
            let decoded = self.decode(&delivery.unit)?;
            next = input.try_next();
            if self.catching_up {
                newest = decoded.or(newest);
                continue;
            }
            if let Some(unit) = decoded
                && writer.push(unit).is_err()
            {
                return Ok(false);
            }
        }
        match newest {
            Some(unit) => {
                self.catching_up = false;
                Ok(writer.push(unit).is_ok())
            }
            None => Ok(true),
        }
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
            Decoder::Video(decoder, ..) => match decoder.decode(&source.payload, source.pts) {
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
        let (width, height, colour) = (view.width(), view.height(), view.colour());
        let pixels = PixelFormat::I420(colour);
        let mut buffer = self.pool.take(pixels.frame_bytes(width, height));
        convert::convert(&view, pixels, buffer.as_mut()).ok()?;
        let mut stamps = self.stamps(pts)?;
        stamps.decoded = Some(self.clock.now());
        let format = self.format(width, height, colour);
        // Pictures are shown in order, whatever the camera says.
        let pts = pts.max(self.last.unwrap_or(pts));
        self.last = Some(pts);
        Some(Unit { payload: buffer.freeze(), pts, dts: pts, keyframe: true, format, stamps })
    }

    fn stamps(&mut self, pts: MediaTime) -> Option<Stamps> {
        let at = self.held.iter().position(|(held, _)| *held == pts)?;
        self.held.remove(at).map(|(_, stamps)| stamps)
    }

    fn format(&mut self, width: u32, height: u32, colour: Colour) -> Arc<Format> {
        let codec = Codec::Raw(PixelFormat::I420(colour));
        let format = Format { codec, width, height, packaging: Packaging::Bare };
        match &self.format {
            Some(known) if **known == format => known.clone(),
            _ => {
                let format = Arc::new(format);
                self.format = Some(format.clone());
                format
            }
        }
    }
}
