//! RTP time becomes time on the stream's own line.

use camherd_media::time::MediaTime;

/// When RTP time and arrival have drifted so far apart, in microseconds, the camera has set its clock or sent
/// what it had stored: the line begins anew at the arrival. Pictures out of order, a stalled network and
/// buffers in the camera stay below.
const JUMP: i64 = 1_000_000;

/// Up to so much difference between RTP time and arrival is the network's, in microseconds.
const TOLERANCE: i64 = 100_000;

/// Beyond the tolerance the line follows the arrival by a part in so many: a camera's clock is off by less
/// than a part in a thousand, and no viewer sees a picture that is 0.2 % longer.
const SLEW: i64 = 500;

/// The least step where a line that ran ahead must wait for the arrival, in microseconds.
const STEP: i64 = 1_000;

/// Places RTP timestamps on the stream's line: the first at its arrival, the others where their distance puts them.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Ticks per second of the RTP clock.
    rate: u32,
    /// An RTP timestamp and its place.
    anchor: Option<(i64, i64)>,
    /// The RTP timestamp that was placed last.
    last: Option<i64>,
    /// The latest place so far.
    latest: i64,
    floor: i64,
}

impl Timeline {
    /// A line for a clock of `rate` ticks per second, whose first place is not before `floor`.
    pub(super) fn new(rate: u32, floor: Option<MediaTime>) -> Timeline {
        let floor = floor.map_or(i64::MIN, |MediaTime(floor)| floor);
        Timeline { rate, anchor: None, last: None, latest: i64::MIN, floor }
    }

    /// Where a new line must begin not to fall behind the one before, whose last unit arrived at `last`.
    pub(super) fn after(last: MediaTime) -> MediaTime {
        MediaTime(last.0.saturating_add(JUMP))
    }

    /// The place of `ticks`, which arrived at `arrival`.
    ///
    /// Not monotone: pictures may come out of the order in which they are shown.
    pub(super) fn place(&mut self, ticks: i64, MediaTime(arrival): MediaTime) -> MediaTime {
        let (anchor_ticks, anchor) = *self.anchor.get_or_insert((ticks, arrival.max(self.floor)));
        let place = anchor.saturating_add(micros(ticks.saturating_sub(anchor_ticks), self.rate));
        let behind = arrival.saturating_sub(place);
        let place = if !(-JUMP..=JUMP).contains(&behind) {
            let place = arrival.max(self.latest.saturating_add(STEP));
            self.anchor = Some((ticks, place));
            place
        } else {
            let since = self.last.map_or(0, |last| micros(ticks.saturating_sub(last).max(0), self.rate));
            let beyond = behind - behind.clamp(-TOLERANCE, TOLERANCE);
            let correction = beyond.clamp(-since / SLEW, since / SLEW);
            self.anchor = Some((anchor_ticks, anchor.saturating_add(correction)));
            place.saturating_add(correction)
        };
        self.last = Some(ticks);
        self.latest = self.latest.max(place);
        MediaTime(place)
    }
}

/// `ticks` of a clock of `rate` ticks per second, in microseconds.
pub(super) fn micros(ticks: i64, rate: u32) -> i64 {
    let micros = i128::from(ticks) * 1_000_000 / i128::from(rate.max(1));
    i64::try_from(micros).unwrap_or(if ticks < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 90_000;

    /// A line whose first unit, at 0 ticks, has arrived at ten seconds.
    fn line() -> Timeline {
        let mut line = Timeline::new(RATE, None);
        assert_eq!(line.place(0, MediaTime(10_000_000)), MediaTime(10_000_000));
        line
    }

    #[test]
    fn distances_are_those_of_the_camera_whatever_the_network_does() {
        let mut line = line();
        for frame in 1..300 {
            let late = [0, 60_000, 15_000, 90_000][frame as usize % 4];
            let place = line.place(frame * 3000, MediaTime(10_000_000 + frame * 33_333 + late));
            assert_eq!(place, MediaTime(10_000_000 + frame * 100_000 / 3), "frame {frame}");
        }
    }

    #[test]
    fn pictures_out_of_order_keep_their_places() {
        let mut line = line();
        for (index, frame) in [3, 1, 2, 6, 4, 5].into_iter().enumerate() {
            let place = line.place(frame * 3000, MediaTime(10_000_000 + (index as i64 + 1) * 33_333));
            assert_eq!(place, MediaTime(10_000_000 + frame * 100_000 / 3));
        }
    }

    #[test]
    fn a_clock_that_was_set_begins_a_new_line_at_the_arrival() {
        for jump in [i64::from(u32::MAX), 500_000, -500_000, i64::MAX / 2, i64::MIN / 2] {
            let mut line = line();
            assert_eq!(line.place(jump, MediaTime(10_040_000)), MediaTime(10_040_000), "by {jump}");
            assert_eq!(line.place(jump + 3600, MediaTime(10_081_000)), MediaTime(10_080_000), "by {jump}");
        }
    }

    #[test]
    fn what_a_camera_had_stored_does_not_go_back_and_not_far_ahead() {
        let mut line = line();
        let mut before = MediaTime(10_000_000);
        // Four seconds of pictures at once.
        for frame in 1..120 {
            let place = line.place(frame * 3000, MediaTime(10_010_000));
            assert!(place > before && place.0 < 10_010_000 + JUMP + 120 * STEP, "frame {frame}: {place:?}");
            before = place;
        }
    }

    #[test]
    fn a_camera_whose_clock_is_slow_or_fast_is_followed() {
        for parts_per_million in [-800, 800] {
            let mut line = line();
            for frame in 1..60 * 60 * 30 {
                let arrival = 10_000_000 + frame * 100_000 / 3;
                let ticks = frame * 3000 + frame * 3000 * parts_per_million / 1_000_000;
                let place = line.place(ticks, MediaTime(arrival)).0;
                assert!((place - arrival).abs() <= TOLERANCE + 1000, "frame {frame}: {}", place - arrival);
            }
        }
    }

    #[test]
    fn a_line_after_another_does_not_begin_before_its_end() {
        let floor = Timeline::after(MediaTime(10_000_000));
        let mut line = Timeline::new(RATE, Some(floor));
        assert_eq!(line.place(77, MediaTime(10_500_000)), MediaTime(11_000_000));
        assert_eq!(line.place(77 + 90_000, MediaTime(11_500_000)).0 / 10_000, 1199);
    }
}
