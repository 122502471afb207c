//! The one who writes a stream's source, and how another takes over.

use crate::rendition::Run;
use crate::stream::{Stream, StreamState};
use crate::sync::{Mutex, lock};
use camherd_media::time::Monotonic;
use camherd_media::unit::Unit;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Who a publisher is, for the question whether another may take its place: the same device's address
/// or the same token. The hub only compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub String);

/// Somebody else publishes this stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream} is in use by {by}")]
pub struct Busy {
    /// The stream's name.
    pub stream: String,
    /// Who has it, as described by itself.
    pub by: String,
}

/// Another publisher of the same owner has taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("replaced by a newer connection of the same camera")]
pub struct Superseded;

/// Who holds the stream.
#[derive(Default)]
pub(crate) struct Control {
    inner: Mutex<Holder>,
}

#[derive(Default)]
struct Holder {
    claim: u64,
    holder: Option<(Owner, String)>,
    since: Monotonic,
    waker: Option<Waker>,
}

impl Control {
    /// Takes the stream for `owner`. `begin` starts the new run under the same lock, so that of two who
    /// come at once, who claims last also writes.
    pub(crate) fn claim(
        &self,
        owner: Owner,
        describe: String,
        now: Monotonic,
        begin: impl FnOnce() -> Run,
    ) -> Result<(u64, Run), (Owner, String)> {
        let mut inner = lock(&self.inner);
        if let Some(current) = inner.holder.as_ref().filter(|(holder, _)| *holder != owner) {
            return Err(current.clone());
        }
        inner.claim += 1;
        inner.holder = Some((owner, describe));
        inner.since = now;
        let claimed = (inner.claim, begin());
        let superseded = inner.waker.take();
        drop(inner);
        if let Some(waker) = superseded {
            waker.wake();
        }
        Ok(claimed)
    }

    /// Does what only the holder may, if `claim` holds the stream: nobody takes it over meanwhile, so that
    /// the word of one who had it never comes after that of one who has it.
    fn as_holder(&self, claim: u64, act: impl FnOnce()) {
        let inner = lock(&self.inner);
        if inner.claim == claim && inner.holder.is_some() {
            act();
        }
    }

    /// Gives the stream up if `claim` holds it, after the last `act` as its holder.
    fn release(&self, claim: u64, act: impl FnOnce()) {
        let mut inner = lock(&self.inner);
        if inner.claim == claim && inner.holder.is_some() {
            act();
            inner.holder = None;
            inner.waker = None;
        }
    }

    pub(crate) fn describe(&self) -> Option<String> {
        lock(&self.inner).holder.as_ref().map(|(_, describe)| describe.clone())
    }

    pub(crate) fn owner(&self) -> Option<(Owner, Monotonic)> {
        let inner = lock(&self.inner);
        inner.holder.as_ref().map(|(owner, _)| (owner.clone(), inner.since))
    }
}

/// Writes the source of a stream until it is dropped or superseded.
///
/// Dropped, the stream goes offline with the reason given by [`Publisher::end`].
pub struct Publisher {
    stream: Stream,
    claim: u64,
    run: Run,
    live: bool,
    reason: Arc<str>,
}

impl Publisher {
    pub(crate) fn new(stream: Stream, claim: u64, run: Run) -> Publisher {
        Publisher { stream, claim, run, live: false, reason: Arc::from("the camera disconnected") }
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Appends a unit and, if the stream was not live, makes it so. Never waits.
    ///
    /// # Errors
    /// [`Superseded`] when another publisher has taken over; the unit is not written.
    pub fn push(&mut self, unit: Unit) -> Result<(), Superseded> {
        let (received, bytes): (Monotonic, usize) = (unit.stamps.received, unit.payload.len());
        if !self.stream.source().push(self.run, unit) {
            return Err(Superseded);
        }
        self.stream.counters().unit(received, bytes);
        self.stream.note_awake();
        if !self.live {
            self.live = true;
            self.stream.control().as_holder(self.claim, || self.stream.set_state(StreamState::Live));
        }
        Ok(())
    }

    /// Says whose pictures it sends from the unit received at `from` on: those of the variant of that name, which
    /// stands in for the stream while its camera sends nothing better; `None` is the stream's own.
    pub fn stand_in(&self, variant: Option<&'static str>, from: Monotonic) {
        self.stream.control().as_holder(self.claim, || self.stream.set_stand_in(variant, from));
    }

    /// Says that frames have stopped although the connection is there. The next unit ends it.
    pub fn stalled(&mut self, reason: &str) {
        self.live = false;
        let offline = StreamState::Offline(Arc::from(reason));
        self.stream.control().as_holder(self.claim, || self.stream.set_state(offline));
    }

    /// Says whether the camera was told that nobody watches, so that it may send few pictures or none. One that was
    /// woken counts as resting until its next unit.
    pub fn rest(&self, rests: bool) {
        self.stream.control().as_holder(self.claim, || self.stream.set_resting(rests));
    }

    /// Whether the last word was a unit, not a stall.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Ends publishing, for this reason.
    pub fn end(mut self, reason: &str) {
        self.reason = Arc::from(reason);
    }

    /// Waits until another publisher has taken over.
    pub async fn superseded(&self) -> Superseded {
        poll_fn(|cx| {
            let mut inner = lock(&self.stream.control().inner);
            if inner.claim != self.claim {
                return Poll::Ready(Superseded);
            }
            inner.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stream.source().end(self.run, None);
        self.stream.control().release(self.claim, || {
            self.stream.set_stand_in(None, self.stream.clock().now());
            self.stream.forget_rest();
            if self.stream.state() != StreamState::Waiting {
                self.stream.set_state(StreamState::Offline(self.reason.clone()));
            }
        });
    }
}
