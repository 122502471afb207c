//! Cameras over WebSocket: every binary message is one JPEG, every text message one of the device channel or a
//! report.
//!
//! The HTTP side (who may, under which name) is decided before; here a camera has its stream.

use crate::net::shutdown::Shutdown;
use crate::net::websocket::{Socket, SocketError, close};
use crate::sources::device::Session;
use crate::sources::jpeg_units::JpegUnits;
use bytes::Bytes;
use camherd_hub::{Publisher, Superseded};
use camherd_media::codec::jpeg;
use camherd_media::wire::websocket::{Item, Opcode};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// A camera that sends only rubbish is logged at its first message and then each so many.
const LOG_EACH_DROPS: u64 = 100;

/// A timer that is not to fire: beyond the life of any connection, and no overflow of the clock.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// How a connection ended.
enum End {
    /// The camera left: the reason that viewers see.
    Left(String),
    /// The server ends it: close code, what the camera is told, what viewers see.
    Close(u16, String, String),
}

/// Publishes what the camera sends until either side ends it.
pub async fn run(
    mut socket: Socket,
    mut publisher: Publisher,
    mut device: Session<'_>,
    stall_timeout: Duration,
    shutdown: Shutdown,
) {
    let mut ingest = Ingest::default();
    let end = converse(&mut socket, &mut publisher, &mut ingest, &mut device, stall_timeout, &shutdown).await;
    // What it is told from here on would not be sent.
    drop(device);
    let stream = publisher.stream().name().clone();
    match end {
        End::Left(reason) => {
            tracing::info!(%stream, "camera left: {reason}");
            publisher.end(&reason);
        }
        End::Close(code, told, shown) => {
            tracing::info!(%stream, "camera closed: {shown}");
            publisher.end(&shown);
            socket.close(code, &told).await;
        }
    }
}

async fn converse(
    socket: &mut Socket,
    publisher: &mut Publisher,
    ingest: &mut Ingest,
    device: &mut Session<'_>,
    stall_timeout: Duration,
    shutdown: &Shutdown,
) -> End {
    let mut watchdog = Watchdog::new(stall_timeout);
    loop {
        let item = tokio::select! {
            item = socket.recv() => item,
            superseded = publisher.superseded() => return superseded_by(superseded),
            () = shutdown.wait() => {
                let reason = "the server is shutting down".to_owned();
                return End::Close(close::GOING_AWAY, reason.clone(), reason);
            }
            text = device.next() => {
                if let Err(error) = socket.send_text(text).await {
                    return broken(error);
                }
                watchdog.rest(device.is_resting());
                publisher.rest(device.is_resting());
                continue;
            }
            () = sleep_until(watchdog.due) => {
                watchdog.bark(publisher, device);
                continue;
            }
        };
        match item {
            Ok(Item::Binary(message)) => match ingest.frame(publisher, &message) {
                Ok(true) => watchdog.restart(),
                Ok(false) => {}
                Err(superseded) => return superseded_by(superseded),
            },
            Ok(Item::Oversize { bytes }) => ingest.oversize(publisher, bytes),
            Ok(Item::Text(text)) => {
                let before = device.silence();
                device.text(&text);
                if watchdog.barked && device.silence() != before {
                    publisher.stalled(&watchdog.reason(device));
                }
            }
            Ok(Item::Ping(payload)) => {
                if let Err(error) = socket.send(Opcode::Pong, &payload).await {
                    return broken(error);
                }
            }
            Ok(Item::Pong) => {}
            Ok(Item::Close { code, reason }) => return closed(code, &reason),
            Err(error) => return broken(error),
        }
    }
}

/// What the camera's goodbye leads to.
fn closed(code: u16, reason: &str) -> End {
    let shown = match reason.is_empty() {
        true => "the camera disconnected".to_owned(),
        false => format!("the camera disconnected: {}", reason.escape_default()),
    };
    let code = if (1000..5000).contains(&code) && code != 1005 { code } else { close::NORMAL };
    End::Close(code, String::new(), shown)
}

fn broken(error: SocketError) -> End {
    let shown = format!("the camera's connection broke: {error}");
    match error {
        SocketError::Eof => End::Left("the camera disconnected".to_owned()),
        SocketError::Protocol(error) => End::Close(close::PROTOCOL, error.to_string(), shown),
        _ => End::Left(shown),
    }
}

/// Notices that a camera is silent although pictures are wanted of it.
struct Watchdog {
    timeout: Duration,
    since: Instant,
    due: Instant,
    resting: bool,
    /// The stream was said to be stalled, and no picture has come since.
    barked: bool,
}

impl Watchdog {
    fn new(timeout: Duration) -> Watchdog {
        let now = Instant::now();
        Watchdog { timeout, since: now, due: now + timeout, resting: false, barked: false }
    }

    /// A picture has come, or its time begins anew.
    fn restart(&mut self) {
        self.since = Instant::now();
        self.due = self.since + self.timeout;
        self.barked = false;
    }

    /// Whether nobody wants a picture. The silence of a camera counts from the moment at which it was woken.
    fn rest(&mut self, resting: bool) {
        if resting != self.resting {
            self.resting = resting;
            self.restart();
        }
    }

    /// The time is over.
    fn bark(&mut self, publisher: &mut Publisher, device: &Session<'_>) {
        // The next word on it comes from the next frame, or when the camera is woken.
        self.due = Instant::now() + NEVER;
        if self.resting {
            // Nobody misses a picture, and the connection itself is watched over by its pings.
            return;
        }
        self.barked = true;
        let reason = self.reason(device);
        tracing::warn!(stream = %publisher.stream().name(), "{reason}");
        publisher.stalled(&reason);
    }

    /// Why there is no picture, as far as it is known now.
    fn reason(&self, device: &Session<'_>) -> String {
        let silent = self.since.elapsed().as_secs();
        device.silence().unwrap_or_else(|| format!("no frame for {silent} s"))
    }
}

fn superseded_by(superseded: Superseded) -> End {
    End::Close(close::POLICY, superseded.to_string(), superseded.to_string())
}

/// From messages to units.
#[derive(Default)]
struct Ingest {
    units: JpegUnits,
    dropped: u64,
}

impl Ingest {
    /// Publishes one message; `Ok(false)` when it was no picture.
    fn frame(&mut self, publisher: &mut Publisher, message: &Bytes) -> Result<bool, Superseded> {
        let received = publisher.stream().clock().now();
        match jpeg::normalise(message) {
            Ok(jpeg) => {
                let unit = self.units.unit(&publisher.stream().clock(), jpeg, received);
                publisher.push(unit).map(|()| true)
            }
            Err(error) => {
                self.drop_message(publisher, error.kind().label(), error.to_string());
                Ok(false)
            }
        }
    }

    fn oversize(&mut self, publisher: &Publisher, bytes: u64) {
        let error = format!("a message of {bytes} bytes is longer than {} (10 MiB)", jpeg::MAX_JPEG);
        self.drop_message(publisher, "too_large", error);
    }

    fn drop_message(&mut self, publisher: &Publisher, kind: &'static str, error: String) {
        if self.dropped.is_multiple_of(LOG_EACH_DROPS) {
            tracing::warn!(stream = %publisher.stream().name(), kind, "message dropped: {error}");
        }
        self.dropped += 1;
        publisher.stream().count_drop(kind, error);
    }
}
