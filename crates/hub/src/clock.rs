//! The server's one clock: monotonic for everything inside, wall time only at the edges.

use camherd_media::time::{MediaTime, Monotonic};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How far the wall clock may wander from the monotonic one before its change is followed, in
/// microseconds. Below this, one instant keeps one wall time, so that a client may compare them.
const WALL_STEP: i64 = 100_000;

/// Two readings this close are of one moment; the pair is read anew otherwise, at most so many times.
const CLOSE_READINGS: Duration = Duration::from_millis(10);
const MAX_READINGS: u32 = 5;

/// The monotonic clock that stamps units. Copies share the same origin.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    /// Unix time of the origin, in microseconds.
    wall: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Clock {
        let clock = Clock { origin: Instant::now(), wall: Arc::new(AtomicI64::new(0)) };
        clock.wall.store(clock.wall_origin(), Ordering::Relaxed);
        clock
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Monotonic {
        Monotonic(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The presentation time of something without a time of its own that happened at `at`.
    ///
    /// All streams share this line, so a camera that reconnects goes on where it was.
    #[must_use]
    pub fn media_time(&self, at: Monotonic) -> MediaTime {
        MediaTime(i64::try_from(at.0).unwrap_or(i64::MAX))
    }

    /// Unix time of `at`, in microseconds. Follows the wall clock when somebody sets it.
    #[must_use]
    pub fn unix_micros(&self, at: Monotonic) -> i64 {
        let (anchor, current) = (self.wall.load(Ordering::Relaxed), self.wall_origin());
        let anchor = if (current - anchor).abs() > WALL_STEP {
            self.wall.store(current, Ordering::Relaxed);
            current
        } else {
            anchor
        };
        anchor.saturating_add_unsigned(at.0)
    }

    /// Unix time of the origin by the wall clock as it is set now.
    fn wall_origin(&self) -> i64 {
        let mut tries = 0;
        loop {
            let before = self.now();
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let after = self.now();
            tries += 1;
            // A pause between the two readings would look like a step of the wall clock.
            if after.since(before) < CLOSE_READINGS || tries == MAX_READINGS {
                let wall = i64::try_from(wall.as_micros()).unwrap_or(i64::MAX);
                return wall.saturating_sub_unsigned(after.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_keeps_its_wall_time() {
        let clock = Clock::start();
        let first = clock.unix_micros(Monotonic(1_000_000));
        std::hint::black_box((0..100_000).sum::<u64>());
        assert_eq!(clock.unix_micros(Monotonic(1_000_000)), first);
        assert_eq!(clock.unix_micros(Monotonic(1_000_001)), first + 1);
    }

    #[test]
    fn a_wall_clock_that_was_set_is_followed() {
        let clock = Clock::start();
        let right = clock.unix_micros(Monotonic(0));
        clock.wall.fetch_sub(3_600_000_000, Ordering::Relaxed);
        assert!((clock.unix_micros(Monotonic(0)) - right).abs() < WALL_STEP);
    }
}
