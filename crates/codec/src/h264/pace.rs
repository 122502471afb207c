//! Follows the true frame rate of a stream from its presentation times.

use super::{MAX_FPS, MIN_FPS};
use std::time::Duration;

/// Weight of the newest interval in the running mean: the mean follows a change within about ten pictures,
/// and the jitter of a Wi-Fi camera averages out.
const WEIGHT: f64 = 0.125;

/// The rate is told to the encoder when it has changed by this factor, either way. Each change makes the rate
/// control plan anew.
const CHANGE: f64 = 1.1;

/// A longer gap is an interruption of the stream, not a frame rate.
const LONGEST_INTERVAL: f64 = 1.0;

/// Running mean of the time between pictures.
#[derive(Debug)]
pub(super) struct Pace {
    /// Mean interval in seconds.
    mean: f64,
    /// Rate that the encoder knows, in Hz.
    told: f64,
    last: Option<Duration>,
}

impl Pace {
    /// Assumes `fps` until pictures say otherwise.
    pub(super) fn new(fps: f32) -> Pace {
        Pace { mean: 1.0 / f64::from(fps), told: f64::from(fps), last: None }
    }

    /// Takes the time of the next picture; answers the rate in Hz to tell the encoder, if it has changed.
    pub(super) fn observe(&mut self, at: Duration) -> Option<f32> {
        let before = self.last.replace(self.last.map_or(at, |last| last.max(at)))?;
        let interval = at.saturating_sub(before).as_secs_f64().min(LONGEST_INTERVAL);
        self.mean += (interval - self.mean) * WEIGHT;
        let fps = (1.0 / self.mean).clamp(f64::from(MIN_FPS), f64::from(MAX_FPS));
        if fps > self.told * CHANGE || fps * CHANGE < self.told {
            self.told = fps;
            // Between 1 and 60: no precision to lose.
            return Some(fps as f32);
        }
        None
    }

    /// The time of the latest picture; never goes back.
    pub(super) fn now(&self) -> Duration {
        self.last.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `count` pictures at those intervals in turn and gives what the encoder knows in the end.
    fn told_after(pace: &mut Pace, start: Duration, millis: &[u64], count: usize) -> f64 {
        let mut at = start;
        for interval in millis.iter().cycle().take(count) {
            pace.observe(at);
            at += Duration::from_millis(*interval);
        }
        pace.told
    }

    #[test]
    fn a_steady_stream_at_the_assumed_rate_changes_nothing() {
        let mut pace = Pace::new(30.0);
        for n in 0..300 {
            assert_eq!(pace.observe(Duration::from_micros(n * 33_333)), None);
        }
    }

    #[test]
    fn a_slower_stream_is_noticed_within_two_seconds() {
        let told = told_after(&mut Pace::new(30.0), Duration::ZERO, &[100], 20);
        assert!((9.0..12.0).contains(&told), "{told}");
    }

    #[test]
    fn irregular_intervals_give_their_mean_rate() {
        let told = told_after(&mut Pace::new(30.0), Duration::ZERO, &[10, 90, 50, 50], 200);
        assert!((17.0..24.0).contains(&told), "{told}");
    }

    #[test]
    fn an_interruption_does_not_look_like_a_slow_camera_for_long() {
        let mut pace = Pace::new(30.0);
        told_after(&mut pace, Duration::ZERO, &[33], 100);
        let told = told_after(&mut pace, Duration::from_secs(3600), &[33], 40);
        assert!(told > 25.0, "{told}");
    }

    #[test]
    fn time_that_stands_still_or_goes_back_stays_within_the_limits() {
        let mut pace = Pace::new(30.0);
        for at in [5, 5, 5, 3, 0, 5] {
            for _ in 0..50 {
                pace.observe(Duration::from_secs(at));
            }
            assert_eq!(pace.now(), Duration::from_secs(5));
        }
        assert!(pace.told <= f64::from(MAX_FPS) && pace.told * CHANGE >= f64::from(MAX_FPS), "{}", pace.told);
    }
}
