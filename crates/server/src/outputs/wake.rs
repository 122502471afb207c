//! A picture of now from a device that rests because nobody watches: whoever reads wakes it, and waits a moment for what
//! it then sends.

use camherd_hub::Stream;
use camherd_media::time::Monotonic;
use camherd_media::unit::Unit;
use std::time::Duration;
use tokio::time::Instant;

/// So long a request waits for a device that it has woken. A device takes and sends a picture in a few tenths of a
/// second; one that has not by now gives none, and the picture that there is must do.
pub const WAKE_WAIT: Duration = Duration::from_secs(1);

/// Waits for a picture that came after the request.
#[derive(Clone, Copy, Debug)]
pub struct Wake {
    since: Monotonic,
    /// When to take what there is.
    pub until: Instant,
}

impl Wake {
    /// For a request that comes now; `None` when the camera is awake.
    #[must_use]
    pub fn of(stream: &Stream) -> Option<Wake> {
        stream.is_resting().then(|| Wake { since: stream.clock().now(), until: Instant::now() + WAKE_WAIT })
    }

    /// Whether a picture has come since the request.
    #[must_use]
    pub fn is_new(&self, unit: &Unit) -> bool {
        unit.stamps.received >= self.since
    }
}
