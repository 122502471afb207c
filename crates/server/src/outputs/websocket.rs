//! WebSocket outputs: MPEG-TS as the old viewers know it, fragmented MP4 for Media Source Extensions, and
//! JPEG. One task a viewer; what it writes is shared with all others.

use super::label::{Label, Labels};
use super::messages::{FromPlayer, ToPlayer};
use super::quality::{Choice, Follower};
use super::viewer::Watching;
use crate::net::shutdown::Shutdown;
use crate::net::websocket::{Socket, SocketError, close};
use crate::transcode::{Form, H264_FMP4, H264_TS, Input, Ladder, Pace, Quality, Want, frames};
use camherd_hub::{Clock, Delivery, DeriveError, Event, Start, Stream, StreamState};
use camherd_media::container::fmp4;
use camherd_media::time::Monotonic;
use camherd_media::unit::{Format, Packaging, Unit};
use camherd_media::wire::websocket::{Item, Opcode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A keyframe of this age is fresh enough to begin with; an older one is asked to be replaced.
pub const FRESH: Duration = crate::transcode::IDR_ON_DEMAND;

/// So long a joiner waits for a fresh keyframe before it takes the old one, e.g. when the camera is gone.
pub const FRESH_WAIT: Duration = Duration::from_millis(250);

/// Pause before a rendition that ended is asked for again; it doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(8);

/// Where who watches video begins: at a keyframe made for it, where camherd encodes and one costs nothing
/// but bits; else at the last one that came, as no camera sends one for being asked.
pub fn fresh(stream: &Stream) -> Start {
    let encoded = stream.newest().is_none_or(|(unit, _)| !Want::Video.is_served_by(&unit.format.codec));
    if encoded { Start::Fresh(FRESH) } else { Start::Newest }
}

/// Reads pictures that each stand alone; JPEG as the camera sends it, where it does.
///
/// # Errors
/// [`DeriveError`] when they cannot be made.
pub fn open_frames(stream: &Stream, form: Form, size: Option<(u32, u32)>) -> Result<Input, DeriveError> {
    match (form, size) {
        (Form::Jpeg, None) => Input::open(stream, Want::Jpeg),
        _ => Input::of(stream, &frames(form, size), Start::Newest),
    }
}

/// Longest message that a player may send; pings have fifty bytes.
pub const MAX_FROM_PLAYER: usize = 4096;

/// What a viewer wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Feed {
    /// MPEG-TS with H.264, nothing but binary messages.
    Ts,
    /// Fragmented MP4 with H.264, and text messages.
    Fmp4,
    /// H.264 in the byte stream format (Annex B), nothing but binary messages.
    AnnexB,
    /// JPEG, at most so many a second, and text messages; with one before each frame if `meta`.
    Jpeg {
        /// Frames per second; `None` is all of them.
        fps: Option<f64>,
        /// Whether each frame is announced.
        meta: bool,
    },
    /// Pictures of one rendition, each of which stands alone, and nothing but binary messages; with text
    /// messages, and one before each frame, if `meta`.
    Frames {
        /// What they are.
        form: Form,
        /// Their size in pixels; `None` is the camera's own.
        size: Option<(u32, u32)>,
        /// Whether there are text messages.
        meta: bool,
    },
}

impl Feed {
    fn subscribe(&self, stream: &Stream) -> Result<Input, DeriveError> {
        match self {
            Feed::Ts => Input::of(stream, &H264_TS, fresh(stream)),
            Feed::Fmp4 => Input::of(stream, &H264_FMP4, fresh(stream)),
            Feed::AnnexB => Input::open(stream, Want::Video),
            Feed::Jpeg { fps, .. } => {
                Input::open_for(stream, Want::Jpeg, camherd_hub::Want { size: None, fps: *fps })
            }
            Feed::Frames { form, size, .. } => open_frames(stream, *form, *size),
        }
    }

    /// Reads a stream in the quality that is wanted, or that fits.
    fn follow(&self, stream: &Stream, ladder: &Arc<Ladder>, choice: Choice) -> Result<Follower, DeriveError> {
        let feed = self.clone();
        let open = Box::new(move |stream: &Stream| feed.subscribe(stream));
        let follow = |choice| Follower::new(stream, ladder.clone(), choice, open);
        match (self, choice) {
            // Who asked for raw pictures of a size gets those, each of them.
            (Feed::Frames { .. }, _) => Ok(follow(Choice::Fixed(Quality::High))?.for_recording()),
            // A transport stream counts its packets: another one cannot follow in its place.
            (Feed::Ts, Choice::Automatic) => Ok(follow(Choice::Fixed(Quality::High))?.staying()),
            (Feed::Ts, _) => Ok(follow(choice)?.staying()),
            _ => follow(choice),
        }
    }

    /// Whether there are text messages.
    fn has_text(&self) -> bool {
        !matches!(self, Feed::Ts | Feed::AnnexB | Feed::Frames { meta: false, .. })
    }

    /// Whether a text message announces each frame.
    fn has_meta(&self) -> bool {
        matches!(self, Feed::Jpeg { meta: true, .. } | Feed::Frames { meta: true, .. })
    }
}

/// One viewer on one socket.
pub struct Viewer {
    socket: Socket,
    feed: Feed,
    choice: Choice,
    ladder: Arc<Ladder>,
    /// What the player knows of the quality.
    labels: Labels,
    clock: Clock,
    format: Option<Arc<Format>>,
    missed: u64,
    /// The rendition ended and has not given a picture since.
    failed: bool,
    pace: Pace,
}

/// Why a viewer's conversation is over.
enum End {
    /// The socket is of no use.
    Gone,
    /// Say goodbye with code and reason.
    Close(u16, &'static str),
}

impl From<SocketError> for End {
    fn from(_: SocketError) -> End {
        End::Gone
    }
}

impl Viewer {
    /// A viewer that has just come, and wants `feed` in a quality.
    #[must_use]
    pub fn new(socket: Socket, (feed, choice): (Feed, Choice), ladder: Arc<Ladder>, clock: Clock) -> Viewer {
        let pace = Pace::new(if let Feed::Jpeg { fps, .. } = &feed { *fps } else { None });
        let (format, labels) = (None, Labels::new(choice));
        Viewer { socket, feed, choice, ladder, labels, clock, format, missed: 0, failed: false, pace }
    }

    /// Says that there is no stream yet, and waits for one, answering the player meanwhile.
    /// `None` when the player has left first.
    pub async fn wait<T>(&mut self, waited: impl Future<Output = T>, shutdown: &Shutdown) -> Option<T> {
        let waiting = ToPlayer::State { state: "waiting", reason: "no camera has connected yet" };
        self.tell(&waiting).await.ok()?;
        self.wait_for(waited, shutdown).await.ok()
    }

    /// Closes with a code and a reason.
    pub async fn close(self, code: u16, reason: &str) {
        self.socket.close(code, reason).await;
    }

    /// Serves the stream until either side ends it.
    pub async fn run(mut self, stream: Stream, watching: Watching, shutdown: Shutdown) {
        let name = stream.name().to_string();
        let end = match self.tell(&ToPlayer::Stream { name: &name }).await {
            Ok(()) => self.serve(&stream, &shutdown).await,
            Err(end) => end,
        };
        drop((stream, watching));
        if let End::Close(code, reason) = end {
            self.socket.close(code, reason).await;
        }
    }

    async fn serve(&mut self, stream: &Stream, shutdown: &Shutdown) -> End {
        let mut pause = RETRY;
        loop {
            let subscribed = Instant::now();
            let ended = match self.feed.follow(stream, &self.ladder, self.choice) {
                Ok(mut follower) => match self.watch(stream, &mut follower, shutdown).await {
                    Ok(reason) => reason.to_string(),
                    Err(end) => return end,
                },
                Err(error) => error.to_string(),
            };
            if subscribed.elapsed() > RETRY_MAX {
                pause = RETRY;
            }
            tracing::debug!(stream = %stream.name(), "viewer's rendition ended: {ended}");
            if stream.removed().is_some() {
                return End::Close(close::NO_STREAM, "the stream was removed");
            }
            self.failed = true;
            let told = self.tell(&ToPlayer::State { state: "offline", reason: &ended }).await;
            if let Err(end) = told {
                return end;
            }
            if let Err(end) = self.wait_for(tokio::time::sleep(pause), shutdown).await {
                return end;
            }
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Waits, answering the player meanwhile.
    async fn wait_for<T>(&mut self, waited: impl Future<Output = T>, shutdown: &Shutdown) -> Result<T, End> {
        let mut waited = std::pin::pin!(waited);
        loop {
            tokio::select! {
                value = &mut waited => return Ok(value),
                item = self.socket.recv() => self.answer(item).await?,
                () = shutdown.wait() => return Err(GOING_AWAY),
            }
        }
    }

    /// Serves one run of a rendition; gives the reason of its end.
    async fn watch(
        &mut self,
        stream: &Stream,
        follower: &mut Follower,
        shutdown: &Shutdown,
    ) -> Result<Arc<str>, End> {
        let mut patience = std::pin::pin!(tokio::time::sleep(FRESH_WAIT));
        let mut waiting = true;
        let mut held: Option<StreamState> = None;
        loop {
            tokio::select! {
                event = follower.next() => match event {
                    Event::Unit(delivery) => {
                        waiting = false;
                        self.failed = false;
                        if let Some(state) = held.take() {
                            self.tell(&ToPlayer::state(&state)).await?;
                        }
                        self.tell_quality(stream, follower.quality(), &delivery.unit).await?;
                        self.deliver(delivery).await?;
                    }
                    // A camera that is live is no picture yet: the one that proves it comes first.
                    Event::State(state) if self.failed && state.is_live() => held = Some(state),
                    Event::State(state) => {
                        held = None;
                        self.tell(&ToPlayer::state(&state)).await?;
                    }
                    Event::Ended(reason) => return Ok(reason),
                },
                item = self.socket.recv() => self.answer(item).await?,
                () = shutdown.wait() => return Err(GOING_AWAY),
                () = &mut patience, if waiting => {
                    waiting = false;
                    follower.take_newest();
                }
            }
        }
    }

    async fn deliver(&mut self, delivery: Delivery) -> Result<(), End> {
        let Delivery { unit, seq, missed } = delivery;
        if missed > 0 {
            self.missed += missed;
            self.tell(&ToPlayer::Dropped { missed, total: self.missed }).await?;
        }
        if !self.pace.admits(unit.stamps.received) {
            return Ok(());
        }
        if self.feed.has_meta() {
            let captured = unix_millis(&self.clock, unit.stamps.taken());
            let (width, height) = (unit.format.width, unit.format.height);
            self.tell(&ToPlayer::Frame { seq, captured, width, height }).await?;
        }
        if self.feed == Feed::Fmp4 && !self.format.as_ref().is_some_and(|f| Arc::ptr_eq(f, &unit.format)) {
            self.format = Some(unit.format.clone());
            self.init(&unit.format).await?;
        }
        self.socket.send(Opcode::Binary, &unit.payload).await?;
        Ok(())
    }

    async fn tell_quality(&mut self, stream: &Stream, quality: Quality, unit: &Unit) -> Result<(), End> {
        let Some(label) = self.labels.next(&self.ladder, stream, quality, unit) else { return Ok(()) };
        let Label { quality, chosen, reason } = label;
        self.tell(&ToPlayer::Quality { quality: quality.name(), chosen, reason: &reason }).await
    }

    async fn init(&mut self, format: &Format) -> Result<(), End> {
        let (Packaging::Fmp4 { init }, Some(mime)) = (&format.packaging, fmp4::mime(format)) else {
            return Ok(());
        };
        self.tell(&ToPlayer::Init { mime, width: format.width, height: format.height }).await?;
        self.socket.send(Opcode::Binary, init).await?;
        Ok(())
    }

    /// Sends a text message, unless the feed has none.
    async fn tell(&mut self, message: &ToPlayer<'_>) -> Result<(), End> {
        if !self.feed.has_text() {
            return Ok(());
        }
        Ok(self.socket.send_text(message.to_json()).await?)
    }

    async fn answer(&mut self, item: Result<Item, SocketError>) -> Result<(), End> {
        match item? {
            Item::Ping(payload) => self.socket.send(Opcode::Pong, &payload).await?,
            Item::Text(text) => {
                if let Ok(FromPlayer::Ping { t }) = serde_json::from_slice(&text) {
                    let now = unix_millis(&self.clock, self.clock.now());
                    self.tell(&ToPlayer::Pong { t, now }).await?;
                }
            }
            Item::Close { .. } => return Err(End::Close(close::NORMAL, "")),
            Item::Pong | Item::Binary(_) | Item::Oversize { .. } => {}
        }
        Ok(())
    }
}

const GOING_AWAY: End = End::Close(close::GOING_AWAY, "the server is shutting down");

fn unix_millis(clock: &Clock, at: Monotonic) -> f64 {
    clock.unix_micros(at) as f64 / 1000.0
}
