//! Cameras that push over plain TCP, by number and in up to two qualities (`tcp_push.listen`).
//!
//! What goes over the wire is in `camherd_media::wire::tcp_push`. Here: `connection` is one sender, `ingest` makes
//! units of its payloads, `group` decides what the two qualities of one number write, `numbers` knows all numbers
//! and holds their publishers. There is no token in this protocol, so the `ingest` setting alone says who may push.

mod connection;
mod group;
mod ingest;
mod numbers;
#[cfg(test)]
mod tests;

pub use numbers::LOW;

use super::connected::Cameras;
use super::refusals::Refusals;
use crate::auth::IngestPolicy;
use crate::config::Config;
use crate::net::accept::{self, Place, Serve};
use crate::net::shutdown::Shutdown;
use camherd_hub::Hub;
use numbers::Numbers;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Connections of each number: one a quality.
const QUALITIES: usize = 2;

/// Connections beyond those of all numbers: devices that reconnect while the old connection is not noticed to be
/// dead, and whoever has not sent its header yet.
const SPARE: usize = 64;

/// What the connections share.
pub(crate) struct Shared {
    numbers: Arc<Numbers>,
    ingest: IngestPolicy,
    refusals: Arc<Refusals>,
    cameras: Arc<Cameras>,
    stall_timeout: Duration,
    shutdown: Shutdown,
    max_connections: usize,
}

/// The listener of cameras that push. Clones are the same.
#[derive(Clone)]
pub struct TcpPush(Arc<Shared>);

impl TcpPush {
    /// For the streams of `hub`. Who is turned away is noted in `refusals`, who is connected counted in `cameras`.
    #[must_use]
    pub fn new(
        config: &Config,
        hub: Hub,
        refusals: Arc<Refusals>,
        cameras: Arc<Cameras>,
        shutdown: Shutdown,
    ) -> TcpPush {
        let (settings, stall_timeout) = (config.tcp_push.clone(), config.stall_timeout);
        TcpPush(Arc::new(Shared {
            max_connections: settings.max_streams * QUALITIES + SPARE,
            numbers: Numbers::new(hub, settings, stall_timeout),
            ingest: IngestPolicy::new(config),
            refusals,
            cameras,
            stall_timeout,
            shutdown,
        }))
    }

    /// Takes connections on `listeners` until the server stops, and lets them end.
    pub async fn run(self, listeners: Vec<TcpListener>) {
        let (max_connections, shutdown) = (self.0.max_connections, self.0.shutdown.clone());
        accept::run(listeners, self, max_connections, shutdown).await;
    }
}

impl Serve for TcpPush {
    fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        tokio::spawn(connection::serve(stream, peer, self.0.clone(), place));
    }

    fn refuse(&self, _: TcpStream, peer: SocketAddr) {
        let limit = self.0.max_connections;
        let reason = format!("TCP push: {limit} connections are open already (tcp_push.max_streams)");
        self.0.refusals.note(peer.ip(), "", &reason);
    }
}
