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

/// Another quality that gives no picture in this time is not to be had: many cameras send a keyframe each ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);

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
        let lag = now.since(ready_at(&delivery.unit.stamps));
        let verdict = self.pressure.note(now, lag, delivery.missed);
        if self.adapts && self.next.is_none() && verdict != Verdict::Stay {
            self.follow(verdict, now);
        }
        delivery.missed += self.skipped;
        let alone = delivery.unit.format.codec == Codec::Jpeg;
        let too_late = if alone { TOO_LATE_ALONE } else { TOO_LATE };
        if self.hurries && self.pressure.is_settled() && lag > too_late {
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

/// When a unit was there for viewers to take.
fn ready_at(stamps: &Stamps) -> Monotonic {
    let last = stamps.packaged.or(stamps.encoded).or(stamps.decoded);
    last.unwrap_or(stamps.received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::testing;
    use bytes::Bytes;
    use camherd_hub::{Hub, Owner, Publisher, RenditionKey, Start, StreamState};
    use camherd_media::unit::{Format, H264Parameters, Packaging, Unit};
    use std::task::Waker;
    use std::time::Instant;
    use tokio::runtime::Handle;

    /// A camera that sends two qualities, and a viewer.
    struct Scene {
        hub: Hub,
        stream: Stream,
        high: Publisher,
        low: Option<Publisher>,
        sent: i64,
    }

    impl Scene {
        fn new() -> Scene {
            let hub = testing::hub(1);
            // The clock begins with the hub, and pictures are to be older than that.
            while hub.clock().now() < Monotonic(0) + TOO_LATE * 3 {
                std::thread::sleep(Duration::from_millis(10));
            }
            let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
            let publish = |stream: &Stream| stream.publish(Owner(String::new()), String::new()).unwrap();
            let (high, low) = (publish(&stream), publish(&stream.variant("low")));
            let mut scene = Scene { hub, stream, high, low: Some(low), sent: 0 };
            scene.send(true, Duration::ZERO);
            scene
        }

        fn viewer(&self, choice: Choice) -> Follower {
            let ladder = Arc::new(Ladder::new(Arc::new(Config::default()), Handle::current()));
            let open = |stream: &Stream| Input::of(stream, &RenditionKey::SOURCE, Start::Newest);
            Follower::new(&self.stream, ladder, choice, Box::new(open)).unwrap()
        }

        /// A picture in each quality that was ready `lag` ago; its payload is the quality's letter and its number.
        fn send(&mut self, keyframe: bool, lag: Duration) {
            self.sent += 1;
            let sets = H264Parameters { sps: Bytes::new(), pps: Bytes::new() };
            let format =
                Format { codec: Codec::H264(sets), width: 16, height: 16, packaging: Packaging::Bare };
            let unit = Unit {
                payload: Bytes::new(),
                pts: MediaTime(self.sent * 33_000),
                dts: MediaTime(self.sent * 33_000),
                keyframe,
                format: Arc::new(format),
                stamps: Stamps::received(Monotonic(
                    self.hub.clock().now().0.saturating_sub(lag.as_micros() as u64),
                )),
            };
            let named =
                |name: &str| Unit { payload: Bytes::from(format!("{name}{}", self.sent)), ..unit.clone() };
            self.high.push(named("h")).unwrap();
            if let Some(low) = &mut self.low {
                low.push(named("l")).unwrap();
            }
        }
    }

    /// What the viewer gets now: payloads of pictures, and states.
    fn taken(viewer: &mut Follower) -> Vec<String> {
        let mut seen = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(event) = viewer.poll_next(&mut cx) {
            seen.push(match event {
                Event::Unit(delivery) => String::from_utf8_lossy(&delivery.unit.payload).into_owned(),
                Event::State(state) => state.label().to_owned(),
                Event::Ended(reason) => return [seen, vec![format!("ended: {reason}")]].concat(),
            });
        }
        seen
    }

    /// Sends pictures that are late until the viewer is shown another quality; what it was shown meanwhile.
    fn until_moved(scene: &mut Scene, viewer: &mut Follower, lag: Duration, keyframes: i64) -> Vec<String> {
        let (before, begin) = (viewer.quality(), Instant::now());
        let mut shown = Vec::new();
        while viewer.quality() == before {
            assert!(begin.elapsed() < Duration::from_secs(20), "it stays in {before:?}: {shown:?}");
            scene.send(scene.sent % keyframes == 0, lag);
            shown.extend(taken(viewer));
            std::thread::sleep(Duration::from_millis(5));
        }
        shown
    }

    #[tokio::test]
    async fn a_late_viewer_is_moved_at_a_keyframe_and_misses_nothing_on_the_way() {
        let mut scene = Scene::new();
        let mut viewer = scene.viewer(Choice::Automatic);
        assert_eq!(taken(&mut viewer), ["live", "h1"]);
        let shown = until_moved(&mut scene, &mut viewer, Duration::from_millis(300), 10);
        assert_eq!(viewer.quality(), Quality::Low);
        let first = shown.iter().position(|picture| picture.starts_with('l')).unwrap();
        let number = |text: &String| text[1..].parse::<i64>().unwrap();
        assert!(number(&shown[first]) % 10 == 1, "a keyframe: {}", shown[first]);
        assert!(shown[..first].windows(2).all(|pair| number(&pair[1]) == number(&pair[0]) + 1), "{shown:?}");
        assert!(number(&shown[first]) <= number(&shown[first - 1]) + 1, "{shown:?}");
        assert_eq!(scene.stream.variant("low").stats().viewers, 1);
    }

    #[tokio::test]
    async fn what_was_left_out_before_a_change_of_quality_is_told_with_it() {
        let mut scene = Scene::new();
        let mut viewer = scene.viewer(Choice::Automatic);
        assert_eq!(taken(&mut viewer), ["live", "h1"]);
        let (mut cx, begin) = (Context::from_waker(Waker::noop()), Instant::now());
        let mut told = 0;
        while viewer.quality() == Quality::High {
            assert!(begin.elapsed() < Duration::from_secs(20), "it stays");
            scene.send(scene.sent % 10 == 0, TOO_LATE * 2);
            while let Poll::Ready(event) = viewer.poll_next(&mut cx) {
                let Event::Unit(delivery) = event else { continue };
                told += delivery.missed + 1;
                if viewer.quality() == Quality::Low {
                    break;
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(told > 10, "of the {} pictures that were sent only {told} are accounted for", scene.sent);
    }

    #[tokio::test]
    async fn a_quality_that_ends_gives_way_to_the_best_one() {
        let mut scene = Scene::new();
        let mut viewer = scene.viewer(Choice::Fixed(Quality::Low));
        assert_eq!(taken(&mut viewer), ["live", "l1"]);
        scene.low = None;
        assert_eq!(taken(&mut viewer), ["h1"], "nobody is told that the camera is offline, as it is not");
        scene.send(false, Duration::ZERO);
        assert_eq!(taken(&mut viewer).last().map(String::as_str), Some("h2"));
        assert_eq!(viewer.quality(), Quality::High);
        drop(scene.high);
        assert_eq!(taken(&mut viewer), ["offline"]);
        assert!(matches!(scene.stream.state(), StreamState::Offline(_)));
    }

    #[tokio::test]
    async fn who_asked_for_a_quality_is_not_moved_but_spared_what_is_too_late() {
        let mut scene = Scene::new();
        let mut viewer = scene.viewer(Choice::Fixed(Quality::High));
        assert_eq!(taken(&mut viewer), ["live", "h1"]);
        for _ in 0..3 {
            scene.send(false, TOO_LATE * 2);
            assert_eq!(taken(&mut viewer), [""; 0], "too late");
        }
        scene.send(false, Duration::ZERO);
        assert_eq!(taken(&mut viewer), [""; 0], "it refers to what was left out");
        scene.send(true, Duration::ZERO);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Event::Unit(next)) = viewer.poll_next(&mut cx) else { panic!("no picture") };
        assert_eq!((&next.unit.payload[..], next.missed), (&b"h6"[..], 4));
        let mut recorder = scene.viewer(Choice::Automatic).for_recording();
        scene.send(false, TOO_LATE * 2);
        assert_eq!(taken(&mut recorder), ["live", "h6", "h7"], "who records takes it late");
    }

    #[test]
    fn qualities_are_asked_for_by_name() {
        assert_eq!(Choice::from_name("auto"), Ok(Choice::Automatic));
        assert_eq!(Choice::from_name("low"), Ok(Choice::Fixed(Quality::Low)));
        assert!(Choice::from_name("LOW").unwrap_err().to_string().contains("medium"));
    }
}
