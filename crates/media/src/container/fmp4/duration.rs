//! How long a sample is said to last while its successor is unknown.

use super::super::timeline::TIMESCALE;

/// How many intervals are remembered: half a second at 30 fps, so that one late picture does not
/// stretch the buffered range for long, and a regular slow stream keeps its rate.
const REMEMBERED: usize = 16;

/// Shortest duration, 0.5 s. Players drop everything up to the next keyframe when a unit comes more
/// than twice the last duration after its predecessor (Media Source Extensions, coded frame processing,
/// "difference ... greater than 2 times last frame duration"). With this, pictures survive Wi-Fi stalls
/// of up to a second; with the true duration at 30 fps, a stall of 67 ms would blank the rest of the GOP.
/// The price: the buffered range ends up to half a second after the last picture.
const SHORTEST: u32 = TIMESCALE / 2;

/// Longest duration, 10 s: the interval of the slowest time-lapse that is still a live stream. It
/// bounds what one outage adds to the end of the buffered range.
const LONGEST: u32 = TIMESCALE * 10;

/// The longest of the latest intervals, within bounds.
#[derive(Clone, Debug, Default)]
pub(super) struct DurationEstimate {
    intervals: [u32; REMEMBERED],
    next: usize,
}

impl DurationEstimate {
    /// Takes note of the ticks between two samples.
    pub(super) fn observe(&mut self, interval: u64) {
        self.intervals[self.next] = u32::try_from(interval).unwrap_or(u32::MAX);
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// The duration in ticks.
    pub(super) fn ticks(&self) -> u32 {
        self.intervals.into_iter().fold(0, u32::max).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_longest_recent_interval_within_bounds() {
        let mut estimate = DurationEstimate::default();
        assert_eq!(estimate.ticks(), SHORTEST);
        estimate.observe(3_000);
        assert_eq!(estimate.ticks(), SHORTEST);
        estimate.observe(180_000);
        for _ in 1..REMEMBERED {
            estimate.observe(90_000);
            assert_eq!(estimate.ticks(), 180_000);
        }
        estimate.observe(90_000);
        assert_eq!(estimate.ticks(), 90_000);
        estimate.observe(u64::MAX);
        assert_eq!(estimate.ticks(), LONGEST);
    }
}
