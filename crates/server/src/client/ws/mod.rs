//! The client's end of a WebSocket, for what pushes pictures to a server or fetches them from one.
//!
//! `Target` is where a camera connects to, `Link` the connection. What is sent, and when, is for others to say.

mod target;

pub(crate) use target::Target;
pub use target::UrlError;

use crate::net::dial::{self, ConnectError};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

/// Payload of one WebSocket frame: the buffer of the device's WebSocket client.
pub const FRAGMENT: usize = 16 * 1024;
/// How long a server may take to accept and to shake hands. The device gives up on the network after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may take to answer a close before the client goes anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of unsent frames that the WebSocket layer may hold: one fragment and its header, and pongs.
const WRITE_BUFFER: usize = 4 * FRAGMENT;
/// Characters of a server's answer or reason that are worth a log line.
const SHOWN_REASON: usize = 200;
/// Read at a time by one who sends, and hears pings and closes only.
const READ_BUFFER: usize = 4 * 1024;

/// Why a connection could not be made or ended.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The name leads nowhere.
    #[error("no address for {host}: {error}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        error: io::Error,
    },
    /// Nobody there.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// The address that said so last.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Nobody answers.
    #[error("no connection within {} s", .0.as_secs())]
    ConnectTimeout(Duration),
    /// An HTTP status in place of the upgrade.
    #[error("the server answered {status}{}", after_colon(reason))]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of the body.
        reason: String,
    },
    /// A close frame.
    #[error("the server closed the connection with code {code}{}", after_colon(reason))]
    Closed {
        /// The close code (RFC 6455, 7.4).
        code: u16,
        /// What the server says.
        reason: String,
    },
    /// The end of the connection, without a word.
    #[error("the server closed the connection")]
    Ended,
    /// The server does not take what is sent.
    #[error("a frame could not be sent within {} s", .0.as_secs())]
    SendTimeout(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(io::Error),
    /// Anything else.
    #[error("{0}")]
    WebSocket(WebSocketError),
}

fn after_colon(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// What a link is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    /// Sent as `Authorization: Bearer`.
    pub(crate) token: Option<&'a str>,
    /// Bytes that the kernel may hold for a server that does not read; `None` leaves it to the system.
    pub(crate) send_buffer: Option<u32>,
    /// Largest message that is taken from the server, in bytes.
    pub(crate) max_received: usize,
}

/// What a server sends.
#[derive(Debug)]
pub(crate) enum Incoming {
    Text(String),
    Binary(Bytes),
}

/// A connected client.
pub(crate) struct Link {
    socket: WebSocketStream<TcpStream>,
}

impl Link {
    /// Connects and shakes hands.
    pub(crate) async fn open(target: &Target, options: Options<'_>) -> Result<Link, Lost> {
        let opened = timeout(CONNECT_TIMEOUT, Link::try_open(target, options)).await;
        opened.unwrap_or(Err(Lost::ConnectTimeout(CONNECT_TIMEOUT)))
    }

    async fn try_open(target: &Target, options: Options<'_>) -> Result<Link, Lost> {
        let stream = connect(&target.host, target.port, options.send_buffer).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(options.max_received))
            .max_frame_size(Some(options.max_received))
            // Each fragment is handed to the kernel at once.
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER);
        let mut request = target.url.as_str().into_client_request().map_err(Lost::WebSocket)?;
        if let Some(token) = options.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|error| Lost::WebSocket(WebSocketError::HttpFormat(error.into())))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(Link { socket }),
            Err(WebSocketError::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let reason = shorten(&error_of(body));
                Err(Lost::Refused { status: answer.status().as_u16(), reason })
            }
            Err(error) => Err(Lost::WebSocket(error)),
        }
    }

    /// Sends one message in fragments (RFC 6455, section 5.4), all of it within `limit`.
    ///
    /// # Errors
    /// [`Lost`]; the message may have been sent in part, and the link is of no use any more.
    pub(crate) async fn send(&mut self, frame: Bytes, limit: Duration) -> Result<(), Lost> {
        match timeout(limit, send(&mut self.socket, frame)).await {
            Ok(sent) => sent.map_err(lost),
            Err(_) => Err(Lost::SendTimeout(limit)),
        }
    }

    /// Sends a text message within `limit`.
    ///
    /// # Errors
    /// As [`Link::send`].
    pub(crate) async fn send_text(&mut self, text: String, limit: Duration) -> Result<(), Lost> {
        match timeout(limit, self.socket.send(Message::Text(text.into()))).await {
            Ok(sent) => sent.map_err(lost),
            Err(_) => Err(Lost::SendTimeout(limit)),
        }
    }

    /// Waits for what the server sends; pings are answered. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Lost> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    let Some(CloseFrame { code, reason }) = frame else { return Err(Lost::Ended) };
                    return Err(Lost::Closed { code: code.into(), reason: shorten(&reason) });
                }
                Some(Ok(Message::Text(text))) => return Ok(Incoming::Text(text.to_string())),
                Some(Ok(Message::Binary(data))) => return Ok(Incoming::Binary(data)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(error)),
                None => return Err(Lost::Ended),
            }
        }
    }

    /// For one who only sends: takes what the server sends until the connection ends. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Lost {
        loop {
            match self.next().await {
                Ok(Incoming::Text(text)) => {
                    tracing::debug!(text = shorten(&text), "the server sent a text, which cameras ignore");
                }
                Ok(Incoming::Binary(_)) => {}
                Err(lost) => return lost,
            }
        }
    }

    /// Says good-bye; a server that does not answer is left alone.
    pub(crate) async fn close(&mut self, reason: &'static str) {
        let farewell = CloseFrame { code: CloseCode::Away, reason: reason.into() };
        let answered = async {
            if self.socket.close(Some(farewell)).await.is_ok() {
                self.receive().await;
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, answered).await;
    }
}

/// A TCP connection to the first address of a host that answers.
///
/// # Errors
/// [`Lost::Resolve`] or [`Lost::Connect`].
pub(crate) async fn connect(host: &str, port: u16, send_buffer: Option<u32>) -> Result<TcpStream, Lost> {
    let open = |address| connect_to(address, send_buffer);
    dial::connect(host, port, open).await.map_err(|error| match error {
        ConnectError::Resolve(error) => Lost::Resolve { host: host.to_owned(), error },
        ConnectError::Refused { address, error } => Lost::Connect { address, error },
    })
}

async fn connect_to(address: SocketAddr, send_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(bytes) = send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    let stream = socket.connect(address).await?;
    match send_buffer {
        Some(_) => stream.set_nodelay(true)?,
        None => crate::net::listener::tune(&stream)?,
    }
    Ok(stream)
}

async fn send(socket: &mut WebSocketStream<TcpStream>, mut frame: Bytes) -> Result<(), WebSocketError> {
    let mut kind = Data::Binary;
    loop {
        let fragment = frame.split_to(FRAGMENT.min(frame.len()));
        let last = frame.is_empty();
        socket.feed(Message::Frame(Frame::message(fragment, OpCode::Data(kind), last))).await?;
        if last {
            return socket.flush().await;
        }
        kind = Data::Continue;
    }
}

fn lost(error: WebSocketError) -> Lost {
    match error {
        WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed => Lost::Ended,
        WebSocketError::Io(error) => Lost::Io(error),
        other => Lost::WebSocket(other),
    }
}

/// What a server says with a status: the text in `{"error": "..."}`, else all of it.
fn error_of(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Answer {
        error: String,
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(answer) => answer.error,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

/// The beginning of what a server says, as one line.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(SHOWN_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_refusal_is_found_in_json_and_in_text() {
        assert_eq!(error_of(br#"{"error":"there is no stream","more":1}"#), "there is no stream");
        assert_eq!(shorten(&error_of(b"no\r\n  such\x07 thing")), "no such thing");
    }
}
