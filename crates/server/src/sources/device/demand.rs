//! What a device is told of those who watch, and when: at once when the first one comes, a moment later when more is
//! wanted, some seconds after less has been enough or the last one has left.

use super::limit::Limit;
use camherd_media::wire::device::{self, Size};
use std::time::Duration;
use tokio::time::Instant;

/// Changes within this are told together: a page that opens is a few of them.
const DEBOUNCE: Duration = Duration::from_millis(300);

/// A device is told that nobody watches after so long without anybody: a page that reloads, or a program that takes
/// a picture now and then, finds it awake.
const IDLE_AFTER: Duration = Duration::from_secs(5);

/// What a device has been told, and what it is to be told when.
#[derive(Debug, Default)]
pub(super) struct Demand {
    told: Option<device::Demand>,
    seen: device::Demand,
    size: Limit<Size>,
    fps: Limit<u32>,
    due: Option<Instant>,
}

impl Demand {
    /// Takes note of what is wanted now. To be called each second or so while somebody watches: that less has been
    /// enough for some time shows here.
    pub(super) fn see(&mut self, now_wanted: device::Demand, now: Instant) {
        let same_kind = (now_wanted.viewers == 0) == (self.seen.viewers == 0);
        self.seen = now_wanted;
        if now_wanted.viewers == 0 {
            // Who comes next begins with what is set.
            (self.size, self.fps) = (Limit::default(), Limit::default());
        } else {
            self.seen.size = self.size.follow(now_wanted.size, now);
            self.seen.fps = self.fps.follow(now_wanted.fps, now);
        }
        if self.told == Some(self.seen) {
            self.due = None;
            return;
        }
        let delay = match self.told {
            _ if self.seen.viewers == 0 => IDLE_AFTER,
            Some(told) if told.viewers == 0 => Duration::ZERO,
            _ => DEBOUNCE,
        };
        // What goes on changing does not put off the word for ever.
        if self.due.is_none() || !same_kind {
            self.due = Some(now + delay);
        }
    }

    /// When there is something to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What to tell now; it counts as told.
    pub(super) fn tell(&mut self) -> device::Demand {
        self.due = None;
        self.told = Some(self.seen);
        self.seen
    }

    /// Whether the device was told that nobody watches.
    pub(super) fn is_idle(&self) -> bool {
        self.told.is_some_and(|told| told.viewers == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limit::LESS_AFTER;
    use super::*;

    fn viewers(viewers: u32) -> device::Demand {
        device::Demand { viewers, fps: None, size: None }
    }

    #[test]
    fn the_first_viewer_is_told_at_once_and_the_last_ones_leaving_later() {
        let start = Instant::now();
        let mut demand = Demand::default();
        demand.see(viewers(0), start);
        assert_eq!(demand.due(), Some(start + IDLE_AFTER), "a new device shows itself for a while");
        assert_eq!((demand.tell(), demand.due()), (viewers(0), None));
        demand.see(viewers(1), start);
        assert_eq!(demand.due(), Some(start));
        assert_eq!(demand.tell(), viewers(1));
        demand.see(viewers(2), start);
        assert_eq!(demand.due(), Some(start + DEBOUNCE));
        demand.see(viewers(3), start + DEBOUNCE / 2);
        assert_eq!(demand.due(), Some(start + DEBOUNCE), "it is not put off");
        assert_eq!(demand.tell(), viewers(3));
        demand.see(viewers(0), start);
        assert_eq!(demand.due(), Some(start + IDLE_AFTER));
    }

    #[test]
    fn who_comes_back_in_time_is_not_told() {
        let start = Instant::now();
        let mut demand = Demand::default();
        demand.see(viewers(1), start);
        demand.tell();
        demand.see(viewers(0), start);
        demand.see(viewers(1), start + IDLE_AFTER / 2);
        assert_eq!(demand.due(), None);
        demand.see(viewers(0), start + IDLE_AFTER);
        assert_eq!(demand.due(), Some(start + 2 * IDLE_AFTER), "the time begins anew");
        demand.see(viewers(2), start + IDLE_AFTER);
        assert_eq!(demand.due(), Some(start + IDLE_AFTER + DEBOUNCE));
    }

    #[test]
    fn less_is_told_after_some_seconds_of_it_and_more_at_once() {
        let start = Instant::now();
        let small = device::Demand { viewers: 1, fps: Some(5), size: Size::of(320, 240) };
        let mut demand = Demand::default();
        demand.see(small, start);
        assert_eq!(demand.tell(), viewers(1), "it may be one picture only");
        demand.see(small, start + LESS_AFTER / 2);
        assert_eq!(demand.due(), None);
        demand.see(small, start + LESS_AFTER);
        assert_eq!(demand.due(), Some(start + LESS_AFTER + DEBOUNCE));
        assert_eq!(demand.tell(), small);
        let later = start + LESS_AFTER * 2;
        demand.see(viewers(2), later);
        assert_eq!(demand.due(), Some(later + DEBOUNCE));
        assert_eq!(demand.tell(), viewers(2));
        // A viewer that has gone again in a moment changes nothing but the number.
        demand.see(small, later);
        assert_eq!(demand.tell(), viewers(1));
    }

    #[test]
    fn who_wakes_a_device_finds_it_at_what_is_set() {
        let start = Instant::now();
        let small = device::Demand { viewers: 1, fps: None, size: Size::of(320, 240) };
        let mut demand = Demand::default();
        demand.see(small, start);
        demand.see(small, start + LESS_AFTER);
        assert_eq!(demand.tell(), small);
        demand.see(viewers(0), start + LESS_AFTER);
        assert_eq!(demand.tell(), viewers(0));
        demand.see(small, start + LESS_AFTER * 2);
        assert_eq!(demand.tell(), viewers(1));
    }
}
