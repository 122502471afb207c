//! The stream numbers that are being pushed, each with its connections and its stream.

use super::group::{Change, Effect, Group, Id, Route, TAKEOVER};
use crate::config::TcpPush;
use camherd_hub::{Busy, Full, Hub, Owner, Publisher, Stream};
use camherd_media::time::MediaTime;
use camherd_media::unit::Unit;
use camherd_media::wire::tcp_push::{Header, Quality};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The variant of a stream that the low quality is while there is a high one.
pub const LOW: &str = "low";

/// Why a connection gets no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Too many numbers.
    #[error("{limit} stream numbers are being pushed already (tcp_push.max_streams)")]
    Numbers {
        /// The limit.
        limit: usize,
    },
    /// Too many streams.
    #[error("{0} (limits.streams)")]
    Full(#[from] Full),
    /// The stream is another camera's.
    #[error("{0}; give the number another name in tcp_push.streams")]
    Busy(#[from] Busy),
    /// This quality is another sender's.
    #[error("{} quality of number {number} is being pushed from {by} already", quality.name())]
    Taken {
        /// The stream number.
        number: u16,
        /// Which quality.
        quality: Quality,
        /// The other sender.
        by: IpAddr,
    },
    /// This quality is being sent from the same address.
    #[error(
        "{} quality of number {number} is being pushed from this very address already: two senders have the same number, \
         or a device is back, which is let in once its old connection has sent no picture for {} s",
        quality.name(), TAKEOVER.as_secs()
    )]
    TakenHere {
        /// The stream number.
        number: u16,
        /// Which quality.
        quality: Quality,
    },
    /// The number has no name that a stream can have.
    #[error("number {0} has no stream name")]
    Nameless(u16),
}

/// The stream was removed, and with it the number's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Removed;

/// All numbers.
pub(super) struct Numbers {
    hub: Hub,
    settings: TcpPush,
    longest_silence: Duration,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    pushed: BTreeMap<u16, Arc<Mutex<Pushed>>>,
    ids: Id,
}

/// One number.
struct Pushed {
    group: Group,
    number: u16,
    stream: Stream,
    owner: Owner,
    main: Option<Output>,
    low: Option<Output>,
    /// The connections.
    senders: BTreeMap<Id, Sender>,
    /// Whose address is told as the camera's: that of who writes the stream.
    shown: IpAddr,
}

struct Sender {
    address: IpAddr,
    /// Tells it that it was replaced.
    replaced: Arc<Notify>,
}

/// The way into a stream or its variant.
struct Output {
    publisher: Publisher,
    /// Presentation time of the newest unit: two connections read the clock one after the other, and may write the
    /// other way round.
    last: MediaTime,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Numbers {
    pub(super) fn new(hub: Hub, settings: TcpPush, longest_silence: Duration) -> Arc<Numbers> {
        Arc::new(Numbers { hub, settings, longest_silence, open: Mutex::default() })
    }

    /// The name of a number's stream, for people.
    pub(super) fn name(&self, number: u16) -> String {
        self.settings.name(number).map_or_else(|| number.to_string(), |name| name.to_string())
    }

    /// Takes a place for a connection from `peer`.
    pub(super) fn join(self: &Arc<Self>, header: Header, peer: IpAddr) -> Result<Place, Refused> {
        let (number, quality) = (header.number, header.quality);
        let mut open = lock(&self.open);
        open.ids += 1;
        let id = open.ids;
        // The connections of a stream that was removed are about to find that out; this one is of the next.
        let known = open.pushed.get(&number).filter(|known| lock(known).stream.removed().is_none());
        let pushed = match known {
            Some(pushed) => pushed.clone(),
            None if open.pushed.len() >= self.settings.max_streams && !open.pushed.contains_key(&number) => {
                return Err(Refused::Numbers { limit: self.settings.max_streams });
            }
            None => Arc::new(Mutex::new(self.open(number, peer)?)),
        };
        let (stream, replaced) = {
            let mut pushed = lock(&pushed);
            let now = pushed.stream.clock().now();
            let joined = pushed.group.join(id, quality, peer, now);
            let old = joined.map_err(|taken| {
                pushed.stream.count_drop("taken", format!("a second sender at {peer} was refused"));
                match taken.by {
                    by if by == peer => Refused::TakenHere { number, quality },
                    by => Refused::Taken { number, quality, by },
                }
            })?;
            if let Some(old) = old.and_then(|old| pushed.senders.remove(&old)) {
                pushed.stream.count_drop("replaced", format!("a newer connection came from {peer}"));
                old.replaced.notify_one();
            }
            let replaced = Arc::new(Notify::new());
            pushed.senders.insert(id, Sender { address: peer, replaced: replaced.clone() });
            (pushed.stream.clone(), replaced)
        };
        open.pushed.insert(number, pushed.clone());
        drop(open);
        let reason = "the camera disconnected".to_owned();
        Ok(Place { numbers: self.clone(), pushed, number, id, stream, replaced, reason })
    }

    fn open(&self, number: u16, peer: IpAddr) -> Result<Pushed, Refused> {
        let name = self.settings.name(number).ok_or(Refused::Nameless(number))?;
        let stream = self.hub.get_or_create(&name)?;
        let owner = Owner(format!("tcp {number}"));
        let publisher = stream.publish(owner.clone(), describe(peer, number))?;
        Ok(Pushed {
            group: Group::new(self.longest_silence, stream.clock().now()),
            stream,
            owner,
            main: Some(Output { publisher, last: MediaTime(i64::MIN) }),
            low: None,
            senders: BTreeMap::new(),
            shown: peer,
            number,
        })
    }
}

/// A connection's place among those of its number; given up when it is dropped.
pub(super) struct Place {
    numbers: Arc<Numbers>,
    pushed: Arc<Mutex<Pushed>>,
    number: u16,
    id: Id,
    stream: Stream,
    replaced: Arc<Notify>,
    reason: String,
}

impl Place {
    /// The stream of the number.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Resolves when another connection has this one's place.
    pub(super) async fn replaced(&self) {
        self.replaced.notified().await;
    }

    /// Passes a unit on to where it belongs. Never waits.
    pub(super) fn push(&self, unit: Unit) -> Result<(), Removed> {
        lock(&self.pushed).push(self.id, unit)
    }

    /// No picture has come for long.
    pub(super) fn silent(&self, reason: &str) {
        let mut pushed = lock(&self.pushed);
        let effect = pushed.group.silent(self.id);
        pushed.apply(effect, reason);
    }

    /// Gives the place up, for this reason.
    pub(super) fn leave(mut self, reason: String) {
        self.reason = reason;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.numbers.open);
        let mut pushed = lock(&self.pushed);
        pushed.senders.remove(&self.id);
        let effect = pushed.group.leave(self.id);
        pushed.apply(effect, &self.reason);
        let is_ours =
            || open.pushed.get(&self.number).is_some_and(|current| Arc::ptr_eq(current, &self.pushed));
        if pushed.group.is_empty() && is_ours() {
            open.pushed.remove(&self.number);
        }
    }
}

impl Pushed {
    fn push(&mut self, id: Id, unit: Unit) -> Result<(), Removed> {
        let (route, effect) = self.group.unit(id, unit.keyframe, unit.stamps.received);
        change(&mut self.main, effect.main, "the other quality sends no keyframe to go on from");
        change(&mut self.low, effect.variant, "it is the only one now");
        match route {
            Route::Main => {
                self.show(id)?;
                let stands_in = self.group.quality(id) == Some(Quality::Low);
                let main = self.main.as_mut().ok_or(Removed)?;
                main.publisher.stand_in(stands_in.then_some(LOW), unit.stamps.received);
                main.push(unit)
            }
            Route::Nowhere => Ok(()),
            Route::Variant => {
                if self.low.is_none() {
                    let address = self.senders.get(&id).map_or(self.shown, |sender| sender.address);
                    let describe = describe(address, self.number);
                    let variant = self.stream.variant(LOW).publish(self.owner.clone(), describe);
                    let publisher = variant.map_err(|_| Removed)?;
                    self.low = Some(Output { publisher, last: MediaTime(i64::MIN) });
                }
                self.low.as_mut().ok_or(Removed)?.push(unit)
            }
        }
    }

    /// Publishes anew where the stream has another camera than is told.
    fn show(&mut self, id: Id) -> Result<(), Removed> {
        let address = self.senders.get(&id).map_or(self.shown, |sender| sender.address);
        if let Some(main) = self.main.as_mut().filter(|_| address != self.shown) {
            let described = self.stream.publish(self.owner.clone(), describe(address, self.number));
            main.publisher = described.map_err(|_| Removed)?;
            self.shown = address;
        }
        Ok(())
    }

    fn apply(&mut self, effect: Effect, reason: &str) {
        change(&mut self.main, effect.main, reason);
        change(&mut self.low, effect.variant, reason);
    }
}

/// What people are told of a sender.
fn describe(address: IpAddr, number: u16) -> String {
    format!("{address} (TCP push, number {number})")
}

fn change(output: &mut Option<Output>, change: Change, reason: &str) {
    match change {
        Change::Same => {}
        Change::Stalled => output.iter_mut().for_each(|output| output.publisher.stalled(reason)),
        Change::Ended => {
            if let Some(output) = output.take() {
                output.publisher.end(reason);
            }
        }
    }
}

impl Output {
    fn push(&mut self, mut unit: Unit) -> Result<(), Removed> {
        unit.pts = unit.pts.max(self.last);
        unit.dts = unit.dts.max(self.last);
        self.last = unit.pts;
        self.publisher.push(unit).map_err(|_| Removed)
    }
}
