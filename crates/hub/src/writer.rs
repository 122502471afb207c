//! The writing end of a derived rendition.

use crate::rendition::{Rendition, Run, Wish};
use crate::sync::Arc;
use crate::want::Want;
use camherd_media::unit::Unit;
use std::future::poll_fn;

/// The writer's run is over: the rendition is retired, taken over, or its stream is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes this rendition any more")]
pub struct Closed;

/// Writes one derived rendition, from its first subscriber until [`Writer::retire`].
///
/// Dropped before that, its readers get [`crate::Event::Ended`], and the next subscriber starts a new one.
pub struct Writer {
    rendition: Arc<Rendition>,
    run: Run,
    reason: std::sync::Mutex<Option<String>>,
}

impl Writer {
    pub(crate) fn new(rendition: Arc<Rendition>, run: Run) -> Writer {
        Writer { rendition, run, reason: std::sync::Mutex::new(None) }
    }

    /// Appends a unit. Never waits.
    ///
    /// # Errors
    /// [`Closed`] when the run is over.
    pub fn push(&self, unit: Unit) -> Result<(), Closed> {
        if self.rendition.push(self.run, unit) { Ok(()) } else { Err(Closed) }
    }

    /// Waits until a reader would be served sooner by a fresh keyframe. Resolves with an error at once
    /// when nobody reads (then wait for the grace time and [`Writer::retire`]) or the run is over.
    ///
    /// # Errors
    /// [`Closed`] when nobody reads.
    pub async fn keyframe_wanted(&self) -> Result<(), Closed> {
        match poll_fn(|cx| self.rendition.poll_wish(self.run, cx)).await {
            Wish::Keyframe => Ok(()),
            Wish::Nothing | Wish::Over => Err(Closed),
        }
    }

    /// What serves all readers; `None` without any.
    #[must_use]
    pub fn want(&self) -> Option<Want> {
        self.rendition.want()
    }

    /// Waits until what serves all readers is not `was`. For one who waits at a time.
    pub async fn want_changed(&self, was: Option<Want>) -> Option<Want> {
        poll_fn(|cx| self.rendition.poll_want(was, cx)).await
    }

    /// How many subscriptions there are now.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.rendition.readers()
    }

    /// How many readers have come so far: it tells of one who came and left since it was last looked at.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.rendition.joined()
    }

    /// Ends the run and frees what the ring holds, unless somebody reads: one step, so that a reader
    /// who joins in this moment either keeps the run alive or starts a new one.
    #[must_use]
    pub fn retire(&self) -> bool {
        self.rendition.retire(self.run)
    }

    /// Says why it ends, for the readers who are told when it is dropped.
    pub fn fail(self, reason: impl Into<String>) {
        *self.reason.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reason.into());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let reason = self.reason.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let reason = reason.unwrap_or_else(|| "the rendition was stopped".to_owned());
        self.rendition.end(self.run, Some(std::sync::Arc::from(reason)));
    }
}
