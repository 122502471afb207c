//! Time in 90 kHz ticks that always moves on.

use super::MuxError;
use crate::time::MediaTime;
use crate::unit::Unit;

/// Ticks per second of both containers' clocks: that of MPEG-TS (ISO/IEC 13818-1, 2.4.3.7), taken for
/// fMP4 too. A tick is 11 us.
pub(super) const TIMESCALE: u32 = 90_000;

/// Turns decode times into strictly increasing ticks.
///
/// Two units may have the same time, or differ by less than a tick. Players drop or merge pictures with
/// equal decode times, so such a unit is placed one tick after its predecessor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timeline {
    last: Option<Point>,
}

/// The times of a unit and their place on the tick line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    dts: MediaTime,
    /// Decode time in ticks; strictly increasing.
    pub(super) ticks: i64,
    /// Presentation time in ticks; not before `ticks`.
    pub(super) shown: i64,
    /// Ticks since the previous point; `None` for the first. At least 1.
    pub(super) interval: Option<u64>,
}

impl Timeline {
    /// The place of `unit`, or an error when it is decoded before its predecessor.
    ///
    /// A unit that is to be shown before it is decoded, which no unit should be, is shown when it is decoded.
    pub(super) fn place(&self, unit: &Unit) -> Result<Point, MuxError> {
        let (ticks, shown, dts) = (unit.dts.ticks(TIMESCALE), unit.pts.ticks(TIMESCALE), unit.dts);
        let Some(last) = self.last else {
            return Ok(Point { dts, ticks, shown: shown.max(ticks), interval: None });
        };
        if dts < last.dts {
            return Err(MuxError::TimeWentBack { dts, last: last.dts });
        }
        // Ticks are below i64::MAX / 11, so neither the sum nor the difference overflows.
        let ticks = ticks.max(last.ticks + 1);
        Ok(Point { dts, ticks, shown: shown.max(ticks), interval: Some(ticks.abs_diff(last.ticks)) })
    }

    /// Makes `point` the last one.
    pub(super) fn commit(&mut self, point: Point) {
        self.last = Some(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::testing::{h264_format, picture};

    fn at(dts: i64, pts: i64) -> Unit {
        Unit { dts: MediaTime(dts), ..picture(&h264_format(640), pts, 1) }
    }

    #[test]
    fn equal_times_are_a_tick_apart_and_the_shift_does_not_grow() {
        let mut timeline = Timeline::default();
        let mut ticks = Vec::new();
        for pts in [-5, 0, 0, 0, 1_000_000, 1_000_005, 2_000_000] {
            let point = timeline.place(&at(pts, pts)).unwrap();
            assert_eq!(point.shown, point.ticks);
            timeline.commit(point);
            ticks.push(point.ticks);
        }
        assert_eq!(ticks, [-1, 0, 1, 2, 90_000, 90_001, 180_000]);
    }

    #[test]
    fn refuses_to_go_back_and_survives_the_extremes() {
        let mut timeline = Timeline::default();
        let first = timeline.place(&at(i64::MIN, i64::MAX)).unwrap();
        timeline.commit(first);
        let last = timeline.place(&at(i64::MAX, i64::MIN)).unwrap();
        assert_eq!(last.interval, Some(last.ticks.abs_diff(first.ticks)));
        assert_eq!(last.shown, last.ticks, "a unit is not shown before it is decoded");
        timeline.commit(last);
        assert_eq!(
            timeline.place(&at(4, i64::MAX)),
            Err(MuxError::TimeWentBack { dts: MediaTime(4), last: MediaTime(i64::MAX) })
        );
    }
}
