//! Who may do what: tokens, sessions, origins, hosts, and which cameras may push.
//!
//! Here: decisions, made from headers, query and peer address. Not here: answering a request (the HTTP side
//! turns a decision into a status), and waiting. Nothing here reads a clock: the caller gives a [`Moment`].
//!
//! The rules, safe by default:
//! - A server that only listens on loopback asks for no token ([`Policy`]), but answers only to names that are this
//!   machine ([`HostPolicy`]), so that a page elsewhere cannot reach it by DNS rebinding.
//! - Listening wider needs a token from everybody ([`Authenticator`]); the first one is made at first start
//!   ([`ensure_admin_token`]).
//! - A page of another origin is refused unless the configuration names it, or the server is for this machine alone
//!   and so is the page ([`OriginPolicy`]).
//! - A camera pushes from loopback, with a token, or from a network that `ingest` names ([`IngestPolicy`]).

mod check;
mod cookie;
mod host;
mod ingest;
mod origin;
mod policy;
mod throttle;
mod token;

pub use check::{AuthError, Authenticator, Credential, Decision, Identity};
pub use cookie::COOKIE;
pub use host::{HostPolicy, HostRefusal};
pub use ingest::{IngestPolicy, IngestRefusal};
pub use origin::{OriginPolicy, OriginRefusal};
pub use policy::Policy;
pub(crate) use throttle::Throttle;
pub use token::{NewToken, SignInLink, Token, ensure_admin_token, reset_admin_token};

use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A reading of both clocks: sessions end by the calendar, failures are counted by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Seconds since 1970-01-01 UTC.
    pub unix: u64,
    /// The monotonic clock.
    pub instant: Instant,
}

impl Moment {
    /// The present moment.
    #[must_use]
    pub fn now() -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Moment { unix, instant: Instant::now() }
    }
}

/// The address with an IPv4 address out of its IPv6 form (`::ffff:10.0.0.9`, RFC 4291, 2.5.5.2), as a
/// dual-stack socket gives it.
#[must_use]
pub fn normalise(peer: IpAddr) -> IpAddr {
    peer.to_canonical()
}
