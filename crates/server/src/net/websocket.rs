//! WebSocket on an HTTP connection: the handshake, and a socket that reads items and writes frames whose
//! payload is shared between viewers.

use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use bytes::{Bytes, BytesMut};
use camherd_media::wire::websocket::{Decoder, Item, Opcode, WebSocketError, close_payload, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::io::{self, IoSlice};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A peer that takes no byte for so long is gone: three times a device's own patience with a send.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a silent peer is pinged.
pub const PING_EVERY: Duration = Duration::from_secs(10);

/// A peer of which nothing is heard for so long, pongs included, is gone.
pub const SILENCE: Duration = Duration::from_secs(30);

/// How long a peer may take to answer a close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Reserved in the read buffer when it is empty. A camera's JPEG arrives in a few reads of this size; a
/// viewer's socket, that only ever gets pongs, keeps the small one.
const READ_LARGE: usize = 32 * 1024;
const READ_SMALL: usize = 256;

/// Close codes (RFC 6455, 7.4.1, and the application's own from 4000).
pub mod close {
    /// The purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The server goes away.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// Not allowed.
    pub const POLICY: u16 = 1008;
    /// The server cannot do it now.
    pub const TRY_LATER: u16 = 1013;
    /// There is no stream of that name.
    pub const NO_STREAM: u16 = 4404;
}

/// Why a request cannot become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The headers of RFC 6455, 4.2.1 are missing.
    #[error("this address is for WebSocket clients: the request has no WebSocket upgrade headers")]
    NotWebSocket,
    /// A version other than 13.
    #[error("only WebSocket version 13 is spoken here")]
    Version,
    /// The connection cannot be taken over, e.g. HTTP/2.
    #[error("this connection cannot be upgraded; use HTTP/1.1")]
    NotUpgradable,
}

/// A handshake that has been checked.
pub struct Handshake {
    response: Response<Body>,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// Checks the request. A subprotocol that the client offers is echoed, its first one:
    /// arduinoWebSockets hangs up when its `arduino` does not come back.
    ///
    /// # Errors
    /// [`HandshakeError`] for anything but a WebSocket upgrade.
    pub fn new<B>(request: &mut Request<B>) -> Result<Handshake, HandshakeError> {
        let headers = request.headers();
        if !has_token(headers, header::CONNECTION, "upgrade")
            || !has_token(headers, header::UPGRADE, "websocket")
        {
            return Err(HandshakeError::NotWebSocket);
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(HandshakeError::NotWebSocket)?;
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(HandshakeError::Version);
        }
        let mut response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
        let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
        if let Some(first) = offered.and_then(|list| list.split(',').map(str::trim).find(|p| !p.is_empty())) {
            response = response.header(header::SEC_WEBSOCKET_PROTOCOL, first);
        }
        let response = response.body(Body::empty()).map_err(|_| HandshakeError::NotWebSocket)?;
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(HandshakeError::NotUpgradable)?;
        Ok(Handshake { response, upgrade })
    }

    /// The answer to send, and the socket that comes to be once it is sent. Messages of the peer that
    /// are longer than `limit` bytes are skipped.
    pub fn accept(self, limit: usize) -> (Response<Body>, impl Future<Output = io::Result<Socket>> + Send) {
        let upgrade = self.upgrade;
        let socket = async move {
            let upgraded = upgrade.await.map_err(io::Error::other)?;
            Ok(Socket {
                io: TokioIo::new(upgraded),
                decoder: Decoder::new(limit),
                input: BytesMut::new(),
                heard: Instant::now(),
                pinged: false,
            })
        };
        (self.response, socket)
    }
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

/// Why a socket is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The peer hung up without a close frame.
    #[error("the peer hung up")]
    Eof,
    /// The peer broke the protocol.
    #[error("not a WebSocket client: {0}")]
    Protocol(#[from] WebSocketError),
    /// Nothing was heard, or nothing was taken, for too long.
    #[error("the peer has not answered for {0:?}")]
    Silent(Duration),
}

/// One WebSocket connection.
pub struct Socket {
    io: TokioIo<Upgraded>,
    decoder: Decoder,
    input: BytesMut,
    heard: Instant,
    pinged: bool,
}

impl Socket {
    /// Waits for the next item; answers nothing by itself. Cancel-safe.
    ///
    /// A peer that is silent is pinged, and given up when it stays silent.
    ///
    /// # Errors
    /// [`SocketError`]; the socket is of no use after that.
    pub async fn recv(&mut self) -> Result<Item, SocketError> {
        loop {
            if let Some(item) = self.decoder.decode(&mut self.input)? {
                return Ok(item);
            }
            let wait = if self.pinged { SILENCE } else { PING_EVERY };
            let busy = !self.input.is_empty() || self.input.capacity() >= READ_LARGE;
            self.input.reserve(if busy { READ_LARGE } else { READ_SMALL });
            match tokio::time::timeout_at(self.heard + wait, self.io.read_buf(&mut self.input)).await {
                Ok(Ok(0)) => return Err(SocketError::Eof),
                Ok(Ok(read)) => {
                    self.heard = Instant::now();
                    self.pinged = false;
                    if read == READ_SMALL {
                        // More is coming than pongs: this is a camera.
                        self.input.reserve(READ_LARGE);
                    }
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if self.pinged => return Err(SocketError::Silent(SILENCE)),
                Err(_) => {
                    self.pinged = true;
                    self.send(Opcode::Ping, &Bytes::new()).await?;
                }
            }
        }
    }

    /// Writes one message. The payload is not copied.
    ///
    /// # Errors
    /// [`SocketError`] when the peer takes nothing for [`WRITE_TIMEOUT`] or is gone.
    pub async fn send(&mut self, opcode: Opcode, payload: &Bytes) -> Result<(), SocketError> {
        let (head, used) = header(opcode, payload.len());
        let write = write_both(&mut self.io, &head[..used], payload);
        timeout(WRITE_TIMEOUT, write).await.map_err(|_| SocketError::Silent(WRITE_TIMEOUT))??;
        Ok(())
    }

    /// Writes a text message.
    ///
    /// # Errors
    /// As [`Socket::send`].
    pub async fn send_text(&mut self, text: String) -> Result<(), SocketError> {
        self.send(Opcode::Text, &Bytes::from(text)).await
    }

    /// Says goodbye with a code and a reason, and waits a moment for the peer's answer.
    pub async fn close(mut self, code: u16, reason: &str) {
        let goodbye = async {
            self.send(Opcode::Close, &close_payload(code, reason)).await?;
            self.io.shutdown().await?;
            // Reading what is left keeps the kernel from answering it with a reset, which would overtake
            // the close frame on its way.
            while !matches!(self.recv().await?, Item::Close { .. }) {}
            Ok::<(), SocketError>(())
        };
        let _ = timeout(CLOSE_WAIT, goodbye).await;
    }
}

async fn write_both(io: &mut (impl AsyncWrite + Unpin), head: &[u8], payload: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while written < head.len() {
        let slices = [IoSlice::new(&head[written..]), IoSlice::new(payload)];
        match io.write_vectored(&slices).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => written += count,
        }
    }
    io.write_all(&payload[written - head.len()..]).await?;
    io.flush().await
}
