//! What every request handler has at hand.

use super::streams::catalogue::Catalogue;
use crate::auth::{Authenticator, HostPolicy, IngestPolicy, OriginPolicy};
use crate::config::Config;
use crate::net::shutdown::Shutdown;
use crate::outputs::viewer::Viewers;
use crate::sources::connected::Cameras;
use crate::sources::device::Devices;
use crate::sources::pull::Pulls;
use crate::sources::refusals::Refusals;
use crate::sources::takeover::Takeovers;
use crate::sources::telemetry::Telemetry;
use crate::transcode::Ladder;
use camherd_hub::Hub;
use std::sync::{Arc, Mutex};

/// The server's parts, shared by all handlers.
pub struct Server {
    /// The settings.
    pub config: Arc<Config>,
    /// The streams.
    pub hub: Hub,
    /// The cameras that the server fetches.
    pub pulls: Pulls,
    /// The streams that the API created.
    pub catalogue: Catalogue,
    /// Tokens and sessions.
    pub auth: Authenticator,
    /// Which names this server answers to.
    pub hosts: HostPolicy,
    /// Which pages may open its sockets.
    pub origins: OriginPolicy,
    /// Which cameras may publish.
    pub ingest: IngestPolicy,
    /// The qualities of streams.
    pub ladder: Arc<Ladder>,
    /// Who watches.
    pub viewers: Arc<Viewers>,
    /// How many camera connections there are.
    pub cameras: Arc<Cameras>,
    /// Held while a camera's stream is chosen and claimed: of two that come at once without a name, the
    /// second one must see the first.
    pub admission: Mutex<Takeovers>,
    /// Cameras that were turned away.
    pub refusals: Arc<Refusals>,
    /// What cameras report of themselves.
    pub telemetry: Telemetry,
    /// Cameras that speak the device channel.
    pub devices: Devices,
    /// The word to stop.
    pub shutdown: Shutdown,
}
