//! Time as plain numbers: presentation time of media and the server's monotonic clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Presentation time of a unit, in microseconds on the stream's own time line.
///
/// The origin is arbitrary but fixed for the life of a stream. Within one rendition it never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// The time in ticks of a clock that runs at `rate` Hz, rounded down.
    ///
    /// 90 000 is the clock of MPEG-TS (ISO/IEC 13818-1, 2.4.3.7) and of RTP video (RFC 6184, 8.2.1).
    #[must_use]
    pub fn ticks(self, rate: u32) -> i64 {
        let ticks = i128::from(self.0) * i128::from(rate);
        // A quotient of two in-range numbers: i64 microseconds at 90 kHz shrink by a factor of eleven.
        ticks.div_euclid(1_000_000) as i64
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: MediaTime) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for MediaTime {
    type Output = MediaTime;
    fn add(self, rhs: Duration) -> MediaTime {
        MediaTime(self.0.saturating_add(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// A reading of the server's monotonic clock, in microseconds since an arbitrary start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Monotonic) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Monotonic;
    fn add(self, rhs: Duration) -> Monotonic {
        Monotonic(self.0.saturating_add(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Monotonic {
    type Output = Monotonic;
    fn sub(self, rhs: Duration) -> Monotonic {
        Monotonic(self.0.saturating_sub(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_round_down_on_both_sides_of_zero() {
        assert_eq!(MediaTime(1_000_000).ticks(90_000), 90_000);
        assert_eq!(MediaTime(11).ticks(90_000), 0);
        assert_eq!(MediaTime(12).ticks(90_000), 1);
        assert_eq!(MediaTime(-1).ticks(90_000), -1);
        assert_eq!(MediaTime(i64::MAX).ticks(90_000), 830_103_483_316_929_822);
    }

    #[test]
    fn since_never_goes_below_zero() {
        assert_eq!(Monotonic(5).since(Monotonic(9)), Duration::ZERO);
        assert_eq!(MediaTime(9).since(MediaTime(5)), Duration::from_micros(4));
        assert_eq!(MediaTime(i64::MIN).since(MediaTime(i64::MAX)), Duration::ZERO);
    }
}
