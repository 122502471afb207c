//! Who watches: counted over the whole server, and limited.

use camherd_hub::{Stream, ViewerGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count of viewers of all streams.
#[derive(Debug)]
pub struct Viewers {
    count: AtomicUsize,
    limit: usize,
}

/// No room for another viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {limit} viewers is reached (limits.viewers)")]
pub struct TooMany {
    /// The limit.
    pub limit: usize,
}

/// Counts one viewer for as long as it lives.
#[must_use]
pub struct Seat {
    viewers: Arc<Viewers>,
}

/// A viewer with its stream.
#[must_use]
pub struct Watching {
    _seat: Seat,
    _watch: ViewerGuard,
}

impl Viewers {
    /// Room for `limit` viewers.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Viewers> {
        Arc::new(Viewers { count: AtomicUsize::new(0), limit })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// [`TooMany`] when all are taken.
    pub fn enter(self: &Arc<Self>) -> Result<Seat, TooMany> {
        let limit = self.limit;
        let enter = |count| (count < limit).then_some(count + 1);
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter)
            .map_err(|_| TooMany { limit })?;
        Ok(Seat { viewers: self.clone() })
    }
}

impl Seat {
    /// Watches a stream.
    pub fn watch(self, stream: &Stream) -> Watching {
        Watching { _seat: self, _watch: stream.watch() }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.viewers.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_and_given_back() {
        let viewers = Viewers::new(2);
        let one = viewers.enter().unwrap();
        let _two = viewers.enter().unwrap();
        assert_eq!(viewers.enter().err(), Some(TooMany { limit: 2 }));
        drop(one);
        assert_eq!(viewers.count(), 1);
        assert!(viewers.enter().is_ok());
    }
}
