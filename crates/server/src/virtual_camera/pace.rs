//! When the next frame is due.

use crate::random::Random;
use std::time::{Duration, Instant};

/// Frames on an absolute schedule: frame `n` is due `n` periods after the start, so errors do not add up.
#[derive(Debug)]
pub(super) struct Pace {
    fps: f64,
    jitter: f64,
    random: Random,
    start: Instant,
    slot: u64,
}

impl Pace {
    /// `fps` is above zero; with `jitter` (0 to 1) the time between two frames differs from the period by at most that
    /// fraction of it, either way.
    pub(super) fn new(fps: f64, jitter: f64, random: Random, now: Instant) -> Pace {
        Pace { fps, jitter, random, start: now, slot: 0 }
    }

    /// Frames per second.
    pub(super) fn fps(&self) -> f64 {
        self.fps
    }

    /// Goes on at another rate; the next frame is due now.
    pub(super) fn set_fps(&mut self, fps: f64, now: Instant) {
        if fps != self.fps {
            self.fps = fps;
            self.restart(now);
        }
    }

    /// Begins the schedule again, now.
    pub(super) fn restart(&mut self, now: Instant) {
        (self.start, self.slot) = (now, 0);
    }

    /// When the next frame is due, and how many were left out because their whole period has passed.
    pub(super) fn next(&mut self, now: Instant) -> (Instant, u64) {
        let passed = (now.saturating_duration_since(self.start).as_secs_f64() * self.fps) as u64;
        let missed = passed.saturating_sub(self.slot);
        let slot = self.slot + missed;
        self.slot = slot + 1;
        let position = slot as f64 + self.jitter * self.random.fraction();
        (self.start + Duration::from_secs_f64(position / self.fps), missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_to_the_schedule_without_drift() {
        let start = Instant::now();
        let mut pace = Pace::new(30.0, 0.0, Random::new(1), start);
        let mut now = start;
        for frame in 0..30_000u32 {
            let (due, missed) = pace.next(now);
            assert_eq!(missed, 0);
            let error = (due - start).as_secs_f64() - f64::from(frame) / 30.0;
            assert!(error.abs() < 1e-6, "frame {frame}: {error}");
            // Every frame takes a while, as drawing does.
            now = due + Duration::from_millis(7);
        }
    }

    #[test]
    fn jitter_moves_frames_around_an_unchanged_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(10.0, 0.3, Random::new(1), start);
        let mut due = pace.next(start).0;
        let mut gaps = Vec::new();
        for _ in 0..1000 {
            let next = pace.next(due).0;
            gaps.push((next - due).as_secs_f64());
            due = next;
        }
        assert!(gaps.iter().all(|gap| (0.0699..0.1301).contains(gap)));
        assert!(gaps.iter().any(|gap| *gap < 0.085) && gaps.iter().any(|gap| *gap > 0.115));
        assert!((gaps.iter().sum::<f64>() - 100.0).abs() < 0.1);
    }

    #[test]
    fn what_is_late_by_a_period_is_left_out() {
        let start = Instant::now();
        let mut pace = Pace::new(10.0, 0.0, Random::new(1), start);
        assert_eq!(pace.next(start), (start, 0));
        let late = start + Duration::from_millis(350);
        assert_eq!(pace.next(late), (start + Duration::from_millis(300), 2));
        assert_eq!(pace.next(late), (start + Duration::from_millis(400), 0));
        pace.restart(late);
        assert_eq!(pace.next(late), (late, 0));
    }
}
