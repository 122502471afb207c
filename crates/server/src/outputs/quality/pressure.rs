//! Whether one viewer's link carries what it is sent: from how late it takes each picture, and what it missed.
//!
//! Pure: times in, verdicts out.

use camherd_media::time::Monotonic;
use std::collections::VecDeque;
use std::time::Duration;

/// A picture that waited for longer than this waited for the link: a scheduler's hiccup is shorter, and the hub lets
/// a reader be late by half a second before it skips.
const LATE: Duration = Duration::from_millis(200);

/// A viewer that joins is given what is held since the last keyframe, which is old. Once it is so close to the newest
/// picture it is judged.
const CAUGHT_UP: Duration = Duration::from_millis(100);

/// Or after so long, when it never comes that close.
const GRACE: Duration = Duration::from_secs(2);

/// What is looked at. With [`LASTING`] and a switch at the next keyframe, a viewer is moved down within two seconds.
const WINDOW: Duration = Duration::from_millis(1200);

/// A link must be late over so long, or it only had a hiccup.
const LASTING: Duration = Duration::from_millis(300);

/// A picture that took so long to go out, while others were missed, is enough by itself: two of them would be more than
/// a second. A Wi-Fi roam is shorter.
const LONG: Duration = Duration::from_millis(600);

/// A better quality is tried after so long without a late picture.
const HOLD: Duration = Duration::from_secs(5);

/// And after so long at most, when it failed each time: who walks back into the kitchen does not wait for ever.
const MAX_HOLD: Duration = Duration::from_secs(60);

/// A better quality that was kept for so long was no mistake.
const PROBATION: Duration = Duration::from_secs(10);

/// For so long after a late picture the link counts as slow, also in another quality.
const MEMORY: Duration = Duration::from_secs(3);

/// Pictures remembered of a window, for fast cameras: a fifth of a second of them tells as much.
const MAX_SAMPLES: usize = 256;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Stay,
    /// The link carries less.
    Worse,
    /// The link may carry more.
    Better,
}

/// The judge of one viewer.
#[derive(Clone, Debug)]
pub struct Pressure {
    since: Monotonic,
    settled: bool,
    /// When the last picture was taken.
    last: Option<Monotonic>,
    /// When one was late, or came after others were missed.
    late: Option<Monotonic>,
    /// The pictures of the window: when each was taken, whether it was late, and how many were missed before it.
    recent: VecDeque<(Monotonic, bool, u64)>,
    calm_since: Option<Monotonic>,
    hold: Duration,
    risen: Option<Monotonic>,
}

impl Pressure {
    /// The judge of a viewer that has come `now`.
    #[must_use]
    pub fn new(now: Monotonic) -> Pressure {
        Pressure {
            since: now,
            settled: false,
            last: None,
            late: None,
            recent: VecDeque::new(),
            calm_since: None,
            hold: HOLD,
            risen: None,
        }
    }

    /// Whether the viewer has been served long enough for its pictures' age to mean something.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// How long ago the last picture was taken.
    #[must_use]
    pub fn since_last(&self, now: Monotonic) -> Duration {
        self.last.map_or(Duration::ZERO, |last| now.since(last))
    }

    /// Whether a picture was late a short time ago.
    #[must_use]
    pub fn was_late(&self, now: Monotonic) -> bool {
        self.late.is_some_and(|late| now.since(late) < MEMORY)
    }

    /// A picture is taken `now` that was ready `lag` ago, and `missed` were skipped before it.
    pub fn note(&mut self, now: Monotonic, lag: Duration, missed: u64) -> Verdict {
        let took = self.since_last(now);
        self.last = Some(now);
        self.settled |= lag < CAUGHT_UP || now.since(self.since) > GRACE;
        if !self.settled {
            return Verdict::Stay;
        }
        let late = lag > LATE || missed > 0;
        let gone = |front: &(Monotonic, bool, u64)| now.since(front.0) > WINDOW;
        while self.recent.front().is_some_and(gone) || self.recent.len() >= MAX_SAMPLES {
            self.recent.pop_front();
        }
        self.recent.push_back((now, late, missed));
        if late {
            self.late = Some(now);
            self.calm_since = None;
            if self.is_lasting(now) || (missed > 0 && took > LONG) {
                return Verdict::Worse;
            }
        } else if now.since(*self.calm_since.get_or_insert(now)) >= self.hold {
            return Verdict::Better;
        }
        if self.risen.is_some_and(|risen| now.since(risen) > PROBATION) {
            self.risen = None;
            self.hold = HOLD;
        }
        Verdict::Stay
    }

    /// Whether half of all pictures between the first late one of the window and now, a late one, came late or not at
    /// all. Before the first one the link may have been good. A picture that is left out for being late makes the next
    /// one timely, so that those that are missed count as much as those that are late.
    fn is_lasting(&self, now: Monotonic) -> bool {
        let mut since = self.recent.iter().skip_while(|(_, late, _)| !late).peekable();
        let first = since.peek().map_or(now, |(at, ..)| *at);
        let (mut late, mut all) = (0, 0);
        for (_, is_late, missed) in since {
            late += missed + u64::from(*is_late);
            all += missed + 1;
        }
        late * 2 >= all && now.since(first) >= LASTING
    }

    /// The viewer has been moved to a lower quality.
    pub fn lowered(&mut self, now: Monotonic) {
        if self.risen.take().is_some() {
            self.hold = (self.hold * 2).min(MAX_HOLD);
        }
        self.restart(now);
    }

    /// The viewer has been moved to a better quality.
    pub fn raised(&mut self, now: Monotonic) {
        self.risen = Some(now);
        self.restart(now);
    }

    /// There is no other quality to move to, or it could not be had: the next attempt is later.
    pub fn unable(&mut self, now: Monotonic) {
        self.recent.clear();
        self.calm_since = Some(now);
    }

    fn restart(&mut self, now: Monotonic) {
        self.since = now;
        self.settled = false;
        self.last = None;
        self.recent.clear();
        self.calm_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 33_333;

    /// Pictures at 30 a second for so long, each late by `lag` with so many missed; when and what the first verdict
    /// other than [`Verdict::Stay`] was.
    fn run(
        pressure: &mut Pressure,
        from: &mut u64,
        seconds: f64,
        lag: u64,
        missed: u64,
    ) -> Option<(f64, Verdict)> {
        let begin = *from;
        while *from < begin + (seconds * 1e6) as u64 {
            *from += FRAME;
            match pressure.note(Monotonic(*from), Duration::from_millis(lag), missed) {
                Verdict::Stay => {}
                verdict => return Some(((*from - begin) as f64 / 1e6, verdict)),
            }
        }
        None
    }

    fn settled() -> (Pressure, u64) {
        let (mut pressure, mut now) = (Pressure::new(Monotonic(0)), 0);
        assert_eq!(run(&mut pressure, &mut now, 1.0, 2, 0), None);
        (pressure, now)
    }

    #[test]
    fn lasting_lateness_is_found_within_two_seconds_by_age_or_by_gaps() {
        for (lag, missed) in [(400, 0), (2, 3)] {
            let (mut pressure, mut now) = settled();
            let (after, verdict) = run(&mut pressure, &mut now, 5.0, lag, missed).unwrap();
            assert_eq!(verdict, Verdict::Worse);
            assert!((0.3..1.0).contains(&after), "{after}");
        }
    }

    #[test]
    fn a_hiccup_and_an_old_group_at_the_start_are_no_reason() {
        let (mut pressure, mut now) = settled();
        for _ in 0..5 {
            assert_eq!(run(&mut pressure, &mut now, 0.2, 400, 0), None);
            assert_eq!(run(&mut pressure, &mut now, 0.8, 2, 0), None);
        }
        let (mut pressure, mut now) = (Pressure::new(Monotonic(0)), 0);
        assert_eq!(run(&mut pressure, &mut now, 1.5, 1900, 0), None, "catching up");
        assert_eq!(run(&mut pressure, &mut now, 1.0, 2, 0), None);
        let (mut pressure, mut now) = (Pressure::new(Monotonic(0)), 0);
        let found = run(&mut pressure, &mut now, 6.0, 1900, 0).unwrap();
        assert!(found.1 == Verdict::Worse && found.0 < 3.5, "it never catches up: {found:?}");
    }

    #[test]
    fn a_better_quality_is_tried_after_calm_and_less_often_each_time_it_fails() {
        let (mut pressure, mut now) = settled();
        let mut waits = Vec::new();
        for _ in 0..6 {
            let (after, verdict) = run(&mut pressure, &mut now, 100.0, 2, 0).unwrap();
            assert_eq!(verdict, Verdict::Better);
            waits.push(after);
            pressure.raised(Monotonic(now));
            assert_eq!(run(&mut pressure, &mut now, 1.0, 2, 0), None);
            assert_eq!(run(&mut pressure, &mut now, 5.0, 500, 1).unwrap().1, Verdict::Worse);
            pressure.lowered(Monotonic(now));
        }
        assert!(waits.windows(2).all(|pair| pair[1] >= pair[0]), "{waits:?}");
        assert!((4.0..6.0).contains(&waits[0]) && (55.0..65.0).contains(&waits[5]), "{waits:?}");
        let (_, verdict) = run(&mut pressure, &mut now, 100.0, 2, 0).unwrap();
        assert_eq!(verdict, Verdict::Better);
        pressure.raised(Monotonic(now));
        now += 11_000_000;
        run(&mut pressure, &mut now, 1.0, 2, 0);
        run(&mut pressure, &mut now, 5.0, 500, 1).unwrap();
        pressure.lowered(Monotonic(now));
        let (after, _) = run(&mut pressure, &mut now, 100.0, 2, 0).unwrap();
        assert!(after < 6.0, "it was kept for long, so it was no mistake: {after}");
    }

    /// A link that carries a share of what comes, and a server that leaves a JPEG out that waited for 0.3 s: after how
    /// many seconds it is found out.
    fn found_after(share: f64) -> f64 {
        let (mut pressure, begin) = settled();
        // When the link is free, in seconds; each picture takes `1 / share` of an interval.
        let (interval, mut free, mut next, mut expected) = (1.0 / 30.0, 0.0_f64, 1_u64, 1_u64);
        while next < 600 {
            let taken = (next as f64 * interval).max(free);
            let lag = taken - next as f64 * interval;
            let at = Monotonic(begin + (taken * 1e6) as u64);
            let lag_time = Duration::from_secs_f64(lag);
            if pressure.note(at, lag_time, next - expected) == Verdict::Worse {
                return taken;
            }
            expected = next + 1;
            // Who leaves a picture out goes on at the newest one.
            next = if lag > 0.3 { expected.max((taken / interval) as u64) } else { expected };
            free = if lag > 0.3 { free } else { taken + interval / share };
        }
        f64::INFINITY
    }

    #[test]
    fn a_link_that_carries_some_of_it_is_found_out_as_soon_as_it_is_late() {
        for share in [0.8, 0.7, 0.6, 0.5, 0.3, 0.1] {
            let after = found_after(share);
            assert!(after < 1.8, "{share}: {after}");
        }
        assert!(found_after(0.9) < 2.8, "it takes two seconds to be late at all");
        assert_eq!(found_after(1.0), f64::INFINITY);
    }

    #[test]
    fn one_picture_that_takes_a_second_while_others_are_missed_is_enough() {
        let (mut pressure, now) = settled();
        let next = |seconds: f64| Monotonic(now + (seconds * 1e6) as u64);
        assert_eq!(pressure.note(next(0.1), Duration::from_millis(5), 0), Verdict::Stay);
        assert_eq!(pressure.note(next(1.6), Duration::from_millis(5), 40), Verdict::Worse);
    }

    #[test]
    fn of_a_slow_camera_two_late_pictures_are_enough() {
        let mut pressure = Pressure::new(Monotonic(0));
        let mut verdicts = Vec::new();
        for second in 1..=6u64 {
            let lag = if second < 4 { 10 } else { 900 };
            verdicts.push(pressure.note(Monotonic(second * 1_000_000), Duration::from_millis(lag), 0));
        }
        assert_eq!(verdicts[..4], [Verdict::Stay; 4]);
        assert_eq!(verdicts[4], Verdict::Worse);
    }
}
