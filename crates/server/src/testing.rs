//! What unit tests of several modules need.

use camherd_hub::{Derive, DeriveError, Hub, RenditionKey, RingLimits, Stream, Writer};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long a test waits for what takes milliseconds on a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `done`; else fails with what was `seen` last.
pub(crate) async fn eventually(done: impl Fn() -> bool, seen: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {}", seen());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

struct Nothing;

impl Derive for Nothing {
    fn derive(&self, _: &Stream, key: &RenditionKey, _: Writer) -> Result<(), DeriveError> {
        Err(DeriveError { key: key.clone(), reason: "nothing is derived here".to_owned() })
    }

    fn limits(&self, _: &RenditionKey, limits: RingLimits) -> RingLimits {
        limits
    }
}

/// A hub for at most `max_streams` streams that derives nothing.
pub(crate) fn hub(max_streams: usize) -> Hub {
    Hub::new(RingLimits::default(), max_streams, Arc::new(Nothing))
}
