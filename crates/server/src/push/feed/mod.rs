//! A pipe or a file as the source of a stream.
//!
//! `bytes` reads, `cut` finds the pictures; here they get their time and are published: as they come, or at a pace.

mod bytes;
mod cut;

use super::args::FPS;
use crate::client::source::{End, Ender, Ending};
use crate::sources::h264_pause::PAUSE;
use ::bytes::BytesMut;
use bytes::Chunk;
use camherd_hub::{Clock, Publisher};
use cut::{Cutter, Detected, Piece, detect};
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// Pace of a file that says none, in pictures per second: what cameras have as a rule.
const DEFAULT_FPS: f64 = 30.0;

/// So long a pipe waits with its second picture for a connection, so that nothing is lost where there is one soon.
/// Longer would hold up whoever writes the pipe, and send old pictures afterwards.
const PIPE_PATIENCE: Duration = Duration::from_secs(2);

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// JPEGs one after another, or as parts of a multipart stream.
    Mjpeg,
    /// H.264 in Annex B.
    H264,
}

impl FromStr for Coding {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Coding, &'static str> {
        match &text.to_ascii_lowercase()[..] {
            "mjpeg" | "mjpg" | "jpg" | "jpeg" => Ok(Coding::Mjpeg),
            "h264" | "264" => Ok(Coding::H264),
            _ => Err("expected mjpeg or h264"),
        }
    }
}

/// How the bytes are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub(super) coding: Option<Coding>,
    pub(super) fps: Option<f64>,
    pub(super) repeat: bool,
}

/// Hears that a connection has been made.
pub(super) type Connected = watch::Receiver<bool>;

/// Begins to publish what comes over standard input.
pub(super) fn stdin(publisher: Publisher, how: How, connected: Connected) -> io::Result<Ending> {
    let patience = Some(PIPE_PATIENCE);
    Ok(start(bytes::stdin()?, Feed::new(publisher, how.fps.map(Pace::new), connected, patience), how.coding))
}

/// Begins to publish what is in a file.
pub(super) fn file(publisher: Publisher, path: &Path, how: How, connected: Connected) -> io::Result<Ending> {
    let (chunks, is_file) = bytes::file(path, how.repeat)?;
    let feed = match is_file {
        // It begins when somebody takes it.
        true => Feed::new(publisher, Some(Pace { fps: how.fps, next: None }), connected, None),
        false => Feed::new(publisher, how.fps.map(Pace::new), connected, Some(PIPE_PATIENCE)),
    };
    Ok(start(chunks, feed, how.coding))
}

fn start(chunks: mpsc::Receiver<Chunk>, mut feed: Feed, coding: Option<Coding>) -> Ending {
    let (ender, ending) = Ender::new();
    tokio::spawn(async move {
        let end = match feed.run(chunks, coding).await {
            Ok(()) => End::Done,
            Err(reason) => End::Failed(reason),
        };
        // The publisher stays until the process ends: what was published may still be read.
        ender.end(end);
        std::future::pending::<()>().await;
    });
    ending
}

/// When the next picture is due.
struct Pace {
    /// Pictures per second; `None` until it is known.
    fps: Option<f64>,
    next: Option<Instant>,
}

impl Pace {
    fn new(fps: f64) -> Pace {
        Pace { fps: Some(fps), next: None }
    }

    /// Waits until the next picture is due.
    async fn wait(&mut self, stated: Option<f64>) {
        let stated = || stated.filter(|fps| FPS.contains(fps)).unwrap_or(DEFAULT_FPS);
        let period = Duration::from_secs_f64(1.0 / self.fps.unwrap_or_else(stated));
        let now = Instant::now();
        // What was held up does not hurry afterwards.
        let due = self.next.filter(|due| *due + period > now).unwrap_or(now);
        sleep_until(due).await;
        self.next = Some(due + period);
    }
}

struct Feed {
    publisher: Publisher,
    clock: Clock,
    pace: Option<Pace>,
    connected: Connected,
    patience: Option<Duration>,
    waited: bool,
    published: u64,
}

impl Feed {
    fn new(
        publisher: Publisher,
        pace: Option<Pace>,
        connected: Connected,
        patience: Option<Duration>,
    ) -> Feed {
        Feed {
            clock: publisher.stream().clock(),
            publisher,
            pace,
            connected,
            patience,
            waited: false,
            published: 0,
        }
    }

    /// Publishes all there is.
    async fn run(&mut self, mut chunks: mpsc::Receiver<Chunk>, coding: Option<Coding>) -> Result<(), String> {
        let mut first = BytesMut::new();
        let coding = match coding {
            Some(coding) => coding,
            None => find_coding(&mut chunks, &mut first).await?,
        };
        let mut cutter = Cutter::new(coding);
        self.publish_all(&mut cutter, &first).await?;
        let mut before = 0;
        while let Some(chunk) = self.next(&mut chunks, &mut cutter).await? {
            match chunk {
                Chunk::Data(data) => self.publish_all(&mut cutter, &data).await?,
                Chunk::Again => {
                    self.publish_rest(&mut cutter).await?;
                    if self.published == before {
                        return Err(self.no_picture());
                    }
                    before = self.published;
                }
                Chunk::Failed(error) => return Err(format!("it cannot be read: {error}")),
            }
        }
        self.publish_rest(&mut cutter).await?;
        if self.published == 0 { Err(self.no_picture()) } else { Ok(()) }
    }

    /// Waits for the next chunk. A picture that is whole by then is published meanwhile.
    async fn next(
        &mut self,
        chunks: &mut mpsc::Receiver<Chunk>,
        cutter: &mut Cutter,
    ) -> Result<Option<Chunk>, String> {
        if cutter.waits() {
            if let Ok(chunk) = timeout(PAUSE, chunks.recv()).await {
                return Ok(chunk);
            }
            if let Some(piece) = cutter.paused() {
                self.publish(cutter, piece).await?;
            }
        }
        Ok(chunks.recv().await)
    }

    fn no_picture(&self) -> String {
        let error = self.publisher.stream().stats().last_error;
        format!("there is no whole picture in it{}", error.map(|e| format!(": {e}")).unwrap_or_default())
    }

    async fn publish_all(&mut self, cutter: &mut Cutter, data: &[u8]) -> Result<(), String> {
        for piece in cutter.push(data) {
            self.publish(cutter, piece).await?;
        }
        Ok(())
    }

    async fn publish_rest(&mut self, cutter: &mut Cutter) -> Result<(), String> {
        match cutter.end() {
            Some(piece) => self.publish(cutter, piece).await,
            None => Ok(()),
        }
    }

    async fn publish(&mut self, cutter: &mut Cutter, piece: Piece) -> Result<(), String> {
        if self.published == 1 && !std::mem::replace(&mut self.waited, true) {
            self.wait_for_connection().await;
        }
        if let Some(pace) = &mut self.pace {
            pace.wait(cutter.frame_rate()).await;
        }
        match cutter.unit(piece, &self.clock, self.clock.now()) {
            Ok(Some(unit)) => {
                self.publisher.push(unit).map_err(|superseded| superseded.to_string())?;
                self.published += 1;
            }
            Ok(None) => {}
            Err((label, error)) => {
                tracing::debug!(label, "no picture: {error}");
                self.publisher.stream().count_drop(label, error);
            }
        }
        Ok(())
    }

    async fn wait_for_connection(&mut self) {
        let made = async {
            let _ = self.connected.wait_for(|connected| *connected).await;
        };
        match self.patience {
            Some(patience) => {
                let _ = timeout(patience, made).await;
            }
            None => made.await,
        }
        if let Some(pace) = &mut self.pace {
            pace.next = pace.next.map(|_| Instant::now());
        }
    }
}

/// Collects bytes until they say what they are.
async fn find_coding(chunks: &mut mpsc::Receiver<Chunk>, first: &mut BytesMut) -> Result<Coding, String> {
    loop {
        let chunk = chunks.recv().await;
        let all = match chunk {
            Some(Chunk::Data(data)) => {
                first.extend_from_slice(&data);
                false
            }
            Some(Chunk::Failed(error)) => return Err(format!("it cannot be read: {error}")),
            Some(Chunk::Again) | None => true,
        };
        match detect(first, all) {
            Detected::Coding(coding) => return Ok(coding),
            Detected::Nothing(why) => return Err(why),
            Detected::More => {}
        }
    }
}
