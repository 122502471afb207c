//! How many encoders may run, and which have just failed.

use camherd_media::ids::StreamName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An encoder that failed is not started anew for so long: what fails at once, such as a picture larger
/// than it takes, would otherwise be tried by each of its viewers.
const FAILED_PAUSE: Duration = Duration::from_secs(2);

/// Room for encoders. Clones are the same room.
#[derive(Clone)]
pub(super) struct Room {
    limit: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    running: usize,
    /// The latest failure of each stream's encoder; entries older than [`FAILED_PAUSE`] are dropped at the
    /// next visit, so there are as many as encoders can fail in that time.
    failed: HashMap<StreamName, (Instant, String)>,
}

/// One encoder's place, until it is dropped.
pub(super) struct Place {
    room: Room,
    stream: StreamName,
}

impl Room {
    pub(super) fn new(limit: usize) -> Room {
        Room { limit, inner: Arc::default() }
    }

    /// A place for the encoder of `stream`; the error says why there is none, for its viewers.
    pub(super) fn enter(&self, stream: &StreamName, now: Instant) -> Result<Place, String> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.failed.retain(|_, (when, _)| now.duration_since(*when) < FAILED_PAUSE);
        if let Some((_, reason)) = inner.failed.get(stream) {
            return Err(reason.clone());
        }
        if inner.running >= self.limit {
            return Err(format!("all {} encoders are in use (limits.encoders)", self.limit));
        }
        inner.running += 1;
        Ok(Place { room: self.clone(), stream: stream.clone() })
    }
}

impl Place {
    /// Remembers why this encoder stopped.
    pub(super) fn failed(&self, reason: &str, now: Instant) {
        let mut inner = self.room.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.failed.insert(self.stream.clone(), (now, reason.to_owned()));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.inner.lock().unwrap_or_else(PoisonError::into_inner).running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_bounded_and_given_back() {
        let (room, now) = (Room::new(1), Instant::now());
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let place = room.enter(&a, now).unwrap();
        let full = room.enter(&b, now).err().unwrap();
        assert_eq!(full, "all 1 encoders are in use (limits.encoders)");
        drop(place);
        assert!(room.enter(&b, now).is_ok());
    }

    #[test]
    fn what_failed_is_not_tried_again_at_once() {
        let (room, now) = (Room::new(4), Instant::now());
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        room.enter(&a, now).unwrap().failed("too large", now);
        assert_eq!(room.enter(&a, now + FAILED_PAUSE / 2).err().as_deref(), Some("too large"));
        assert!(room.enter(&b, now).is_ok(), "another stream is not concerned");
        assert!(room.enter(&a, now + FAILED_PAUSE).is_ok());
    }
}
