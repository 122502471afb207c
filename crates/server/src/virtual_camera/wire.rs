//! The camera's network side: how the device behaves on its WebSocket.
//!
//! Every binary message is one JPEG, sent in fragments of the device's buffer size; texts are the device channel. No
//! token, no subprotocol. A send that takes too long ends the connection.

use super::Error;
use super::capture::Capture;
use super::channel::{Channel, Outcome};
use crate::client::ws::{Incoming, Link, Lost, Options, Target};
use bytes::Bytes;
use std::pin::Pin;
use std::time::Duration;

pub use crate::client::ws::FRAGMENT;

/// The device gives up on a send after this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that the kernel may hold for a server that does not read. About two frames; the default of some megabytes
/// would hide a stalled server for seconds and send old pictures afterwards.
const SEND_BUFFER: u32 = 64 * 1024;
/// Largest message that is taken from a server, which has no reason to send one of more than a kilobyte.
const MAX_RECEIVED: usize = 64 * 1024;

/// What has gone over the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// Frames whose sending was given up half-way.
    pub(super) broken: u64,
}

/// How a connection ended.
pub(super) enum End {
    /// All frames that were asked for have been sent.
    Complete,
    /// The camera is to stop.
    Stopped,
    /// The server wants the camera to restart.
    Restart,
    /// The server or the network ended it.
    Lost(Lost),
}

/// What a connection is for.
pub(super) struct Work<'a> {
    /// Where frames come from.
    pub(super) capture: &'a Capture,
    /// What has gone over the wire so far.
    pub(super) sent: &'a mut Sent,
    /// Frames to be sent in all.
    pub(super) limit: u64,
}

/// A connected camera.
pub(super) struct Connection {
    link: Link,
}

impl Connection {
    /// Connects and shakes hands.
    pub(super) async fn open(target: &Target) -> Result<Connection, Lost> {
        let options = Options { token: None, send_buffer: Some(SEND_BUFFER), max_received: MAX_RECEIVED };
        Ok(Connection { link: Link::open(target, options).await? })
    }

    /// Sends frames as they come, until as many as wanted have been sent in all, `stop` is ready or the connection is
    /// lost. With a channel it tells of itself and obeys.
    ///
    /// # Errors
    /// The camera's own failure to make frames.
    pub(super) async fn run<S: Future<Output = ()>>(
        mut self,
        work: Work<'_>,
        mut channel: Option<&mut Channel>,
        mut stop: Pin<&mut S>,
    ) -> Result<End, Error> {
        let Work { capture, sent, limit } = work;
        if let Some(channel) = channel.as_deref_mut() {
            let hello = channel.connected(capture, sent);
            if let Err(lost) = self.link.send_text(hello, SEND_TIMEOUT).await {
                return Ok(End::Lost(lost));
            }
        }
        while sent.frames < limit {
            let report_at = channel.as_ref().map(|channel| channel.report_at());
            let done = tokio::select! {
                biased;
                () = stop.as_mut() => {
                    self.link.close("the camera stops").await;
                    return Ok(End::Stopped);
                }
                incoming = self.link.next() => match (incoming, channel.as_deref_mut()) {
                    (Err(lost), _) => return Ok(End::Lost(lost)),
                    (Ok(Incoming::Binary(_)), _) | (Ok(_), None) => Ok(()),
                    (Ok(Incoming::Text(text)), Some(channel)) => {
                        let Outcome { hello, answer, restart } = channel.received(text.as_bytes(), capture);
                        let said = self.say(hello.into_iter().chain(answer)).await;
                        if restart {
                            self.link.close("the camera restarts").await;
                            return Ok(End::Restart);
                        }
                        said
                    }
                },
                () = at(report_at) => match channel.as_deref_mut() {
                    Some(channel) => self.link.send_text(channel.report(capture, sent), SEND_TIMEOUT).await,
                    None => Ok(()),
                },
                frame = capture.next() => self.show(frame?, sent).await,
            };
            if let Err(lost) = done {
                return Ok(End::Lost(lost));
            }
        }
        self.link.close("the camera stops").await;
        Ok(End::Complete)
    }

    async fn say(&mut self, texts: impl Iterator<Item = String>) -> Result<(), Lost> {
        for text in texts {
            self.link.send_text(text, SEND_TIMEOUT).await?;
        }
        Ok(())
    }

    async fn show(&mut self, frame: Bytes, sent: &mut Sent) -> Result<(), Lost> {
        let bytes = frame.len() as u64;
        if let Err(lost) = self.link.send(frame, SEND_TIMEOUT).await {
            sent.broken += 1;
            return Err(lost);
        }
        sent.frames += 1;
        sent.bytes += bytes;
        Ok(())
    }
}

/// Waits for the time, for ever without one.
async fn at(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
