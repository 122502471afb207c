//! One clock for all processes: `CLOCK_MONOTONIC` in nanoseconds, so that a stamp written by one process can be
//! compared in another.

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::Duration;

const NS_PER_S: u64 = 1_000_000_000;

fn to_ns(t: Timespec) -> u64 {
    u64::try_from(t.tv_sec).unwrap_or(0) * NS_PER_S + u64::try_from(t.tv_nsec).unwrap_or(0)
}

/// The system-wide monotonic clock, in nanoseconds.
pub fn now() -> u64 {
    to_ns(clock_gettime(ClockId::Monotonic))
}

/// The clock `d` from now, in nanoseconds.
pub fn after(d: Duration) -> u64 {
    now() + ns(d)
}

/// The CPU time of the calling thread, user and system, in nanoseconds.
pub fn thread_cpu() -> u64 {
    to_ns(clock_gettime(ClockId::ThreadCPUTime))
}

/// The CPU time of all threads of this process, in nanoseconds.
pub fn process_cpu() -> u64 {
    to_ns(clock_gettime(ClockId::ProcessCPUTime))
}

/// A duration in whole nanoseconds, saturating.
pub fn ns(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// Sleeps until the clock shows `at` nanoseconds; returns at once when that is past.
pub fn sleep_until(at: u64) {
    let request = timespec(at);
    // Absolute, so that an interrupted sleep is simply continued and a paced sender does not drift.
    while now() < at {
        if clock_nanosleep_absolute(ClockId::Monotonic, &request).is_err() {
            std::thread::yield_now();
        }
    }
}

/// Nanoseconds as the kernel's structure.
pub fn timespec(ns: u64) -> Timespec {
    // Both fit: a u64 of nanoseconds is at most 1.9e10 s, a remainder is below 1e9.
    Timespec { tv_sec: (ns / NS_PER_S) as i64, tv_nsec: (ns % NS_PER_S) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_to_the_moment_and_not_past_a_past_one() {
        let at = after(Duration::from_millis(5));
        sleep_until(at);
        assert!(now() >= at);
        let before = now();
        sleep_until(at);
        assert!(now() - before < 5_000_000);
    }

    #[test]
    fn splits_nanoseconds() {
        let t = timespec(3_000_000_007);
        assert_eq!((t.tv_sec, t.tv_nsec), (3, 7));
        assert_eq!(to_ns(t), 3_000_000_007);
    }
}
