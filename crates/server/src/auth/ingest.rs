//! Which cameras may push pictures.

use super::normalise;
use crate::config::{Config, Ingest};
use ipnet::IpNet;
use std::net::IpAddr;

/// Which cameras may push pictures without a token.
#[derive(Clone, Debug)]
pub struct IngestPolicy {
    ingest: Ingest,
}

/// A camera that may not push (HTTP status 403). Displays with the setting that lets it in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "camera {peer} refused: `ingest` is `{ingest}`; allow it with `ingest: [{network}]` or `ingest: open` in \
     camherd.yaml (or CAMHERD_INGEST / --ingest)"
)]
pub struct IngestRefusal {
    /// The camera's address.
    pub peer: IpAddr,
    /// The network around it.
    pub network: IpNet,
    /// What the configuration says.
    pub ingest: Ingest,
}

impl IngestPolicy {
    /// The policy of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> IngestPolicy {
        IngestPolicy { ingest: config.ingest.clone() }
    }

    /// Whether the camera at `peer` may push: from this machine, with a valid token, or as `ingest` says.
    ///
    /// # Errors
    /// [`IngestRefusal`] when not.
    pub fn check(&self, peer: IpAddr, has_valid_token: bool) -> Result<(), IngestRefusal> {
        let peer = normalise(peer);
        let listed = match &self.ingest {
            Ingest::Loopback => false,
            Ingest::Open => true,
            Ingest::Networks(networks) => {
                networks.iter().any(|network| network.contains(&peer) || contains_mapped(network, peer))
            }
        };
        if has_valid_token || listed || peer.is_loopback() {
            return Ok(());
        }
        Err(IngestRefusal { peer, network: around(peer), ingest: self.ingest.clone() })
    }
}

/// Whether a network written in IPv6's form of IPv4 (`::ffff:10.0.0.0/104`) holds an IPv4 peer.
fn contains_mapped(network: &IpNet, peer: IpAddr) -> bool {
    match (network, peer) {
        (IpNet::V6(network), IpAddr::V4(peer)) => network.contains(&peer.to_ipv6_mapped()),
        _ => false,
    }
}

/// The network that a home or lab usually gives such a camera: /24, or /64 of IPv6.
fn around(peer: IpAddr) -> IpNet {
    let length = if peer.is_ipv4() { 24 } else { 64 };
    IpNet::new(peer, length).map_or(IpNet::from(peer), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ingest: Ingest, peer: &str, token: bool) -> Result<(), IngestRefusal> {
        IngestPolicy { ingest }.check(peer.parse().unwrap(), token)
    }

    fn networks(texts: &[&str]) -> Ingest {
        Ingest::Networks(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn loopback_and_tokens_always_pass() {
        for ingest in [Ingest::Loopback, Ingest::Open, networks(&["10.0.0.0/8"])] {
            for peer in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(check(ingest.clone(), peer, false), Ok(()), "{peer}");
            }
            assert_eq!(check(ingest.clone(), "8.8.8.8", true), Ok(()));
        }
    }

    #[test]
    fn others_pass_as_configured() {
        let lan = networks(&["10.0.0.0/24", "fd00::/64"]);
        for peer in ["10.0.0.9", "::ffff:10.0.0.9", "fd00::9"] {
            assert_eq!(check(lan.clone(), peer, false), Ok(()), "{peer}");
            assert_eq!(check(Ingest::Open, peer, false), Ok(()), "{peer}");
            assert!(check(Ingest::Loopback, peer, false).is_err(), "{peer}");
        }
        for peer in ["10.0.1.9", "::ffff:10.0.1.9", "fd00:0:0:1::9"] {
            assert!(check(lan.clone(), peer, false).is_err(), "{peer}");
        }
        assert_eq!(check(networks(&["::ffff:10.0.0.0/120"]), "10.0.0.9", false), Ok(()));
        assert!(check(networks(&["::ffff:10.0.0.0/120"]), "10.0.1.9", false).is_err());
    }

    #[test]
    fn refusal_says_what_to_set() {
        assert_eq!(
            check(Ingest::Loopback, "::ffff:10.0.0.9", false).unwrap_err().to_string(),
            "camera 10.0.0.9 refused: `ingest` is `loopback`; allow it with `ingest: [10.0.0.0/24]` or \
             `ingest: open` in camherd.yaml (or CAMHERD_INGEST / --ingest)"
        );
        let refusal = check(networks(&["10.0.0.0/24"]), "fd00::9", false).unwrap_err().to_string();
        assert!(refusal.contains("`ingest` is `[10.0.0.0/24]`") && refusal.contains("`ingest: [fd00::/64]`"));
    }
}
