//! The `Host` field of requests to a server that asks for no token.
//!
//! DNS rebinding: a page on `evil.example` lets that name point to 127.0.0.1 and then reads this server as
//! its own origin. The browser still sends `Host: evil.example`, so a server for this machine answers only to
//! names that are this machine, and to addresses, which need no DNS.

use super::Policy;
use crate::config::split_authority;
use http::HeaderMap;
use http::header::HOST;
use std::net::Ipv4Addr;

/// Which `Host` fields are answered.
#[derive(Clone, Copy, Debug)]
pub struct HostPolicy {
    local_names_only: bool,
}

/// A `Host` field that is not answered (HTTP status 421, RFC 9110, 15.5.20).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    /// Another machine's name.
    #[error(
        "camherd listens on this machine only and answers to localhost or an IP address, not to {0:?}; behind a \
         reverse proxy set `auth: always` in camherd.yaml (or CAMHERD_AUTH / --auth)"
    )]
    Name(String),
    /// Not one well-formed field.
    #[error("the Host field is malformed")]
    Malformed,
}

impl HostPolicy {
    /// Local names only when no token is asked for on loopback. With a token, a page that rebinds a name has
    /// none; with `auth: none` beyond loopback, the server cannot know the names that it is reached by.
    #[must_use]
    pub fn new(policy: &Policy) -> HostPolicy {
        HostPolicy { local_names_only: policy.loopback_only && !policy.required }
    }

    /// Whether to answer. A request without `Host` is no browser's and passes.
    ///
    /// # Errors
    /// [`HostRefusal`] when not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), HostRefusal> {
        let mut hosts = headers.get_all(HOST).iter();
        let Some(host) = hosts.next() else { return Ok(()) };
        if !self.local_names_only {
            return Ok(());
        }
        if hosts.next().is_some() {
            return Err(HostRefusal::Malformed);
        }
        let (name, _) = host.to_str().ok().and_then(split_authority).ok_or(HostRefusal::Malformed)?;
        if is_local(name) { Ok(()) } else { Err(HostRefusal::Name(name.to_owned())) }
    }
}

/// `localhost` and names below it (RFC 6761, 6.3), and addresses.
pub(super) fn is_local(name: &str) -> bool {
    let plain = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    // What `split_authority` lets through in brackets is an IPv6 address.
    name.starts_with('[')
        || plain == "localhost"
        || plain.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(host: &[u8]) -> Result<(), HostRefusal> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_bytes(host).unwrap());
        HostPolicy { local_names_only: true }.check(&headers)
    }

    #[test]
    fn local_names_and_addresses_pass() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "cams.localhost:1",
            "localhost.",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "192.168.1.5:80",
        ] {
            assert_eq!(check(host.as_bytes()), Ok(()), "{host}");
        }
        assert_eq!(HostPolicy { local_names_only: true }.check(&HeaderMap::new()), Ok(()));
    }

    #[test]
    fn other_names_are_refused() {
        for host in [
            "evil.example:8080",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "0x7f.1",
        ] {
            assert!(matches!(check(host.as_bytes()), Err(HostRefusal::Name(_))), "{host}");
        }
        for host in [&b""[..], b"[evil]", b"a b", b"\xff", b"user@localhost"] {
            assert_eq!(check(host), Err(HostRefusal::Malformed), "{host:?}");
        }
    }

    #[test]
    fn two_fields_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::from_static("localhost"));
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert_eq!(HostPolicy { local_names_only: true }.check(&headers), Err(HostRefusal::Malformed));
    }

    #[test]
    fn with_a_token_every_name_is_answered() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("cams.example.org"));
        for (loopback_only, required, answered) in
            [(true, true, true), (false, true, true), (false, false, true), (true, false, false)]
        {
            let policy = Policy { required, loopback_only, warning: None };
            assert_eq!(HostPolicy::new(&policy).check(&headers).is_ok(), answered);
        }
    }
}
