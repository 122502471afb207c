//! A file of fragments: times that begin at zero, and samples that last until the next one.

use super::SinkError;
use bytes::{Bytes, BytesMut};
use camherd_media::container::{Fmp4Muxer, MuxError};
use camherd_media::time::MediaTime;
use camherd_media::unit::{Format, Packaging, Unit};
use std::sync::Arc;
use std::time::Duration;

/// How long a picture is said to last that is the only one: a fifteenth of a second, so that a player shows it.
const ALONE: Duration = Duration::from_millis(67);

/// Puts pictures into fragments. One is held back: how long it lasts shows with the next.
#[derive(Default)]
pub(super) struct Mp4 {
    muxer: Fmp4Muxer,
    held: Option<Unit>,
    /// Time of the first picture.
    origin: Option<MediaTime>,
    format: Option<Arc<Format>>,
    last: Option<Duration>,
    begun: bool,
}

impl Mp4 {
    /// Takes a picture, and gives the bytes that are certain now. What comes before the first keyframe is left out.
    ///
    /// # Errors
    /// [`SinkError::Changed`], [`SinkError::Mux`].
    pub(super) fn push(&mut self, unit: &Unit) -> Result<Option<Bytes>, SinkError> {
        let origin = match self.origin {
            Some(origin) => origin,
            None if unit.keyframe => *self.origin.insert(unit.dts),
            None => return Ok(None),
        };
        let format = self.format.get_or_insert_with(|| unit.format.clone());
        if !Arc::ptr_eq(format, &unit.format) && **format != *unit.format {
            return Err(SinkError::Changed);
        }
        let shifted = |time: MediaTime| MediaTime(time.0.saturating_sub(origin.0));
        let next = Unit { pts: shifted(unit.pts), dts: shifted(unit.dts), ..unit.clone() };
        let Some(held) = self.held.take() else {
            self.held = Some(next);
            return Ok(None);
        };
        let lasting = next.dts.since(held.dts);
        self.last = Some(lasting);
        let fragment = self.fragment(&held, lasting)?;
        // Only behind a picture that is there: it may be made of it.
        self.held = Some(next);
        Ok(Some(fragment))
    }

    /// The picture that was held back, as long as the one before it.
    ///
    /// # Errors
    /// [`SinkError::Mux`].
    pub(super) fn finish(mut self) -> Result<Option<Bytes>, SinkError> {
        let Some(held) = self.held.take() else { return Ok(None) };
        let lasting = self.last.unwrap_or(ALONE);
        Ok(Some(self.fragment(&held, lasting)?))
    }

    fn fragment(&mut self, unit: &Unit, lasting: Duration) -> Result<Bytes, MuxError> {
        let packed = self.muxer.push_lasting(unit, lasting)?;
        let Packaging::Fmp4 { init } = &packed.format.packaging else { return Ok(packed.payload) };
        if self.begun {
            return Ok(packed.payload);
        }
        self.begun = true;
        let mut file = BytesMut::with_capacity(init.len() + packed.payload.len());
        file.extend_from_slice(init);
        file.extend_from_slice(&packed.payload);
        Ok(file.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::server::fmp4::{Fragment, Init, is_init};
    use crate::client::video_units::VideoUnits;
    use camherd_media::codec::h264::split::AccessUnitSplitter;
    use camherd_media::unit::{Codec, Stamps};

    const SLICES: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");

    /// Pictures 100 ms apart, from an hour on; every fifth is a keyframe.
    fn units() -> Vec<Unit> {
        let mut made = VideoUnits::h264();
        let all = AccessUnitSplitter::new().push_complete(SLICES);
        let at = |number: usize| MediaTime(3_600_000_000 + number as i64 * 100_000);
        let unit = |(number, unit): (usize, &camherd_media::codec::h264::split::AccessUnit)| {
            made.unit(&unit.data, at(number), at(number), Stamps::default()).unwrap().unwrap()
        };
        all.iter().enumerate().map(unit).collect()
    }

    #[test]
    fn times_begin_at_the_first_keyframe_and_nothing_is_lost() {
        let units = units();
        let mut mp4 = Mp4::default();
        let mut pieces: Vec<Bytes> = units[3..].iter().filter_map(|unit| mp4.push(unit).unwrap()).collect();
        pieces.extend(mp4.finish().unwrap());
        assert_eq!(pieces.len(), units.len() - 5, "what comes before the keyframe is left out");
        assert!(is_init(&pieces[0]));
        let init_len = pieces[0].windows(4).position(|four| four == b"moof").unwrap() - 4;
        let init = pieces[0].split_to(init_len);
        assert_eq!(Init::parse(&init).unwrap().timescale, 90_000);
        let times: Vec<u64> = pieces.iter().map(|p| Fragment::parse(p).unwrap().decode_time).collect();
        assert_eq!(times, [0, 9_000, 18_000, 27_000, 36_000]);
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let units = units();
        let mut mp4 = Mp4::default();
        mp4.push(&units[0]).unwrap();
        let other = Format { width: 99, ..(*units[0].format).clone() };
        let changed = Unit { format: Arc::new(other), ..units[5].clone() };
        assert!(matches!(mp4.push(&changed), Err(SinkError::Changed)));
        let same = Unit { format: Arc::new((*units[0].format).clone()), ..units[5].clone() };
        assert!(matches!(same.format.codec, Codec::H264(_)) && mp4.push(&same).unwrap().is_some());
    }

    #[test]
    fn nothing_follows_a_picture_that_cannot_be_packaged() {
        let units = units();
        let mut mp4 = Mp4::default();
        mp4.push(&units[0]).unwrap();
        let bad = Unit { payload: Bytes::from_static(b"no start code"), ..units[1].clone() };
        mp4.push(&bad).unwrap();
        assert!(matches!(mp4.push(&units[2]), Err(SinkError::Mux(_))));
        assert_eq!(mp4.finish().unwrap(), None);
    }

    #[test]
    fn one_picture_is_a_file() {
        let mut mp4 = Mp4::default();
        assert_eq!(mp4.push(&units()[0]).unwrap(), None);
        assert!(mp4.finish().unwrap().is_some_and(|file| is_init(&file)));
        assert_eq!(Mp4::default().finish().unwrap(), None);
    }
}
