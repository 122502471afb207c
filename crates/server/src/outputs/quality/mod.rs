//! Quality that follows the viewer: a reader of a stream that moves to a lower quality when its link is too slow, and
//! back when it keeps up again.
//!
//! It moves at keyframes only: the other quality is read beside the one that is shown until it gives its first picture. A
//! viewer whose link does not even carry the lowest gets fewer pictures, not later ones.

mod pressure;

use crate::transcode::{Input, Ladder, Quality};
use camherd_hub::{Delivery, DeriveError, Event, Stream, ViewerGuard};
use camherd_media::time::{MediaTime, Monotonic};
use camherd_media::unit::{Codec, Stamps};
use pressure::{Pressure, Verdict};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A picture that waited for so long is not sent any more: what comes next is the newest keyframe. With what the
/// kernel holds (a quarter of a second) and the way through a slow link, a viewer stays within a second.
const TOO_LATE: Duration = Duration::from_millis(600);

/// The same for pictures that stand alone: the next one is the newest, so that skipping costs nothing but what is late.
const TOO_LATE_ALONE: Duration = Duration::from_millis(300);

/// A picture that stands alone gives way to a newer one when it would come so late, by what is known: see [`gives_way`]. A
/// hiccup of a sixth of a second loses nothing.
const WORN: Duration = Duration::from_millis(500);

/// The same while the link is known to be slow: what waits in it comes on top.
const WORN_ALREADY: Duration = Duration::from_millis(300);

/// Another quality that gives no picture in this time is not to be had: many cameras send a keyframe each ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// For so long a viewer whose link is too slow is sent nothing that stands alone while a lower quality is on its way: each
/// picture more would be one that the first of the lower quality has to wait for. To make one takes a tenth of it.
const MAKING_ROOM: Duration = Duration::from_millis(300);

/// How often a viewer that asked for a quality which it does not have looks for it again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The first picture of another quality may be so much older than the last one that was shown: what is made is a few
/// milliseconds behind what it is made of.
const MOST_BACK: Duration = Duration::from_millis(100);

/// What a viewer wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best that its link carries.
    #[default]
    Automatic,
    /// This one, or the next better one that there is, whatever its link does.
    Fixed(Quality),
}

/// No quality of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no quality {0:?}; there are auto, high, medium and low")]
pub struct UnknownQuality(pub String);

impl Choice {
    /// What `?quality=` says.
    ///
    /// # Errors
    /// [`UnknownQuality`].
    pub fn from_name(name: &str) -> Result<Choice, UnknownQuality> {
        if name == "auto" {
            return Ok(Choice::Automatic);
        }
        let known = Quality::from_name(name).map(Choice::Fixed);
        known.ok_or_else(|| UnknownQuality(name.chars().take(40).collect()))
    }
}

/// How to read a stream, or one of its qualities.
pub type Open = Box<dyn Fn(&Stream) -> Result<Input, DeriveError> + Send + Sync>;

/// Reads a stream in the quality that fits.
pub struct Follower {
    stream: Stream,
    ladder: Arc<Ladder>,
    open: Open,
    adapts: bool,
    /// The quality that was asked for.
    wanted: Option<Quality>,
    /// When it was last looked for.
    looked: Monotonic,
    /// Whether it stays with the quality of its first picture.
    stays: bool,
    /// Whether a picture that is too late is skipped.
    hurries: bool,
    shown: Reading,
    next: Option<(Reading, Monotonic)>,
    pressure: Pressure,
    /// Presentation time of the last picture that was sent.
    last: Option<MediaTime>,
    /// Pictures that were not sent because they were too late, since the last one that was.
    skipped: u64,
}

/// One quality that is read.
struct Reading {
    quality: Quality,
    input: Input,
    /// Whether it has given a picture.
    given: bool,
    /// Nothing more comes.
    over: bool,
    /// Counts the viewer of a lower quality; those of the stream itself are counted by who serves them.
    _watch: Option<ViewerGuard>,
}

impl Reading {
    fn open(ladder: &Ladder, stream: &Stream, open: &Open, quality: Quality) -> Result<Reading, DeriveError> {
        let source = ladder.open(stream, quality);
        let lower = source.variant_name().is_some();
        let quality = if lower { quality } else { Quality::High };
        let input = open(&source)?;
        if lower && source.publisher().is_none() {
            // It ended between the two, as nobody read it yet: now somebody does.
            let _ = ladder.open(stream, quality);
        }
        let watch = lower.then(|| source.watch());
        Ok(Reading { quality, input, given: false, over: false, _watch: watch })
    }
}

impl Follower {
    /// Begins with the quality that was chosen, else the best.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn new(
        stream: &Stream,
        ladder: Arc<Ladder>,
        choice: Choice,
        open: Open,
    ) -> Result<Follower, DeriveError> {
        let wanted = match choice {
            Choice::Automatic => None,
            Choice::Fixed(quality) => Some(quality),
        };
        let shown = Reading::open(&ladder, stream, &open, wanted.unwrap_or(Quality::High))?;
        let now = stream.clock().now();
        Ok(Follower {
            pressure: Pressure::new(now),
            adapts: wanted.is_none() && ladder.adapts(),
            wanted,
            looked: now,
            stays: false,
            hurries: true,
            stream: stream.clone(),
            ladder,
            open,
            shown,
            next: None,
            last: None,
            skipped: 0,
        })
    }

    /// For what cannot change to another quality in its middle: it stays with the one of its first picture.
    #[must_use]
    pub fn staying(mut self) -> Follower {
        (self.adapts, self.stays) = (false, true);
        self
    }

    /// For programs that record: they stay with their quality, and rather take a picture late than not at all.
    #[must_use]
    pub fn for_recording(mut self) -> Follower {
        self.hurries = false;
        self.staying()
    }

    /// The quality of what was given last.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.shown.quality
    }

    /// Stops waiting for a fresh keyframe: takes the newest that is held.
    pub fn take_newest(&mut self) {
        self.shown.input.take_newest();
    }

    /// Waits for the next event. Cancel-safe.
    pub async fn next(&mut self) -> Event {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next event. Each [`Event::Unit`] can be shown after the one before, whatever quality it has.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            if let Some(delivery) = self.poll_switch(cx) {
                return Poll::Ready(Event::Unit(delivery));
            }
            if self.shown.over {
                // What replaces it wakes this task.
                return Poll::Pending;
            }
            match ready!(self.shown.input.poll_next(cx)) {
                Event::Unit(delivery) => {
                    if let Some(delivery) = self.admit(delivery) {
                        return Poll::Ready(Event::Unit(delivery));
                    }
                }
                // A quality that is made goes live with its first picture, and one that a camera sends beside its best
                // may end: whether there are pictures at all only the stream itself says.
                Event::State(state) if self.shown.quality != Quality::High && !state.is_live() => {
                    let of_stream = self.stream.state();
                    if !of_stream.is_live() {
                        return Poll::Ready(Event::State(of_stream));
                    }
                    if self.may_leave() && (self.shown.given || !Ladder::is_on_its_way(&state)) {
                        self.start(Quality::High);
                    }
                }
                Event::Ended(reason) if self.shown.quality != Quality::High && self.may_leave() => {
                    tracing::debug!(stream = ?self.stream, "{} ended: {reason}", self.shown.quality.name());
                    self.shown.over = true;
                    self.start(Quality::High);
                    if self.next.is_none() {
                        return Poll::Ready(Event::Ended(reason));
                    }
                }
                event => return Poll::Ready(event),
            }
        }
    }

    /// Whether it may go to another quality: a recording only before its first picture.
    fn may_leave(&self) -> bool {
        !(self.stays && self.shown.given)
    }

    /// The first picture of the quality that is to be shown next, if it is there.
    fn poll_switch(&mut self, cx: &mut Context<'_>) -> Option<Delivery> {
        loop {
            let now = self.stream.clock().now();
            let (next, since) = self.next.as_mut()?;
            let waited = now.since(*since);
            match next.input.poll_next(cx) {
                Poll::Ready(Event::Unit(delivery)) => {
                    let back = self.last.is_some_and(|last| last.since(delivery.unit.pts) > MOST_BACK);
                    if back || !delivery.unit.keyframe {
                        next.input.skip();
                        next.input.request_keyframe();
                        continue;
                    }
                    return self.switch(delivery, now);
                }
                Poll::Ready(Event::State(_)) => {}
                Poll::Ready(Event::Ended(reason)) => {
                    tracing::debug!(stream = ?self.stream, "{} cannot be had: {reason}", next.quality.name());
                    self.next = None;
                    self.pressure.unable(now);
                }
                Poll::Pending => {
                    if waited > PATIENCE {
                        self.next = None;
                        self.pressure.unable(now);
                    }
                    return None;
                }
            }
        }
    }

    fn switch(&mut self, delivery: Delivery, now: Monotonic) -> Option<Delivery> {
        let (mut next, _) = self.next.take()?;
        let (from, to) = (self.shown.quality, next.quality);
        tracing::debug!(stream = ?self.stream, "a viewer goes from {} to {}", from.name(), to.name());
        if to > from {
            self.pressure.lowered(now)
        } else {
            self.pressure.raised(now)
        }
        next.given = true;
        self.shown = next;
        self.last = Some(delivery.unit.pts);
        // What the other quality numbers and misses means nothing to this viewer; what it was not sent does.
        Some(Delivery { missed: std::mem::take(&mut self.skipped), ..delivery })
    }

    /// The picture if it is worth sending, and what follows of its being late.
    fn admit(&mut self, mut delivery: Delivery) -> Option<Delivery> {
        let now = self.stream.clock().now();
        let alone = delivery.unit.format.codec == Codec::Jpeg;
        if alone && self.hurries {
            delivery = self.newer_than(delivery, now);
        }
        let lag = now.since(ready_at(&delivery.unit.stamps));
        let verdict = self.pressure.note(now, lag, delivery.missed);
        if self.adapts && self.next.is_none() && verdict != Verdict::Stay {
            self.follow(verdict, now);
        }
        delivery.missed += self.skipped;
        let too_late = if alone { TOO_LATE_ALONE } else { TOO_LATE };
        let is_late = self.pressure.is_settled() && lag > too_late;
        if self.hurries && (is_late || alone && self.makes_room(now)) {
            self.skipped = delivery.missed + 1;
            self.shown.input.skip();
            return None;
        }
        self.skipped = 0;
        self.shown.given = true;
        self.last = Some(delivery.unit.pts);
        self.look_for_wanted(now);
        Some(delivery)
    }

    /// Whether what is shown is held back for a lower quality that is about to come.
    fn makes_room(&self, now: Monotonic) -> bool {
        let next = self.next.as_ref();
        next.is_some_and(|(next, since)| {
            self.adapts && next.quality > self.shown.quality && now.since(*since) < MAKING_ROOM
        })
    }

    /// The newest picture instead of one that would be too old when it has gone over the link, if there is a newer one.
    fn newer_than(&mut self, delivery: Delivery, now: Monotonic) -> Delivery {
        let lag = now.since(ready_at(&delivery.unit.stamps));
        let most = if self.pressure.was_late(now) { WORN_ALREADY } else { WORN };
        if !self.pressure.is_settled() || !gives_way(lag, self.pressure.since_last(now), most) {
            return delivery;
        }
        self.shown.input.skip();
        match self.shown.input.try_next() {
            Some(newer) => Delivery { missed: delivery.missed + 1 + newer.missed, ..newer },
            None => delivery,
        }
    }

    /// Goes back to the quality that was asked for, once it can be had again.
    fn look_for_wanted(&mut self, now: Monotonic) {
        let Some(wanted) = self.wanted.filter(|wanted| *wanted != self.shown.quality) else { return };
        if self.stays || self.next.is_some() || now.since(self.looked) < LOOK_AGAIN {
            return;
        }
        self.looked = now;
        if self.ladder.qualities(&self.stream).contains(&wanted) {
            self.start(wanted);
        }
    }

    fn follow(&mut self, verdict: Verdict, now: Monotonic) {
        let offered = self.ladder.qualities(&self.stream);
        let shown = self.shown.quality;
        let to = match verdict {
            Verdict::Worse => offered.into_iter().find(|quality| *quality > shown),
            _ => offered.into_iter().rfind(|quality| *quality < shown),
        };
        match to {
            Some(to) => self.start(to),
            None => self.pressure.unable(now),
        }
    }

    /// Begins to read `quality` beside what is shown.
    fn start(&mut self, quality: Quality) {
        let now = self.stream.clock().now();
        match Reading::open(&self.ladder, &self.stream, &self.open, quality) {
            Ok(reading) => self.next = Some((reading, now)),
            Err(error) => {
                tracing::debug!(stream = ?self.stream, "{} cannot be had: {error}", quality.name());
                self.pressure.unable(now);
            }
        }
    }
}

/// Whether a picture that waited for `lag` would come too late, as the one before it was taken `took` ago: it will take as
/// long as that one to go over the link. Of that time the link was busy while something waited, which `lag` tells; a
/// picture for which the viewer waited, and not it for the viewer, is not late however long the camera was silent.
fn gives_way(lag: Duration, took: Duration, most: Duration) -> bool {
    lag + took.min(lag * 2) > most
}

/// When a unit was there for viewers to take.
fn ready_at(stamps: &Stamps) -> Monotonic {
    let last = stamps.packaged.or(stamps.encoded).or(stamps.decoded);
    last.unwrap_or(stamps.received)
}

#[cfg(test)]
mod tests;
