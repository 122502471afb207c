//! One connection of a sender, from its header to its end.

use super::Shared;
use super::ingest::{Dropped, Ingest, PAUSE, Taken};
use super::numbers::{Place, Removed};
use crate::net::{accept, listener};
use camherd_media::wire::tcp_push::{Header, Item, Reader, TcpPushError};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// For the header, which a sender writes first of all.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Read at a time: a JPEG in a few reads.
const READ: usize = 32 * 1024;

/// A sender that sends only rubbish is logged at its first payload and then each so many.
const LOG_EACH_DROPS: u64 = 100;

/// A sender that has never given a picture is closed after so many times `stall_timeout`: it holds its number, and may be
/// none at all. One that has given some is a camera, and may be silent.
const PATIENCE: u32 = 3;

/// A timer that is not to fire: beyond the life of any connection, and no overflow of the clock.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why a sender gets no further than its header.
#[derive(Debug, thiserror::Error)]
enum NoHeader {
    #[error(transparent)]
    Protocol(#[from] TcpPushError),
    #[error("no header within {} s", HEADER_TIMEOUT.as_secs())]
    Late,
    #[error("the connection ended after {0}")]
    CutOff(String),
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

/// How a connection ended, and how that is counted, where it is a fault.
struct End {
    reason: String,
    fault: Option<&'static str>,
}

impl End {
    fn well(reason: impl Into<String>) -> End {
        End { reason: reason.into(), fault: None }
    }

    fn fault(label: &'static str, reason: impl Into<String>) -> End {
        End { reason: reason.into(), fault: Some(label) }
    }
}

impl From<Removed> for End {
    fn from(_: Removed) -> End {
        End::well("the stream was removed")
    }
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(socket: TcpStream, peer: SocketAddr, shared: Arc<Shared>, _room: accept::Place) {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    if let Err(refusal) = shared.ingest.check(peer.ip(), false) {
        shared.refusals.note(peer.ip(), "", &format!("TCP push: {refusal}"));
        return;
    }
    if listener::tune(&socket).and_then(|()| listener::notice_dead_peers(&socket)).is_err() {
        return;
    }
    let mut sender = Sender { socket, reader: Reader::new(), buffer: vec![0; READ], begin: 0, end: 0 };
    let header = tokio::select! {
        () = shared.shutdown.wait() => return,
        header = timeout(HEADER_TIMEOUT, sender.header()) => header.unwrap_or(Err(NoHeader::Late)),
    };
    let header = match header {
        Ok(header) => header,
        Err(error) => return shared.refusals.note(peer.ip(), "", &format!("TCP push: {error}")),
    };
    let place = match shared.numbers.join(header, peer.ip()) {
        Ok(place) => place,
        Err(refused) => {
            let name = shared.numbers.name(header.number);
            return shared.refusals.note(peer.ip(), &name, &format!("TCP push: {refused}"));
        }
    };
    let _counted = shared.cameras.enter();
    let (stream, quality) = (place.stream().clone(), header.quality.name());
    tracing::info!(stream = %stream.name(), %peer, quality, kind = ?header.kind, "sender connected");
    let ingest = Ingest::new(header.kind, stream.clock());
    let mut conversation = Conversation { place, ingest, dropped: 0, peer: peer.ip(), quality };
    let end = conversation.run(&mut sender, &shared).await;
    if let Some(label) = end.fault {
        stream.count_drop(label, format!("{quality} quality from {}: {}", peer.ip(), end.reason));
        tracing::warn!(stream = %stream.name(), %peer, quality, "sender closed: {}", end.reason);
    } else {
        tracing::info!(stream = %stream.name(), %peer, quality, "sender left: {}", end.reason);
    }
    conversation.place.leave(end.reason);
}

/// The bytes of a sender.
struct Sender {
    socket: TcpStream,
    reader: Reader,
    buffer: Vec<u8>,
    /// What is not used yet of `buffer`.
    begin: usize,
    end: usize,
}

impl Sender {
    /// The next item of what has arrived.
    fn next(&mut self) -> Result<Option<Item>, TcpPushError> {
        let mut input = &self.buffer[self.begin..self.end];
        let item = self.reader.read(&mut input);
        self.begin = self.end - input.len();
        item
    }

    /// Waits for more bytes, after [`next`](Self::next) has used up the last; `false` at the end. Cancel-safe.
    async fn more(&mut self) -> io::Result<bool> {
        let length = self.socket.read(&mut self.buffer).await?;
        (self.begin, self.end) = (0, length);
        Ok(length > 0)
    }

    async fn header(&mut self) -> Result<Header, NoHeader> {
        loop {
            match self.next()? {
                Some(Item::Header(header)) => return Ok(header),
                _ if self.more().await? => {}
                _ => {
                    let what = self.reader.unfinished().map(|unfinished| unfinished.to_string());
                    return Err(NoHeader::CutOff(what.unwrap_or_default()));
                }
            }
        }
    }
}

struct Conversation {
    place: Place,
    ingest: Ingest,
    dropped: u64,
    peer: IpAddr,
    quality: &'static str,
}

impl Conversation {
    async fn run(&mut self, sender: &mut Sender, shared: &Shared) -> End {
        let mut heard = Instant::now();
        let mut stalls = heard + shared.stall_timeout;
        let patience = shared.stall_timeout.saturating_mul(PATIENCE).min(NEVER);
        let mut gives_up = heard + patience;
        // Pictures that came of a pause.
        let mut pictures = 0;
        loop {
            match self.take(sender) {
                Ok(more) => pictures += more,
                Err(end) => return end,
            }
            if std::mem::take(&mut pictures) > 0 {
                heard = Instant::now();
                stalls = heard + shared.stall_timeout;
                gives_up = heard + NEVER;
            }
            let waits = self.ingest.waits() && sender.reader.unfinished().is_none();
            tokio::select! {
                more = sender.more() => match more {
                    Ok(true) => {}
                    Ok(false) => return self.eof(sender),
                    Err(error) => return End::fault("connection", format!("the sender's connection broke: {error}")),
                },
                () = self.place.replaced() => {
                    return End::well("replaced by a newer connection of the same camera");
                }
                () = shared.shutdown.wait() => return End::well("the server is shutting down"),
                () = sleep_until(stalls) => {
                    self.stall(heard.elapsed());
                    // The next word on it comes from the next picture.
                    stalls = Instant::now() + NEVER;
                }
                () = sleep_until(gives_up) => {
                    let silent = patience.as_secs();
                    return End::fault("no_picture", format!("no picture within {silent} s of its header"));
                }
                () = tokio::time::sleep(PAUSE), if waits => {
                    let taken = self.ingest.paused();
                    match self.publish(taken) {
                        Ok(published) => pictures = published,
                        Err(removed) => return removed.into(),
                    }
                }
            }
        }
    }

    /// Takes all messages that are there; how many pictures they had.
    fn take(&mut self, sender: &mut Sender) -> Result<usize, End> {
        let mut pictures = 0;
        loop {
            match sender.next() {
                Ok(Some(Item::Payload(payload))) => {
                    let now = self.place.stream().clock().now();
                    let taken = self.ingest.payload(&payload, now);
                    pictures += self.publish(taken)?;
                }
                Ok(Some(Item::Done)) => {
                    let taken = self.ingest.finish();
                    self.publish(taken)?;
                    return Err(End::well("the sender is done"));
                }
                Ok(Some(Item::Header(_)) | None) => return Ok(pictures),
                Err(error) => return Err(End::fault(error.label(), error.to_string())),
            }
        }
    }

    fn publish(&mut self, taken: Taken) -> Result<usize, Removed> {
        let mut pictures = 0;
        for taken in taken {
            match taken {
                Ok(unit) => {
                    self.place.push(unit)?;
                    pictures += 1;
                }
                Err(dropped) => self.count_drop(dropped),
            }
        }
        Ok(pictures)
    }

    fn count_drop(&mut self, (label, error): Dropped) {
        let stream = self.place.stream();
        if self.dropped.is_multiple_of(LOG_EACH_DROPS) {
            let (name, peer, quality) = (stream.name(), self.peer, self.quality);
            tracing::warn!(stream = %name, %peer, quality, label, "payload dropped: {error}");
        }
        self.dropped += 1;
        stream.count_drop(label, error);
    }

    fn stall(&self, silent: Duration) {
        let reason = format!("no picture for {} s", silent.as_secs());
        let stream = self.place.stream();
        tracing::warn!(stream = %stream.name(), peer = %self.peer, quality = self.quality, "{reason}");
        stream.count_drop("silence", format!("{} quality from {}: {reason}", self.quality, self.peer));
        self.place.silent(&reason);
    }

    /// The sender hung up, with or without the rest of what it had begun.
    fn eof(&mut self, sender: &Sender) -> End {
        if let Some(unfinished) = sender.reader.unfinished() {
            return End::fault("cut_off", format!("the sender hung up after {unfinished}"));
        }
        let taken = if self.ingest.waits() { self.ingest.finish() } else { Taken::new() };
        match self.publish(taken) {
            Ok(_) => End::well("the camera disconnected"),
            Err(removed) => removed.into(),
        }
    }
}
