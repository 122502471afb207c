//! WebSocket on an HTTP connection: the handshake, and a socket that reads items and writes frames whose
//! payload is shared between viewers.

use super::accept::Place;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use bytes::{Bytes, BytesMut};
use camherd_media::wire::websocket::{Decoder, Item, Opcode, WebSocketError, close_payload, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::io::{self, IoSlice};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A peer that takes no byte for so long is gone: several times a device's own patience with a send.
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
    place: Option<Place>,
}

impl Handshake {
    /// Checks the request. A subprotocol that the client offers is echoed, its first one:
    /// arduinoWebSockets hangs up when its `arduino` does not come back.
    ///
    /// # Errors
    /// [`HandshakeError`] for anything but a WebSocket upgrade.
    pub fn new<B>(request: &mut Request<B>) -> Result<Handshake, HandshakeError> {
        let headers = request.headers();
        // `GET` alone (RFC 6455, 4.1): a router takes `HEAD` where it takes `GET`.
        if request.method() != Method::GET
            || !has_token(headers, header::CONNECTION, "upgrade")
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
        let place = request.extensions_mut().remove::<Place>();
        Ok(Handshake { response, upgrade, place })
    }

    /// The answer to send, and the socket that comes to be once it is sent. Messages of the peer that
    /// are longer than `limit` bytes are skipped. Both keep the connection's [`Place`].
    pub fn accept(self, limit: usize) -> (Response<Body>, impl Future<Output = io::Result<Socket>> + Send) {
        let (upgrade, place) = (self.upgrade, self.place);
        let socket = async move {
            let upgraded = upgrade.await.map_err(io::Error::other)?;
            Ok(Socket::new(TokioIo::new(upgraded), limit, place))
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
pub struct Socket<I = TokioIo<Upgraded>> {
    io: I,
    decoder: Decoder,
    input: BytesMut,
    /// A ping on its way out. It is kept here because [`Socket::recv`] may be cancelled at any byte of it.
    unsent: BytesMut,
    heard: Instant,
    /// When it was pinged, unless it was heard of since.
    pinged: Option<Instant>,
    _place: Option<Place>,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Socket<I> {
    fn new(io: I, limit: usize, place: Option<Place>) -> Socket<I> {
        Socket {
            io,
            decoder: Decoder::new(limit),
            input: BytesMut::new(),
            unsent: BytesMut::new(),
            heard: Instant::now(),
            pinged: None,
            _place: place,
        }
    }

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
            self.finish_ping().await?;
            // Counted from the ping: a peer that took a long message may not have had a chance before.
            let deadline = self.pinged.map_or(self.heard + PING_EVERY, |at| at + (SILENCE - PING_EVERY));
            let busy = !self.input.is_empty() || self.input.capacity() >= READ_LARGE;
            self.input.reserve(if busy { READ_LARGE } else { READ_SMALL });
            match tokio::time::timeout_at(deadline, self.io.read_buf(&mut self.input)).await {
                Ok(Ok(0)) => return Err(SocketError::Eof),
                Ok(Ok(read)) => {
                    self.heard = Instant::now();
                    self.pinged = None;
                    if read == READ_SMALL {
                        // More is coming than pongs: this is a camera.
                        self.input.reserve(READ_LARGE);
                    }
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if self.pinged.is_some() => return Err(SocketError::Silent(SILENCE)),
                Err(_) => {
                    let (ping, used) = header(Opcode::Ping, 0);
                    self.unsent.extend_from_slice(&ping[..used]);
                    self.pinged = Some(Instant::now());
                }
            }
        }
    }

    /// Writes one message. The payload is not copied. Not cancel-safe: a part of a message may be out.
    ///
    /// # Errors
    /// [`SocketError`] when the peer takes nothing for [`WRITE_TIMEOUT`] or is gone.
    pub async fn send(&mut self, opcode: Opcode, payload: &Bytes) -> Result<(), SocketError> {
        self.finish_ping().await?;
        let (head, used) = header(opcode, payload.len());
        write_both(&mut self.io, &head[..used], payload).await
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

    /// Writes what is left of a ping. Cancel-safe.
    async fn finish_ping(&mut self) -> Result<(), SocketError> {
        while !self.unsent.is_empty() {
            taken(self.io.write_buf(&mut self.unsent)).await?;
        }
        Ok(())
    }
}

async fn write_both(
    io: &mut (impl AsyncWrite + Unpin),
    mut head: &[u8],
    mut payload: &[u8],
) -> Result<(), SocketError> {
    while !head.is_empty() || !payload.is_empty() {
        let slices = [IoSlice::new(head), IoSlice::new(payload)];
        let count = taken(io.write_vectored(&slices)).await?;
        let of_head = count.min(head.len());
        (head, payload) = (&head[of_head..], &payload[count - of_head..]);
    }
    // With a slow peer this waits for room, too.
    Ok(timeout(WRITE_TIMEOUT, io.flush()).await.map_err(|_| SocketError::Silent(WRITE_TIMEOUT))??)
}

/// How many bytes the peer took, within [`WRITE_TIMEOUT`]: a slow peer may take long over a large message.
async fn taken(write: impl Future<Output = io::Result<usize>>) -> Result<usize, SocketError> {
    match timeout(WRITE_TIMEOUT, write).await.map_err(|_| SocketError::Silent(WRITE_TIMEOUT))?? {
        0 => Err(io::Error::from(io::ErrorKind::WriteZero).into()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    #[tokio::test]
    async fn a_ping_that_was_cancelled_half_way_goes_out_whole_before_the_next_message() {
        let (server, mut client) = duplex(1);
        let mut socket = Socket::new(server, 100, None);
        socket.heard -= PING_EVERY;
        // One byte of the ping fits into the pipe; each round is cancelled.
        while socket.unsent.is_empty() {
            let cancelled = timeout(Duration::from_millis(1), socket.recv()).await;
            assert!(cancelled.is_err(), "{cancelled:?}");
        }
        assert_eq!(socket.unsent.len(), 1);
        let message = Bytes::from_static(b"jpeg");
        let sent = async move { socket.send(Opcode::Binary, &message).await.unwrap() };
        let mut seen = [0; 8];
        let ((), read) = tokio::join!(sent, client.read_exact(&mut seen));
        assert_eq!((read.unwrap(), &seen), (8, b"\x89\x00\x82\x04jpeg"));
    }

    #[tokio::test]
    async fn a_peer_is_given_up_only_some_time_after_its_ping() {
        let (server, _client) = duplex(64);
        let mut socket = Socket::new(server, 100, None);
        // Nothing was heard while a long message went out.
        socket.heard -= 2 * SILENCE;
        while socket.pinged.is_none() {
            let cancelled = timeout(Duration::from_millis(1), socket.recv()).await;
            assert!(cancelled.is_err(), "{cancelled:?}");
        }
        let waiting = timeout(Duration::from_millis(20), socket.recv()).await;
        assert!(waiting.is_err(), "it has time to answer: {waiting:?}");
    }

    #[test]
    fn only_a_get_becomes_a_websocket() {
        let request = |method| {
            let request = Request::builder().method(method).header("connection", "upgrade");
            let request = request.header("upgrade", "websocket").header("sec-websocket-key", "x");
            request.header("sec-websocket-version", "13").body(()).unwrap()
        };
        let error = |method| Handshake::new(&mut request(method)).err();
        assert_eq!(
            error(Method::GET),
            Some(HandshakeError::NotUpgradable),
            "all but the connection is right"
        );
        assert_eq!(error(Method::HEAD), Some(HandshakeError::NotWebSocket));
    }
}
