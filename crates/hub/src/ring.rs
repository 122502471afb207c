//! The ring behind a rendition: the newest units, bounded, and the rule that moves a reader through them.
//!
//! Pure data: no lock, no waker, no clock.

use camherd_media::unit::Unit;
use std::collections::VecDeque;
use std::time::Duration;

/// How much one rendition may hold, and when a reader counts as behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Upper bound of the payload bytes held. A single larger unit is held alone.
    pub bytes: usize,
    /// Upper bound of the number of units held, for streams of tiny units.
    pub units: usize,
    /// How far behind the newest unit a reader may be, in media time, before it resumes at a newer
    /// keyframe. Units older than this are kept only as part of the newest group of pictures.
    pub window: Duration,
    /// A reader is not behind while at most this many units wait for it: of a slow camera, the next frame
    /// is always old. It keeps no unit that `window` lets go.
    pub slack: u64,
}

impl Default for RingLimits {
    /// 16 MiB holds any one message that an ingress accepts and 2 s of 4K video at 64 Mbit/s; half a
    /// second is the most delay that a live picture may gain by a slow link; four frames absorb
    /// scheduling.
    fn default() -> RingLimits {
        RingLimits { bytes: 16 << 20, units: 2048, window: Duration::from_millis(500), slack: 4 }
    }
}

/// Where a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// Takes the newest keyframe that is there, else waits for one.
    Newest,
    /// Waits for the first keyframe at or after this sequence number.
    KeyframeFrom(u64),
    /// The same, but does not ask for one: a reader that is too slow.
    SkipFrom(u64),
    /// Takes this unit next.
    At(u64),
}

/// What a reader gets: the unit, its number, and how many units it missed before it.
pub(crate) struct Taken<'a> {
    pub unit: &'a Unit,
    pub seq: u64,
    pub missed: u64,
}

#[derive(Debug)]
pub(crate) struct Ring {
    limits: RingLimits,
    units: VecDeque<Unit>,
    /// Sequence number of the front unit (of the next one, when empty).
    first: u64,
    bytes: usize,
    /// Newest keyframe that is still held.
    key: Option<u64>,
}

impl Ring {
    pub(crate) fn new(limits: RingLimits) -> Ring {
        Ring { limits, units: VecDeque::new(), first: 0, bytes: 0, key: None }
    }

    /// The number that the next unit will get.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.units.len() as u64
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.units.len()
    }

    pub(crate) fn newest(&self) -> Option<&Unit> {
        self.units.back()
    }

    pub(crate) fn push(&mut self, unit: Unit) {
        if unit.keyframe {
            self.key = Some(self.end());
        }
        self.bytes += unit.payload.len();
        self.units.push_back(unit);
        while self.front_may_go() {
            self.pop_front();
        }
    }

    /// Forgets all units; numbering goes on.
    pub(crate) fn clear(&mut self) {
        self.first = self.end();
        self.units.clear();
        self.bytes = 0;
        self.key = None;
    }

    /// Forgets what nobody who joins would take: all before the newest keyframe.
    pub(crate) fn keep_newest_group(&mut self) {
        while self.key.is_some_and(|key| self.first < key) {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(gone) = self.units.pop_front() {
            self.bytes -= gone.payload.len();
            if self.key == Some(self.first) {
                self.key = None;
            }
            self.first += 1;
        }
    }

    fn front_may_go(&self) -> bool {
        let (Some(front), Some(back)) = (self.units.front(), self.units.back()) else { return false };
        if self.units.len() == 1 {
            return false;
        }
        if self.bytes > self.limits.bytes || self.units.len() > self.limits.units {
            return true;
        }
        // The newest group stays whole for those who join; what is older goes with its age.
        self.key.is_some_and(|key| self.first < key) && back.dts.since(front.dts) > self.limits.window
    }

    fn get(&self, seq: u64) -> Option<&Unit> {
        self.units.get(usize::try_from(seq.checked_sub(self.first)?).ok()?)
    }

    /// Whether a reader at `seq` is too far behind the newest unit.
    fn behind(&self, seq: u64) -> bool {
        match (self.get(seq), self.units.back()) {
            (Some(next), Some(newest)) => {
                self.end() - seq > self.limits.slack && newest.dts.since(next.dts) > self.limits.window
            }
            _ => false,
        }
    }

    /// The next unit for a reader at `cursor`, which is moved past it. `None`: nothing for it yet.
    pub(crate) fn take(&self, cursor: &mut Cursor) -> Option<Taken<'_>> {
        let (seq, missed) = match *cursor {
            Cursor::Newest => (self.key?, 0),
            Cursor::KeyframeFrom(from) | Cursor::SkipFrom(from) => {
                let key = self.key.filter(|key| *key >= from)?;
                (key, key - from)
            }
            Cursor::At(at) if at >= self.end() => return None,
            Cursor::At(at) => match self.key {
                Some(key) if key > at && (at < self.first || self.behind(at)) => (key, key - at),
                _ if at < self.first => {
                    // Its group is gone and no newer one has begun: nothing that it could decode.
                    *cursor = Cursor::KeyframeFrom(at);
                    return None;
                }
                _ => (at, 0),
            },
        };
        let unit = self.get(seq)?;
        *cursor = Cursor::At(seq + 1);
        Some(Taken { unit, seq, missed })
    }

    /// Whether a reader at `cursor` would be served sooner by a keyframe made for it.
    pub(crate) fn wants_keyframe(&self, cursor: Cursor) -> bool {
        match cursor {
            Cursor::Newest => self.key.is_none(),
            Cursor::KeyframeFrom(from) => self.key.is_none_or(|key| key < from),
            // Who is slow waits for the next one that comes anyway: asking would cost all the others.
            Cursor::At(_) | Cursor::SkipFrom(_) => false,
        }
    }

    /// How old the newest keyframe is in relation to the newest unit, in media time.
    pub(crate) fn keyframe_age(&self) -> Option<Duration> {
        let key = self.get(self.key?)?;
        Some(self.units.back()?.dts.since(key.dts))
    }
}

#[cfg(all(test, not(camherd_loom)))]
mod tests;
