//! HTTP/1.1 connections to one router.

use super::accept::{self, Place, Quiet, Serve};
use super::link::Link;
use super::listener;
use super::shutdown::Shutdown;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

/// A client that has not sent its request's head by then is not one of ours.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Most that a connection buffers on its way out before it stops asking for more, and the longest
/// request head. One frame is always taken whole; what is above would be delay.
const BUFFER: usize = 16 * 1024;

/// Sent instead of an answer when there are too many connections.
const OVERLOADED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
    Retry-After: 5\r\nConnection: close\r\nContent-Length: 73\r\n\r\n\
    {\"error\":\"the server has no room for more connections (max_connections)\"}";

/// Serves `router` on `listeners` until `shutdown`, then lets connections end for a while. Each request has the
/// [`Place`] of its connection among its extensions.
pub async fn run(listeners: Vec<TcpListener>, router: Router, max_connections: usize, shutdown: Shutdown) {
    let http = Http { router, shutdown: shutdown.clone(), full: Arc::default() };
    accept::run(listeners, http, max_connections, shutdown).await;
}

#[derive(Clone)]
struct Http {
    router: Router,
    shutdown: Shutdown,
    full: Arc<Mutex<Quiet>>,
}

impl Serve for Http {
    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        tokio::spawn(serve(stream, peer, self.router.clone(), place, self.shutdown.clone()));
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr) {
        let due = self.full.lock().unwrap_or_else(PoisonError::into_inner).due(Instant::now());
        if let Some(count) = due {
            tracing::warn!(%peer, count, "refused: http.max_connections is reached");
        }
        tokio::spawn(refuse(stream));
    }
}

async fn refuse(mut stream: TcpStream) {
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(OVERLOADED)).await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router, place: Place, shutdown: Shutdown) {
    if listener::tune(&stream).is_err() {
        return;
    }
    let link = Link::new(stream);
    let gate = link.gate();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(place.clone());
        let (answer, gate) = (router.clone().call(request), gate.clone());
        async move { answer.await.map(|response| response.map(|body| gate.admit(body))) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(link), service)
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
