//! Wiring: from settings to a running server, and from the word to stop to its end.

mod cameras;
mod janitor;
mod tcp;

use crate::api::router::router;
use crate::api::state::Server;
use crate::api::streams::catalogue::Catalogue;
use crate::auth::{
    AuthError, Authenticator, HostPolicy, IngestPolicy, Moment, OriginPolicy, Policy, SignInLink,
    ensure_admin_token,
};
use crate::config::Config;
use crate::net::announce::Notice;
use crate::net::listener::{ListenError, bind};
use crate::net::server;
use crate::net::shutdown::Shutdown;
use crate::outputs::viewer::Viewers;
use crate::random::Random;
use crate::sources::connected::Cameras;
use crate::sources::device::Devices;
use crate::sources::pull::{AddError, Pulls};
use crate::sources::refusals::Refusals;
use crate::sources::telemetry::Telemetry;
use crate::store::{Store, StoreError};
use crate::transcode::{Deriver, Ladder, clean_up_bus};
use camherd_hub::{Full, Hub, RingLimits};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

/// Where a person changes the HTTP address.
const HTTP_SETTING: &str = "http.listen (--http-listen, CAMHERD_HTTP_LISTEN)";

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No token can be made.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The configuration names more streams than it allows.
    #[error(transparent)]
    Full(#[from] Full),
    /// A configured camera cannot be fetched.
    #[error(transparent)]
    Camera(#[from] AddError),
    /// A socket does not say its address.
    #[error("a listening socket has no address")]
    Address(#[source] std::io::Error),
}

/// A server whose sockets are bound, ready to run.
pub struct App {
    http: Bound,
    tcp: tcp::Sockets,
    tcp_servers: tcp::Servers,
    server: Arc<Server>,
    deriver: Arc<Deriver>,
    sign_in: Option<SignInLink>,
    _notice: Option<Notice>,
}

/// Listeners and their addresses.
struct Bound {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

impl Bound {
    fn bind(addresses: &[SocketAddr], setting: &'static str) -> Result<Bound, StartError> {
        let listeners =
            addresses.iter().map(|address| bind(*address, setting)).collect::<Result<Vec<_>, _>>()?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>();
        Ok(Bound { listeners, addresses: addresses.map_err(StartError::Address)? })
    }
}

impl App {
    /// Binds the sockets, opens the state and makes what is configured. Call it within a runtime.
    ///
    /// # Errors
    /// [`StartError`] says what a person can do.
    pub fn start(config: Config, shutdown: Shutdown) -> Result<App, StartError> {
        let http = Bound::bind(&config.http.listen, HTTP_SETTING)?;
        let tcp = tcp::Sockets::bind(&config)?;
        let policy = Policy::new(&config);
        if let Some(warning) = &policy.warning {
            tracing::warn!("{warning}");
        }
        let origins = OriginPolicy::new(&config);
        if let Some(warning) = origins.warning() {
            tracing::warn!("{warning}");
        }
        let store = Arc::new(Store::open(&config.state)?);
        let token = if policy.required { ensure_admin_token(&store, Moment::now())? } else { None };
        let sign_in = token.and_then(|token| token.sign_in_link(&http.addresses));

        let config = Arc::new(config);
        if config.bus.enabled {
            clean_up_bus(&config.bus.directory);
        }
        let deriver = Arc::new(Deriver::new(config.clone(), Handle::current()));
        let hub = Hub::new(RingLimits::default(), config.limits.streams, deriver.clone());
        for name in config.streams.keys() {
            hub.get_or_create(name)?;
        }
        let catalogue = Catalogue::load(store.clone(), &config)?;
        let pulls = Pulls::new(hub.clone(), config.stall_timeout, shutdown.clone());
        cameras::start(&pulls, &config, &catalogue)?;
        let (refusals, cameras) = (Arc::<Refusals>::default(), Arc::<Cameras>::default());
        let viewers = Viewers::new(config.limits.viewers);
        let tcp_servers = tcp::Servers::new(&config, &hub, &refusals, &cameras, &viewers, &shutdown);
        let server = Server {
            hosts: HostPolicy::new(&policy),
            origins,
            ingest: IngestPolicy::new(&config),
            auth: Authenticator::new(policy, store)?,
            ladder: Arc::new(Ladder::new(config.clone(), Handle::current())),
            viewers,
            cameras,
            admission: Mutex::default(),
            refusals,
            telemetry: Telemetry::default(),
            devices: Devices::default(),
            pulls,
            catalogue,
            hub,
            config,
            shutdown,
        };
        let announced = server
            .config
            .announce
            .then(|| Notice::of(&http.addresses, Random::unpredictable().bits() as u16));
        let _notice = announced.flatten();
        Ok(App { http, tcp, tcp_servers, server: Arc::new(server), deriver, sign_in, _notice })
    }

    /// The addresses of HTTP that are really bound, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.http.addresses
    }

    /// The addresses for cameras that push over plain TCP that are really bound, in the order of the configuration.
    #[must_use]
    pub fn push_addresses(&self) -> &[SocketAddr] {
        &self.tcp.push.addresses
    }

    /// The addresses for clients of a TCPCam that are really bound, in the order of the configuration.
    #[must_use]
    pub fn tcpcam_addresses(&self) -> &[SocketAddr] {
        &self.tcp.tcpcam.addresses
    }

    /// The sign-in link, when this start made the first token.
    #[must_use]
    pub fn sign_in(&self) -> Option<&SignInLink> {
        self.sign_in.as_ref()
    }

    /// Serves until the word to stop, then drains.
    pub async fn run(self) {
        let shutdown = self.server.shutdown.clone();
        let limit = self.server.config.http.max_connections;
        let janitor = tokio::spawn(janitor::run(self.server.clone()));
        tokio::join!(
            server::run(self.http.listeners, router(self.server), limit, shutdown),
            self.tcp_servers.run(self.tcp),
        );
        janitor.abort();
        self.deriver.close();
    }
}
