//! The accept loop of every kind of listener: connections bounded in number, drained at the end.

use super::shutdown::{DRAIN, Shutdown};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Pause after the system refused a connection (no file descriptors left), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What repeats with every connection is logged once in this time: anybody can open connections.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// A connection's place among those that [`run`] has room for. Whoever takes the connection over keeps it until
/// the connection ends.
#[derive(Clone)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

impl Place {
    /// The place that a permit stands for.
    pub(crate) fn of(permit: OwnedSemaphorePermit) -> Place {
        Place(Arc::new(permit))
    }
}

/// What happens to connections. Neither may wait: the next connection does so meanwhile.
pub trait Serve: Clone + Send + 'static {
    /// Serves a connection, in a task of its own.
    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place);

    /// There is no room for this connection.
    fn refuse(&self, stream: TcpStream, peer: SocketAddr);
}

/// Takes connections on `listeners` until `shutdown`, then lets them end for at most [`DRAIN`].
pub async fn run(listeners: Vec<TcpListener>, serve: impl Serve, max_connections: usize, shutdown: Shutdown) {
    let all = u32::try_from(max_connections).unwrap_or(u32::MAX);
    let room = Arc::new(Semaphore::new(all as usize));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, serve.clone(), room.clone(), shutdown.clone()));
    }
    while accepting.join_next().await.is_some() {}
    // Every connection holds one place: when all places are free, all connections have ended.
    if tokio::time::timeout(DRAIN, room.acquire_many(all)).await.is_err() {
        let left = max_connections - room.available_permits();
        tracing::warn!("{left} connections did not end within {DRAIN:?} and are cut");
    }
}

async fn accept(listener: TcpListener, serve: impl Serve, room: Arc<Semaphore>, shutdown: Shutdown) {
    let mut failed = Quiet::default();
    loop {
        let accepted = tokio::select! {
            () = shutdown.wait() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The peer's doing, not a lack here: the next one must not wait for it.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) =>
            {
                continue;
            }
            Err(error) => {
                if let Some(count) = failed.due(Instant::now()) {
                    tracing::warn!(%error, count, "cannot accept a connection");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match room.clone().try_acquire_owned() {
            Ok(permit) => serve.serve(stream, peer, Place::of(permit)),
            Err(_) => serve.refuse(stream, peer),
        }
    }
}

/// Lets one line through in ten seconds, and counts those that it stands for.
#[derive(Debug, Default)]
pub struct Quiet {
    last: Option<Instant>,
    count: u64,
}

impl Quiet {
    /// How many there were since the last line, if it is time for one.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.last.is_some_and(|last| now.duration_since(last) < LOG_EVERY) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_logged_once_in_a_while_with_its_count() {
        let (mut quiet, start) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.due(start), Some(1));
        for _ in 0..1000 {
            assert_eq!(quiet.due(start + LOG_EVERY / 2), None);
        }
        assert_eq!(quiet.due(start + LOG_EVERY), Some(1001));
    }
}
