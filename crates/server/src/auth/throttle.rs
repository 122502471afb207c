//! Counting wrong tokens, and wrong PINs, per address.
//!
//! 256 random bits cannot be guessed at any rate; the limit keeps guessing from filling logs and time. Right
//! tokens are therefore let through also from an address over the limit: behind a proxy all people share one.
//!
//! A PIN can be guessed. Who asks for one asks [`Throttle::blocked`] first, and lets nobody through who is.

use super::normalise;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Wrong tokens that an address may send in a [`WINDOW`]: a person mistypes less, a script gives up.
pub(super) const MAX_FAILURES: u32 = 10;
/// How long failures count.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Most addresses remembered, some hundred kilobytes; beyond that the one longest in the table is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// The failures of each address.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// Failures in a [`WINDOW`].
    limit: u32,
    failures: HashMap<IpAddr, Failures>,
}

#[derive(Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle::new(MAX_FAILURES)
    }
}

impl Throttle {
    /// Lets `limit` failures of an address pass in [`WINDOW`].
    pub fn new(limit: u32) -> Throttle {
        Throttle { limit, failures: HashMap::new() }
    }

    /// Whether the address has failed so often that another try does not count: how long until one does.
    pub fn blocked(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let entry = self.failures.get(&group(peer)).filter(|entry| entry.count >= self.limit)?;
        let left = WINDOW.saturating_sub(now.saturating_duration_since(entry.since));
        (!left.is_zero()).then_some(left)
    }

    /// Counts a failure. `Some` when the address is over the limit: how long until it may try again.
    pub fn failed(&mut self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let address = group(peer);
        if !self.failures.contains_key(&address) && self.failures.len() >= MAX_ADDRESSES {
            self.make_room(now);
        }
        let entry = self.failures.entry(address).or_insert(Failures { since: now, count: 0 });
        if now.saturating_duration_since(entry.since) >= WINDOW {
            *entry = Failures { since: now, count: 0 };
        }
        entry.count = entry.count.saturating_add(1);
        let left = WINDOW.saturating_sub(now.saturating_duration_since(entry.since));
        (entry.count > self.limit).then_some(left)
    }

    fn make_room(&mut self, now: Instant) {
        self.failures.retain(|_, entry| now.saturating_duration_since(entry.since) < WINDOW);
        if self.failures.len() >= MAX_ADDRESSES {
            let oldest =
                self.failures.iter().min_by_key(|(_, entry)| entry.since).map(|(address, _)| *address);
            oldest.map(|address| self.failures.remove(&address));
        }
    }
}

/// What counts as one address: an IPv6 host has a whole /64 to itself (RFC 4291, 2.5.4).
fn group(peer: IpAddr) -> IpAddr {
    match normalise(peer) {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn limits_one_address_for_one_window() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..MAX_FAILURES {
            assert_eq!(throttle.failed(ip("10.0.0.1"), start), None);
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(throttle.failed(ip("::ffff:10.0.0.1"), later), Some(Duration::from_secs(40)));
        assert_eq!(throttle.failed(ip("10.0.0.2"), later), None);
        assert_eq!(throttle.failed(ip("10.0.0.1"), start + WINDOW), None);
    }

    #[test]
    fn who_is_blocked_stays_so_for_the_window() {
        let (mut throttle, start) = (Throttle::new(2), Instant::now());
        throttle.failed(ip("10.0.0.1"), start);
        assert_eq!(throttle.blocked(ip("10.0.0.1"), start), None);
        throttle.failed(ip("10.0.0.1"), start);
        let later = start + Duration::from_secs(20);
        assert_eq!(throttle.blocked(ip("::ffff:10.0.0.1"), later), Some(Duration::from_secs(40)));
        assert_eq!(throttle.blocked(ip("10.0.0.2"), later), None);
        assert_eq!(throttle.blocked(ip("10.0.0.1"), start + WINDOW), None);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for host in 0..MAX_FAILURES {
            assert_eq!(throttle.failed(ip(&format!("fd00::{host:x}")), now), None);
        }
        assert_eq!(throttle.failed(ip("fd00::ffff"), now), Some(WINDOW));
        assert_eq!(throttle.failed(ip("fd00:0:0:1::1"), now), None);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..=MAX_FAILURES {
            throttle.failed(ip("10.255.0.1"), start);
        }
        for n in 0..MAX_ADDRESSES as u32 {
            throttle.failed(IpAddr::from(n.to_be_bytes()), start + Duration::from_millis(1));
        }
        assert_eq!(throttle.failures.len(), MAX_ADDRESSES);
        assert!(!throttle.failures.contains_key(&ip("10.255.0.1")));
        throttle.failed(ip("10.255.0.1"), start + 2 * WINDOW);
        assert_eq!(throttle.failures.len(), 1);
    }
}
