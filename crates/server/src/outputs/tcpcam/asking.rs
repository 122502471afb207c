//! Connections that have not sent a request yet: a bounded number of them, of which no address has many.
//!
//! A place is given up when the request is complete, not when the PIN was right: who probes PINs would see from a free
//! place that one was.

use crate::auth::normalise;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// All connections that are asking. A client asks within a fraction of a second.
pub(super) const MAX_ASKING: usize = 16;

/// Those of one address (IPv6: one /64), so that nobody takes the room of all.
pub(super) const MAX_OF_ONE: usize = 4;

/// The connections that are asking. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Asking(Arc<Mutex<Askers>>);

#[derive(Default)]
struct Askers {
    /// Oldest first.
    all: VecDeque<Asker>,
    ids: u64,
}

struct Asker {
    id: u64,
    host: IpAddr,
    /// Tells it that it has to go.
    dropped: Arc<Notify>,
}

/// A connection's place among those that ask; given up when it is dropped.
pub(super) struct Turn {
    asking: Asking,
    id: u64,
    dropped: Arc<Notify>,
}

impl Asking {
    /// A place for a connection from `peer`; where there is no room, that of the oldest. `None` when this address has as
    /// many as it may.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Turn> {
        let (mut askers, host) = (self.lock(), host(peer));
        if askers.all.iter().filter(|asker| asker.host == host).count() >= MAX_OF_ONE {
            return None;
        }
        if askers.all.len() >= MAX_ASKING
            && let Some(oldest) = askers.all.pop_front()
        {
            oldest.dropped.notify_one();
        }
        askers.ids += 1;
        let (id, dropped) = (askers.ids, Arc::new(Notify::new()));
        askers.all.push_back(Asker { id, host, dropped: dropped.clone() });
        Some(Turn { asking: self.clone(), id, dropped })
    }

    fn lock(&self) -> MutexGuard<'_, Askers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Resolves when another connection has this one's place.
    pub(super) async fn dropped(&self) {
        self.dropped.notified().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.asking.lock().all.retain(|asker| asker.id != self.id);
    }
}

/// What counts as one address: an IPv6 host has a whole /64 to itself (RFC 4291, 2.5.4).
fn host(peer: IpAddr) -> IpAddr {
    match normalise(peer) {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_dropped(turn: &Turn) -> bool {
        let dropped = std::pin::pin!(turn.dropped());
        matches!(dropped.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[test]
    fn one_address_or_ipv6_network_has_a_few_places_and_gets_them_back() {
        let asking = Asking::default();
        for (same, other) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00:0:0:1::1")] {
            let mut turns: Vec<Turn> = (0..MAX_OF_ONE).map(|_| asking.enter(ip(same)).unwrap()).collect();
            assert!(asking.enter(ip(same)).is_none());
            assert!(asking.enter(ip(other)).is_some());
            turns.pop();
            assert!(asking.enter(ip(same)).is_some());
        }
        let _turns: Vec<Turn> = (0..MAX_OF_ONE).map(|_| asking.enter(ip("10.0.0.1")).unwrap()).collect();
        assert!(asking.enter(ip("::ffff:10.0.0.1")).is_none(), "the same host");
        let _turns: Vec<Turn> =
            (0..MAX_OF_ONE).map(|n| asking.enter(ip(&format!("fd00::{n}"))).unwrap()).collect();
        assert!(asking.enter(ip("fd00::ffff:1:2:3")).is_none(), "a host has a whole /64");
    }

    #[test]
    fn a_newcomer_has_the_place_of_the_oldest() {
        let asking = Asking::default();
        let turns: Vec<Turn> =
            (0..MAX_ASKING).map(|n| asking.enter(IpAddr::from([10, 0, 0, n as u8])).unwrap()).collect();
        assert!(!turns.iter().any(is_dropped));
        let newcomer = asking.enter(ip("10.0.1.1")).unwrap();
        assert!(is_dropped(&turns[0]) && !turns[1..].iter().any(is_dropped) && !is_dropped(&newcomer));
    }
}
