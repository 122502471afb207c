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

impl Model {
    /// The unit's 90 kHz time, or `None` when a muxer has to refuse the unit.
    fn ticks(&self, step: &Step) -> Option<i64> {
        let unit = &step.unit;
        let bare_h264 =
            matches!(unit.format.codec, Codec::H264(_)) && unit.format.packaging == Packaging::Bare;
        if !bare_h264 || !step.annexb {
            return None;
        }
        let exact = i64::try_from((i128::from(unit.pts.0) * 9).div_euclid(100)).ok()?;
        match &self.last {
            None => unit.keyframe.then_some(exact),
            Some((pts, ticks, format)) => {
                (unit.pts >= *pts && (unit.keyframe || *format == unit.format)).then(|| exact.max(ticks + 1))
            }
        }
    }

    fn accepted(&mut self, unit: &Unit, ticks: i64) {
        self.last = Some((unit.pts, ticks, unit.format.clone()));
    }

    fn has_format(&self, unit: &Unit) -> bool {
        self.last.as_ref().is_some_and(|(.., format)| *format == unit.format)
    }
}

/// What holds for every muxer's output.
fn check_envelope(unit: &Unit, output: &Unit) {
    assert_eq!((output.pts, output.keyframe, output.stamps), (unit.pts, unit.keyframe, unit.stamps));
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
        let Some(ticks) = model.ticks(&step) else {
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
        assert_eq!(got.pcr, ticks.rem_euclid(1 << 33) as u64);
        assert_eq!(got.pts, (ticks + 900).rem_euclid(1 << 33) as u64);
        assert_eq!(got.random_access, unit.keyframe);
        assert!(got.tables || !unit.keyframe, "a keyframe begins with the tables");
        let has_delimiter = step.nals.first().is_some_and(|nal| nal[0] & 0x1f == 9);
        let delimiter: &[u8] = if has_delimiter { &[] } else { &[0, 0, 0, 1, 9, 0xf0] };
        assert!(got.data.strip_prefix(delimiter) == Some(&unit.payload[..]), "the access unit is unchanged");
        model.accepted(unit, ticks);
        previous = Some(output);
    }
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
        let Some(ticks) = model.ticks(&step).filter(|ticks| *ticks >= 0 && !sample.is_empty()) else {
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
        assert_eq!(got.decode_time, ticks as u64);
        assert_eq!(got.flags, if unit.keyframe { 0x0200_0000 } else { 0x0101_0000 });
        assert!(got.sample == sample, "the sample has the NAL units of the access unit");
        let interval = model.last.as_ref().map_or(0, |(_, last, _)| ticks - last);
        let least = interval.clamp(45_000, 900_000);
        assert!((least..=900_000).contains(&i64::from(got.duration)), "{} ticks", got.duration);
        let flags = if unit.stamps.captured.is_some() { 24 } else { 0 };
        assert_eq!(got.produced, wall.map(|wall| (wall.ntp(), ticks as u64, flags)));
        model.accepted(unit, ticks);
        previous = Some(output);
    }
}

/// The step's NAL units as a sample: lengths, no delimiters, no parameter sets that `avcC` has.
fn expected_sample(step: &Step) -> Vec<u8> {
    let Codec::H264(parameters) = &step.unit.format.codec else { return Vec::new() };
    let mut sample = Vec::new();
    for nal in &step.nals {
        if nal[0] & 0x1f == 9 || *nal == parameters.sps || *nal == parameters.pps {
            continue;
        }
        sample.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        sample.extend_from_slice(nal);
    }
    sample
}

fn check_init(unit: &Unit, output: &Unit) {
    let Packaging::Fmp4 { init } = &output.format.packaging else { panic!("not packaged as fMP4") };
    let Codec::H264(parameters) = &unit.format.codec else { panic!("not H.264") };
    let got = Init::parse(init).expect("an independent demuxer reads the initialisation segment");
    assert_eq!((got.track, got.timescale), (1, 90_000));
    assert_eq!((got.width.into(), got.height.into()), (unit.format.width, unit.format.height));
    assert_eq!((&got.sps[..], &got.pps[..]), (&parameters.sps[..], &parameters.pps[..]));
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
