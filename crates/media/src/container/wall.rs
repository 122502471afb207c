//! Wall-clock time, for the places where a container states it.

use std::fmt;

/// Seconds from the NTP era (1900) to the Unix epoch (1970), RFC 5905 A.1.
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

/// Wall-clock time: microseconds since 1970-01-01 00:00 UTC, leap seconds not counted.
///
/// Displays as seconds with six decimals, e.g. `1700000000.123456`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallClock(pub u64);

impl WallClock {
    /// The time as a 64-bit NTP timestamp (RFC 5905, 6): seconds since 1900 in the upper half, the
    /// fraction, rounded down, in the lower. The seconds wrap in 2036, as NTP's do.
    #[must_use]
    pub fn ntp(self) -> u64 {
        let seconds = (self.0 / 1_000_000 + NTP_UNIX_OFFSET) & 0xffff_ffff;
        let fraction = ((self.0 % 1_000_000) << 32) / 1_000_000;
        seconds << 32 | fraction
    }
}

impl fmt::Display for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900_and_wraps_in_2036() {
        assert_eq!(WallClock(0).ntp(), 2_208_988_800 << 32);
        assert_eq!(WallClock(1_500_000).ntp(), 2_208_988_801 << 32 | 0x8000_0000);
        // 2036-02-07 06:28:16 UTC is second 0 of NTP era 1.
        assert_eq!(WallClock(2_085_978_496_000_000).ntp(), 0);
        assert_eq!(WallClock(u64::MAX).ntp() >> 32, (u64::MAX / 1_000_000 + NTP_UNIX_OFFSET) % (1 << 32));
    }

    #[test]
    fn displays_all_six_decimals() {
        assert_eq!(WallClock(1_700_000_000_000_456).to_string(), "1700000000.000456");
    }
}
