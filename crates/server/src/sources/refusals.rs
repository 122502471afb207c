//! Cameras that were turned away, so that a person finds out why one does not show up.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Entries kept, newest last. Enough for a room of misconfigured cameras, nothing for an attacker to fill.
const MAX_ENTRIES: usize = 64;

/// Longest name kept, in characters: what is no stream name may be as long as a request's head.
const MAX_NAME: usize = camherd_media::ids::MAX_STREAM_NAME;

/// Longest reason kept, in characters: it may quote what was asked for.
const MAX_REASON: usize = 400;

/// News logged in [`LOG_EVERY`]: a room of cameras, but not each name that an attacker thinks of.
const MAX_LINES: u32 = 64;

/// Entries kept of one address, so that one that tries name after name does not push the others out.
const MAX_PER_ADDRESS: usize = 8;

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
pub struct Refusals(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    entries: VecDeque<Refusal>,
    /// When the first of `lines` was logged.
    since: Option<Instant>,
    lines: u32,
}

impl Noted {
    /// Whether there is room in the log for one more line.
    fn may_log(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= LOG_EVERY) {
            (self.since, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= MAX_LINES
    }
}

impl Refusals {
    /// Notes a refusal, and logs it if it is news.
    pub fn note(&self, address: IpAddr, stream: &str, reason: &str) {
        let address = address.to_canonical();
        let now = Instant::now();
        let stream: String = stream.chars().take(MAX_NAME).collect();
        let reason: String = reason.chars().take(MAX_REASON).collect();
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = &mut noted.entries;
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
            None => Refusal { address, stream, reason, count: 1, last: now, logged: now },
        };
        let of_this_address = |e: &Refusal| e.address == address;
        if entries.iter().filter(|e| of_this_address(e)).count() >= MAX_PER_ADDRESS
            && let Some(oldest) = entries.iter().position(of_this_address)
        {
            entries.remove(oldest);
        }
        if entries.len() == MAX_ENTRIES {
            entries.pop_front();
        }
        let news = (entry.logged == now).then(|| entry.clone());
        entries.push_back(entry);
        if let Some(Refusal { stream, reason, .. }) = news.filter(|_| noted.may_log(now)) {
            tracing::warn!(%address, stream, "camera refused: {reason}");
        }
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entries.iter().cloned().collect()
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

    #[test]
    fn names_and_the_log_are_bounded() {
        let refusals = Refusals::default();
        let long = "ü".repeat(10_000);
        refusals.note("10.0.0.9".parse().unwrap(), &long, &long);
        let noted = &refusals.list()[0];
        assert_eq!((noted.stream.chars().count(), noted.reason.chars().count()), (MAX_NAME, MAX_REASON));
        let (mut noted, now) = (Noted::default(), Instant::now());
        assert_eq!((0..1000).filter(|_| noted.may_log(now)).count(), MAX_LINES as usize);
        assert!(noted.may_log(now + LOG_EVERY));
    }

    #[test]
    fn one_address_does_not_push_out_the_others() {
        let refusals = Refusals::default();
        refusals.note("10.0.0.9".parse().unwrap(), "door", "no");
        for i in 0..200 {
            refusals.note("10.0.0.66".parse().unwrap(), &format!("name-{i}"), "no");
        }
        let list = refusals.list();
        assert_eq!(list.len(), 1 + MAX_PER_ADDRESS);
        assert_eq!((list[0].stream.as_str(), list[MAX_PER_ADDRESS].stream.as_str()), ("door", "name-199"));
    }
}
