//! A stream: a name, a state, a publisher and renditions.

use crate::clock::Clock;
use crate::publisher::{Busy, Control, Owner, Publisher};
use crate::rendition::{Rendition, RenditionKey};
use crate::ring::RingLimits;
use crate::stats::{Stats, StreamStats, ViewerGuard};
use crate::subscription::{Start, Subscription};
use crate::sync::{Arc, Mutex, lock};
use crate::want::Want;
use crate::writer::Writer;
use camherd_media::ids::StreamName;
use camherd_media::time::Monotonic;
use camherd_media::unit::Unit;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Renditions that a stream remembers at most although nobody reads or writes them: their keys have sizes in them
/// that viewers choose, so there is no end to them. A remembered one goes on numbering its units.
const MAX_IDLE: usize = 32;

/// Whether a stream has pictures, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// No camera has sent a frame yet.
    Waiting,
    /// Frames arrive.
    Live,
    /// There were frames; now there are none, for this reason.
    Offline(std::sync::Arc<str>),
}

impl StreamState {
    /// `waiting`, `live` or `offline`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            StreamState::Waiting => "waiting",
            StreamState::Live => "live",
            StreamState::Offline(_) => "offline",
        }
    }

    /// Why there is no picture; empty when there is one.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            StreamState::Waiting => "no camera has sent a picture yet",
            StreamState::Live => "",
            StreamState::Offline(reason) => reason,
        }
    }

    /// Whether frames arrive.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, StreamState::Live)
    }
}

/// Makes renditions that no camera sends.
pub trait Derive: Send + Sync + 'static {
    /// Starts to write the rendition `key` of `stream` through `writer`. Called by the first subscriber,
    /// without any lock held; returns at once and does the work elsewhere.
    ///
    /// # Errors
    /// [`DeriveError`] when the key has no meaning or no resources are left; the subscriber gets it.
    fn derive(&self, stream: &Stream, key: &RenditionKey, writer: Writer) -> Result<(), DeriveError>;

    /// How much the rendition `key` may hold, where the streams hold `limits`.
    fn limits(&self, key: &RenditionKey, limits: RingLimits) -> RingLimits;
}

/// Why a rendition cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rendition {key:?}: {reason}")]
pub struct DeriveError {
    /// Which rendition.
    pub key: RenditionKey,
    /// Why not.
    pub reason: String,
}

/// A named stream. Clones are the same stream.
#[derive(Clone)]
pub struct Stream(Arc<Inner>);

struct Inner {
    name: StreamName,
    /// Which variant this is of the stream of that name; `None` is the stream itself.
    variant: Option<&'static str>,
    order: u64,
    orders: Orders,
    limits: RingLimits,
    derive: std::sync::Arc<dyn Derive>,
    clock: Clock,
    source: Arc<Rendition>,
    derived: Mutex<BTreeMap<RenditionKey, Arc<Rendition>>>,
    state: Mutex<StreamState>,
    control: Control,
    stats: Stats,
    /// Why the stream is gone for good, if it is.
    removed: Mutex<Option<std::sync::Arc<str>>>,
    variants: Mutex<BTreeMap<&'static str, Stream>>,
    stand_in: Mutex<StandIn>,
    /// One of [`AWAKE`], [`RESTING`] and [`WOKEN`].
    rest: AtomicU8,
}

/// The camera sends what is wanted.
const AWAKE: u8 = 0;
/// It was told that nobody watches.
const RESTING: u8 = 1;
/// It was told that somebody does again, and has sent no unit since.
const WOKEN: u8 = 2;

/// The variant that stands in for its stream, from when on, and what did before that.
#[derive(Clone, Copy, Default)]
struct StandIn {
    now: Option<&'static str>,
    since: Monotonic,
    before: Option<&'static str>,
}

/// Numbers streams and variants in the order of their creation.
#[derive(Clone, Default)]
pub(crate) struct Orders(std::sync::Arc<AtomicU64>);

impl Orders {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// What [`Stream::renditions`] tells of one rendition.
#[derive(Clone, Debug)]
pub struct RenditionInfo {
    /// Its key.
    pub key: RenditionKey,
    /// Subscriptions, packagers included.
    pub readers: usize,
    /// Payload held by its ring, in bytes.
    pub held_bytes: usize,
    /// Units held by its ring.
    pub held_units: usize,
    /// Whether somebody writes it now.
    pub active: bool,
}

impl Stream {
    pub(crate) fn new(
        name: StreamName,
        variant: Option<&'static str>,
        orders: Orders,
        limits: RingLimits,
        derive: std::sync::Arc<dyn Derive>,
        clock: Clock,
    ) -> Stream {
        let of_source = variant.map_or(limits, |name| derive.limits(&RenditionKey::of_variant(name), limits));
        Stream(Arc::new(Inner {
            name,
            variant,
            order: orders.next(),
            orders,
            limits,
            derive,
            clock,
            source: Arc::new(Rendition::new(of_source, StreamState::Waiting)),
            derived: Mutex::new(BTreeMap::new()),
            state: Mutex::new(StreamState::Waiting),
            control: Control::default(),
            stats: Stats::default(),
            removed: Mutex::new(None),
            variants: Mutex::new(BTreeMap::new()),
            stand_in: Mutex::default(),
            rest: AtomicU8::new(AWAKE),
        }))
    }

    /// The stream's name.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.0.name
    }

    /// The variant of this name: the same camera in another quality, made if need be. It is a stream of its own, with
    /// a publisher and renditions, and is found through this one only; it ends with it. What `state`, `stats` and
    /// `watch` tell of it is its own.
    ///
    /// A variant has no variants: asked for one it answers with itself.
    #[must_use]
    pub fn variant(&self, name: &'static str) -> Stream {
        if self.0.variant.is_some() {
            return self.clone();
        }
        let (limits, derive, clock) = (self.0.limits, self.0.derive.clone(), self.0.clock.clone());
        let make = || {
            let (stream, orders) = (self.0.name.clone(), self.0.orders.clone());
            Stream::new(stream, Some(name), orders, limits, derive, clock)
        };
        let variant = lock(&self.0.variants).entry(name).or_insert_with(make).clone();
        if let Some(reason) = self.removed() {
            variant.close(&reason);
        }
        variant
    }

    /// The variants that have been asked for, by name.
    #[must_use]
    pub fn variants(&self) -> Vec<(&'static str, Stream)> {
        lock(&self.0.variants).iter().map(|(name, variant)| (*name, variant.clone())).collect()
    }

    /// The variant whose pictures were the stream's own at `at`, where its camera sent nothing better
    /// ([`Publisher::stand_in`]). The latest change is known, so `at` may be the arrival of any unit that a ring holds.
    #[must_use]
    pub fn stand_in(&self, at: Monotonic) -> Option<&'static str> {
        let stand_in = *lock(&self.0.stand_in);
        if at >= stand_in.since { stand_in.now } else { stand_in.before }
    }

    pub(crate) fn set_stand_in(&self, variant: Option<&'static str>, since: Monotonic) {
        let mut stand_in = lock(&self.0.stand_in);
        if stand_in.now != variant {
            *stand_in = StandIn { now: variant, since, before: stand_in.now };
        }
    }

    /// Whether the camera rests because nobody watches, so that what is held may be old: [`Publisher::rest`]. Whoever
    /// subscribes wakes it.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.0.rest.load(Ordering::Relaxed) != AWAKE
    }

    pub(crate) fn set_resting(&self, rests: bool) {
        if rests {
            self.0.rest.store(RESTING, Ordering::Relaxed);
        } else {
            self.replace_rest(RESTING, WOKEN);
        }
    }

    /// A unit has come.
    pub(crate) fn note_awake(&self) {
        self.replace_rest(WOKEN, AWAKE);
    }

    /// The camera has left.
    pub(crate) fn forget_rest(&self) {
        self.0.rest.store(AWAKE, Ordering::Relaxed);
    }

    fn replace_rest(&self, from: u8, to: u8) {
        // Another value is another state, to which this change does not apply.
        let _ = self.0.rest.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Which variant this is; `None` for a stream itself.
    #[must_use]
    pub fn variant_name(&self) -> Option<&'static str> {
        self.0.variant
    }

    /// Its place in the order of creation, which no other stream or variant has.
    #[must_use]
    pub fn order(&self) -> u64 {
        self.0.order
    }

    /// The clock that stamps its units.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> StreamState {
        lock(&self.0.state).clone()
    }

    /// Sets the state and tells every reader of every rendition, if it is another than before.
    pub(crate) fn set_state(&self, state: StreamState) {
        // The lock is held while the renditions hear of it, so that they hear of changes in order.
        let mut current = lock(&self.0.state);
        if *current == state {
            return;
        }
        *current = state;
        self.0.source.set_state(&current);
        for rendition in lock(&self.0.derived).values() {
            rendition.set_state(&current);
        }
    }

    /// Becomes the publisher. A live publisher gives way only to the same [`Owner`]. `describe` is how
    /// people know the camera, e.g. its address.
    ///
    /// # Errors
    /// [`Busy`] when somebody else publishes.
    pub fn publish(&self, owner: Owner, describe: String) -> Result<Publisher, Busy> {
        let busy = |(_, by)| Busy { stream: self.0.name.to_string(), by };
        let begin = || self.0.source.begin();
        let (claim, run) = self.0.control.claim(owner, describe, self.0.clock.now(), begin).map_err(busy)?;
        Ok(Publisher::new(self.clone(), claim, run))
    }

    /// Who publishes now, as described by itself.
    #[must_use]
    pub fn publisher(&self) -> Option<String> {
        self.0.control.describe()
    }

    /// Who publishes now, and since when.
    #[must_use]
    pub fn owner(&self) -> Option<(Owner, Monotonic)> {
        self.0.control.owner()
    }

    /// Subscribes to a rendition; starts it if it is derived and nobody reads it yet.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn subscribe(&self, key: &RenditionKey, start: Start) -> Result<Subscription, DeriveError> {
        self.subscribe_for(key, start, Want::EVERYTHING)
    }

    /// Subscribes to a rendition for no more than `want`, as [`Stream::subscribe`]: the units are those that all get,
    /// but where nobody wants more the camera may give less.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn subscribe_for(
        &self,
        key: &RenditionKey,
        start: Start,
        want: Want,
    ) -> Result<Subscription, DeriveError> {
        let derived = *key != RenditionKey::SOURCE;
        let rendition = if derived { self.derived(key) } else { self.0.source.clone() };
        let cursor = Subscription::cursor(start, rendition.keyframe_age());
        let (reader, start_run) = rendition.join(cursor, want, derived);
        let subscription = Subscription::new(rendition.clone(), reader);
        if let Some(run) = start_run {
            self.0.derive.derive(self, key, Writer::new(rendition, run))?;
        }
        Ok(subscription)
    }

    fn derived(&self, key: &RenditionKey) -> Arc<Rendition> {
        // Same order of locks as in `set_state`: a rendition is born with the state that holds now.
        let state = lock(&self.0.state);
        let mut derived = lock(&self.0.derived);
        if derived.len() >= MAX_IDLE && !derived.contains_key(key) {
            // Handles are given out under this lock only: who is the last to have one is not used by anybody.
            derived.retain(|_, rendition| Arc::strong_count(rendition) > 1);
        }
        let limits = || self.0.derive.limits(key, self.0.limits);
        let make = || Arc::new(Rendition::new(limits(), state.clone()));
        let rendition = derived.entry(key.clone()).or_insert_with(make).clone();
        if let Some(reason) = self.removed() {
            rendition.close(&reason);
        }
        rendition
    }

    /// Ends the stream for good, for its publisher and all its readers.
    pub(crate) fn close(&self, reason: &str) {
        let reason = std::sync::Arc::from(reason);
        *lock(&self.0.removed) = Some(std::sync::Arc::clone(&reason));
        self.set_state(StreamState::Offline(reason.clone()));
        self.0.source.close(&reason);
        for rendition in lock(&self.0.derived).values() {
            rendition.close(&reason);
        }
        for (_, variant) in self.variants() {
            variant.close(&reason);
        }
    }

    /// Why the stream is gone for good, if [`crate::Hub::remove`] has removed it: nothing comes any more.
    #[must_use]
    pub fn removed(&self) -> Option<std::sync::Arc<str>> {
        lock(&self.0.removed).clone()
    }

    /// Waits until somebody reads the source, directly or through what is made of it, if nobody did
    /// (`was` is false); else until nobody does any more. For one who waits at a time.
    pub async fn demand_changed(&self, was: bool) -> bool {
        std::future::poll_fn(|cx| self.0.source.poll_demand(was, cx)).await
    }

    /// Waits until what serves all readers of the source is not `was`; `None` is nobody. What is made of the source
    /// reads it for its own readers. For one who waits at a time, and not beside [`Stream::demand_changed`].
    pub async fn want_changed(&self, was: Option<Want>) -> Option<Want> {
        std::future::poll_fn(|cx| self.0.source.poll_want(was, cx)).await
    }

    /// The newest unit of the source, from memory, and its number.
    #[must_use]
    pub fn newest(&self) -> Option<(Unit, u64)> {
        self.0.source.newest()
    }

    /// The newest unit of any rendition that exists, and its number within that.
    #[must_use]
    pub fn newest_of(&self, key: &RenditionKey) -> Option<(Unit, u64)> {
        if *key == RenditionKey::SOURCE {
            return self.newest();
        }
        let rendition = lock(&self.0.derived).get(key).cloned();
        rendition?.newest()
    }

    /// All renditions that exist, the source first.
    #[must_use]
    pub fn renditions(&self) -> Vec<RenditionInfo> {
        let info = |key: &RenditionKey, rendition: &Rendition| RenditionInfo {
            key: key.clone(),
            readers: rendition.readers(),
            held_bytes: rendition.held().0,
            held_units: rendition.held().1,
            active: rendition.is_written(),
        };
        let source = info(&RenditionKey::SOURCE, &self.0.source);
        let derived = lock(&self.0.derived);
        std::iter::once(source).chain(derived.iter().map(|(key, r)| info(key, r))).collect()
    }

    /// Whether the caller's handle is the only one.
    pub(crate) fn is_held_once(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Counters and rates.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        self.0.stats.snapshot(self.0.clock.now())
    }

    /// Counts input that was refused. `kind` is a short label, `error` says what was wrong.
    pub fn count_drop(&self, kind: &'static str, error: String) {
        self.0.stats.dropped(kind, error);
    }

    /// Counts a viewer for as long as the guard lives.
    #[must_use]
    pub fn watch(&self) -> ViewerGuard {
        ViewerGuard::new(self.clone())
    }

    pub(crate) fn source(&self) -> &Rendition {
        &self.0.source
    }

    pub(crate) fn control(&self) -> &Control {
        &self.0.control
    }

    pub(crate) fn counters(&self) -> &Stats {
        &self.0.stats
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.variant {
            Some(variant) => write!(f, "Stream({}/{variant})", self.0.name),
            None => write!(f, "Stream({})", self.0.name),
        }
    }
}
