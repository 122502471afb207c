//! When a picture was taken, by the camera's own clock: RTCP sender reports (RFC 3550, 6.4.1).

use super::timeline::micros;
use camherd_hub::Clock;
use camherd_media::time::Monotonic;

/// Seconds from the origin of NTP time (1900) to that of Unix time (1970).
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// NTP seconds wrap in 2036; those below half of the range are taken for what follows (RFC 4330, 3).
const NTP_ERA: i64 = 1 << 32;

/// A picture that arrives later than this after it was taken, in microseconds, comes from a camera whose clock
/// is wrong: no camera buffers so much, and its word is worth nothing.
const MAX_LATENCY: i64 = 10_000_000;

/// A picture that seems to be taken up to so much after it arrived, in microseconds, is no sign of a wrong clock:
/// pictures out of order are sent before their time, and clocks in step by NTP differ by some milliseconds.
const MAX_SKEW: i64 = 1_000_000;

/// Tells when pictures were taken.
#[derive(Debug)]
pub(super) struct CaptureTime {
    /// Ticks per second of the RTP clock.
    rate: u32,
    /// An RTP timestamp and its Unix time in microseconds, by the camera.
    report: Option<(i64, i64)>,
    /// The camera's clock was found to be wrong and nobody told yet.
    untold: bool,
    told: bool,
}

impl CaptureTime {
    /// Knows nothing yet of a camera whose RTP clock has `rate` ticks per second.
    pub(super) fn new(rate: u32) -> CaptureTime {
        CaptureTime { rate, report: None, untold: false, told: false }
    }

    /// Takes a sender report: `ticks` was at `ntp` (32 bits of seconds, 32 bits of their fraction).
    pub(super) fn report(&mut self, ticks: i64, ntp: u64) {
        // Cameras without a clock send 0.
        self.report = (ntp != 0).then(|| (ticks, unix_micros(ntp)));
    }

    /// When the picture of `ticks` was taken, which arrived at `received`. `None` when the camera does not say
    /// or cannot be right: its clock must agree with this machine's.
    pub(super) fn captured(&mut self, ticks: i64, received: Monotonic, clock: &Clock) -> Option<Monotonic> {
        let (reported, unix) = self.report?;
        let taken = unix.saturating_add(micros(ticks.saturating_sub(reported), self.rate));
        let latency = clock.unix_micros(received).saturating_sub(taken);
        if !(0..=MAX_LATENCY).contains(&latency) {
            self.untold |= !self.told && !(-MAX_SKEW..0).contains(&latency);
            return None;
        }
        Some(Monotonic(received.0.checked_sub(latency.unsigned_abs())?))
    }

    /// Whether to say that the camera's clock is wrong: once.
    pub(super) fn found_wrong(&mut self) -> bool {
        self.told |= self.untold;
        std::mem::take(&mut self.untold)
    }
}

fn unix_micros(ntp: u64) -> i64 {
    let seconds = (ntp >> 32) as i64;
    let seconds = if seconds < NTP_ERA / 2 { seconds + NTP_ERA } else { seconds };
    let fraction = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    (seconds - NTP_TO_UNIX) * 1_000_000 + fraction as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ntp(unix_micros: i64) -> u64 {
        let seconds = (unix_micros.div_euclid(1_000_000) + NTP_TO_UNIX) as u64 % NTP_ERA as u64;
        let fraction = (unix_micros.rem_euclid(1_000_000) as u64) << 32;
        // Rounded up, so that the way back gives the same microsecond.
        seconds << 32 | fraction.div_ceil(1_000_000)
    }

    /// What a camera says that is `ahead` microseconds of this machine, of a picture taken a second after its report.
    fn captured_when_ahead(ahead: i64) -> (Option<i64>, bool) {
        let clock = Clock::start();
        // Far enough from the clock's start that a picture can be taken before it arrives.
        let received = clock.now() + Duration::from_secs(100);
        let mut time = CaptureTime::new(90_000);
        time.report(1_000, ntp(clock.unix_micros(received) - 1_000_000 + ahead));
        let captured = time.captured(91_000, received, &clock);
        let wrong = time.found_wrong();
        assert!(!time.found_wrong(), "it is told once");
        time.captured(91_000, received, &clock);
        assert!(!time.found_wrong(), "it is told once");
        (captured.map(|captured| received.0 as i64 - captured.0 as i64), wrong)
    }

    #[test]
    fn a_picture_was_taken_when_the_report_says() {
        assert_eq!(captured_when_ahead(-80_000), (Some(80_000), false));
        assert_eq!(captured_when_ahead(0), (Some(0), false));
        assert_eq!(captured_when_ahead(-MAX_LATENCY), (Some(MAX_LATENCY), false));
    }

    #[test]
    fn a_clock_that_is_wrong_is_not_believed() {
        assert_eq!(captured_when_ahead(1_000), (None, false));
        for ahead in [MAX_SKEW + 1_000, 3_600_000_000, -MAX_LATENCY - 1_000, -1_700_000_000_000_000] {
            assert_eq!(captured_when_ahead(ahead), (None, true), "by {ahead}");
        }
    }

    #[test]
    fn without_a_report_or_a_clock_nothing_is_said() {
        let clock = Clock::start();
        let mut time = CaptureTime::new(90_000);
        assert_eq!(time.captured(0, clock.now(), &clock), None);
        time.report(0, 0);
        assert_eq!(time.captured(0, clock.now(), &clock), None);
        assert!(!time.found_wrong());
    }

    #[test]
    fn ntp_time_goes_on_after_2036() {
        for unix in
            [0, 1_700_000_000_123_456, 2_085_978_495_999_999, 2_085_978_496_000_000, 3_000_000_000_000_000]
        {
            assert_eq!(unix_micros(ntp(unix)), unix);
        }
    }
}
