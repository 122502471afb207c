//! Whether a token is asked for at all.

use super::normalise;
use crate::config::{AuthMode, Config};
use std::net::SocketAddr;

/// Whether a token is asked for, derived from where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Everybody needs a token or a session.
    pub required: bool,
    /// The server can be reached from this machine only.
    pub loopback_only: bool,
    /// What the operator should know before going on; for the log.
    pub warning: Option<String>,
}

impl Policy {
    /// The policy of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Policy {
        let listen = &config.http.listen;
        let wide: Vec<String> =
            listen.iter().filter(|address| !is_loopback(address)).map(ToString::to_string).collect();
        let loopback_only = wide.is_empty();
        let required = match config.auth {
            AuthMode::Always => true,
            AuthMode::Token => !loopback_only,
            AuthMode::None => false,
        };
        let warning = (config.auth == AuthMode::None && !loopback_only).then(|| {
            format!(
                "authentication is off (`auth: none`) and camherd listens on {}: whoever reaches it sees every \
                 camera; remove `auth: none` to ask for a token",
                wide.join(", ")
            )
        });
        Policy { required, loopback_only, warning }
    }
}

fn is_loopback(address: &SocketAddr) -> bool {
    normalise(address.ip()).is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(listen: &[&str], auth: AuthMode) -> Policy {
        let mut config = Config::default();
        config.http.listen = listen.iter().map(|address| address.parse().unwrap()).collect();
        config.auth = auth;
        Policy::new(&config)
    }

    #[test]
    fn loopback_needs_no_token_and_anything_wider_does() {
        for listen in [&["127.0.0.1:8080"][..], &["[::1]:8080", "127.9.9.9:1"], &["[::ffff:127.0.0.1]:80"]] {
            let policy = policy(listen, AuthMode::Token);
            assert!(!policy.required && policy.loopback_only && policy.warning.is_none(), "{listen:?}");
        }
        for listen in [&["0.0.0.0:80"][..], &["[::]:80"], &["10.0.0.1:80"], &["127.0.0.1:80", "10.0.0.1:80"]]
        {
            let policy = policy(listen, AuthMode::Token);
            assert!(policy.required && !policy.loopback_only && policy.warning.is_none(), "{listen:?}");
        }
    }

    #[test]
    fn none_beyond_loopback_warns_and_always_asks_on_loopback() {
        let open = policy(&["127.0.0.1:80", "0.0.0.0:81"], AuthMode::None);
        assert!(!open.required);
        let warning = open.warning.unwrap();
        assert!(warning.contains("0.0.0.0:81") && !warning.contains("127.0.0.1"), "{warning}");
        assert_eq!(policy(&["127.0.0.1:80"], AuthMode::None).warning, None);
        assert!(policy(&["127.0.0.1:80"], AuthMode::Always).required);
    }
}
