//! One TCP connection to a camera, and the response that is read from it.
//!
//! No HTTP library: cameras leave out status lines and headers, and what they send is taken as it comes.

use crate::net::dial::dial;
use crate::sources::pull::PullError;
use bytes::{Buf, BytesMut};
use camherd_media::wire::http1::{BodyDecoder, ResponseHead, parse_head};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// How long a camera may take for the head of its response. Those that expose a picture on request take up to a
/// second.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Port of `http://` without a port (RFC 9110, 4.2.1).
const DEFAULT_PORT: u16 = 80;

/// Read at a time: a JPEG in a few reads.
const READ: usize = 32 * 1024;

/// A connection that waits for a request.
pub(super) struct Connection {
    stream: TcpStream,
    input: BytesMut,
}

impl Connection {
    /// Connects to where `url` leads.
    ///
    /// # Errors
    /// [`PullError::Unreachable`].
    pub(super) async fn open(url: &Url) -> Result<Connection, PullError> {
        let stream =
            dial(url, DEFAULT_PORT).await.map_err(|error| PullError::Unreachable(error.to_string()))?;
        Ok(Connection { stream, input: BytesMut::new() })
    }

    /// Whether the camera has hung up, or has sent what nobody asked for.
    pub(super) fn is_spent(&self) -> bool {
        let mut byte = [0];
        !self.input.is_empty()
            || !matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends a request and reads the head of the response to it.
    ///
    /// # Errors
    /// [`PullError::Broken`] when the connection ends before that, [`PullError::Unusable`] when the answer is no
    /// HTTP.
    pub(super) async fn exchange(self, request: &[u8]) -> Result<Response, PullError> {
        let silent = || PullError::Broken(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()));
        timeout(ANSWER_TIMEOUT, self.request(request)).await.unwrap_or_else(|_| Err(silent()))
    }

    async fn request(mut self, request: &[u8]) -> Result<Response, PullError> {
        self.stream.write_all(request).await.map_err(broken)?;
        loop {
            if let Some((head, length)) =
                parse_head(&self.input).map_err(|error| PullError::Unusable(error.to_string()))?
            {
                self.input.advance(length);
                let decoder = BodyDecoder::new(&head);
                return Ok(Response { head, body: BytesMut::new(), decoder, connection: self });
            }
            if self.fill().await? == 0 {
                let what =
                    if self.input.is_empty() { "without an answer" } else { "in the middle of its answer" };
                return Err(PullError::Broken(format!("the camera hung up {what}")));
            }
        }
    }

    /// Waits for more bytes; 0 when the camera has ended the connection.
    async fn fill(&mut self) -> Result<usize, PullError> {
        self.input.reserve(READ);
        self.stream.read_buf(&mut self.input).await.map_err(broken)
    }
}

/// What a camera answers.
pub(super) struct Response {
    /// Status and headers.
    pub(super) head: ResponseHead,
    /// What has arrived of the body and was not taken yet.
    pub(super) body: BytesMut,
    decoder: BodyDecoder,
    connection: Connection,
}

impl Response {
    /// Waits for more of the body and appends it to `body`; `false` at its end. Cancel-safe.
    ///
    /// # Errors
    /// [`PullError::Broken`] when the connection breaks, or ends before the body does.
    pub(super) async fn more(&mut self) -> Result<bool, PullError> {
        let before = self.body.len();
        loop {
            if !self.connection.input.is_empty() && !self.decoder.is_done() {
                let body = &mut self.body;
                let used = self
                    .decoder
                    .decode(&self.connection.input, |piece| body.extend_from_slice(piece))
                    .map_err(|error| PullError::Broken(error.to_string()))?;
                self.connection.input.advance(used);
            }
            if self.body.len() > before {
                return Ok(true);
            }
            if self.decoder.is_done() {
                return Ok(false);
            }
            if self.connection.fill().await? == 0 {
                return match self.decoder {
                    BodyDecoder::UntilClose => Ok(false),
                    _ => Err(PullError::Broken("the camera hung up in the middle of its answer".to_owned())),
                };
            }
        }
    }

    /// Whether the head tells where the body ends.
    pub(super) fn has_length(&self) -> bool {
        matches!(self.decoder, BodyDecoder::Length(_))
    }

    /// Whether the body ends before the connection does.
    pub(super) fn is_bounded(&self) -> bool {
        !matches!(self.decoder, BodyDecoder::UntilClose)
    }

    /// The connection, if another request can be sent on it: the body was read, and the camera does not say that
    /// it closes. One that closes without a word is found out by [`Connection::is_spent`].
    pub(super) fn into_connection(self) -> Option<Connection> {
        let mut options = self.head.headers_named("connection").flat_map(|value| value.split(','));
        let closes = options.any(|option| option.trim().eq_ignore_ascii_case("close"));
        (self.decoder.is_done() && self.head.status.is_some() && !closes).then_some(self.connection)
    }
}

/// Host and port of `url`, the only part of it that holds no secret.
pub(super) fn shown(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(DEFAULT_PORT))
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn broken(error: io::Error) -> PullError {
    PullError::Broken(error.to_string())
}
