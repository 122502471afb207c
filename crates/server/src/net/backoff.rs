//! How long to wait before the next attempt to connect.

use crate::random::Random;
use std::time::Duration;

/// Bounds of the delay before a reconnect. Equal bounds give a fixed delay, as the device has (5 s).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// Shortest delay, and the delay around which the first attempts lie.
    pub min: Duration,
    /// Longest delay.
    pub max: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect { min: Duration::from_secs(1), max: Duration::from_secs(5) }
    }
}

impl Reconnect {
    /// Whether the shortest delay is above zero and not above the longest.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.min.is_zero() && self.min <= self.max
    }
}

/// Growing delays with jitter, so that many cameras do not return to a restarted server in the same instant.
#[derive(Debug)]
pub(crate) struct Backoff {
    bounds: Reconnect,
    failures: u32,
    random: Random,
}

impl Backoff {
    pub(crate) fn new(bounds: Reconnect, random: Random) -> Backoff {
        Backoff { bounds, failures: 0, random }
    }

    /// The delay before the next attempt: random between the minimum and a bound that doubles with each call.
    pub(crate) fn delay(&mut self) -> Duration {
        let Reconnect { min, max } = self.bounds;
        self.failures = self.failures.saturating_add(1);
        let factor = 2u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        let bound = min.saturating_mul(factor).min(max);
        min + bound.saturating_sub(min).mul_f64(self.random.fraction())
    }

    /// A connection worked: the next delay is a short one again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(min: u64, max: u64) -> Reconnect {
        Reconnect { min: Duration::from_secs(min), max: Duration::from_secs(max) }
    }

    #[test]
    fn equal_bounds_are_a_fixed_delay() {
        let mut backoff = Backoff::new(seconds(5, 5), Random::new(1));
        assert!((0..100).all(|_| backoff.delay() == Duration::from_secs(5)));
    }

    #[test]
    fn delays_grow_within_their_bounds_and_start_again() {
        let mut backoff = Backoff::new(seconds(1, 60), Random::new(1));
        for failures in 1..200u32 {
            let delay = backoff.delay();
            let bound = Duration::from_secs(2u64.saturating_pow(failures).min(60));
            assert!(delay >= Duration::from_secs(1) && delay <= bound, "{failures}: {delay:?}");
        }
        assert!((0..20).any(|_| backoff.delay() > Duration::from_secs(10)));
        backoff.reset();
        assert!(backoff.delay() <= Duration::from_secs(2));
    }

    #[test]
    fn two_cameras_wait_differently() {
        let delay = |seed| Backoff::new(seconds(1, 5), Random::new(seed)).delay();
        assert_ne!(delay(1), delay(2));
    }
}
