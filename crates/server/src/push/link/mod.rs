//! The connection to the server, in either protocol.

mod tcp;
mod websocket;

use super::target::{Target, WebSocketTarget};
use crate::client::ws::Lost;
use bytes::Bytes;
use camherd_media::wire::tcp_push::{Header, Kind};
use std::time::Duration;
use tcp::TcpLink;
use websocket::WebSocketLink;

/// A server that takes no byte for so long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// A connected server.
pub(super) enum Link {
    Tcp(TcpLink),
    WebSocket(Box<WebSocketLink>),
}

impl Link {
    /// Connects, and says what is to come.
    ///
    /// # Errors
    /// [`Lost`].
    pub(super) async fn open(target: &Target, kind: Kind, token: Option<&str>) -> Result<Link, Lost> {
        match target {
            Target::Tcp { host, port, number, quality } => {
                let header = Header { number: *number, kind, quality: *quality };
                Ok(Link::Tcp(TcpLink::open(host, *port, header).await?))
            }
            Target::WebSocket(WebSocketTarget(target)) => {
                Ok(Link::WebSocket(Box::new(WebSocketLink::open(target, token).await?)))
            }
        }
    }

    /// Sends a picture.
    ///
    /// # Errors
    /// [`Lost`]; the picture may have been sent in part, and the link is of no use any more.
    pub(super) async fn send(&mut self, picture: Bytes) -> Result<(), Lost> {
        match self {
            Link::Tcp(link) => link.send(picture).await,
            Link::WebSocket(link) => link.send(picture).await,
        }
    }

    /// Waits until the server ends the connection. Cancel-safe.
    pub(super) async fn lost(&mut self) -> Lost {
        match self {
            Link::Tcp(link) => link.lost().await,
            Link::WebSocket(link) => link.lost().await,
        }
    }

    /// Says that no more comes, and waits a moment for the server to have taken it.
    pub(super) async fn finish(self) {
        match self {
            Link::Tcp(link) => link.finish().await,
            Link::WebSocket(link) => link.finish().await,
        }
    }
}
