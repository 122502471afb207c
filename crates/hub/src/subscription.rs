//! The reading end of a rendition.

use crate::rendition::{ReaderState, Rendition};
use crate::ring::Cursor;
use crate::stream::StreamState;
use crate::sync::Arc;
use crate::want::Want;
use camherd_media::unit::Unit;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

/// Where a new reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the newest keyframe that is held, so that there is a picture at once.
    Newest,
    /// At the next keyframe that is written; one is asked for.
    Next,
    /// As [`Start::Newest`] if that keyframe is at most this much older than the newest unit, else as
    /// [`Start::Next`]: for players that would show the rest of an old group as delay.
    Fresh(Duration),
}

/// A unit on its way to one reader.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The unit.
    pub unit: Unit,
    /// Its number within the rendition, without gaps on the writer's side.
    pub seq: u64,
    /// How many units this reader missed since the one before, because it was too slow.
    pub missed: u64,
}

/// What a reader sees.
#[derive(Clone, Debug)]
pub enum Event {
    /// The stream's state, first of all and at each change.
    State(StreamState),
    /// The next unit.
    Unit(Delivery),
    /// Nothing more comes from this run of the rendition, for this reason.
    Ended(std::sync::Arc<str>),
}

/// A reader of one rendition. Dropping it ends its demand.
pub struct Subscription {
    rendition: Arc<Rendition>,
    reader: ReaderState,
}

impl Subscription {
    pub(crate) fn new(rendition: Arc<Rendition>, reader: ReaderState) -> Subscription {
        Subscription { rendition, reader }
    }

    pub(crate) fn cursor(start: Start, keyframe_age: Option<Duration>) -> Cursor {
        match start {
            Start::Newest => Cursor::Newest,
            Start::Fresh(age) if keyframe_age.is_some_and(|a| a <= age) => Cursor::Newest,
            // The place is filled in under the ring's lock.
            Start::Next | Start::Fresh(_) => Cursor::KeyframeFrom(0),
        }
    }

    /// Waits for the next event. Cancel-safe: an event is consumed only when it is returned.
    pub async fn next(&mut self) -> Event {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next event.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.rendition.poll_read(&mut self.reader, cx)
    }

    /// The next unit if it is there already.
    pub fn try_next(&mut self) -> Option<Delivery> {
        self.rendition.try_read(&mut self.reader)
    }

    /// Stops waiting for a fresh keyframe: takes the newest that is held.
    pub fn take_newest(&mut self) {
        if matches!(self.reader.cursor, Cursor::KeyframeFrom(_)) {
            self.reader.cursor = Cursor::Newest;
        }
    }

    /// Lets go of what waits: what comes next is the newest keyframe behind what was taken, once there is one. For a
    /// reader whose link carries less than comes, and who would rather see less than late.
    pub fn skip(&mut self) {
        if let Cursor::At(next) = self.reader.cursor {
            self.reader.cursor = Cursor::SkipFrom(next);
        }
    }

    /// Says what is made use of from now on.
    pub fn set_want(&self, want: Want) {
        self.rendition.set_want(&self.reader, want);
    }

    /// Asks the writer for a keyframe.
    pub fn request_keyframe(&self) {
        self.rendition.request_keyframe();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.rendition.leave(&self.reader);
    }
}
