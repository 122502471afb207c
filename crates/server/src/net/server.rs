//! The accept loop: HTTP/1.1 connections to one router, bounded in number, drained at the end.

use super::link::Link;
use super::listener;
use super::shutdown::{DRAIN, Shutdown};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower_service::Service;

/// A client that has not sent its request's head by then is not one of ours.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Most that a connection buffers on its way out before it stops asking for more, and the longest
/// request head. One frame is always taken whole; what is above would be delay.
const BUFFER: usize = 16 * 1024;

/// Pause after the system refused a connection (no file descriptors left), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What repeats with every connection is logged once in this time: anybody can open connections.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Sent instead of an answer when there are too many connections.
const OVERLOADED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
    Retry-After: 5\r\nConnection: close\r\nContent-Length: 73\r\n\r\n\
    {\"error\":\"the server has no room for more connections (max_connections)\"}";

/// A connection's place among [`run`]'s `max_connections`, found in each request's extensions. Whoever takes
/// the connection over (an upgrade) keeps it until the connection ends.
#[derive(Clone)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

/// Serves `router` on `listeners` until `shutdown`, then lets connections end for at most [`DRAIN`].
pub async fn run(listeners: Vec<TcpListener>, router: Router, max_connections: usize, shutdown: Shutdown) {
    let all = u32::try_from(max_connections).unwrap_or(u32::MAX);
    let room = Arc::new(Semaphore::new(all as usize));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, router.clone(), room.clone(), shutdown.clone()));
    }
    while accepting.join_next().await.is_some() {}
    // Every connection holds one place: when all places are free, all connections have ended.
    if tokio::time::timeout(DRAIN, room.acquire_many(all)).await.is_err() {
        let left = max_connections - room.available_permits();
        tracing::warn!("{left} connections did not end within {DRAIN:?} and are cut");
    }
}

/// Lets one line through in [`LOG_EVERY`], and counts those that it stands for.
#[derive(Default)]
struct Quiet {
    last: Option<Instant>,
    count: u64,
}

impl Quiet {
    /// How many there were since the last line, if it is time for one.
    fn due(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.last.is_some_and(|last| now.duration_since(last) < LOG_EVERY) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

async fn accept(listener: TcpListener, router: Router, room: Arc<Semaphore>, shutdown: Shutdown) {
    let (mut failed, mut full) = (Quiet::default(), Quiet::default());
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
            Ok(permit) => {
                let place = Place(Arc::new(permit));
                tokio::spawn(serve(stream, peer, router.clone(), place, shutdown.clone()));
            }
            Err(_) => {
                if let Some(count) = full.due(Instant::now()) {
                    tracing::warn!(%peer, count, "refused: http.max_connections is reached");
                }
                tokio::spawn(refuse(stream));
            }
        }
    }
}

async fn refuse(mut stream: TcpStream) {
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(OVERLOADED)).await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, place: Place, shutdown: Shutdown) {
    if listener::tune(&stream).is_err() {
        return;
    }
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(place.clone());
        router.clone().call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Link::new(stream)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended");
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
