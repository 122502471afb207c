//! As a camera over WebSocket: each message is one JPEG, in the fragments of a device.

use super::SEND_TIMEOUT;
use crate::client::ws::{Link, Lost, Options, Target};
use bytes::Bytes;

/// Largest message that is taken from a server, which has no reason to send any.
const MAX_RECEIVED: usize = 64 * 1024;

/// A connection.
pub(in crate::push) struct WebSocketLink {
    link: Link,
}

impl WebSocketLink {
    /// Connects and shakes hands.
    pub(super) async fn open(target: &Target, token: Option<&str>) -> Result<WebSocketLink, Lost> {
        let options = Options { token, send_buffer: None, max_received: MAX_RECEIVED };
        Ok(WebSocketLink { link: Link::open(target, options).await? })
    }

    /// Sends a picture.
    pub(super) async fn send(&mut self, picture: Bytes) -> Result<(), Lost> {
        self.link.send(picture, SEND_TIMEOUT).await
    }

    /// Waits until the server ends the connection; pings are answered.
    pub(super) async fn lost(&mut self) -> Lost {
        self.link.receive().await
    }

    /// Says good-bye.
    pub(super) async fn finish(mut self) {
        self.link.close("the source has ended").await;
    }
}
