//! Cameras that were turned away, so that a person finds out why one does not show up.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Entries kept, newest last. Enough for a room of misconfigured cameras, nothing for an attacker to fill.
const MAX_ENTRIES: usize = 64;

/// A refusal that repeats is logged once in this time: a device tries again every 5 s, for ever.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// One camera that was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// From where.
    pub address: IpAddr,
    /// The stream that it asked for; empty if none.
    pub stream: String,
    /// Why, and what to do about it.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Instant,
    logged: Instant,
}

/// The cameras that were refused lately.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<VecDeque<Refusal>>);

impl Refusals {
    /// Notes a refusal, and logs it if it is news.
    pub fn note(&self, address: IpAddr, stream: &str, reason: &str) {
        let address = address.to_canonical();
        let now = Instant::now();
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            entries.iter().position(|e| e.address == address && e.stream == stream && e.reason == reason);
        let entry = match known.and_then(|at| entries.remove(at)) {
            Some(old) => {
                let quiet = now.duration_since(old.logged) < LOG_EVERY;
                Refusal {
                    count: old.count + 1,
                    last: now,
                    logged: if quiet { old.logged } else { now },
                    ..old
                }
            }
            None => Refusal {
                address,
                stream: stream.to_owned(),
                reason: reason.to_owned(),
                count: 1,
                last: now,
                logged: now,
            },
        };
        if entry.logged == now {
            tracing::warn!(%address, stream, "camera refused: {reason}");
        }
        if entries.len() == MAX_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_and_the_list_is_bounded() {
        let refusals = Refusals::default();
        for _ in 0..3 {
            refusals.note("10.0.0.9".parse().unwrap(), "door", "no");
        }
        assert_eq!(refusals.list().len(), 1);
        assert_eq!(refusals.list()[0].count, 3);
        for i in 0..200u8 {
            refusals.note(IpAddr::from([10, 0, 1, i]), "", "no");
        }
        assert_eq!(refusals.list().len(), MAX_ENTRIES);
        assert_eq!(refusals.list()[MAX_ENTRIES - 1].address, IpAddr::from([10, 0, 1, 199]));
    }
}
