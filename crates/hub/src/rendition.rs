//! One rendition: the ring, who waits for it, who writes it. One lock guards all of it, so a reader
//! either sees a unit or is woken by the push that brings it: there is no gap in which to lose a wake-up.

use crate::ring::{Cursor, Ring, RingLimits, Taken};
use crate::stream::StreamState;
use crate::subscription::{Delivery, Event};
use crate::sync::{Mutex, lock};
use crate::want::Want;
use camherd_media::unit::Unit;
use std::fmt;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Names a rendition within its stream. The hub attaches no meaning to it but for [`RenditionKey::SOURCE`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenditionKey(std::borrow::Cow<'static, str>);

impl RenditionKey {
    /// The bytes as the camera sent them (normalised), written by the stream's publisher.
    pub const SOURCE: RenditionKey = RenditionKey(std::borrow::Cow::Borrowed("source"));

    /// A key that is known at compile time.
    #[must_use]
    pub const fn from_static(key: &'static str) -> RenditionKey {
        RenditionKey(std::borrow::Cow::Borrowed(key))
    }

    /// What [`Derive::limits`](crate::Derive::limits) is asked for the source of a stream's variant. It is read and
    /// written as [`RenditionKey::SOURCE`] of that variant.
    #[must_use]
    pub fn of_variant(name: &str) -> RenditionKey {
        RenditionKey::new(format!("variant/{name}"))
    }

    /// A key that is made at run time.
    #[must_use]
    pub fn new(key: String) -> RenditionKey {
        RenditionKey(std::borrow::Cow::Owned(key))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RenditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which run of the writer: a writer of an earlier run can no longer write.
pub(crate) type Run = u64;

pub(crate) struct Rendition {
    inner: Mutex<Inner>,
}

struct Inner {
    ring: Ring,
    readers: Readers,
    /// Readers that have come so far.
    joined: u64,
    run: Run,
    /// Whether the writer of `run` is at work.
    written: bool,
    ended: Option<std::sync::Arc<str>>,
    keyframe_wanted: bool,
    writer_waker: Option<Waker>,
    /// Whoever waits for readers to come and leave, or to want something else.
    demand_waker: Option<Waker>,
    /// The stream is gone for good, for this reason.
    closed: Option<std::sync::Arc<str>>,
    state: StreamState,
    state_version: u64,
}

/// The readers, a slot each.
#[derive(Default)]
struct Readers {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

struct Slot {
    waker: Option<Waker>,
    /// `None`: the slot is free.
    want: Option<Want>,
}

impl Readers {
    fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn add(&mut self, want: Want) -> usize {
        let taken = Slot { waker: None, want: Some(want) };
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = taken;
                slot
            }
            None => {
                self.slots.push(taken);
                self.slots.len() - 1
            }
        }
    }

    fn remove(&mut self, slot: usize) {
        self.slots[slot] = Slot { waker: None, want: None };
        self.free.push(slot);
        if self.count() == 0 {
            *self = Readers::default();
        }
    }

    fn take_waiting(&mut self) -> Vec<Waker> {
        self.slots.iter_mut().filter_map(|slot| slot.waker.take()).collect()
    }

    /// What serves all of them; `None` without any.
    fn want(&self) -> Option<Want> {
        self.slots.iter().filter_map(|slot| slot.want).reduce(Want::with)
    }
}

/// What a reader remembers between polls.
pub(crate) struct ReaderState {
    slot: usize,
    pub(crate) cursor: Cursor,
    run: Run,
    state_version: u64,
}

impl Rendition {
    pub(crate) fn new(limits: RingLimits, state: StreamState) -> Rendition {
        Rendition {
            inner: Mutex::new(Inner {
                ring: Ring::new(limits),
                readers: Readers::default(),
                joined: 0,
                run: 0,
                written: false,
                ended: None,
                keyframe_wanted: false,
                writer_waker: None,
                demand_waker: None,
                closed: None,
                state,
                state_version: 1,
            }),
        }
    }

    /// Adds a reader. The second value is the run that the caller must now start writing, if the
    /// rendition is `derived` and nobody writes it.
    pub(crate) fn join(&self, cursor: Cursor, want: Want, derived: bool) -> (ReaderState, Option<Run>) {
        let mut guard = lock(&self.inner);
        let inner = &mut *guard;
        let start = (derived && !inner.written && inner.closed.is_none()).then(|| {
            // What an earlier run left must not be the first picture of this one.
            inner.ring.clear();
            inner.begin()
        });
        let cursor = match cursor {
            Cursor::KeyframeFrom(_) => Cursor::KeyframeFrom(inner.ring.end()),
            other => other,
        };
        let reader = ReaderState { slot: inner.readers.add(want), cursor, run: inner.run, state_version: 0 };
        inner.joined += 1;
        let waker = inner.demand_waker.take();
        drop(guard);
        wake(waker);
        (reader, start)
    }

    /// Takes over writing from whoever wrote before.
    pub(crate) fn begin(&self) -> Run {
        lock(&self.inner).begin()
    }

    pub(crate) fn leave(&self, reader: &ReaderState) {
        let wakers = {
            let mut inner = lock(&self.inner);
            inner.readers.remove(reader.slot);
            let last = inner.readers.count() == 0;
            (if last { inner.writer_waker.take() } else { None }, inner.demand_waker.take())
        };
        wake(wakers.0);
        wake(wakers.1);
    }

    /// Ready when somebody reads, if nobody did (`was`), or the other way round.
    pub(crate) fn poll_demand(&self, was: bool, cx: &mut Context<'_>) -> Poll<bool> {
        let mut inner = lock(&self.inner);
        let is = inner.readers.count() > 0;
        if is != was {
            return Poll::Ready(is);
        }
        inner.demand_waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// A reader wants something else from now on.
    pub(crate) fn set_want(&self, reader: &ReaderState, want: Want) {
        let waker = {
            let mut inner = lock(&self.inner);
            inner.readers.slots[reader.slot].want = Some(want);
            inner.demand_waker.take()
        };
        wake(waker);
    }

    /// What serves all readers; `None` without any.
    pub(crate) fn want(&self) -> Option<Want> {
        lock(&self.inner).readers.want()
    }

    /// Ready when what the readers want together is not `was`.
    pub(crate) fn poll_want(&self, was: Option<Want>, cx: &mut Context<'_>) -> Poll<Option<Want>> {
        let mut inner = lock(&self.inner);
        let is = inner.readers.want();
        if is != was {
            return Poll::Ready(is);
        }
        inner.demand_waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ends the rendition for good: its writer and its readers, those to come as well.
    pub(crate) fn close(&self, reason: &std::sync::Arc<str>) {
        let (waiting, writer) = {
            let mut inner = lock(&self.inner);
            inner.closed = Some(reason.clone());
            inner.written = false;
            inner.ring.clear();
            (inner.readers.take_waiting(), inner.writer_waker.take())
        };
        waiting.into_iter().for_each(Waker::wake);
        wake(writer);
    }

    /// Appends a unit if `run` is still the writer's; never waits.
    pub(crate) fn push(&self, run: Run, unit: Unit) -> bool {
        let waiting = {
            let mut inner = lock(&self.inner);
            if inner.run != run || !inner.written {
                return false;
            }
            inner.keyframe_wanted &= !unit.keyframe;
            inner.ring.push(unit);
            if inner.readers.count() == 0 {
                // Half a second of each of a thousand cameras that nobody watches is a gigabyte.
                inner.ring.keep_newest_group();
            }
            inner.readers.take_waiting()
        };
        waiting.into_iter().for_each(Waker::wake);
        true
    }

    /// Ends `run`. With a reason the readers are told that nothing more comes; without, they wait on.
    pub(crate) fn end(&self, run: Run, reason: Option<std::sync::Arc<str>>) {
        let waiting = {
            let mut inner = lock(&self.inner);
            if inner.run != run || !inner.written {
                return;
            }
            inner.written = false;
            inner.ended = reason;
            inner.writer_waker = None;
            inner.readers.take_waiting()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ends `run` and frees the ring, unless somebody reads.
    pub(crate) fn retire(&self, run: Run) -> bool {
        let mut inner = lock(&self.inner);
        if inner.run != run || !inner.written {
            return true;
        }
        if inner.readers.count() > 0 {
            return false;
        }
        inner.written = false;
        inner.ring.clear();
        true
    }

    pub(crate) fn set_state(&self, state: &StreamState) {
        let waiting = {
            let mut inner = lock(&self.inner);
            inner.state = state.clone();
            inner.state_version += 1;
            inner.readers.take_waiting()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn poll_read(&self, reader: &mut ReaderState, cx: &mut Context<'_>) -> Poll<Event> {
        let mut guard = lock(&self.inner);
        let inner = &mut *guard;
        if reader.state_version != inner.state_version {
            reader.state_version = inner.state_version;
            return Poll::Ready(Event::State(inner.state.clone()));
        }
        if let Some(Taken { unit, seq, missed }) = inner.ring.take(&mut reader.cursor) {
            let delivery = Delivery { unit: unit.clone(), seq, missed };
            let waker = inner.ask_for_keyframe(reader.cursor);
            drop(guard);
            wake(waker);
            return Poll::Ready(Event::Unit(delivery));
        }
        if let Some(reason) = inner.ended_for(reader) {
            return Poll::Ready(Event::Ended(reason));
        }
        let slot = &mut inner.readers.slots[reader.slot].waker;
        if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *slot = Some(cx.waker().clone());
        }
        let waker = inner.ask_for_keyframe(reader.cursor);
        drop(guard);
        wake(waker);
        Poll::Pending
    }

    /// The next unit without waiting.
    pub(crate) fn try_read(&self, reader: &mut ReaderState) -> Option<Delivery> {
        let inner = lock(&self.inner);
        inner.ring.take(&mut reader.cursor).map(|t| Delivery {
            unit: t.unit.clone(),
            seq: t.seq,
            missed: t.missed,
        })
    }

    /// Asks the writer for a keyframe, whatever the readers' places.
    pub(crate) fn request_keyframe(&self) {
        let waker = {
            let mut inner = lock(&self.inner);
            inner.keyframe_wanted = true;
            inner.writer_waker.take()
        };
        wake(waker);
    }

    /// Ready with `true` when a keyframe is wanted (once per wish), with `false` when `run` is over or
    /// nobody reads.
    pub(crate) fn poll_wish(&self, run: Run, cx: &mut Context<'_>) -> Poll<Wish> {
        let mut inner = lock(&self.inner);
        if inner.run != run || !inner.written {
            return Poll::Ready(Wish::Over);
        }
        if std::mem::take(&mut inner.keyframe_wanted) {
            return Poll::Ready(Wish::Keyframe);
        }
        if inner.readers.count() == 0 {
            return Poll::Ready(Wish::Nothing);
        }
        inner.writer_waker = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn readers(&self) -> usize {
        lock(&self.inner).readers.count()
    }

    pub(crate) fn joined(&self) -> u64 {
        lock(&self.inner).joined
    }

    /// Bytes and units that the ring holds.
    pub(crate) fn held(&self) -> (usize, usize) {
        let inner = lock(&self.inner);
        (inner.ring.bytes(), inner.ring.len())
    }

    pub(crate) fn is_written(&self) -> bool {
        lock(&self.inner).written
    }

    pub(crate) fn newest(&self) -> Option<(Unit, u64)> {
        let inner = lock(&self.inner);
        let seq = inner.ring.end().checked_sub(1)?;
        inner.ring.newest().map(|unit| (unit.clone(), seq))
    }

    pub(crate) fn keyframe_age(&self) -> Option<Duration> {
        lock(&self.inner).ring.keyframe_age()
    }
}

/// What readers want of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Keyframe,
    Nothing,
    Over,
}

impl Inner {
    fn begin(&mut self) -> Run {
        self.run += 1;
        self.written = self.closed.is_none();
        self.ended = None;
        self.keyframe_wanted = false;
        if let Some(previous) = self.writer_waker.take() {
            previous.wake();
        }
        self.run
    }

    /// A reader hears of the end of the run that it joined, or of a later one, not of an earlier one.
    fn ended_for(&self, reader: &ReaderState) -> Option<std::sync::Arc<str>> {
        if self.closed.is_some() {
            return self.closed.clone();
        }
        if self.written || self.run < reader.run { None } else { self.ended.clone() }
    }

    fn ask_for_keyframe(&mut self, cursor: Cursor) -> Option<Waker> {
        if self.keyframe_wanted || !self.ring.wants_keyframe(cursor) {
            return None;
        }
        self.keyframe_wanted = true;
        self.writer_waker.take()
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
