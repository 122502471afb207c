//! The camera's network side: how the device behaves on its WebSocket.
//!
//! Every binary message is one JPEG, sent in fragments of the device's buffer size. No token, no subprotocol. A send
//! that takes too long ends the connection.

use super::Error;
use super::capture::Capture;
use crate::client::ws::{Link, Lost, Options, Target};
use std::pin::Pin;
use std::time::Duration;

pub use crate::client::ws::FRAGMENT;

/// The device gives up on a send after this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that the kernel may hold for a server that does not read. About two frames; the default of some megabytes
/// would hide a stalled server for seconds and send old pictures afterwards.
const SEND_BUFFER: u32 = 64 * 1024;
/// Largest message that is taken from a server, which has no reason to send any.
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
    /// The server or the network ended it.
    Lost(Lost),
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

    /// Sends frames as they come, until `limit` have been sent in all, `stop` is ready or the connection is lost.
    ///
    /// # Errors
    /// The camera's own failure to make frames.
    pub(super) async fn run<S: Future<Output = ()>>(
        mut self,
        capture: &Capture,
        sent: &mut Sent,
        limit: u64,
        mut stop: Pin<&mut S>,
    ) -> Result<End, Error> {
        while sent.frames < limit {
            let frame = tokio::select! {
                biased;
                () = stop.as_mut() => {
                    self.link.close("the camera stops").await;
                    return Ok(End::Stopped);
                }
                lost = self.link.receive() => return Ok(End::Lost(lost)),
                frame = capture.next() => frame?,
            };
            let bytes = frame.len() as u64;
            if let Err(lost) = self.link.send(frame, SEND_TIMEOUT).await {
                sent.broken += 1;
                return Ok(End::Lost(lost));
            }
            sent.frames += 1;
            sent.bytes += bytes;
        }
        self.link.close("the camera stops").await;
        Ok(End::Complete)
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
