//! What unit tests of several modules need.

use camherd_hub::{Derive, DeriveError, Hub, RenditionKey, RingLimits, Stream, Writer};
use std::sync::Arc;

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
