//! Counters of a stream: what came in, what was dropped and why, who watches.

use crate::stream::Stream;
use crate::sync::{Mutex, lock};
use camherd_media::time::Monotonic;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Over how long frame rate and bit rate are measured. Long enough for 1 fps, short enough to follow.
const RATE_WINDOW: Duration = Duration::from_secs(3);

/// Upper bound of arrivals remembered for the rates: 3 s at 120 fps.
const RATE_SAMPLES: usize = 360;

/// Longest error text kept, in characters: it may quote what a camera sent.
const MAX_ERROR_TEXT: usize = 200;

/// Dropped input by kind. Kinds are labels fixed in the code, so the map is bounded.
pub type Drops = BTreeMap<&'static str, u64>;

#[derive(Default)]
pub(crate) struct Stats {
    inner: Mutex<Counters>,
}

#[derive(Default)]
struct Counters {
    units: u64,
    bytes: u64,
    drops: Drops,
    last_error: Option<String>,
    last_unit: Option<Monotonic>,
    recent: VecDeque<(Monotonic, usize)>,
    viewers: usize,
}

/// What [`crate::Stream::stats`] tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamStats {
    /// Units taken from the source since the stream exists.
    pub units: u64,
    /// Their payload, in bytes.
    pub bytes: u64,
    /// Input that was refused, by kind.
    pub drops: Drops,
    /// The latest refusal or failure, in words.
    pub last_error: Option<String>,
    /// When the newest unit arrived.
    pub last_unit: Option<Monotonic>,
    /// Units per second over the last 3 s.
    pub fps: f64,
    /// Bits per second over the last 3 s.
    pub bitrate: f64,
    /// Viewers counted by [`crate::Stream::watch`].
    pub viewers: usize,
}

impl Stats {
    pub(crate) fn unit(&self, at: Monotonic, bytes: usize) {
        let mut c = lock(&self.inner);
        c.units += 1;
        c.bytes += bytes as u64;
        c.last_unit = Some(at);
        if c.recent.len() == RATE_SAMPLES {
            c.recent.pop_front();
        }
        c.recent.push_back((at, bytes));
    }

    pub(crate) fn dropped(&self, kind: &'static str, error: String) {
        let mut c = lock(&self.inner);
        *c.drops.entry(kind).or_default() += 1;
        c.last_error = Some(error.chars().take(MAX_ERROR_TEXT).collect());
    }

    fn add_viewer(&self) {
        lock(&self.inner).viewers += 1;
    }

    fn remove_viewer(&self) {
        lock(&self.inner).viewers -= 1;
    }

    pub(crate) fn snapshot(&self, now: Monotonic) -> StreamStats {
        let mut c = lock(&self.inner);
        while c.recent.front().is_some_and(|(at, _)| now.since(*at) > RATE_WINDOW) {
            c.recent.pop_front();
        }
        let (fps, bitrate) = rates(&c.recent, now);
        StreamStats {
            units: c.units,
            bytes: c.bytes,
            drops: c.drops.clone(),
            last_error: c.last_error.clone(),
            last_unit: c.last_unit,
            fps,
            bitrate,
            viewers: c.viewers,
        }
    }
}

/// Rates over the intervals between the arrivals; the time since the last one counts once it is longer
/// than the mean interval, so that a camera that slows down shows it.
fn rates(recent: &VecDeque<(Monotonic, usize)>, now: Monotonic) -> (f64, f64) {
    let (Some((first, _)), Some((last, _))) = (recent.front(), recent.back()) else { return (0.0, 0.0) };
    let intervals = recent.len() - 1;
    if intervals == 0 {
        return (0.0, 0.0);
    }
    let span = last.since(*first).as_secs_f64();
    let mean = span / intervals as f64;
    let idle = (now.since(*last).as_secs_f64() - mean).max(0.0);
    let span = (span + idle).max(1e-6);
    let bits: u64 = recent.iter().skip(1).map(|(_, bytes)| *bytes as u64 * 8).sum();
    (intervals as f64 / span, bits as f64 / span)
}

/// Counts one viewer of a stream for as long as it lives, and keeps the stream from being forgotten.
pub struct ViewerGuard(Stream);

impl ViewerGuard {
    pub(crate) fn new(stream: Stream) -> ViewerGuard {
        stream.counters().add_viewer();
        ViewerGuard(stream)
    }
}

impl Drop for ViewerGuard {
    fn drop(&mut self) {
        self.0.counters().remove_viewer();
    }
}

#[cfg(all(test, not(camherd_loom)))]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_true_intervals() {
        let stats = Stats::default();
        for i in 0..30u64 {
            stats.unit(Monotonic(i * 100_000), 1000);
        }
        let s = stats.snapshot(Monotonic(29 * 100_000));
        assert!((s.fps - 10.0).abs() < 0.01, "{}", s.fps);
        assert!((s.bitrate - 80_000.0).abs() < 100.0, "{}", s.bitrate);
        let later = stats.snapshot(Monotonic(29 * 100_000 + 2_000_000));
        assert!(later.fps < 5.0, "a silent camera slows down: {}", later.fps);
        assert_eq!(stats.snapshot(Monotonic(60_000_000)).fps, 0.0);
    }

    #[test]
    fn an_error_text_is_bounded() {
        let stats = Stats::default();
        stats.dropped("not_jpeg", "x".repeat(100_000));
        let s = stats.snapshot(Monotonic(0));
        assert_eq!(s.drops["not_jpeg"], 1);
        assert_eq!(s.last_error.map(|e| e.len()), Some(MAX_ERROR_TEXT));
    }
}
