//! A stream as a TCPCam serves it: JPEGs over plain TCP for a PIN (`tcpcam_server.*`).
//!
//! What goes over the wire is in `camherd_media::wire::tcpcam`. Here: who gets in. `client` is what one gets. Every
//! client reads the hub by itself, so a slow one skips pictures and holds nobody.

mod asking;
mod client;
#[cfg(test)]
mod tests;

use super::viewer::Viewers;
use crate::auth::Throttle;
use crate::config::TcpCamServer;
use crate::net::accept::{self, Place, Quiet, Serve};
use crate::net::listener;
use crate::net::shutdown::Shutdown;
use asking::{Asking, MAX_ASKING, MAX_OF_ONE, Turn};
use camherd_hub::Hub;
use camherd_media::ids::StreamName;
use camherd_media::wire::tcpcam::{Count, Pin, RequestError, RequestReader};
use client::Client;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// For PIN and count, which a client sends first of all.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A count has ended when nothing follows for so long: nothing marks its end. A client sends it in one piece, which a
/// network hands over in one piece too or within a round trip.
const QUIET: Duration = Duration::from_millis(200);

/// A wrong PIN is answered when nothing follows for so long, whatever its length and that of the right one. PIN and count
/// come in two sends, but a PIN in one: this has room for the pieces of somebody's pauses and for a lost packet.
const QUIET_WRONG: Duration = Duration::from_secs(1);

/// Wrong PINs of one address in a minute. A person mistypes less; at this rate the 10 000 PINs of four digits take a
/// day and a half.
const MAX_WRONG_PINS: u32 = 5;

/// Connections that are accepted beyond the clients: those that ask, and as many that are on their way out.
const SPARE: usize = 2 * MAX_ASKING;

/// Read at a time: a request has up to thirty bytes.
const READ: usize = 64;

/// Why a client gets nothing.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("no request within {} s", REQUEST_TIMEOUT.as_secs())]
    Late,
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error("too many wrong PINs came from this address; try again in {0} s")]
    Blocked(u64),
    #[error("{MAX_OF_ONE} connections from this address have sent no request yet")]
    Asking,
    #[error("it sent no request while {MAX_ASKING} newer connections came")]
    Oldest,
    #[error("too many connections at once")]
    Connections,
    #[error("{0} clients are served already (tcpcam_server.max_clients)")]
    Clients(usize),
    #[error(transparent)]
    Viewers(#[from] super::viewer::TooMany),
    #[error("there is no room for the stream: {0} (limits.streams)")]
    Full(#[from] camherd_hub::Full),
}

/// The server. Clones are the same.
#[derive(Clone)]
pub struct TcpCam(Arc<Shared>);

struct Shared {
    pin: Pin,
    stream: StreamName,
    hub: Hub,
    viewers: Arc<Viewers>,
    max_clients: usize,
    room: Arc<Semaphore>,
    asking: Asking,
    throttle: Mutex<Throttle>,
    quiet: Mutex<Quiet>,
    shutdown: Shutdown,
}

impl TcpCam {
    /// A server for a stream of `hub`, whose clients count among `viewers`. `None` where the settings name no PIN or no
    /// stream.
    #[must_use]
    pub fn new(
        settings: &TcpCamServer,
        hub: Hub,
        viewers: Arc<Viewers>,
        shutdown: Shutdown,
    ) -> Option<TcpCam> {
        Some(TcpCam(Arc::new(Shared {
            pin: settings.pin.clone()?,
            stream: settings.stream.clone()?,
            hub,
            viewers,
            max_clients: settings.max_clients,
            room: Arc::new(Semaphore::new(settings.max_clients)),
            asking: Asking::default(),
            throttle: Mutex::new(Throttle::new(MAX_WRONG_PINS)),
            quiet: Mutex::default(),
            shutdown,
        })))
    }

    /// Takes connections on `listeners` until the server stops, and lets them end.
    pub async fn run(self, listeners: Vec<TcpListener>) {
        let (limit, shutdown) = (self.0.max_clients + SPARE, self.0.shutdown.clone());
        accept::run(listeners, self, limit, shutdown).await;
    }
}

impl Serve for TcpCam {
    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let shared = self.0.clone();
        let turn = match shared.turn(peer) {
            Ok(turn) => turn,
            Err(refused) => return shared.log(peer, &refused),
        };
        tokio::spawn(async move {
            if let Err(refused) = serve(stream, peer, turn, &shared).await {
                shared.log(peer, &refused);
            }
            drop(place);
        });
    }

    fn refuse(&self, _: TcpStream, peer: SocketAddr) {
        self.0.log(peer, &Refused::Connections);
    }
}

async fn serve(mut socket: TcpStream, peer: SocketAddr, turn: Turn, shared: &Shared) -> Result<(), Refused> {
    listener::tune(&socket)?;
    let mut reader = RequestReader::new(shared.pin.clone());
    let request = tokio::select! {
        () = shared.shutdown.wait() => return Ok(()),
        request = timeout(REQUEST_TIMEOUT, request(&mut socket, &mut reader)) => request,
        () = turn.dropped() => Ok(Err(Refused::Oldest)),
    };
    // Also of who does not wait for the answer: that no picture comes is one.
    if reader.has_wrong_pin() {
        lock(&shared.throttle).failed(peer.ip(), Instant::now());
    }
    let count = match request.unwrap_or(Err(Refused::Late)) {
        // Others of this address may have used up its tries meanwhile, and this one must not be one more.
        Ok(_) if shared.blocked(peer).is_some() => return Err(RequestError::WrongPin.into()),
        other => other?,
    };
    drop(turn);
    let _client = shared.room.try_acquire().map_err(|_| Refused::Clients(shared.max_clients))?;
    let seat = shared.viewers.enter()?;
    let stream = shared.hub.get_or_create(&shared.stream)?;
    tracing::info!(stream = %stream.name(), %peer, ?count, "TCPCam client");
    let _watching = seat.watch(&stream);
    Client::new(socket, stream, count).run(&shared.shutdown).await;
    Ok(())
}

/// Reads PIN and count.
async fn request(socket: &mut TcpStream, reader: &mut RequestReader) -> Result<Count, Refused> {
    let mut buffer = [0; READ];
    loop {
        let read = socket.read(&mut buffer);
        let quiet = match (reader.has_wrong_pin(), reader.has_count()) {
            (true, _) => Some(QUIET_WRONG),
            (_, true) => Some(QUIET),
            _ => None,
        };
        let length = match quiet {
            Some(quiet) => timeout(quiet, read).await.unwrap_or(Ok(0)),
            None => read.await,
        };
        match length? {
            0 => return Ok(reader.finish()?),
            length => {
                if let Some(count) = reader.push(&buffer[..length])? {
                    return Ok(count);
                }
            }
        }
    }
}

impl Shared {
    /// A place to ask from, for who may.
    fn turn(&self, peer: SocketAddr) -> Result<Turn, Refused> {
        if let Some(left) = self.blocked(peer) {
            return Err(Refused::Blocked(left.as_secs() + 1));
        }
        self.asking.enter(peer.ip()).ok_or(Refused::Asking)
    }

    /// For how long too many wrong PINs keep this address out.
    fn blocked(&self, peer: SocketAddr) -> Option<Duration> {
        lock(&self.throttle).blocked(peer.ip(), Instant::now())
    }

    /// Says who was refused, once in a while: anybody can open connections.
    fn log(&self, peer: SocketAddr, refused: &Refused) {
        if let Some(count) = lock(&self.quiet).due(Instant::now()) {
            tracing::warn!(peer = %peer.ip().to_canonical(), count, "TCPCam client refused: {refused}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
