//! Which connection writes what: the two qualities of one number are one stream. Events in, decisions out; no
//! sockets, no clock of its own.
//!
//! The stream is the best quality that is live. The low one, while it is not the stream, is the stream's variant
//! `low`. Whoever begins to write either does so at a keyframe, so that pictures of two encoders never interleave.

use camherd_media::time::Monotonic;
use camherd_media::wire::tcp_push::Quality;
use std::net::IpAddr;
use std::time::Duration;

/// A connection.
pub(super) type Id = u64;

/// A sender without a picture for so long may be the dead connection of a device that is back: a device gives a
/// connection up after some seconds without a sign of life. With less, two senders on one host that have the same number
/// would replace each other for ever.
pub(super) const TAKEOVER: Duration = Duration::from_secs(2);

/// Another sender is at work on this quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// From where.
    pub by: IpAddr,
}

/// Where a unit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To the stream.
    Main,
    /// To its variant `low`.
    Variant,
    /// To nobody: the one that it would follow is another encoder's.
    Nowhere,
}

/// What becomes of the stream or the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    Same,
    /// No pictures come for it at the moment.
    Stalled,
    /// Nobody writes it any more.
    Ended,
}

/// What an event leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    /// For the stream.
    pub main: Change,
    /// For the variant.
    pub variant: Change,
}

impl Effect {
    const NONE: Effect = Effect { main: Change::Same, variant: Change::Same };
}

#[derive(Clone, Copy, Debug)]
struct Side {
    id: Id,
    address: IpAddr,
    /// Pictures come.
    live: bool,
    /// None came for so long that another sender may have the place.
    silent: bool,
    /// When the newest picture came, or the connection.
    heard: Monotonic,
}

/// The connections of one number.
#[derive(Debug)]
pub(super) struct Group {
    low: Option<Side>,
    high: Option<Side>,
    /// Who writes the stream.
    main: Option<Id>,
    /// Who writes the variant.
    variant: Option<Id>,
    /// When the stream was last written or, if that is later, was said to be stalled.
    written: Monotonic,
    longest_silence: Duration,
}

impl Group {
    /// Without connections at `now`. A stream without a picture for `longest_silence` is stalled.
    pub(super) fn new(longest_silence: Duration, now: Monotonic) -> Group {
        Group { low: None, high: None, main: None, variant: None, written: now, longest_silence }
    }

    /// A connection comes at `now`. The one that it replaces, if any, has no part in this any more: a device that
    /// reconnects, whose old connection is dead, or the successor of one that is silent.
    ///
    /// # Errors
    /// [`Taken`] when somebody else is at work.
    pub(super) fn join(
        &mut self,
        id: Id,
        quality: Quality,
        address: IpAddr,
        now: Monotonic,
    ) -> Result<Option<Id>, Taken> {
        let place = self.place(quality);
        let old = *place;
        let gives_way =
            |side: &Side| side.silent || (side.address == address && now.since(side.heard) >= TAKEOVER);
        if let Some(side) = old.filter(|side| !gives_way(side)) {
            return Err(Taken { by: side.address });
        }
        *place = Some(Side { id, address, live: false, silent: false, heard: now });
        let old = old.map(|side| side.id);
        if old.is_some() {
            self.main = self.main.filter(|main| Some(*main) != old);
            self.variant = self.variant.filter(|variant| Some(*variant) != old);
        }
        Ok(old)
    }

    /// A unit of `id` has come at `now`: where it goes.
    pub(super) fn unit(&mut self, id: Id, keyframe: bool, now: Monotonic) -> (Route, Effect) {
        let Some(quality) = self.quality(id) else { return (Route::Nowhere, Effect::NONE) };
        if let Some(side) = self.place(quality) {
            (side.live, side.silent, side.heard) = (true, false, now);
        }
        let mut effect = Effect::NONE;
        let writer_lives = self.main.and_then(|main| self.side(main)).is_some_and(|side| side.live);
        if self.main != Some(id) && keyframe && (quality == Quality::High || !writer_lives) {
            self.main = Some(id);
            if self.variant == Some(id) {
                (self.variant, effect.variant) = (None, Change::Ended);
            }
        }
        if self.main == Some(id) {
            self.written = now;
            return (Route::Main, effect);
        }
        if now.since(self.written) > self.longest_silence {
            // Its writer is gone, and the other one gives no keyframe to go on from.
            (self.written, effect.main) = (now, Change::Stalled);
        }
        if quality == Quality::Low && keyframe {
            self.variant = Some(id);
        }
        (if self.variant == Some(id) { Route::Variant } else { Route::Nowhere }, effect)
    }

    /// No picture has come from `id` for long.
    pub(super) fn silent(&mut self, id: Id) -> Effect {
        let Some(quality) = self.quality(id) else { return Effect::NONE };
        if let Some(side) = self.place(quality) {
            (side.live, side.silent) = (false, true);
        }
        let variant = if self.variant == Some(id) { Change::Stalled } else { Change::Same };
        Effect { main: self.main_without_life(), variant }
    }

    /// The connection `id` is over.
    pub(super) fn leave(&mut self, id: Id) -> Effect {
        let Some(quality) = self.quality(id) else { return Effect::NONE };
        *self.place(quality) = None;
        self.main = self.main.filter(|main| *main != id);
        let ended = self.variant == Some(id);
        if ended {
            self.variant = None;
        }
        let variant = if ended { Change::Ended } else { Change::Same };
        let main = if self.is_empty() { Change::Ended } else { self.main_without_life() };
        Effect { main, variant }
    }

    /// Whether there is no connection.
    pub(super) fn is_empty(&self) -> bool {
        self.low.is_none() && self.high.is_none()
    }

    /// While one of them is live the stream is, or is about to be again.
    fn main_without_life(&self) -> Change {
        let live = [self.low, self.high].iter().flatten().any(|side| side.live);
        if live { Change::Same } else { Change::Stalled }
    }

    fn place(&mut self, quality: Quality) -> &mut Option<Side> {
        match quality {
            Quality::Low => &mut self.low,
            Quality::High => &mut self.high,
        }
    }

    fn side(&self, id: Id) -> Option<&Side> {
        [&self.low, &self.high].into_iter().flatten().find(|side| side.id == id)
    }

    /// Which quality a connection sends.
    pub(super) fn quality(&self, id: Id) -> Option<Quality> {
        let is = |side: &Option<Side>| side.is_some_and(|side| side.id == id);
        match (is(&self.low), is(&self.high)) {
            (true, _) => Some(Quality::Low),
            (_, true) => Some(Quality::High),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Id = 1;
    const HIGH: Id = 2;
    const STALL: Duration = Duration::from_secs(10);
    const MAIN: (Route, Effect) = (Route::Main, Effect::NONE);
    const VARIANT: (Route, Effect) = (Route::Variant, Effect::NONE);
    const NOWHERE: (Route, Effect) = (Route::Nowhere, Effect::NONE);
    const MAIN_STALLED: Effect = Effect { main: Change::Stalled, variant: Change::Same };
    const MAIN_ENDED: Effect = Effect { main: Change::Ended, variant: Change::Same };
    const VARIANT_ENDED: Effect = Effect { main: Change::Same, variant: Change::Ended };
    const VARIANT_STALLED: Effect = Effect { main: Change::Same, variant: Change::Stalled };

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    struct Numbers(Group, u64);

    impl Numbers {
        fn new() -> Numbers {
            Numbers(Group::new(STALL, Monotonic(0)), 0)
        }

        fn both() -> Numbers {
            let mut group = Numbers::new();
            group.join(LOW, Quality::Low, 1).unwrap();
            group.join(HIGH, Quality::High, 1).unwrap();
            group
        }

        /// Low is the variant, high the stream.
        fn running() -> Numbers {
            let mut group = Numbers::both();
            assert_eq!((group.key(HIGH), group.key(LOW)), (MAIN, VARIANT));
            group
        }

        fn join(&mut self, id: Id, quality: Quality, host: u8) -> Result<Option<Id>, Taken> {
            self.0.join(id, quality, address(host), Monotonic(self.1))
        }

        fn key(&mut self, id: Id) -> (Route, Effect) {
            self.1 += 1000;
            self.0.unit(id, true, Monotonic(self.1))
        }

        fn delta(&mut self, id: Id) -> (Route, Effect) {
            self.1 += 1000;
            self.0.unit(id, false, Monotonic(self.1))
        }
    }

    #[test]
    fn either_quality_alone_is_the_stream() {
        for (id, quality) in [(LOW, Quality::Low), (HIGH, Quality::High)] {
            let mut group = Numbers::new();
            assert_eq!(group.join(id, quality, 1), Ok(None));
            assert_eq!(group.delta(id), NOWHERE, "it begins at a keyframe");
            assert_eq!((group.key(id), group.delta(id)), (MAIN, MAIN));
            assert_eq!(group.0.silent(id), MAIN_STALLED);
            assert_eq!(group.delta(id), MAIN, "the same encoder goes on");
            assert_eq!(group.0.leave(id), MAIN_ENDED);
            assert!(group.0.is_empty());
        }
    }

    #[test]
    fn high_takes_over_at_its_keyframe_and_low_becomes_the_variant_at_its_own() {
        let mut group = Numbers::both();
        assert_eq!((group.key(LOW), group.delta(LOW)), (MAIN, MAIN));
        assert_eq!((group.delta(HIGH), group.delta(LOW)), (NOWHERE, MAIN), "high has no keyframe yet");
        assert_eq!(group.key(HIGH), MAIN);
        assert_eq!((group.delta(LOW), group.delta(HIGH)), (NOWHERE, MAIN));
        assert_eq!((group.key(LOW), group.delta(LOW), group.delta(HIGH)), (VARIANT, VARIANT, MAIN));
    }

    #[test]
    fn low_takes_over_at_its_keyframe_when_high_leaves_and_the_variant_ends() {
        let mut group = Numbers::running();
        assert_eq!(group.0.leave(HIGH), Effect::NONE, "low is about to go on");
        assert_eq!(group.delta(LOW), VARIANT);
        assert_eq!(group.key(LOW), (Route::Main, VARIANT_ENDED));
        assert_eq!(group.delta(LOW), MAIN);
        assert_eq!(group.0.leave(LOW), MAIN_ENDED);
    }

    #[test]
    fn low_takes_over_when_high_is_silent_and_gives_way_when_it_is_back() {
        let mut group = Numbers::running();
        assert_eq!(group.0.silent(HIGH), Effect::NONE);
        assert_eq!(group.key(LOW), (Route::Main, VARIANT_ENDED));
        assert_eq!((group.delta(HIGH), group.delta(LOW)), (NOWHERE, MAIN), "not in the middle of a group");
        assert_eq!((group.key(HIGH), group.delta(LOW), group.key(LOW)), (MAIN, NOWHERE, VARIANT));
    }

    #[test]
    fn high_goes_on_when_low_was_not_quick_enough_to_take_over() {
        let mut group = Numbers::running();
        assert_eq!(group.0.silent(HIGH), Effect::NONE);
        assert_eq!((group.delta(LOW), group.delta(HIGH)), (VARIANT, MAIN));
        assert_eq!(group.key(LOW), VARIANT);
    }

    #[test]
    fn what_low_does_leaves_the_stream_alone() {
        let mut group = Numbers::running();
        assert_eq!(group.0.silent(LOW), VARIANT_STALLED);
        assert_eq!(group.delta(HIGH), MAIN);
        assert_eq!(group.delta(LOW), VARIANT);
        assert_eq!(group.0.leave(LOW), VARIANT_ENDED);
        assert_eq!(group.delta(HIGH), MAIN);
        assert_eq!(group.0.leave(HIGH), MAIN_ENDED);
    }

    #[test]
    fn the_stream_stalls_when_both_are_silent_in_either_order() {
        let mut group = Numbers::running();
        assert_eq!((group.0.silent(HIGH), group.0.silent(LOW).main), (Effect::NONE, Change::Stalled));
        let mut group = Numbers::running();
        assert_eq!((group.0.silent(LOW).main, group.0.silent(HIGH).main), (Change::Same, Change::Stalled));
        assert_eq!(group.0.leave(HIGH), MAIN_STALLED, "low is there and silent");
        assert_eq!(group.key(LOW), (Route::Main, VARIANT_ENDED));
    }

    #[test]
    fn the_stream_stalls_when_low_gives_no_keyframe_to_go_on_from() {
        let mut group = Numbers::running();
        group.0.leave(HIGH);
        assert_eq!(group.delta(LOW), VARIANT);
        group.1 += 11_000_000;
        assert_eq!(group.delta(LOW), (Route::Variant, MAIN_STALLED));
        assert_eq!(group.delta(LOW), VARIANT, "said once");
        assert_eq!(group.key(LOW), (Route::Main, VARIANT_ENDED));
    }

    #[test]
    fn the_same_address_takes_over_and_another_only_what_is_silent() {
        let mut group = Numbers::running();
        assert_eq!(group.join(3, Quality::High, 2), Err(Taken { by: address(1) }));
        assert_eq!(group.join(3, Quality::High, 1), Err(Taken { by: address(1) }), "it is at work");
        group.1 += TAKEOVER.as_micros() as u64;
        assert_eq!(group.join(3, Quality::High, 2), Err(Taken { by: address(1) }), "another waits longer");
        assert_eq!(group.join(3, Quality::High, 1), Ok(Some(HIGH)));
        assert_eq!(group.join(6, Quality::High, 1), Err(Taken { by: address(1) }), "it has just come");
        assert_eq!(group.0.leave(HIGH), Effect::NONE, "the replaced one has no part any more");
        assert_eq!((group.key(HIGH), group.delta(3), group.delta(LOW)), (NOWHERE, NOWHERE, VARIANT));
        assert_eq!((group.key(3), group.delta(LOW)), (MAIN, VARIANT));
        group.0.silent(3);
        assert_eq!(group.join(4, Quality::High, 2), Ok(Some(3)));
        group.1 += TAKEOVER.as_micros() as u64;
        assert_eq!(group.join(5, Quality::Low, 1), Ok(Some(LOW)));
        assert_eq!((group.delta(5), group.key(5)), (NOWHERE, MAIN), "nobody writes the stream");
        assert_eq!(group.key(4), MAIN);
    }

    /// Whatever happens in whatever order: only a keyframe changes who writes, one writes at a time, and nobody who
    /// is gone.
    #[test]
    fn every_order_of_events_keeps_encoders_apart() {
        // Six events of two connections, in every sequence of six: 46 656.
        for sequence in 0..6u32.pow(6) {
            let mut group = Numbers::new();
            let (mut writer, mut low, mut here) = (None, None, [false; 2]);
            for step in 0..6 {
                let event = sequence / 6u32.pow(step) % 6;
                let (id, quality) = if event < 3 { (LOW, Quality::Low) } else { (HIGH, Quality::High) };
                let there = &mut here[usize::from(id == HIGH)];
                match (event % 3, *there) {
                    (0, true) => {
                        group.0.leave(id);
                        *there = false;
                    }
                    (0, false) => {
                        group.join(id, quality, 1).unwrap();
                        *there = true;
                        // The same number again is another encoder.
                        writer = writer.filter(|writer| *writer != id);
                        low = low.filter(|low| *low != id);
                    }
                    (kind, there) => {
                        let (route, _) = if kind == 1 { group.key(id) } else { group.delta(id) };
                        assert!(there || route == Route::Nowhere, "{sequence}");
                        let place = match route {
                            Route::Main => &mut writer,
                            Route::Variant => &mut low,
                            Route::Nowhere => continue,
                        };
                        assert!(
                            *place == Some(id) || kind == 1,
                            "{sequence}: an encoder begins in the middle"
                        );
                        *place = Some(id);
                        assert!(route == Route::Main || id == LOW, "{sequence}");
                    }
                }
            }
        }
    }
}
