//! The registry: streams by name, bounded in number.

use crate::clock::Clock;
use crate::ring::RingLimits;
use crate::stream::{Derive, Orders, Stream};
use crate::sync::{Arc, Mutex, lock};
use camherd_media::ids::StreamName;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// No room for another stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {limit} streams is reached")]
pub struct Full {
    /// The limit.
    pub limit: usize,
}

/// All streams of a server. Clones are the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    clock: Clock,
    limits: RingLimits,
    max_streams: usize,
    derive: std::sync::Arc<dyn Derive>,
    streams: Mutex<Streams>,
    orders: Orders,
}

#[derive(Default)]
struct Streams {
    by_name: BTreeMap<StreamName, Stream>,
    created: u64,
    /// Those who wait for a stream to appear, each with its ticket; who gives up takes its entry along.
    waiting: BTreeMap<u64, Waker>,
    tickets: u64,
}

/// The place of one who waits.
struct Ticket<'a> {
    hub: &'a Hub,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        lock(&self.hub.0.streams).waiting.remove(&self.number);
    }
}

impl Hub {
    /// An empty hub for at most `max_streams` streams, whose renditions hold at most `limits` each.
    #[must_use]
    pub fn new(limits: RingLimits, max_streams: usize, derive: std::sync::Arc<dyn Derive>) -> Hub {
        let (streams, orders) = (Mutex::new(Streams::default()), Orders::default());
        Hub(Arc::new(Inner { clock: Clock::start(), limits, max_streams, derive, streams, orders }))
    }

    /// The clock of all streams.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// The stream of that name.
    #[must_use]
    pub fn get(&self, name: &StreamName) -> Option<Stream> {
        lock(&self.0.streams).by_name.get(name).cloned()
    }

    /// The stream of that name, made if need be.
    ///
    /// # Errors
    /// [`Full`] when it does not exist and the limit is reached.
    pub fn get_or_create(&self, name: &StreamName) -> Result<Stream, Full> {
        let mut streams = lock(&self.0.streams);
        if let Some(stream) = streams.by_name.get(name) {
            return Ok(stream.clone());
        }
        if streams.by_name.len() >= self.0.max_streams {
            return Err(Full { limit: self.0.max_streams });
        }
        streams.created += 1;
        let (orders, derive) = (self.0.orders.clone(), self.0.derive.clone());
        let stream = Stream::new(name.clone(), None, orders, self.0.limits, derive, self.0.clock.clone());
        streams.by_name.insert(name.clone(), stream.clone());
        let waiting = std::mem::take(&mut streams.waiting);
        drop(streams);
        waiting.into_values().for_each(Waker::wake);
        Ok(stream)
    }

    /// Forgets a stream, unless somebody holds it: publishes, reads, watches or is about to.
    pub fn forget(&self, name: &StreamName) -> bool {
        let mut streams = lock(&self.0.streams);
        // Handles are given out under this lock only, or cloned from one that counts already.
        let unused = streams.by_name.get(name).is_some_and(Stream::is_held_once);
        if unused {
            streams.by_name.remove(name);
        }
        unused
    }

    /// Removes a stream, whoever holds it: its readers and its publisher are told that it has ended.
    pub fn remove(&self, name: &StreamName, reason: &str) -> bool {
        let removed = lock(&self.0.streams).by_name.remove(name);
        if let Some(stream) = &removed {
            stream.close(reason);
        }
        removed.is_some()
    }

    /// All streams, by name.
    #[must_use]
    pub fn streams(&self) -> Vec<Stream> {
        lock(&self.0.streams).by_name.values().cloned().collect()
    }

    /// The stream that was created first.
    #[must_use]
    pub fn first(&self) -> Option<Stream> {
        lock(&self.0.streams).by_name.values().min_by_key(|s| s.order()).cloned()
    }

    /// Waits until `find` finds something; it is asked now and after each creation.
    pub async fn wait_for<T>(&self, mut find: impl FnMut(&Hub) -> Option<T>) -> T {
        let mut seen = None;
        let number = {
            let mut streams = lock(&self.0.streams);
            streams.tickets += 1;
            streams.tickets
        };
        let ticket = Ticket { hub: self, number };
        poll_fn(|cx| {
            loop {
                let created = lock(&self.0.streams).created;
                if seen != Some(created) {
                    seen = Some(created);
                    if let Some(found) = find(self) {
                        return Poll::Ready(found);
                    }
                }
                let mut streams = lock(&self.0.streams);
                if streams.created == created {
                    streams.waiting.insert(ticket.number, cx.waker().clone());
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

#[cfg(all(test, not(camherd_loom)))]
mod tests;
