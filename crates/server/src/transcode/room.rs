//! How many encoders or decoders may run, and which have just failed.

use camherd_hub::RenditionKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A worker that failed is not started anew for so long: what fails at once, such as a picture larger
/// than it takes, would otherwise be tried by each of its viewers.
const FAILED_PAUSE: Duration = Duration::from_secs(2);

/// Room for encoders or decoders. Clones are the same room.
#[derive(Clone)]
pub(super) struct Room {
    what: &'static str,
    limit: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    running: usize,
    /// The latest failure of each rendition's worker; entries older than [`FAILED_PAUSE`] are dropped at the
    /// next visit, so there are as many as workers can fail in that time.
    failed: HashMap<(u64, RenditionKey), (Instant, String)>,
}

/// One worker's place, until it is dropped.
pub(super) struct Place {
    room: Room,
    of: (u64, RenditionKey),
}

impl Room {
    /// Room for `limit` of `what`, which is the name in the setting as well.
    pub(super) fn new(what: &'static str, limit: usize) -> Room {
        Room { what, limit, inner: Arc::default() }
    }

    /// A place for who makes `key` of the stream with this number ([`Stream::order`]: one that was removed and
    /// made anew under the same name is another); the error says why there is none, for its viewers.
    ///
    /// [`Stream::order`]: camherd_hub::Stream::order
    pub(super) fn enter(&self, stream: u64, key: &RenditionKey, now: Instant) -> Result<Place, String> {
        let of = (stream, key.clone());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.failed.retain(|_, (when, _)| now.duration_since(*when) < FAILED_PAUSE);
        if let Some((_, reason)) = inner.failed.get(&of) {
            return Err(reason.clone());
        }
        if inner.running >= self.limit {
            return Err(format!("all {} {what} are in use (limits.{what})", self.limit, what = self.what));
        }
        inner.running += 1;
        Ok(Place { room: self.clone(), of })
    }
}

impl Place {
    /// Remembers why this worker stopped.
    pub(super) fn failed(&self, reason: &str, now: Instant) {
        let mut inner = self.room.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.failed.insert(self.of.clone(), (now, reason.to_owned()));
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
    use crate::transcode::H264;

    #[test]
    fn the_room_is_bounded_and_given_back() {
        let (room, now) = (Room::new("encoders", 1), Instant::now());
        let (a, b) = (0, 1);
        let place = room.enter(a, &H264, now).unwrap();
        let full = room.enter(b, &H264, now).err().unwrap();
        assert_eq!(full, "all 1 encoders are in use (limits.encoders)");
        drop(place);
        assert!(room.enter(b, &H264, now).is_ok());
    }

    #[test]
    fn what_failed_is_not_tried_again_at_once() {
        let (room, now) = (Room::new("encoders", 4), Instant::now());
        let (a, b) = (0, 1);
        room.enter(a, &H264, now).unwrap().failed("too large", now);
        assert_eq!(room.enter(a, &H264, now + FAILED_PAUSE / 2).err().as_deref(), Some("too large"));
        assert!(room.enter(b, &H264, now).is_ok(), "another stream is not concerned");
        assert!(room.enter(a, &H264, now + FAILED_PAUSE).is_ok());
    }
}
