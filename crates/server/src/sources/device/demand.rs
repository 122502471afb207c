//! When a device is told how many watch: at once when the first viewer comes, a moment later when their number
//! changes, some seconds after the last one left.

use std::time::Duration;
use tokio::time::Instant;

/// Changes of the number of viewers within this are told together: a page that opens is a few of them.
const DEBOUNCE: Duration = Duration::from_millis(300);

/// A device is told that nobody watches after so long without anybody: a page that reloads, or a program that takes
/// a picture now and then, finds it awake.
const IDLE_AFTER: Duration = Duration::from_secs(5);

/// What a device has been told, and what it is to be told when.
#[derive(Debug, Default)]
pub(super) struct Demand {
    told: Option<u32>,
    viewers: u32,
    due: Option<Instant>,
}

impl Demand {
    /// Takes note of how many watch now.
    pub(super) fn see(&mut self, viewers: u32, now: Instant) {
        let same_kind = (viewers == 0) == (self.viewers == 0);
        self.viewers = viewers;
        if self.told == Some(viewers) {
            self.due = None;
            return;
        }
        let delay = match self.told {
            _ if viewers == 0 => IDLE_AFTER,
            Some(0) => Duration::ZERO,
            _ => DEBOUNCE,
        };
        // A number that goes on changing does not put off the word for ever.
        if self.due.is_none() || !same_kind {
            self.due = Some(now + delay);
        }
    }

    /// When there is something to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What to tell now; it counts as told.
    pub(super) fn tell(&mut self) -> u32 {
        self.due = None;
        self.told = Some(self.viewers);
        self.viewers
    }

    /// What the device was told last.
    pub(super) fn told(&self) -> Option<u32> {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_viewer_is_told_at_once_and_the_last_ones_leaving_later() {
        let start = Instant::now();
        let mut demand = Demand::default();
        demand.see(0, start);
        assert_eq!(demand.due(), Some(start + IDLE_AFTER), "a new device shows itself for a while");
        assert_eq!((demand.tell(), demand.due()), (0, None));
        demand.see(1, start);
        assert_eq!(demand.due(), Some(start));
        assert_eq!(demand.tell(), 1);
        demand.see(2, start);
        assert_eq!(demand.due(), Some(start + DEBOUNCE));
        demand.see(3, start + DEBOUNCE / 2);
        assert_eq!(demand.due(), Some(start + DEBOUNCE), "it is not put off");
        assert_eq!(demand.tell(), 3);
        demand.see(0, start);
        assert_eq!(demand.due(), Some(start + IDLE_AFTER));
    }

    #[test]
    fn who_comes_back_in_time_is_not_told() {
        let start = Instant::now();
        let mut demand = Demand::default();
        demand.see(1, start);
        demand.tell();
        demand.see(0, start);
        demand.see(1, start + IDLE_AFTER / 2);
        assert_eq!(demand.due(), None);
        demand.see(0, start + IDLE_AFTER);
        assert_eq!(demand.due(), Some(start + 2 * IDLE_AFTER), "the time begins anew");
        demand.see(2, start + IDLE_AFTER);
        assert_eq!(demand.due(), Some(start + IDLE_AFTER + DEBOUNCE));
    }
}
