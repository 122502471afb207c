//! Access units become units of the stream, or are counted as dropped.

use super::capture_time::CaptureTime;
use super::depacketize::{Depacketizer, Event, Packet};
use super::timeline::Timeline;
use crate::sources::pull::{Feed, PullError};
use bytes::Bytes;
use camherd_hub::Clock;
use camherd_media::codec::order::{DecodeTimes, Times};
use camherd_media::codec::{h264, h265, jpeg};
use camherd_media::time::{MediaTime, Monotonic};
use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};
use std::sync::Arc;

/// The codecs that are taken, the one with the most readers first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coding {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// JPEG.
    Jpeg,
}

impl Coding {
    /// The codec that an SDP encoding name (RFC 8866, 6.6) stands for, in lower case.
    pub(super) fn from_encoding_name(name: &str) -> Option<Coding> {
        match name {
            "h264" => Some(Coding::H264),
            "h265" => Some(Coding::H265),
            "jpeg" => Some(Coding::Jpeg),
            _ => None,
        }
    }
}

/// A picture without its times.
struct Picture {
    data: Bytes,
    keyframe: bool,
    /// What the stream is from here on, where that is new.
    changed: Option<Parameters>,
}

/// What a stream is.
struct Parameters {
    codec: Codec,
    width: u32,
    height: u32,
    /// How many pictures may come before one that is shown earlier, where the stream says so.
    reorder: Option<u8>,
}

/// Why an access unit is dropped: its label and the words.
type Drop = (&'static str, String);

/// Checks access units and makes them complete.
enum Normalise {
    H264(h264::normalise::Normaliser),
    H265(h265::normalise::Normaliser),
    Jpeg,
}

/// Takes the packets of one connection.
pub(super) struct Ingest {
    depacketizer: Depacketizer,
    normalise: Normalise,
    format: Option<Arc<Format>>,
    timeline: Timeline,
    capture_time: CaptureTime,
    decode_times: DecodeTimes,
    /// Pictures are shown in the order in which they come, so that a time before the last one is a fault.
    in_order: bool,
    latest: MediaTime,
    events: Vec<Event>,
    clock: Clock,
}

impl Ingest {
    /// For a stream of `coding` whose RTP clock has `rate` ticks per second, with what its description says of
    /// parameter sets, after the units that `feed` has had.
    pub(super) fn new(coding: Coding, rate: u32, sets: &[Vec<u8>], feed: &Feed<'_>) -> Ingest {
        let clock = feed.clock();
        let floor = feed.stream().stats().last_unit.map(|unit| Timeline::after(clock.media_time(unit)));
        let mut normalise = Normalise::new(coding);
        for set in sets {
            if let Err((label, error)) = normalise.learn(set) {
                feed.count_drop(label, format!("in the description of the stream: {error}"));
            }
        }
        let depacketizer = match coding {
            Coding::H264 => Depacketizer::H264(Default::default()),
            Coding::H265 => Depacketizer::H265(Default::default()),
            Coding::Jpeg => Depacketizer::Jpeg(Default::default()),
        };
        Ingest {
            depacketizer,
            normalise,
            format: None,
            timeline: Timeline::new(rate, floor),
            capture_time: CaptureTime::new(rate),
            decode_times: DecodeTimes::new(0),
            in_order: false,
            latest: MediaTime(i64::MIN),
            events: Vec::new(),
            clock,
        }
    }

    /// What the stream is, once a unit was published.
    pub(super) fn format(&self) -> Option<&Format> {
        self.format.as_deref()
    }

    /// Takes a sender report: `ticks` of RTP time, unwrapped, were at `ntp`.
    pub(super) fn report(&mut self, ticks: i64, ntp: u64) {
        self.capture_time.report(ticks, ntp);
    }

    /// Takes the next packet and publishes what it completes.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, feed: &mut Feed<'_>) -> Result<(), PullError> {
        let mut events = std::mem::take(&mut self.events);
        self.depacketizer.push(packet, &mut events);
        let result = events.drain(..).try_for_each(|event| self.event(event, feed));
        self.events = events;
        result
    }

    fn event(&mut self, event: Event, feed: &mut Feed<'_>) -> Result<(), PullError> {
        match event {
            Event::AccessUnit { data, timestamp } => match self.normalise.take(&data) {
                Ok(Some(picture)) => return self.publish(picture, timestamp, feed),
                Ok(None) => {}
                Err((label, error)) => feed.count_drop(label, error),
            },
            Event::Lost(packets) => {
                self.normalise.lost();
                feed.count_drop("lost_packets", format!("{packets} RTP packets are missing"));
            }
            Event::Broken(what) => {
                self.normalise.lost();
                feed.count_drop("broken", what.to_owned());
            }
        }
        Ok(())
    }

    fn publish(&mut self, picture: Picture, timestamp: i64, feed: &mut Feed<'_>) -> Result<(), PullError> {
        if let Some(changed) = picture.changed {
            self.change(changed);
        }
        // The first unit of a stream has said what it is.
        let Some(format) = self.format.clone() else { return Ok(()) };
        let received = self.clock.now();
        let captured = self.capture_time.captured(timestamp, received, &self.clock);
        if self.capture_time.found_wrong() {
            tracing::info!(
                stream = %feed.stream().name(),
                "the camera's clock differs from this machine's: its capture times are not used"
            );
        }
        let Times { pts, dts } = self.times(timestamp, received);
        let stamps = Stamps { captured, ..Stamps::received(received) };
        feed.push(Unit { payload: picture.data, pts, dts, keyframe: picture.keyframe, format, stamps })
    }

    fn change(&mut self, parameters: Parameters) {
        let Parameters { codec, width, height, reorder } = parameters;
        self.in_order = reorder == Some(0);
        self.decode_times.set_depth(reorder.unwrap_or(0));
        let format = Format { codec, width, height, packaging: Packaging::Bare };
        // Units that share parameters share the allocation.
        if self.format.as_deref() != Some(&format) {
            self.format = Some(Arc::new(format));
        }
    }

    fn times(&mut self, timestamp: i64, received: Monotonic) -> Times {
        let place = self.timeline.place(timestamp, self.clock.media_time(received));
        self.latest = self.latest.max(place);
        self.decode_times.push(if self.in_order { self.latest } else { place })
    }
}

impl Normalise {
    fn new(coding: Coding) -> Normalise {
        match coding {
            Coding::H264 => Normalise::H264(Default::default()),
            Coding::H265 => Normalise::H265(Default::default()),
            Coding::Jpeg => Normalise::Jpeg,
        }
    }

    /// Takes a parameter set of the stream's description.
    fn learn(&mut self, set: &[u8]) -> Result<(), Drop> {
        match self {
            Normalise::H264(normaliser) => normaliser.learn(set).map_err(h264_drop),
            Normalise::H265(normaliser) => normaliser.learn(set).map_err(h265_drop),
            Normalise::Jpeg => Ok(()),
        }
    }

    /// Checks an access unit. `None` for what nobody can begin with, or that refers to what is missing.
    fn take(&mut self, data: &Bytes) -> Result<Option<Picture>, Drop> {
        Ok(match self {
            Normalise::H264(normaliser) => normaliser.push(data).map_err(h264_drop)?.map(|picture| Picture {
                data: picture.data,
                keyframe: picture.keyframe,
                changed: picture.changed.map(|h264::normalise::Parameters { sets, sps }| Parameters {
                    codec: Codec::H264(sets),
                    width: sps.width,
                    height: sps.height,
                    reorder: sps.reorder_frames(),
                }),
            }),
            Normalise::H265(normaliser) => normaliser.push(data).map_err(h265_drop)?.map(|picture| Picture {
                data: picture.data,
                keyframe: picture.keyframe,
                changed: picture.changed.map(|h265::normalise::Parameters { sets, sps }| Parameters {
                    codec: Codec::H265(sets),
                    width: sps.width,
                    height: sps.height,
                    reorder: Some(sps.reorder_frames),
                }),
            }),
            Normalise::Jpeg => {
                let jpeg =
                    jpeg::normalise(data).map_err(|error| (error.kind().label(), error.to_string()))?;
                let (width, height) = (jpeg.width, jpeg.height);
                let parameters = Parameters { codec: Codec::Jpeg, width, height, reorder: Some(0) };
                Some(Picture { data: jpeg.data, keyframe: true, changed: Some(parameters) })
            }
        })
    }

    /// A picture is missing: what refers to it must not be shown.
    fn lost(&mut self) {
        match self {
            Normalise::H264(normaliser) => normaliser.wait_for_keyframe(),
            Normalise::H265(normaliser) => normaliser.wait_for_keyframe(),
            Normalise::Jpeg => {}
        }
    }
}

fn h264_drop(error: h264::normalise::NormaliseError) -> Drop {
    (error.label(), error.to_string())
}

fn h265_drop(error: h265::normalise::NormaliseError) -> Drop {
    (error.label(), error.to_string())
}
