//! Time in 90 kHz ticks that always moves on.

use super::MuxError;
use crate::time::MediaTime;

/// Ticks per second of both containers' clocks: that of MPEG-TS (ISO/IEC 13818-1, 2.4.3.7), taken for
/// fMP4 too. A tick is 11 us.
pub(super) const TIMESCALE: u32 = 90_000;

/// Turns presentation times into strictly increasing ticks.
///
/// Two units may have the same time, or differ by less than a tick. Players drop or merge pictures with
/// equal decode times, so such a unit is placed one tick after its predecessor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timeline {
    last: Option<Point>,
}

/// A presentation time and its place on the tick line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pts: MediaTime,
    /// Time in ticks; strictly increasing.
    pub(super) ticks: i64,
    /// Ticks since the previous point; `None` for the first. At least 1.
    pub(super) interval: Option<u64>,
}

impl Timeline {
    /// The place of `pts`, or an error when it is before its predecessor.
    pub(super) fn place(&self, pts: MediaTime) -> Result<Point, MuxError> {
        let ticks = pts.ticks(TIMESCALE);
        let Some(last) = self.last else { return Ok(Point { pts, ticks, interval: None }) };
        if pts < last.pts {
            return Err(MuxError::TimeWentBack { pts, last: last.pts });
        }
        // Ticks are below i64::MAX / 11, so neither the sum nor the difference overflows.
        let ticks = ticks.max(last.ticks + 1);
        Ok(Point { pts, ticks, interval: Some(ticks.abs_diff(last.ticks)) })
    }

    /// Makes `point` the last one.
    pub(super) fn commit(&mut self, point: Point) {
        self.last = Some(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_are_a_tick_apart_and_the_shift_does_not_grow() {
        let mut timeline = Timeline::default();
        let mut ticks = Vec::new();
        for pts in [-5, 0, 0, 0, 1_000_000, 1_000_005, 2_000_000] {
            let point = timeline.place(MediaTime(pts)).unwrap();
            timeline.commit(point);
            ticks.push(point.ticks);
        }
        assert_eq!(ticks, [-1, 0, 1, 2, 90_000, 90_001, 180_000]);
    }

    #[test]
    fn refuses_to_go_back_and_survives_the_extremes() {
        let mut timeline = Timeline::default();
        let first = timeline.place(MediaTime(i64::MIN)).unwrap();
        timeline.commit(first);
        let last = timeline.place(MediaTime(i64::MAX)).unwrap();
        assert_eq!(last.interval, Some(last.ticks.abs_diff(first.ticks)));
        timeline.commit(last);
        assert_eq!(
            timeline.place(MediaTime(4)),
            Err(MuxError::TimeWentBack { pts: MediaTime(4), last: MediaTime(i64::MAX) })
        );
    }
}
