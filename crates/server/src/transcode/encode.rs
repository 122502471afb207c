//! JPEG to H.264, and raw pictures where a quality is made of them: one thread per stream that decodes and encodes
//! while somebody wants H.264.

use super::demand::{Demand, Wish};
use super::room::Place;
use super::{H264, waiting, worker};
use crate::config::Encoding;
use bytes::Bytes;
use camherd_codec::I420View;
use camherd_codec::h264::{self, Encoded, Encoder};
use camherd_codec::jpeg::Decoder;
use camherd_codec::picture::Picture;
use camherd_codec::scale::Scaler;
use camherd_hub::{Clock, Event, RenditionKey, Start, Stream, Subscription, Writer};
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Colour, Format, Packaging, PixelFormat, SharedFormat, Stamps, Unit};
use std::time::Duration;
use tokio::time::Instant;

/// At most one IDR picture on demand in this time: with a hundred viewers joining one after the other the
/// stream must not become a row of IDR pictures. Who joins in between begins at one that is this old at
/// most.
pub const IDR_ON_DEMAND: Duration = Duration::from_millis(500);

/// When so many pictures wait, the encoder is slower than the camera, or the pictures came in one burst
/// after a gap on the way: only the newest is worth its time.
const MAX_WAITING: usize = 3;

/// After so long without a picture the next one is an IDR picture: players give up on references that
/// are far away in time, and a person has waited long enough.
const IDR_AFTER_GAP: Duration = Duration::from_secs(1);

/// A picture that is shown again, as an IDR picture for somebody who joins, comes so long after itself.
const REPEAT_AFTER: Duration = Duration::from_millis(1);

/// A step in presentation time that every container can tell from none.
const LEAST_STEP: Duration = Duration::from_micros(200);

/// Frame rate at which the rate control starts; it follows the true one.
const ASSUMED_FPS: f32 = 30.0;

/// Starts the thread.
pub(super) fn start(stream: &Stream, encoding: Encoding, writer: Writer, place: Place) -> Result<(), String> {
    // Also where a size is set for the encoder: its viewers choose among qualities that follow from the camera's size.
    let input = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).map_err(|error| error.reason)?;
    let name = format!("{H264:?} {}", stream.name());
    let stream = stream.clone();
    worker::start(name, place, writer, move || {
        let mut job = Job::new(encoding, stream)?;
        Ok(async move |writer: &Writer| job.run(input, writer).await)
    })
}

/// The picture that was encoded last, kept in the encoder's size for those who join.
struct Last {
    pts: MediaTime,
    stamps: Stamps,
}

struct Job {
    encoding: Encoding,
    stream: Stream,
    clock: Clock,
    decoder: Decoder,
    scaler: Scaler,
    decoded: Picture,
    /// Whether `decoded` is a picture: a decoder that fails leaves some of it behind, perhaps in another size.
    whole: bool,
    scaled: Option<Picture>,
    encoder: Option<Encoder>,
    source_size: (u32, u32),
    format: SharedFormat,
    last: Option<Last>,
    last_idr: Option<Instant>,
}

impl Job {
    fn new(encoding: Encoding, stream: Stream) -> Result<Job, String> {
        Ok(Job {
            encoding,
            clock: stream.clock(),
            stream,
            decoder: Decoder::new().map_err(|error| error.to_string())?,
            scaler: Scaler::new(),
            decoded: Picture::new(16, 16).map_err(|error| error.to_string())?,
            whole: false,
            scaled: None,
            encoder: None,
            source_size: (0, 0),
            format: SharedFormat::default(),
            last: None,
            last_idr: None,
        })
    }

    /// Encodes until nobody reads.
    async fn run(&mut self, mut input: Subscription, writer: &Writer) -> Result<(), String> {
        let mut demand = Demand::default();
        let mut idr_due: Option<Instant> = None;
        loop {
            let event = tokio::select! {
                event = input.next() => event,
                wish = demand.next(writer), if idr_due.is_none() => {
                    match wish {
                        Wish::Keyframe => idr_due = Some(self.idr_allowed_at()),
                        Wish::End => return Ok(()),
                    }
                    continue;
                }
                () = until(idr_due) => {
                    idr_due = None;
                    if let Some(unit) = self.repeat_as_idr()?
                        && writer.push(unit).is_err()
                    {
                        return Ok(());
                    }
                    continue;
                }
            };
            match event {
                Event::Unit(delivery) => {
                    for unit in waiting(delivery.unit, MAX_WAITING, &mut input, &self.stream) {
                        let force = idr_due.is_some_and(|due| due <= Instant::now());
                        let Some(unit) = self.encode(&unit, force)? else { continue };
                        if unit.keyframe {
                            idr_due = None;
                        }
                        if writer.push(unit).is_err() {
                            return Ok(());
                        }
                    }
                }
                Event::State(_) => {}
                Event::Ended(reason) => return Err(reason.to_string()),
            }
        }
    }

    fn idr_allowed_at(&self) -> Instant {
        self.last_idr.map_or_else(Instant::now, |last| last + IDR_ON_DEMAND)
    }

    /// One picture in, one access unit out; nothing for a JPEG that is broken inside.
    fn encode(&mut self, source: &Unit, force_idr: bool) -> Result<Option<Unit>, String> {
        let decoded = match source.format.codec {
            Codec::Jpeg => self.decoder.decode(&source.payload, &mut self.decoded).map_err(|e| e.to_string()),
            Codec::Raw(PixelFormat::I420(colour)) => self.copy(source, colour),
            _ => return Err(format!("the camera now sends {}", source.format.codec.name())),
        };
        self.whole = decoded.is_ok();
        if let Err(error) = decoded {
            self.stream.count_drop("undecodable", error);
            return Ok(None);
        }
        let mut stamps = source.stamps;
        stamps.decoded = stamps.decoded.or_else(|| Some(self.clock.now()));
        self.prepare()?;
        let pts = match &self.last {
            Some(last) => source.pts.max(last.pts + LEAST_STEP),
            None => source.pts,
        };
        let gap = self.last.as_ref().is_some_and(|last| pts.since(last.pts) > IDR_AFTER_GAP);
        self.encode_picture(pts, stamps, force_idr || gap)
    }

    /// A raw picture in the place of a decoded one.
    fn copy(&mut self, source: &Unit, colour: Colour) -> Result<(), String> {
        let (width, height) = (source.format.width, source.format.height);
        let view =
            I420View::from_packed(&source.payload, width, height, colour).map_err(|e| e.to_string())?;
        self.decoded.resize(width, height).map_err(|error| error.to_string())?;
        self.scaler.scale_view(&view, &mut self.decoded);
        Ok(())
    }

    /// The picture of before as an IDR picture, at once: who joins does not wait for the camera.
    fn repeat_as_idr(&mut self) -> Result<Option<Unit>, String> {
        let Some(last) = self.last.as_ref().filter(|_| self.whole) else { return Ok(None) };
        let (pts, stamps) = (last.pts + REPEAT_AFTER, last.stamps);
        self.encode_picture(pts, stamps, true)
    }

    /// Makes encoder and scaler fit the decoded picture. A change of size starts a new encoder, whose
    /// first picture is an IDR picture with new parameter sets.
    fn prepare(&mut self) -> Result<(), String> {
        let size = (self.decoded.width(), self.decoded.height());
        if self.encoder.is_none() || self.source_size != size {
            let (width, height) = self.encoding.size.map_or(size, |size| (size.width, size.height));
            self.scaled = match self.encoding.size {
                Some(_) => Some(Picture::new(width, height).map_err(|error| error.to_string())?),
                None => None,
            };
            let config = h264::Config {
                width,
                height,
                bitrate: self.encoding.bitrate.bits_per_second(width, height),
                max_fps: ASSUMED_FPS,
                idr_period: self.encoding.idr_period,
                range: self.decoded.range(),
            };
            self.encoder = Some(Encoder::new(&config).map_err(|error| error.to_string())?);
            self.source_size = size;
        }
        if let Some(scaled) = &mut self.scaled {
            self.scaler.scale(&self.decoded, scaled);
        }
        Ok(())
    }

    fn encode_picture(
        &mut self,
        pts: MediaTime,
        stamps: Stamps,
        force_idr: bool,
    ) -> Result<Option<Unit>, String> {
        let Some(encoder) = &mut self.encoder else { return Ok(None) };
        let picture = self.scaled.as_ref().unwrap_or(&self.decoded);
        let encoded = encoder.encode(picture, pts, force_idr).map_err(|error| error.to_string())?;
        let Some(Encoded { data, keyframe }) = encoded else { return Ok(None) };
        self.last = Some(Last { pts, stamps });
        if keyframe {
            self.last_idr = Some(Instant::now());
            self.learn_format();
        }
        Ok(self.unit(data, pts, stamps, keyframe))
    }

    fn unit(&self, payload: Bytes, pts: MediaTime, mut stamps: Stamps, keyframe: bool) -> Option<Unit> {
        stamps.encoded = Some(self.clock.now());
        Some(Unit { payload, pts, dts: pts, keyframe, format: self.format.get()?.clone(), stamps })
    }

    fn learn_format(&mut self) {
        let Some(encoder) = &self.encoder else { return };
        let Some(parameters) = encoder.parameters() else { return };
        let (width, height) = encoder.size();
        let codec = Codec::H264(parameters.clone());
        self.format.share(Format { codec, width, height, packaging: Packaging::Bare });
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::testing;
    use camherd_codec::jpeg;
    use camherd_media::time::Monotonic;
    use std::sync::Arc;

    fn unit(payload: Bytes) -> Unit {
        let format = Format { codec: Codec::Jpeg, width: 64, height: 64, packaging: Packaging::Bare };
        let stamps = Stamps::received(Monotonic(0));
        Unit {
            payload,
            pts: MediaTime(0),
            dts: MediaTime(0),
            keyframe: true,
            format: Arc::new(format),
            stamps,
        }
    }

    /// The picture twice as high as its encoder knows, and without its quantisation tables.
    fn spoiled(jpeg: &[u8]) -> Bytes {
        let mut jpeg = jpeg.to_vec();
        for at in 0..jpeg.len() - 6 {
            match jpeg[at..at + 2] {
                [0xff, 0xdb] => jpeg[at + 1] = 0xef,
                [0xff, 0xc0] => jpeg[at + 6] = 128,
                _ => {}
            }
        }
        jpeg.into()
    }

    #[test]
    fn a_picture_that_broke_in_the_decoder_is_not_shown_to_those_who_join() {
        let hub = testing::hub(1);
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let mut job = Job::new(Config::default().encoding(stream.name()), stream.clone()).unwrap();
        let good = jpeg::Encoder::new(80).unwrap().encode(&Picture::new(64, 64).unwrap()).unwrap();
        assert!(job.encode(&unit(good.clone()), false).unwrap().is_some_and(|unit| unit.keyframe));
        assert!(job.repeat_as_idr().unwrap().is_some_and(|unit| unit.keyframe));

        assert!(job.encode(&unit(spoiled(&good)), false).unwrap().is_none());
        assert_eq!(job.decoded.height(), 128, "it has left its traces");
        assert_eq!(stream.stats().drops["undecodable"], 1);
        assert!(job.repeat_as_idr().unwrap().is_none());

        assert!(job.encode(&unit(good), false).unwrap().is_some());
        assert!(job.repeat_as_idr().unwrap().is_some_and(|unit| unit.keyframe));
    }
}
