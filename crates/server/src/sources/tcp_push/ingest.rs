//! Payloads become units, or are counted as dropped.

pub(super) use crate::sources::h264_pause::PAUSE;
use crate::sources::h264_pause::PausingSplitter;
use crate::sources::jpeg_units::JpegUnits;
use bytes::Bytes;
use camherd_hub::Clock;
use camherd_media::codec::h264::normalise::Normaliser;
use camherd_media::codec::h264::split::{AccessUnit, begins_access_unit};
use camherd_media::codec::jpeg;
use camherd_media::time::{MediaTime, Monotonic};
use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};
use camherd_media::wire::tcp_push::Kind;
use std::sync::Arc;

/// What is dropped: a short label, and what was wrong.
pub(super) type Dropped = (&'static str, String);

/// What comes of a payload, in order.
pub(super) type Taken = Vec<Result<Unit, Dropped>>;

/// Takes the payloads of one connection.
pub(super) struct Ingest {
    clock: Clock,
    coding: Coding,
}

enum Coding {
    Jpeg(JpegUnits),
    H264(Box<H264>),
}

impl Ingest {
    pub(super) fn new(kind: Kind, clock: Clock) -> Ingest {
        let coding = match kind {
            Kind::Jpeg => Coding::Jpeg(JpegUnits::default()),
            Kind::H264 => Coding::H264(Box::new(H264::new(clock.clone()))),
        };
        Ingest { clock, coding }
    }

    /// Takes a payload whose last byte arrived at `now`.
    pub(super) fn payload(&mut self, payload: &Bytes, now: Monotonic) -> Taken {
        match &mut self.coding {
            Coding::Jpeg(units) => vec![match jpeg::normalise(payload) {
                Ok(jpeg) => Ok(units.unit(&self.clock, jpeg, now)),
                Err(error) => Err((error.kind().label(), error.to_string())),
            }],
            Coding::H264(h264) => h264.chunk(payload, now),
        }
    }

    /// Whether a picture waits that [`paused`](Self::paused) would give.
    pub(super) fn waits(&self) -> bool {
        match &self.coding {
            Coding::Jpeg(_) => false,
            Coding::H264(h264) => h264.splitter.waits(),
        }
    }

    /// Nothing has come for [`PAUSE`], and no part of a message is there.
    pub(super) fn paused(&mut self) -> Taken {
        match &mut self.coding {
            Coding::Jpeg(_) => Vec::new(),
            Coding::H264(h264) => h264.paused(),
        }
    }

    /// The sender is done.
    pub(super) fn finish(&mut self) -> Taken {
        match &mut self.coding {
            Coding::Jpeg(_) => Vec::new(),
            Coding::H264(h264) => h264.finish(),
        }
    }
}

/// H.264 that is cut into payloads anywhere.
struct H264 {
    clock: Clock,
    splitter: PausingSplitter,
    normaliser: Normaliser,
    format: Option<Arc<Format>>,
    last: MediaTime,
    /// When the newest payload came.
    arrived: Monotonic,
    too_large: u64,
}

impl H264 {
    fn new(clock: Clock) -> H264 {
        H264 {
            clock,
            splitter: PausingSplitter::new(),
            normaliser: Normaliser::new(),
            format: None,
            last: MediaTime(i64::MIN),
            arrived: Monotonic(0),
            too_large: 0,
        }
    }

    fn chunk(&mut self, payload: &[u8], now: Monotonic) -> Taken {
        let mut taken = Taken::new();
        let begins = begins_access_unit(payload);
        let begun = self.splitter.has_picture();
        let pushed = self.splitter.push(payload);
        if pushed.cut {
            self.normaliser.wait_for_keyframe();
            taken.push(Err(("cut", "a pause in the middle of a picture".to_owned())));
        }
        // What a payload completes by beginning with the next picture had arrived with the one before.
        let mut arrived = if begins && begun { self.arrived } else { now };
        for unit in pushed.units {
            taken.extend(self.unit(unit, arrived));
            arrived = now;
        }
        let too_large = self.splitter.dropped();
        if std::mem::replace(&mut self.too_large, too_large) != too_large {
            taken.push(Err(("too_large", "a picture is too large, or this is no H.264".to_owned())));
        }
        self.arrived = now;
        taken
    }

    fn paused(&mut self) -> Taken {
        let unit = self.splitter.paused();
        unit.and_then(|unit| self.unit(unit, self.arrived)).into_iter().collect()
    }

    fn finish(&mut self) -> Taken {
        let unit = self.splitter.finish();
        unit.and_then(|unit| self.unit(unit, self.arrived)).into_iter().collect()
    }

    fn unit(&mut self, unit: AccessUnit, received: Monotonic) -> Option<Result<Unit, Dropped>> {
        if unit.after_loss {
            self.normaliser.wait_for_keyframe();
        }
        let picture = match self.normaliser.push(&unit.data) {
            Ok(picture) => picture?,
            Err(error) => return Some(Err((error.label(), error.to_string()))),
        };
        if let Some(changed) = picture.changed {
            let (width, height) = (changed.sps.width, changed.sps.height);
            let codec = Codec::H264(changed.sets);
            let format = Format { codec, width, height, packaging: Packaging::Bare };
            // Units that share parameters share the allocation.
            if self.format.as_deref() != Some(&format) {
                self.format = Some(Arc::new(format));
            }
        }
        // The first unit of a stream has said what it is.
        let format = self.format.clone()?;
        // The sender says no time of its own.
        let pts = self.clock.media_time(received).max(self.last);
        self.last = pts;
        let (payload, stamps) = (picture.data, Stamps::received(received));
        Some(Ok(Unit { payload, pts, dts: pts, keyframe: picture.keyframe, format, stamps }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camherd_media::codec::h264::split::AccessUnitSplitter;

    const JPEG: &[u8] = include_bytes!("../../../../../testdata/jpeg/baseline_422.jpg");
    const STREAM: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");

    fn ingest(kind: Kind) -> Ingest {
        Ingest::new(kind, Clock::start())
    }

    /// The access units of the stream as a camera writes them.
    fn pictures() -> Vec<Bytes> {
        AccessUnitSplitter::new().push_complete(STREAM).into_iter().map(|unit| unit.data).collect()
    }

    fn take(ingest: &mut Ingest, payload: &[u8], at: u64) -> Taken {
        ingest.payload(&Bytes::copy_from_slice(payload), Monotonic(at))
    }

    fn bytes(taken: Taken) -> Vec<u8> {
        taken.into_iter().flat_map(|unit| unit.unwrap().payload.to_vec()).collect()
    }

    #[test]
    fn pictures_are_units_at_once_and_other_bytes_are_named() {
        let mut ingest = ingest(Kind::Jpeg);
        let unit = take(&mut ingest, JPEG, 7).pop().unwrap().unwrap();
        assert_eq!((&unit.payload[..], unit.stamps.received, unit.keyframe), (JPEG, Monotonic(7), true));
        let error = take(&mut ingest, b"Hello World, this is text", 8).pop().unwrap().unwrap_err();
        assert_eq!(error, ("not_jpeg", "not a JPEG: 'Hello World...'".to_owned()));
        assert!(!ingest.waits());
    }

    #[test]
    fn h264_comes_out_the_same_wherever_it_is_cut() {
        let whole = [&mut ingest(Kind::H264)].map(|ingest| {
            let mut all = take(ingest, STREAM, 1);
            all.extend(ingest.finish());
            assert_eq!(all.len(), 10);
            bytes(all)
        });
        for size in [1, 7, 100, 1024, 4000] {
            let mut ingest = ingest(Kind::H264);
            let chunks = STREAM.chunks(size).enumerate();
            let mut all: Vec<u8> =
                chunks.flat_map(|(i, chunk)| bytes(take(&mut ingest, chunk, i as u64))).collect();
            all.extend(bytes(ingest.finish()));
            assert_eq!(all, whole[0], "chunks of {size}");
        }
    }

    #[test]
    fn a_sender_that_writes_whole_pictures_has_them_out_after_a_pause() {
        let (mut ingest, pictures) = (ingest(Kind::H264), pictures());
        for (index, picture) in pictures.iter().enumerate() {
            let taken = take(&mut ingest, picture, 1000 * index as u64);
            // Until the sender is trusted the next picture ends the last one, which arrived before it.
            let units: Vec<Unit> = taken.into_iter().map(Result::unwrap).collect();
            let received: Vec<u64> = units.iter().map(|unit| unit.stamps.received.0).collect();
            if (1..=3).contains(&index) {
                assert_eq!(received, [1000 * (index as u64 - 1)]);
            } else {
                assert!(received.is_empty());
            }
            assert_eq!(ingest.waits(), index >= 3, "picture {index}");
            let paused = ingest.paused();
            assert_eq!(paused.len(), usize::from(index >= 3));
            for unit in paused {
                assert_eq!(unit.unwrap().stamps.received.0, 1000 * index as u64);
            }
        }
    }

    #[test]
    fn a_pause_within_a_picture_costs_that_group_once_and_never_again() {
        let (mut ingest, pictures) = (ingest(Kind::H264), pictures());
        for picture in pictures.iter().take(4) {
            take(&mut ingest, picture, 1);
            ingest.paused();
        }
        let (begin, end) = pictures[4].split_at(pictures[4].len() / 2);
        take(&mut ingest, begin, 2);
        assert_eq!(ingest.paused().len(), 1, "half a picture, taken for a whole one");
        let cut = take(&mut ingest, end, 3);
        assert_eq!(cut.len(), 1);
        assert_eq!(cut[0].as_ref().unwrap_err().0, "cut");
        assert!(!ingest.waits());
        // The rest of that picture goes with the next; the one after that is the IDR picture of the next group.
        let after: Taken = pictures[5..].iter().flat_map(|picture| take(&mut ingest, picture, 4)).collect();
        assert!(after.iter().all(Result::is_ok));
        assert!(after[0].as_ref().unwrap().keyframe);
        assert_eq!(after[0].as_ref().unwrap().payload, pictures[5]);
        assert!(!ingest.waits(), "this sender is not trusted again");
    }

    #[test]
    fn a_payload_as_long_as_a_buffer_is_not_taken_for_a_whole_picture() {
        let (mut ingest, pictures) = (ingest(Kind::H264), pictures());
        for picture in pictures.iter().take(4) {
            take(&mut ingest, picture, 1);
        }
        assert!(ingest.waits());
        let mut block = pictures[4].to_vec();
        block.resize(block.len().next_multiple_of(1024), 7);
        take(&mut ingest, &block, 2);
        assert!(!ingest.waits());
    }
}
