//! The camera's network side: how the device behaves on its WebSocket.
//!
//! Every binary message is one JPEG, sent in fragments of the device's buffer size; texts are the device channel. No
//! token, no subprotocol. A send that takes too long ends the connection.

use super::Error;
use super::capture::Capture;
use super::channel::{Channel, Outcome};
use super::target::Target;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message, Utf8Bytes};

/// Payload of one WebSocket frame: the buffer of the device's WebSocket client.
pub const FRAGMENT: usize = 16 * 1024;
/// The device gives up on a send after this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// The device gives up on the network after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may take to answer a close before the camera goes anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that the kernel may hold for a server that does not read. About two frames; the default of some megabytes
/// would hide a stalled server for seconds and send old pictures afterwards.
const SEND_BUFFER: u32 = 64 * 1024;
/// Cameras are sent pings, closes and short texts only.
const READ_BUFFER: usize = 4 * 1024;
/// Largest message that is taken from a server, which has no reason to send one of more than a kilobyte.
const MAX_RECEIVED: usize = 64 * 1024;
/// Bytes of unsent frames that the WebSocket layer may hold: one fragment and its header, and pongs.
const WRITE_BUFFER: usize = 4 * FRAGMENT;
/// Characters of a server's answer or reason that are worth a log line.
const SHOWN_REASON: usize = 200;

/// Why a connection could not be made or ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("no address for {host}: {error}")]
    Resolve { host: String, error: io::Error },
    #[error("cannot connect to {address}: {error}")]
    Connect { address: SocketAddr, error: io::Error },
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    ConnectTimeout,
    #[error("the server answered {status}{}", after_colon(reason))]
    Refused { status: u16, reason: String },
    #[error("the server closed the connection with code {code}{}", after_colon(reason))]
    Closed { code: u16, reason: String },
    #[error("the server closed the connection")]
    Ended,
    #[error("a frame could not be sent within {} s", SEND_TIMEOUT.as_secs())]
    SendTimeout,
    #[error("{0}")]
    WebSocket(WebSocketError),
}

fn after_colon(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

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
    socket: WebSocketStream<TcpStream>,
}

impl Connection {
    /// Connects and shakes hands.
    pub(super) async fn open(target: &Target) -> Result<Connection, Lost> {
        timeout(CONNECT_TIMEOUT, Connection::try_open(target)).await.unwrap_or(Err(Lost::ConnectTimeout))
    }

    async fn try_open(target: &Target) -> Result<Connection, Lost> {
        let stream = connect(target).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_RECEIVED))
            .max_frame_size(Some(MAX_RECEIVED))
            // Each fragment is handed to the kernel at once.
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER);
        let shaken = tokio_tungstenite::client_async_with_config(&target.url, stream, Some(config)).await;
        match shaken {
            Ok((socket, _)) => Ok(Connection { socket }),
            Err(WebSocketError::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let reason = shorten(&String::from_utf8_lossy(body));
                Err(Lost::Refused { status: answer.status().as_u16(), reason })
            }
            Err(error) => Err(Lost::WebSocket(error)),
        }
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
            if let Err(lost) = self.say(hello).await {
                return Ok(End::Lost(lost));
            }
        }
        while sent.frames < limit {
            let report_at = channel.as_ref().map(|channel| channel.report_at());
            let done = tokio::select! {
                biased;
                () = stop.as_mut() => {
                    self.close("the camera stops").await;
                    return Ok(End::Stopped);
                }
                text = self.receive() => match (text, channel.as_deref_mut()) {
                    (Err(lost), _) => return Ok(End::Lost(lost)),
                    (Ok(text), None) => {
                        tracing::debug!(text = shorten(&text), "the server sent a text, which this camera ignores");
                        Ok(())
                    }
                    (Ok(text), Some(channel)) => {
                        let Outcome { answer, restart } = channel.received(text.as_bytes(), capture);
                        let said = match answer {
                            Some(answer) => self.say(answer).await,
                            None => Ok(()),
                        };
                        if restart {
                            self.close("the camera restarts").await;
                            return Ok(End::Restart);
                        }
                        said
                    }
                },
                () = at(report_at) => match channel.as_deref_mut() {
                    Some(channel) => self.say(channel.report(capture, sent)).await,
                    None => Ok(()),
                },
                frame = capture.next() => self.show(frame?, sent).await,
            };
            if let Err(lost) = done {
                return Ok(End::Lost(lost));
            }
        }
        self.close("the camera stops").await;
        Ok(End::Complete)
    }

    async fn show(&mut self, frame: Bytes, sent: &mut Sent) -> Result<(), Lost> {
        let bytes = frame.len() as u64;
        let outcome = timeout(SEND_TIMEOUT, send(&mut self.socket, frame)).await;
        if !matches!(outcome, Ok(Ok(()))) {
            sent.broken += 1;
        }
        outcome.map_err(|_| Lost::SendTimeout)?.map_err(lost)?;
        sent.frames += 1;
        sent.bytes += bytes;
        Ok(())
    }

    async fn say(&mut self, text: String) -> Result<(), Lost> {
        let sending = self.socket.send(Message::Text(text.into()));
        timeout(SEND_TIMEOUT, sending).await.map_err(|_| Lost::SendTimeout)?.map_err(lost)
    }

    /// The next text of the server; pings are answered by the library.
    async fn receive(&mut self) -> Result<Utf8Bytes, Lost> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    let Some(CloseFrame { code, reason }) = frame else { return Err(Lost::Ended) };
                    return Err(Lost::Closed { code: code.into(), reason: shorten(&reason) });
                }
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(_)) => (),
                Some(Err(error)) => return Err(lost(error)),
                None => return Err(Lost::Ended),
            }
        }
    }

    /// Says good-bye; a server that does not answer is left alone.
    async fn close(&mut self, reason: &'static str) {
        let farewell = CloseFrame { code: CloseCode::Away, reason: reason.into() };
        let answered = async {
            if self.socket.close(Some(farewell)).await.is_ok() {
                while self.receive().await.is_ok() {}
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, answered).await;
    }
}

/// Waits for the time, for ever without one.
async fn at(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn connect(target: &Target) -> Result<TcpStream, Lost> {
    let unresolved = |error| Lost::Resolve { host: target.host.clone(), error };
    let addresses = lookup_host((target.host.as_str(), target.port)).await.map_err(unresolved)?;
    let mut last = unresolved(io::Error::from(io::ErrorKind::NotFound));
    for address in addresses {
        match connect_to(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Lost::Connect { address, error },
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_send_buffer_size(SEND_BUFFER)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends one message in fragments (RFC 6455, section 5.4).
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
        other => Lost::WebSocket(other),
    }
}

/// The beginning of what a server says, as one line.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(SHOWN_REASON).collect()
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
