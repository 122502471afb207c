//! What a protocol puts its units into.

use camherd_hub::{Clock, Publisher, Stream};
use camherd_media::unit::Unit;

/// Why a connection to a camera is over. Told to people as the reason why there is no picture; it holds
/// no password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// The camera cannot be reached.
    #[error("the camera cannot be reached: {0}")]
    Unreachable(String),
    /// The camera wants another user name or password.
    #[error("the camera refuses user name and password: {0}")]
    Unauthorized(String),
    /// The camera has no such stream, or none that camherd can use.
    #[error("the camera has nothing to show: {0}")]
    Unusable(String),
    /// The camera hung up before it sent anything.
    #[error("the camera closed the connection at once: {0}")]
    ClosedAtOnce(&'static str),
    /// The connection was there and broke.
    #[error("the connection to the camera broke: {0}")]
    Broken(String),
    /// The camera ended the stream.
    #[error("the camera ended the stream")]
    Ended,
    /// The stream has another publisher, or is gone.
    #[error("the stream is not ours any more")]
    Superseded,
}

/// The way into the hub for one connection to a camera.
pub struct Feed<'a> {
    publisher: &'a mut Publisher,
    /// Why what the camera sends cannot be shown, as long as it cannot.
    unusable: Option<String>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(publisher: &'a mut Publisher) -> Feed<'a> {
        Feed { publisher, unusable: None }
    }

    /// The clock that stamps units.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.publisher.stream().clock()
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        self.publisher.stream()
    }

    /// Publishes a unit.
    ///
    /// # Errors
    /// [`PullError::Superseded`] when the stream has another publisher; the connection is to be given up.
    pub fn push(&mut self, unit: Unit) -> Result<(), PullError> {
        self.unusable = None;
        self.publisher.push(unit).map_err(|_| PullError::Superseded)
    }

    /// Says that the camera sends what nobody can use, as the reason why there is no picture. The next unit ends it.
    pub fn unusable(&mut self, reason: String) {
        if self.unusable.as_ref() != Some(&reason) {
            self.publisher.stalled(&reason);
            self.unusable = Some(reason);
        }
    }

    /// What [`unusable`](Self::unusable) was told last, unless pictures came since.
    pub(super) fn into_unusable(self) -> Option<String> {
        self.unusable
    }

    /// Counts what the camera sent and nobody can use. `kind` is a short label, `error` says what was wrong.
    pub fn count_drop(&self, kind: &'static str, error: String) {
        tracing::debug!(stream = %self.stream().name(), kind, "dropped: {error}");
        self.stream().count_drop(kind, error);
    }
}
