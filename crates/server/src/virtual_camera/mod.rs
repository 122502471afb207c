//! A virtual ESP32 camera: an animated test picture, sent over WebSocket the way the device sends its JPEGs.
//!
//! - [`picture`] draws, [`code`] writes and reads the machine-readable strip, [`Generator`] makes JPEGs of it.
//! - `capture` is the sensor side, a thread with a schedule; `wire` is the network side, `channel` what is said on it
//!   besides pictures; [`run`] joins them.
//!
//! What is not here: the server. The camera knows nothing of it but the URL.

mod args;
mod backdrop;
mod canvas;
mod capture;
mod channel;
pub mod code;
mod font;
mod generator;
mod pace;
pub mod picture;
mod wire;

pub use crate::client::ws::UrlError;
pub use crate::net::backoff::Reconnect;
pub use args::Args;
pub use generator::{DEFAULT_DETAIL, Generator, Look};
pub use wire::FRAGMENT;

use crate::client::ws::Lost;
use crate::client::ws::Target;
use crate::net::backoff::Backoff;
use crate::random::Random;
use capture::Capture;
use channel::Channel;
use pace::Pace;
use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};
use wire::{Connection, End, Sent, Work};

/// Slowest camera: one frame in ten seconds, longer than which servers call a camera silent.
const MIN_FPS: f64 = 0.1;
/// Fastest camera, well above what the sensors give.
const MAX_FPS: f64 = 240.0;

/// What the camera does. [`run`] checks every value.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where to connect to, `ws://HOST:PORT/ws/camera/NAME`; without a path, `/ws/camera`.
    pub url: String,
    /// Width in pixels: even, 160 to 8192.
    pub width: u32,
    /// Height in pixels: even, 120 to 8192.
    pub height: u32,
    /// Frames per second, 0.1 to 240.
    pub fps: f64,
    /// The most by which the time between two frames differs from the mean, as a fraction of it, 0 to 1.
    pub jitter: f64,
    /// JPEG quality on libjpeg's scale, 1 to 100.
    pub quality: u8,
    /// Roughness of the texture, 0 to 100.
    pub detail: u8,
    /// The name that the picture shows.
    pub name: String,
    /// Stop after so many frames have been sent.
    pub frames: Option<u64>,
    /// Stop after this time.
    pub duration: Option<Duration>,
    /// How long to wait before a reconnect.
    pub reconnect: Reconnect,
    /// Nothing but pictures, as many whether anybody watches or not: no device channel.
    pub plain: bool,
}

impl Default for Options {
    /// VGA at 30 fps to a server on this machine.
    fn default() -> Self {
        Options {
            url: "ws://127.0.0.1:8080/ws/camera".to_owned(),
            width: 640,
            height: 480,
            fps: 30.0,
            jitter: 0.0,
            quality: 80,
            detail: DEFAULT_DETAIL,
            name: "camera".to_owned(),
            frames: None,
            duration: None,
            reconnect: Reconnect::default(),
            plain: false,
        }
    }
}

/// What the camera has done. `captured` is the sum of `sent` and `dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames taken.
    pub captured: u64,
    /// Frames sent whole.
    pub sent: u64,
    /// Frames taken but not sent: replaced by newer ones, or lost with a connection.
    pub dropped: u64,
    /// Frames not taken because drawing could not keep up with the frame rate.
    pub missed: u64,
    /// Bytes of JPEG in the frames sent.
    pub bytes: u64,
    /// Connections made.
    pub connections: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { captured, sent, dropped, missed, bytes, connections } = self;
        write!(
            f,
            "{captured} frames taken, {sent} sent ({bytes} bytes), {dropped} dropped, {missed} missed, "
        )?;
        write!(f, "{connections} connections")
    }
}

/// Why the camera cannot run. A server that is away is not an error: the camera tries again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one of a camera endpoint.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The picture cannot have this size.
    #[error(transparent)]
    Size(#[from] picture::SizeError),
    /// The frame rate is outside its range.
    #[error("a frame rate of {0} is not in {MIN_FPS} to {MAX_FPS} frames per second")]
    Fps(f64),
    /// The jitter is outside its range.
    #[error("a jitter of {0} is not in 0 to 1")]
    Jitter(f64),
    /// The quality is outside its range.
    #[error("JPEG quality {0} is not in 1 to 100")]
    Quality(u8),
    /// The detail is outside its range.
    #[error("detail {0} is not in 0 to 100")]
    Detail(u8),
    /// The delays before a reconnect are the wrong way round, or zero, which would be a flood.
    #[error("reconnect delays of {0:?} to {1:?}: the shortest must be above 0s and not above the longest")]
    Reconnect(Duration, Duration),
    /// The picture's buffer cannot be made.
    #[error("no buffer for the picture: {0}")]
    Picture(#[from] camherd_codec::picture::SizeError),
    /// The JPEG encoder failed.
    #[error("no JPEG from the picture: {0}")]
    Jpeg(#[from] camherd_codec::jpeg::Error),
    /// The operating system gives no thread.
    #[error("no thread for the camera: {0}")]
    Thread(#[source] std::io::Error),
}

fn check_fps(fps: f64) -> Result<(), Error> {
    if (MIN_FPS..=MAX_FPS).contains(&fps) { Ok(()) } else { Err(Error::Fps(fps)) }
}

fn check_jitter(jitter: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&jitter) { Ok(()) } else { Err(Error::Jitter(jitter)) }
}

impl Options {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// Names the first value that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        Target::parse(&self.url)?;
        self.look().check()?;
        check_fps(self.fps)?;
        check_jitter(self.jitter)?;
        match self.reconnect.is_valid() {
            true => Ok(()),
            false => Err(Error::Reconnect(self.reconnect.min, self.reconnect.max)),
        }
    }

    /// The part of the options that the [`Generator`] needs.
    #[must_use]
    pub fn look(&self) -> Look {
        Look {
            width: self.width,
            height: self.height,
            quality: self.quality,
            detail: self.detail,
            name: self.name.clone(),
            mirrored: false,
            flipped: false,
        }
    }
}

/// Runs the camera until it has done what the options ask for or `shutdown` is ready, whatever the server does.
///
/// Frames are taken on a thread of their own, and only while there is a connection, as on the device.
///
/// # Errors
/// An option is wrong, or the camera itself fails; never because of the server or the network.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) -> Result<Summary, Error> {
    options.check()?;
    let target = Target::parse(&options.url)?;
    let look = options.look();
    let pace = Pace::new(options.fps, options.jitter, Random::unpredictable(), Instant::now());
    let capture = Capture::start(pace, look, |look| {
        let mut generator = Generator::new(look)?;
        Ok(move |look: &Look, now_unix_ms| {
            generator.set_look(look)?;
            generator.next(now_unix_ms)
        })
    })?;
    let over = async {
        match options.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let stop = std::pin::pin!(async {
        tokio::select! {
            () = shutdown => (),
            () = over => (),
        }
    });
    let mut camera = Camera {
        target,
        capture,
        limit: options.frames.unwrap_or(u64::MAX),
        backoff: Backoff::new(options.reconnect, Random::unpredictable()),
        settled: options.reconnect.max,
        sent: Sent::default(),
        connections: 0,
        channel: (!options.plain).then(|| Channel::new(&options)),
    };
    let outcome = camera.stay_connected(stop).await;
    let summary = camera.finish().await;
    outcome.map(|()| summary)
}

struct Camera {
    target: Target,
    capture: Capture,
    limit: u64,
    backoff: Backoff,
    /// A connection that lasts longer than this was a good one: the next delay is a short one.
    settled: Duration,
    sent: Sent,
    connections: u64,
    channel: Option<Channel>,
}

impl Camera {
    async fn stay_connected<S: Future<Output = ()>>(&mut self, mut stop: Pin<&mut S>) -> Result<(), Error> {
        while self.sent.frames < self.limit {
            let lost = tokio::select! {
                biased;
                () = stop.as_mut() => return Ok(()),
                opened = Connection::open(&self.target) => match opened {
                    Ok(connection) => match self.serve(connection, stop.as_mut()).await? {
                        End::Complete | End::Stopped => return Ok(()),
                        End::Restart => continue,
                        End::Lost(lost) => lost,
                    },
                    Err(lost) => lost,
                },
            };
            let delay = self.backoff.delay();
            report(&self.target, &lost, delay);
            tokio::select! {
                biased;
                () = stop.as_mut() => return Ok(()),
                () = tokio::time::sleep(delay) => (),
            }
        }
        Ok(())
    }

    async fn serve<S: Future<Output = ()>>(
        &mut self,
        connection: Connection,
        stop: Pin<&mut S>,
    ) -> Result<End, Error> {
        tracing::info!(server = %self.target, "camera connected");
        self.connections += 1;
        let since = Instant::now();
        self.capture.open();
        let work = Work { capture: &self.capture, sent: &mut self.sent, limit: self.limit };
        let end = connection.run(work, self.channel.as_mut(), stop).await;
        self.capture.close();
        if since.elapsed() > self.settled {
            self.backoff.reset();
        }
        end
    }

    async fn finish(self) -> Summary {
        let capture = self.capture;
        capture.close();
        let shared = capture.finish().await;
        Summary {
            captured: shared.captured,
            sent: self.sent.frames,
            dropped: shared.dropped + self.sent.broken,
            missed: shared.missed,
            bytes: self.sent.bytes,
            connections: self.connections,
        }
    }
}

fn report(target: &Target, lost: &Lost, delay: Duration) {
    let seconds = delay.as_secs_f32();
    tracing::warn!(server = %target, "camera not connected: {lost}; next attempt in {seconds:.1} s");
}
