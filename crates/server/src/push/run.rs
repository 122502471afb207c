//! Keeps a connection to the server and sends it what the source gives.

mod reading;

use super::args::Options;
use super::device;
use super::feed::{self, How};
use super::link::Link;
use super::target::Target;
use crate::client::exit::Exit;
use crate::client::local::{Local, LocalError};
use crate::client::progress::{self, Progress, bytes};
use crate::client::server::Wanted;
use crate::client::source::{self, Address, Ending};
use crate::client::ws::Lost;
use crate::net::backoff::{Backoff, Reconnect};
use crate::net::shutdown::Shutdown;
use crate::random::Random;
use camherd_hub::{Delivery, Stream};
use reading::{Next, Nothing, Reading};
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, sleep};

/// Between two attempts: a server that restarts is back in a few seconds.
const RECONNECT: Reconnect = Reconnect { min: Duration::from_millis(500), max: Duration::from_secs(10) };
/// A connection that held for so long was a good one: the next attempt comes soon.
const SETTLED: Duration = Duration::from_secs(5);
/// When connecting took longer, what has been read before is too old to begin with.
const FRESH: Duration = Duration::from_millis(500);
/// A camera that is silent for so long is connected to anew.
const PATIENCE: Duration = Duration::from_secs(15);
/// A source that has ended leaves its last pictures; so long a server that is away is tried for them.
const AFTER_END: Duration = Duration::from_secs(10);
/// A picture that is being sent may take so long after the word to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Pictures sent whole.
    pub sent: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Pictures of the source that were not sent: there was no connection, or it was too slow.
    pub dropped: u64,
    /// Connections made.
    pub connections: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { sent, bytes, dropped, connections } = self;
        let size = progress::bytes(*bytes);
        write!(f, "{sent} frames sent ({size}), {dropped} dropped, {connections} connections")
    }
}

/// Why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The source has given all, and it was sent.
    Done,
    /// The word to stop came.
    Stopped,
    /// The source gave not one picture, for this reason.
    NoPicture(String),
    /// The source broke, for this reason; what it gave before was sent.
    SourceFailed(String),
    /// The source has ended and the server does not take the rest, for this reason.
    Unsent(String),
}

impl End {
    /// The exit status. To be stopped is how most of these commands end, so that is no failure.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            End::Done | End::Stopped => Exit::Done,
            End::NoPicture(_) => Exit::NoPicture,
            End::SourceFailed(_) => Exit::Ended,
            End::Unsent(_) => Exit::CannotWrite,
        }
    }

    /// What to tell a person, where it is not what was asked for.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        match self {
            End::Done | End::Stopped => None,
            End::NoPicture(reason) => Some(format!("no picture: {reason}")),
            End::SourceFailed(reason) => Some(format!("the source ended: {reason}")),
            End::Unsent(reason) => Some(format!("the last pictures could not be sent: {reason}")),
        }
    }
}

/// Pushes until the source ends, or `shutdown`.
///
/// # Errors
/// [`LocalError`], which cannot happen.
pub async fn run(options: Options, shutdown: Shutdown) -> Result<(End, Summary), LocalError> {
    let mut local = Local::new(shutdown.clone())?;
    let (connected, is_connected) = watch::channel(false);
    let ending = match open(&mut local, &options, is_connected)? {
        Ok(ending) => ending,
        Err(error) => {
            let reason = format!("{} cannot be read: {error}", options.source);
            return Ok((End::NoPicture(reason), Summary::default()));
        }
    };
    let mut push = Push::new(local.stream().clone(), options, ending, shutdown, connected);
    let end = push.until_the_end().await;
    Ok((end, push.summary))
}

fn open(
    local: &mut Local,
    options: &Options,
    connected: feed::Connected,
) -> Result<io::Result<Ending>, LocalError> {
    let how = How { coding: options.format, fps: options.fps, repeat: options.repeat };
    let name = options.source.to_string();
    Ok(match &options.source {
        Address::Stdin => feed::stdin(local.publish(name)?, how, connected),
        Address::File(path) => feed::file(local.publish(name)?, path, how, connected),
        Address::Device(path) => device::start(local.publish(name)?, path, options.size, options.fps),
        source => {
            let how = &options.source_options;
            let ending = source::start(local, source, how, Wanted::Jpeg { fps: None }, PATIENCE)?;
            ending.ok_or_else(|| io::ErrorKind::Unsupported.into())
        }
    })
}

/// How one connection ended.
enum Over {
    /// All of it is over.
    End(End),
    /// The connection is.
    Lost(Lost),
    /// The source sends something else now, which takes another connection.
    Changed(String),
}

struct Push {
    stream: Stream,
    options: Options,
    ending: Ending,
    shutdown: Shutdown,
    connected: watch::Sender<bool>,
    backoff: Backoff,
    summary: Summary,
    /// Number of the last picture that was sent or given up, and of which rendition.
    last: Option<(bool, u64)>,
    told_making: bool,
    progress: Progress,
    show: Interval,
}

impl Push {
    fn new(
        stream: Stream,
        options: Options,
        ending: Ending,
        shutdown: Shutdown,
        connected: watch::Sender<bool>,
    ) -> Push {
        let mut show = tokio::time::interval(progress::EVERY);
        show.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Push {
            stream,
            progress: Progress::new(options.quiet),
            options,
            ending,
            shutdown,
            connected,
            backoff: Backoff::new(RECONNECT, Random::unpredictable()),
            summary: Summary::default(),
            last: None,
            told_making: false,
            show,
        }
    }

    async fn until_the_end(&mut self) -> End {
        loop {
            let (link, mut reading) = match self.begin_and_connect().await {
                Ok(begun) => begun,
                Err(end) => return end,
            };
            let since = Instant::now();
            let reason = match self.serve(link, &mut reading).await {
                Over::End(end) => return end,
                Over::Lost(lost) => lost.to_string(),
                Over::Changed(why) => why,
            };
            if since.elapsed() > SETTLED {
                self.backoff.reset();
            }
            if let Err(end) = self.pause(&reason).await {
                return end;
            }
        }
    }

    /// Waits for what the source sends, and connects for that.
    async fn begin_and_connect(&mut self) -> Result<(Link, Reading), End> {
        let reading = self.begin().await?;
        let connecting = Instant::now();
        let link = self.connect(&reading).await?;
        let reading = if connecting.elapsed() > FRESH { self.begin().await? } else { reading };
        Ok((link, reading))
    }

    /// Waits for what the source sends.
    async fn begin(&mut self) -> Result<Reading, End> {
        loop {
            let reading = match self.first_picture().await? {
                Ok(reading) => reading,
                Err(Nothing::Ended(source::End::Done)) => {
                    return Err(End::NoPicture("the source is empty".to_owned()));
                }
                Err(Nothing::Ended(source::End::Failed(reason))) => return Err(End::NoPicture(reason)),
                Err(Nothing::NotMade(reason)) if self.summary.sent == 0 => {
                    return Err(End::NoPicture(reason));
                }
                // It could be made before, so it may be again.
                Err(Nothing::NotMade(reason)) => {
                    self.pause(&reason).await?;
                    continue;
                }
            };
            if !reading.is_source() && !std::mem::replace(&mut self.told_making, true) {
                tracing::warn!(
                    "{} does not take what the source sends: camherd makes JPEGs of it",
                    self.options.to
                );
            }
            return Ok(reading);
        }
    }

    async fn first_picture(&mut self) -> Result<Result<Reading, Nothing>, End> {
        let mut begun = std::pin::pin!(Reading::begin(&self.stream, &self.options.to, &self.ending));
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.wait() => return Err(End::Stopped),
                begun = &mut begun => return Ok(begun),
                _ = self.show.tick(), if self.progress.is_active() => {
                    self.progress.show(&format!("waiting for pictures: {}", self.stream.state().reason()));
                }
            }
        }
    }

    /// Connects, and again.
    async fn connect(&mut self, reading: &Reading) -> Result<Link, End> {
        loop {
            let token = self.options.source_options.token.as_deref();
            let opening = Link::open(&self.options.to, reading.kind(), token);
            let opened = tokio::select! {
                biased;
                () = self.shutdown.wait() => return Err(End::Stopped),
                opened = opening => opened,
            };
            match opened {
                Ok(link) => {
                    self.summary.connections += 1;
                    tracing::info!(server = %self.options.to, kind = ?reading.kind(), "connected");
                    self.connected.send_replace(true);
                    return Ok(link);
                }
                Err(lost) => self.pause(&lost.to_string()).await?,
            }
        }
    }

    /// Waits before the next attempt.
    async fn pause(&mut self, reason: &str) -> Result<(), End> {
        if let Some(end) = self.ending.now()
            && self.nothing_is_left()
        {
            return Err(finished(end));
        }
        let delay = self.backoff.delay();
        tracing::warn!(server = %self.options.to, "{reason}; next attempt in {delay:.1?}");
        self.progress.show(&format!("{}  not connected: {reason}", self.sent()));
        tokio::select! {
            biased;
            () = self.shutdown.wait() => Err(End::Stopped),
            () = sleep(delay) => Ok(()),
            () = self.ending.wait_and(AFTER_END) => Err(End::Unsent(reason.to_owned())),
        }
    }

    /// Whether the newest picture of the source was sent.
    fn nothing_is_left(&self) -> bool {
        let newest = self.stream.newest().map(|(_, number)| number);
        matches!(self.last, Some((true, last)) if newest.is_some_and(|newest| newest <= last))
    }

    /// Sends until something ends.
    async fn serve(&mut self, mut link: Link, reading: &mut Reading) -> Over {
        loop {
            let next = tokio::select! {
                biased;
                () = self.shutdown.wait() => {
                    link.finish().await;
                    return Over::End(End::Stopped);
                }
                next = reading.next(&self.ending) => next,
                lost = link.lost() => return Over::Lost(lost),
                _ = self.show.tick(), if self.progress.is_active() => {
                    self.show_sent();
                    continue;
                }
            };
            let delivery = match next {
                Next::Picture(delivery) => delivery,
                Next::Changed(why) => {
                    link.finish().await;
                    return Over::Changed(why);
                }
                Next::End(end) => {
                    link.finish().await;
                    return Over::End(finished(end));
                }
            };
            if let Err(over) = self.send(&mut link, reading, delivery).await {
                return over;
            }
        }
    }

    async fn send(&mut self, link: &mut Link, reading: &Reading, delivery: Delivery) -> Result<(), Over> {
        if !self.count_gap(reading, delivery.seq) {
            return Ok(());
        }
        let payload = delivery.unit.payload;
        let length = payload.len() as u64;
        let given_up = async {
            self.shutdown.wait().await;
            sleep(STOP_GRACE).await;
        };
        let sent = tokio::select! {
            sent = link.send(payload) => sent,
            () = given_up => return Err(Over::End(End::Stopped)),
        };
        match sent {
            Ok(()) => {
                self.summary.sent += 1;
                self.summary.bytes += length;
                Ok(())
            }
            Err(lost) => {
                self.summary.dropped += 1;
                Err(Over::Lost(lost))
            }
        }
    }

    /// Counts the pictures between the last one and this. `false` for one that was sent and need not be again.
    fn count_gap(&mut self, reading: &Reading, number: u64) -> bool {
        let is_source = reading.is_source();
        let last = self.last.filter(|(was_source, _)| *was_source == is_source).map(|(_, last)| last);
        match last {
            Some(last) if number <= last => return !reading.stand_alone(),
            Some(last) => self.summary.dropped += number - last - 1,
            // The numbers of the source begin with its first picture, those of a rendition anywhere.
            None if is_source => self.summary.dropped += number,
            None => {}
        }
        self.last = Some((is_source, number));
        true
    }

    fn sent(&self) -> String {
        let Summary { sent, bytes: count, dropped, .. } = self.summary;
        format!("{sent} sent  {}  {dropped} dropped", bytes(count))
    }

    fn show_sent(&self) {
        let stats = self.stream.stats();
        let (fps, rate) = (stats.fps, stats.bitrate / 1e6);
        self.progress.show(&format!("{}  {fps:.1}/s  {rate:.2} Mbit/s", self.sent()));
    }
}

fn finished(end: source::End) -> End {
    match end {
        source::End::Done => End::Done,
        source::End::Failed(reason) => End::SourceFailed(reason),
    }
}

/// What each kind of target takes.
impl Target {
    /// Whether it takes video.
    pub(super) fn takes_h264(&self) -> bool {
        matches!(self, Target::Tcp { .. })
    }
}
