//! Takes the pictures: reads the source until there is enough, and has each one written.

use super::args::Options;
use super::sink::{Sink, SinkError};
use crate::client::exit::Exit;
use crate::client::local::{Local, LocalError};
use crate::client::progress::{self, Progress, bytes};
use crate::client::server::Wanted;
use crate::client::source::{self, Ending};
use crate::net::shutdown::Shutdown;
use crate::transcode::{Input, Want};
use camherd_hub::{Clock, Delivery, Event, Stream};
use camherd_media::unit::Unit;
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, sleep, sleep_until};

/// A write that hangs (nobody reads the pipe, the disk is away) is given up so long after the word to stop.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Before a rendition that ended is asked for again: a camera that changes its codec is back at once.
const RETRY: Duration = Duration::from_millis(250);
/// A deadline that never comes, without an overflow of the clock.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames.
    pub frames: u64,
    /// Their bytes, without what a container adds.
    pub bytes: u64,
    /// Frames that the camera gave and that were not taken, because writing was too slow.
    pub missed: u64,
    /// From the first frame to the end.
    pub time: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { frames, bytes, missed, time } = self;
        let seconds = time.as_secs_f64();
        let plural = if *frames == 1 { "" } else { "s" };
        write!(f, "{frames} frame{plural} in {seconds:.1} s ({}), {missed} missed", progress::bytes(*bytes))
    }
}

/// Why it ended.
#[derive(Debug)]
pub enum End {
    /// There is enough, or nobody reads any more.
    Enough,
    /// The word to stop came.
    Stopped,
    /// Not one frame came, for this reason.
    NoPicture(String),
    /// No more frames come, for this reason.
    SourceEnded(String),
    /// They cannot be written.
    CannotWrite(SinkError),
}

impl End {
    /// The exit status; `signal` is what asked to stop.
    #[must_use]
    pub fn exit(&self, signal: u8) -> Exit {
        match self {
            End::Enough => Exit::Done,
            End::Stopped => Exit::Signal(signal),
            End::NoPicture(_) => Exit::NoPicture,
            End::SourceEnded(_) => Exit::Ended,
            End::CannotWrite(_) => Exit::CannotWrite,
        }
    }

    /// What to tell a person, where it is not what was asked for.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        match self {
            End::Enough | End::Stopped => None,
            End::NoPicture(reason) => Some(format!("no frame: {reason}")),
            End::SourceEnded(reason) => Some(format!("ended early: {reason}")),
            End::CannotWrite(error) => Some(error.to_string()),
        }
    }
}

/// Grabs until there is enough, or `shutdown`.
///
/// # Errors
/// [`LocalError`], which cannot happen.
pub async fn run(options: Options, shutdown: Shutdown) -> Result<(End, Summary), LocalError> {
    let sink = match Sink::open(&options.destination, options.format) {
        Ok(sink) => sink,
        Err(error) => return Ok((End::CannotWrite(error), Summary::default())),
    };
    let mut local = Local::new(shutdown.clone())?;
    let wanted = match options.format.is_jpeg() {
        true => Wanted::Jpeg { fps: options.every.and_then(enough_for) },
        false => Wanted::Video,
    };
    let (source, how) = (&options.source, &options.source_options);
    let Some(ending) = source::start(&mut local, source, how, wanted, options.timeout)? else {
        let reason = format!("{source} is no camera");
        return Ok((End::NoPicture(reason), Summary::default()));
    };
    let mut take = Take::new(local.stream().clone(), sink, options);
    let end = take.until_enough(&ending, &shutdown).await;
    Ok(take.finish(end).await)
}

struct Take {
    stream: Stream,
    clock: Clock,
    options: Options,
    /// Away while it writes, and for good where a write was given up.
    sink: Option<Sink>,
    summary: Summary,
    first: Option<Instant>,
    /// When the last picture came, or all of it began.
    heard: Instant,
    /// When the next picture of those that are taken at intervals is due.
    due: Option<Instant>,
    /// The newest picture that was not taken yet, of those that are taken at intervals.
    newest: Option<Unit>,
    progress: Progress,
    age: Option<Duration>,
    told_encoding: bool,
}

impl Take {
    fn new(stream: Stream, sink: Sink, options: Options) -> Take {
        Take {
            clock: stream.clock(),
            stream,
            progress: Progress::new(options.quiet),
            options,
            sink: Some(sink),
            summary: Summary::default(),
            first: None,
            heard: Instant::now(),
            due: None,
            newest: None,
            age: None,
            told_encoding: false,
        }
    }

    async fn until_enough(&mut self, ending: &Ending, shutdown: &Shutdown) -> End {
        let want = if self.options.format.is_jpeg() { Want::Jpeg } else { Want::Video };
        loop {
            let reason = match Input::open(&self.stream, want) {
                Ok(mut input) => match self.read(&mut input, ending, shutdown).await {
                    Ok(reason) => reason,
                    Err(end) => return end,
                },
                Err(error) => error.reason,
            };
            // A new file has no place for what comes then: it may have other parameters.
            if self.first.is_some() && !self.options.format.is_jpeg() {
                return End::SourceEnded(reason);
            }
            if self.heard.elapsed() >= self.options.timeout {
                return self.no_more(reason);
            }
            tokio::select! {
                () = shutdown.wait() => return End::Stopped,
                () = sleep(RETRY) => {}
            }
        }
    }

    /// Reads one run of the rendition; gives the reason of its end, or an error when it is over altogether.
    async fn read(&mut self, input: &mut Input, ending: &Ending, shutdown: &Shutdown) -> Result<String, End> {
        let mut show = tokio::time::interval(progress::EVERY);
        show.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let now = Instant::now();
            let over = self.ends_at().unwrap_or(now + NEVER);
            let due = self.due.filter(|_| self.newest.is_some()).unwrap_or(now + NEVER);
            tokio::select! {
                biased;
                () = shutdown.wait() => return Err(End::Stopped),
                () = sleep_until(over) => return Err(End::Enough),
                () = sleep_until(due) => self.take_newest(shutdown).await?,
                event = input.next() => match event {
                    Event::Unit(delivery) => self.arrived(delivery, shutdown).await?,
                    Event::State(_) => {}
                    Event::Ended(reason) => return Ok(reason.to_string()),
                },
                source::End::Failed(reason) = ending.wait() => return Err(self.no_more(reason)),
                () = sleep_until(self.heard + self.options.timeout) => return Err(self.no_more(self.why_silent())),
                _ = show.tick(), if self.progress.is_active() => self.show(),
            }
        }
    }

    fn ends_at(&self) -> Option<Instant> {
        Some(self.first? + self.options.duration?)
    }

    fn no_more(&self, reason: String) -> End {
        if self.first.is_none() { End::NoPicture(reason) } else { End::SourceEnded(reason) }
    }

    fn why_silent(&self) -> String {
        let seconds = self.options.timeout.as_secs_f64();
        let stats = self.stream.stats();
        let reason = self.stream.state().reason().to_owned();
        let reason = if reason.is_empty() { stats.last_error.unwrap_or_default() } else { reason };
        format!("nothing came within {seconds} s from {}: {reason}", self.options.source)
    }

    async fn arrived(&mut self, delivery: Delivery, shutdown: &Shutdown) -> Result<(), End> {
        self.summary.missed += delivery.missed;
        self.heard = Instant::now();
        let unit = delivery.unit;
        self.age = Some(self.clock.now().since(unit.stamps.taken()));
        self.tell_encoding(&unit);
        let Some(every) = self.options.every else { return self.take(unit, shutdown).await };
        let now = Instant::now();
        match self.due {
            // The first one, or none has come since the last one was due.
            None => self.due = Some(now + every),
            Some(due) if due <= now => self.due = Some(next_due(due, every, now)),
            Some(_) => {
                self.newest = Some(unit);
                return Ok(());
            }
        }
        self.take(unit, shutdown).await
    }

    /// A picture is due, and there is one.
    async fn take_newest(&mut self, shutdown: &Shutdown) -> Result<(), End> {
        let (Some(unit), Some(due), Some(every)) = (self.newest.take(), self.due, self.options.every) else {
            return Ok(());
        };
        self.due = Some(next_due(due, every, Instant::now()));
        self.take(unit, shutdown).await
    }

    async fn take(&mut self, unit: Unit, shutdown: &Shutdown) -> Result<(), End> {
        let Some(mut sink) = self.sink.take() else { return Err(End::Stopped) };
        self.first.get_or_insert_with(Instant::now);
        let length = unit.payload.len() as u64;
        let writing = tokio::task::spawn_blocking(move || {
            let written = sink.write(&unit);
            (sink, written)
        });
        let given_up = async {
            shutdown.wait().await;
            sleep(STOP_GRACE).await;
        };
        let (sink, written) = tokio::select! {
            written = writing => match written {
                Ok(written) => written,
                // The writer panicked, which its hook has reported.
                Err(_) => return Err(End::Stopped),
            },
            () = given_up => return Err(End::Stopped),
        };
        self.sink = Some(sink);
        match written {
            Ok(()) => {}
            Err(SinkError::Unread) => return Err(End::Enough),
            Err(error @ (SinkError::Changed | SinkError::Codec(_))) => {
                return Err(self.no_more(error.to_string()));
            }
            Err(error) => return Err(End::CannotWrite(error)),
        }
        self.summary.frames += 1;
        self.summary.bytes += length;
        match self.options.frames {
            Some(frames) if self.summary.frames >= frames => Err(End::Enough),
            _ => Ok(()),
        }
    }

    fn tell_encoding(&mut self, unit: &Unit) {
        if self.told_encoding {
            return;
        }
        self.told_encoding = true;
        let Some((newest, _)) = self.stream.newest() else { return };
        let (sent, wanted) = (newest.format.codec.name(), unit.format.codec.name());
        if sent != wanted && !self.options.quiet {
            tracing::warn!("the camera sends {sent}: camherd makes {wanted} of it");
        }
    }

    fn show(&self) {
        let Summary { frames, bytes: written, missed, .. } = self.summary;
        if self.first.is_none() {
            return self.progress.show(&format!("waiting: {}", self.stream.state().reason()));
        }
        let (fps, age) = (self.stream.stats().fps, self.age.unwrap_or_default().as_millis());
        let text = format!(
            "{frames} frames  {fps:.1}/s  {age} ms old  {missed} missed  {}  {}",
            bytes(written),
            self.stream.state().reason()
        );
        self.progress.show(text.trim_end());
    }

    async fn finish(mut self, end: End) -> (End, Summary) {
        self.summary.time = self.first.map_or(Duration::ZERO, |first| first.elapsed());
        let Some(sink) = self.sink.take() else { return (end, self.summary) };
        let finished = tokio::task::spawn_blocking(move || sink.finish());
        let end = match (finished.await, end) {
            (Ok(Err(SinkError::Unread)) | Ok(Ok(())) | Err(_), end) => end,
            // The first fault is the one to tell.
            (Ok(Err(_)), end @ End::CannotWrite(_)) => end,
            (Ok(Err(error)), _) => End::CannotWrite(error),
        };
        (end, self.summary)
    }
}

/// The pictures a second from which one is taken in each `every`, so that it is no older than a quarter of that or half
/// a second: a camera that nobody else watches need not send more. `None`: as many as there are.
fn enough_for(every: Duration) -> Option<u32> {
    const SLOWEST: u32 = 2;
    // More than any camera sends.
    const FASTEST: f64 = 60.0;
    let fps = (4.0 / every.as_secs_f64()).ceil();
    // In the range of u32 by the line below.
    (fps <= FASTEST).then(|| (fps as u32).max(SLOWEST))
}

/// The next time after `now` on the schedule that `due` is on.
fn next_due(due: Instant, every: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due).as_nanos();
    let periods = late / every.as_nanos().max(1) + 1;
    due + every.saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_late_by_periods_keeps_to_the_schedule() {
        let start = Instant::now();
        let (every, second) = (Duration::from_secs(10), Duration::from_secs(1));
        assert_eq!(next_due(start, every, start), start + every);
        assert_eq!(next_due(start, every, start + second), start + every);
        assert_eq!(next_due(start, every, start + every), start + every * 2);
        assert_eq!(next_due(start, every, start + second * 35), start + every * 4);
    }

    #[test]
    fn rarely_a_picture_needs_few_to_choose_from() {
        let fps = |millis| enough_for(Duration::from_millis(millis));
        assert_eq!([fps(3_600_000), fps(2000), fps(1000), fps(300)], [Some(2), Some(2), Some(4), Some(14)]);
        assert_eq!([fps(50), fps(1), fps(0)], [None; 3]);
    }

    #[test]
    fn every_end_has_its_status() {
        let full = SinkError::Stdout(std::io::ErrorKind::StorageFull.into());
        let ends = [
            End::Enough,
            End::Stopped,
            End::NoPicture(String::new()),
            End::SourceEnded(String::new()),
            End::CannotWrite(full),
        ];
        assert_eq!(ends.map(|end| end.exit(15).code()), [0, 143, 2, 3, 4]);
    }
}
