//! Fuzz bodies of the muxers: arbitrary bytes become a sequence of units, and what the muxer makes of
//! them goes through a demuxer that shares no code with it.
//!
//! The bodies panic when the output is wrong. They are public for the fuzz targets and the tests only.

mod demux_fmp4;
mod demux_ts;
mod script;

use super::{Fmp4Muxer, MuxError, TsMuxer, WallClock};
use crate::time::MediaTime;
use crate::unit::{Codec, Format, Packaging, Unit};
pub use demux_fmp4::{Fragment, Init};
pub use demux_ts::{TsAccessUnit, TsDemuxer};
use script::{Script, Step};
use std::sync::Arc;

/// What a demuxer finds wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct Fault {
    /// What is wrong.
    pub what: &'static str,
    /// Where, counted from the start of the data given to the demuxer.
    pub at: usize,
}

/// What the muxers promise about time and refusal, written down a second time.
#[derive(Default)]
struct Model {
    last: Option<(MediaTime, i64, Arc<Format>)>,
}

/// Where a muxer has to place a unit, in 90 kHz ticks.
#[derive(Clone, Copy)]
struct Place {
    decoded: i64,
    shown: i64,
}

impl Model {
    /// The unit's place, or `None` when a muxer has to refuse the unit.
    fn place(&self, step: &Step) -> Option<Place> {
        let unit = &step.unit;
        let bare_video = matches!(unit.format.codec, Codec::H264(_) | Codec::H265(_))
            && unit.format.packaging == Packaging::Bare;
        if !bare_video || !step.annexb {
            return None;
        }
        let exact = |time: MediaTime| i64::try_from((i128::from(time.0) * 9).div_euclid(100)).ok();
        let decoded = match &self.last {
            None => unit.keyframe.then_some(exact(unit.dts)?)?,
            Some((dts, ticks, format)) => (unit.dts >= *dts && (unit.keyframe || *format == unit.format))
                .then_some(exact(unit.dts)?.max(ticks + 1))?,
        };
        Some(Place { decoded, shown: exact(unit.pts)?.max(decoded) })
    }

    fn accepted(&mut self, unit: &Unit, place: Place) {
        self.last = Some((unit.dts, place.decoded, unit.format.clone()));
    }

    fn has_format(&self, unit: &Unit) -> bool {
        self.last.as_ref().is_some_and(|(.., format)| *format == unit.format)
    }
}

/// What holds for every muxer's output.
fn check_envelope(unit: &Unit, output: &Unit) {
    assert_eq!((output.pts, output.dts), (unit.pts, unit.dts));
    assert_eq!((output.keyframe, output.stamps), (unit.keyframe, unit.stamps));
    assert_eq!(output.format.codec, unit.format.codec);
    assert_eq!((output.format.width, output.format.height), (unit.format.width, unit.format.height));
}

fn refused(result: Result<Unit, MuxError>, step: &Step) {
    assert!(result.is_err(), "a unit that breaks the rules was packaged: {:?}", step.unit.pts);
}

/// MPEG-TS: packets, continuity, tables, PES and times.
pub fn ts_mux(data: &[u8]) {
    let (mut muxer, mut demuxer, mut model) = (TsMuxer::new(), TsDemuxer::default(), Model::default());
    let mut previous: Option<Unit> = None;
    for step in Script::new(data) {
        let unit = &step.unit;
        let result = muxer.push(unit);
        let Some(place) = model.place(&step) else {
            refused(result, &step);
            continue;
        };
        let output = result.expect("a unit that keeps the rules is packaged");
        check_envelope(unit, &output);
        assert_eq!(output.format.packaging, Packaging::MpegTs);
        if let Some(previous) = previous {
            assert_eq!(Arc::ptr_eq(&previous.format, &output.format), model.has_format(unit));
        }
        let got = demuxer.access_unit(&output.payload).expect("an independent demuxer reads the packets");
        assert_eq!(got.pcr, place.decoded.rem_euclid(1 << 33) as u64);
        assert_eq!(got.pts, (place.shown + 900).rem_euclid(1 << 33) as u64);
        assert_eq!(got.dts, (place.decoded + 900).rem_euclid(1 << 33) as u64);
        assert_eq!(got.random_access, unit.keyframe);
        assert!(got.tables || !unit.keyframe, "a keyframe begins with the tables");
        let h265 = matches!(unit.format.codec, Codec::H265(_));
        assert!(!got.tables || got.stream_type == if h265 { 0x24 } else { 0x1b });
        let delimiter: &[u8] = match (step.nals.first().is_some_and(|nal| is_delimiter(nal, h265)), h265) {
            (true, _) => &[],
            (false, true) => &[0, 0, 0, 1, 0x46, 1, 0x50],
            (false, false) => &[0, 0, 0, 1, 9, 0xf0],
        };
        assert!(got.data.strip_prefix(delimiter) == Some(&unit.payload[..]), "the access unit is unchanged");
        model.accepted(unit, place);
        previous = Some(output);
    }
}

fn is_delimiter(nal: &[u8], h265: bool) -> bool {
    if h265 { nal[0] >> 1 == 35 } else { nal[0] & 0x1f == 9 }
}

/// Fragmented MP4: boxes, initialisation segment, times, sample.
pub fn fmp4_mux(data: &[u8]) {
    let (mut muxer, mut model) = (Fmp4Muxer::new(), Model::default());
    let (mut previous, mut sequence): (Option<Unit>, u32) = (None, 0);
    for step in Script::new(data) {
        let unit = &step.unit;
        let wall = step.wall.map(WallClock);
        let result = muxer.push(unit, wall);
        let sample = expected_sample(&step);
        let fits = |place: &Place| {
            place.decoded >= 0 && place.shown - place.decoded <= u32::MAX.into() && !sample.is_empty()
        };
        let Some(place) = model.place(&step).filter(fits) else {
            refused(result, &step);
            continue;
        };
        let output = result.expect("a unit that keeps the rules is packaged");
        check_envelope(unit, &output);
        check_init(unit, &output);
        if let Some(previous) = previous {
            assert_eq!(Arc::ptr_eq(&previous.format, &output.format), model.has_format(unit));
        }
        let got = Fragment::parse(&output.payload).expect("an independent demuxer reads the fragment");
        sequence += 1;
        assert_eq!((got.sequence, got.track), (sequence, 1));
        let ticks = place.decoded;
        assert_eq!(got.decode_time, ticks as u64);
        assert_eq!(i64::from(got.composition_offset), place.shown - ticks);
        assert_eq!(got.flags, if unit.keyframe { 0x0200_0000 } else { 0x0101_0000 });
        assert!(got.sample == sample, "the sample has the NAL units of the access unit");
        let interval = model.last.as_ref().map_or(0, |(_, last, _)| ticks - last);
        let least = interval.clamp(45_000, 900_000);
        assert!((least..=900_000).contains(&i64::from(got.duration)), "{} ticks", got.duration);
        let flags = if unit.stamps.captured.is_some() { 24 } else { 0 };
        assert_eq!(got.produced, wall.map(|wall| (wall.ntp(), place.shown as u64, flags)));
        model.accepted(unit, place);
        previous = Some(output);
    }
}

/// The parameter sets of a format, in the order of the decoder configuration.
fn sets(format: &Format) -> Vec<&[u8]> {
    match &format.codec {
        Codec::H264(sets) => vec![&sets.sps, &sets.pps],
        Codec::H265(sets) => vec![&sets.vps, &sets.sps, &sets.pps],
        _ => Vec::new(),
    }
}

/// The step's NAL units as a sample: lengths, no delimiters, no parameter sets that the configuration has.
fn expected_sample(step: &Step) -> Vec<u8> {
    let h265 = matches!(step.unit.format.codec, Codec::H265(_));
    let sets = sets(&step.unit.format);
    let mut sample = Vec::new();
    for nal in &step.nals {
        if is_delimiter(nal, h265) || sets.contains(&&nal[..]) {
            continue;
        }
        sample.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        sample.extend_from_slice(nal);
    }
    sample
}

fn check_init(unit: &Unit, output: &Unit) {
    let Packaging::Fmp4 { init } = &output.format.packaging else { panic!("not packaged as fMP4") };
    let got = Init::parse(init).expect("an independent demuxer reads the initialisation segment");
    assert_eq!((got.track, got.timescale), (1, 90_000));
    assert_eq!((got.width.into(), got.height.into()), (unit.format.width, unit.format.height));
    assert_eq!(got.sets, sets(&unit.format));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn transport_streams_survive_the_demuxer(data in prop::collection::vec(any::<u8>(), 0..400)) {
            ts_mux(&data);
        }

        #[test]
        fn fragments_survive_the_demuxer(data in prop::collection::vec(any::<u8>(), 0..400)) {
            fmp4_mux(&data);
        }
    }

    /// Without this, a script that only makes refused units would let the properties pass unseen.
    #[test]
    fn scripts_reach_the_muxers() {
        let data: Vec<u8> = (0..4_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut muxer = TsMuxer::new();
        let (mut packaged, mut refused, mut largest) = (0, 0, 0);
        for step in Script::new(&data) {
            largest = largest.max(step.unit.payload.len());
            match muxer.push(&step.unit) {
                Ok(_) => packaged += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(packaged > 20 && refused > 3 && largest > 100_000, "{packaged} {refused} {largest}");
    }
}
