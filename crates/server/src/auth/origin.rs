//! The `Origin` field: which web pages may use the server.
//!
//! WebSockets are not covered by the browser's same-origin policy (RFC 6455, 10.2): any page can open one to
//! this server, with the visitor's cookies where SameSite lets them through. The server has to look. Requests
//! that change something are not covered either: the browser sends them, and only hides the answer.

use super::Policy;
use super::host::is_local;
use crate::config::{AllowedOrigins, Config, Scheme, WebOrigin, split_authority};
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use std::net::Ipv4Addr;

/// What some Arduino WebSocket clients send, literally.
const ARDUINO: &str = "file://";

/// The origins of desktop apps that show a web page of their own, where they are no `http://localhost`.
const APPS: [(&str, &str); 2] = [("wails", "wails"), ("tauri", "localhost")];

/// Which web pages may use the server.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    allowed: AllowedOrigins,
    /// Pages of this machine may: whoever serves one could reach the server without a browser as well.
    local_pages: bool,
}

/// A page that may not use the server (HTTP status 403).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginRefusal {
    /// Another site's page.
    #[error(
        "the page at {0} may not use this server; allow it with `http.allowed_origins: [{0}]` in camherd.yaml (or CAMHERD_HTTP_ALLOWED_ORIGINS / --http-allowed-origins)"
    )]
    Site(WebOrigin),
    /// A page without an origin of its own (a file, a sandboxed frame), or a malformed field.
    #[error(
        "a page without a web origin may not use this server; serve it by HTTP and name its origin in `http.allowed_origins`"
    )]
    Opaque,
}

impl OriginPolicy {
    /// The policy of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> OriginPolicy {
        let policy = Policy::new(config);
        OriginPolicy {
            allowed: config.http.allowed_origins.clone(),
            // With `auth: always` a proxy may be in front, and "this machine" is the visitor's, not ours.
            local_pages: policy.loopback_only && !policy.required,
        }
    }

    /// What the operator should know before going on; for the log.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        (self.allowed == AllowedOrigins::Any).then_some(
            "every web page may use this server (`http.allowed_origins: [\"*\"]`): a page that somebody on \
             this machine or with a token opens can see the cameras and change the streams; name the pages instead",
        )
    }

    /// Whether every page may, whatever it says to be.
    #[must_use]
    pub fn allows_any(&self) -> bool {
        self.allowed == AllowedOrigins::Any
    }

    /// For viewers and the API: no `Origin` (no browser, or a plain link), a page of this server, an allowed
    /// one, or one of this machine where the server is for this machine alone.
    ///
    /// # Errors
    /// [`OriginRefusal`] for every other page.
    pub fn check_viewer(&self, headers: &HeaderMap) -> Result<(), OriginRefusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        if self.allows_any() {
            return Ok(());
        }
        if origins.next().is_some() {
            return Err(OriginRefusal::Opaque);
        }
        let text = origin.to_str().map_err(|_| OriginRefusal::Opaque)?;
        let origin: WebOrigin = text.parse().map_err(|_| OriginRefusal::Opaque)?;
        let local = self.local_pages && is_of_this_machine(&origin);
        if local || same_host(&origin, headers) || self.allowed.allows(&origin) {
            Ok(())
        } else {
            Err(OriginRefusal::Site(origin))
        }
    }

    /// For cameras: as for viewers, and the literal `file://` of Arduino clients. `null` stays refused: it is
    /// what the sandboxed frame of any page sends.
    ///
    /// A camera that is not `proved` by a token may say that it comes from this server's host only where
    /// that is an address or localhost: a page elsewhere can rebind its own name to this machine and would
    /// then be of the same host.
    ///
    /// # Errors
    /// [`OriginRefusal`] for every other page.
    pub fn check_camera(&self, headers: &HeaderMap, proved: bool) -> Result<(), OriginRefusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) if origin == ARDUINO => Ok(()),
            (Some(_), None) if !proved && !is_local_host(headers) => self.check_listed(headers),
            _ => self.check_viewer(headers),
        }
    }

    /// Only what the configuration names.
    fn check_listed(&self, headers: &HeaderMap) -> Result<(), OriginRefusal> {
        if self.allows_any() {
            return Ok(());
        }
        let text =
            headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).ok_or(OriginRefusal::Opaque)?;
        let origin: WebOrigin = text.parse().map_err(|_| OriginRefusal::Opaque)?;
        if self.allowed.allows(&origin) { Ok(()) } else { Err(OriginRefusal::Site(origin)) }
    }
}

/// Whether a page comes from this machine: from a server on it (names below `localhost` never leave it, RFC
/// 6761, 6.3), or from a desktop app. An address such as 192.168.1.5 may be another machine's.
fn is_of_this_machine(origin: &WebOrigin) -> bool {
    let host = origin.host();
    match origin.scheme() {
        Scheme::Http | Scheme::Https => {
            host == "localhost"
                || host.ends_with(".localhost")
                || host == "[::1]"
                || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
        Scheme::App(scheme) => APPS.contains(&(scheme.as_str(), host)),
    }
}

/// Whether the request goes to an address or to localhost, which nobody can rebind.
fn is_local_host(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(split_authority);
    host.is_some_and(|(name, _)| is_local(name))
}

/// Whether the page came from the host that the request goes to. The scheme may differ: behind a proxy that
/// ends TLS, the server does not know its own.
fn same_host(origin: &WebOrigin, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()).and_then(split_authority), hosts.next()) {
        (Some((host, port)), None) => origin.is_host(host, port),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_rebound_name_lets_no_page_publish() {
        let evil = headers("evil.example:8080", b"http://evil.example:8080");
        assert!(policy(&[]).check_camera(&evil, false).is_err());
        assert_eq!(policy(&[]).check_camera(&evil, true), Ok(()));
        assert_eq!(policy(&["http://evil.example:8080"]).check_camera(&evil, false), Ok(()));
        for (host, origin) in [
            ("192.168.1.5:8080", &b"http://192.168.1.5:8080"[..]),
            ("localhost:8080", b"http://localhost:8080"),
            ("evil.example:8080", b"file://"),
        ] {
            assert_eq!(policy(&[]).check_camera(&headers(host, origin), false), Ok(()), "{host}");
        }
    }

    fn headers(host: &'static str, origin: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        headers.insert(ORIGIN, HeaderValue::from_bytes(origin).unwrap());
        headers
    }

    fn policy(allowed: &[&str]) -> OriginPolicy {
        let listed = allowed.iter().map(|origin| origin.parse().unwrap()).collect();
        OriginPolicy { allowed: AllowedOrigins::Listed(listed), local_pages: false }
    }

    fn configured(set: impl FnOnce(&mut Config)) -> OriginPolicy {
        let mut config = Config::default();
        set(&mut config);
        OriginPolicy::new(&config)
    }

    #[test]
    fn pages_of_this_machine_pass_where_the_server_is_for_it_alone() {
        let alone = configured(|_| ());
        let wide = configured(|config| config.http.listen[0].set_ip([0, 0, 0, 0].into()));
        let proxied = configured(|config| config.auth = crate::config::AuthMode::Always);
        for origin in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:3000",
            "http://127.9.9.9",
            "http://[::1]:1",
            "http://wails.localhost",
            "http://wails.localhost:34115",
            "wails://wails",
            "tauri://localhost",
        ] {
            let headers = headers("localhost:8080", origin.as_bytes());
            assert_eq!(alone.check_viewer(&headers), Ok(()), "{origin}");
            assert!(wide.check_viewer(&headers).is_err(), "{origin}");
            assert!(proxied.check_viewer(&headers).is_err(), "{origin}: it may be on the visitor's machine");
        }
        for origin in [
            "null",
            "file://",
            "http://192.168.1.5",
            "http://localhost.evil.example",
            "http://evillocalhost",
            "http://127.0.0.1.evil.example",
            "wails://localhost",
            "tauri://evil",
            "chrome-extension://localhost",
        ] {
            assert!(alone.check_viewer(&headers("localhost:8080", origin.as_bytes())).is_err(), "{origin}");
        }
    }

    #[test]
    fn a_star_lets_every_page_in_and_warns() {
        let any = configured(|config| config.http.allowed_origins = AllowedOrigins::Any);
        assert!(any.warning().is_some() && policy(&["http://a"]).warning().is_none());
        for origin in [&b"http://evil.example"[..], b"null", b"\xff"] {
            let headers = headers("evil.example", origin);
            assert_eq!(any.check_viewer(&headers), Ok(()));
            assert_eq!(any.check_camera(&headers, false), Ok(()));
        }
    }

    #[test]
    fn own_pages_and_non_browsers_pass() {
        let policy = policy(&[]);
        assert_eq!(policy.check_viewer(&HeaderMap::new()), Ok(()));
        assert_eq!(policy.check_camera(&HeaderMap::new(), false), Ok(()));
        for (host, origin) in [
            ("localhost:8080", "http://localhost:8080"),
            ("Cams.example.org", "http://cams.example.org"),
            ("cams.example.org", "https://cams.example.org"),
            ("cams.example.org:443", "https://cams.example.org"),
            ("[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(policy.check_viewer(&headers(host, origin.as_bytes())), Ok(()), "{origin}");
            assert_eq!(policy.check_camera(&headers(host, origin.as_bytes()), true), Ok(()), "{origin}");
        }
    }

    #[test]
    fn other_sites_are_refused_with_the_setting_that_allows_them() {
        for origin in [
            "http://evil.example",
            "http://localhost:8081",
            "https://localhost",
            "http://localhost.evil.example:8080",
        ] {
            let headers = headers("localhost:8080", origin.as_bytes());
            let refusal = policy(&[]).check_viewer(&headers).unwrap_err();
            assert!(
                refusal.to_string().contains(&format!("`http.allowed_origins: [{origin}]`")),
                "{refusal}"
            );
            assert!(policy(&[]).check_camera(&headers, false).is_err());
            assert_eq!(policy(&["http://other.example", origin]).check_viewer(&headers), Ok(()));
        }
    }

    #[test]
    fn opaque_origins_are_refused_but_cameras_may_say_file() {
        for origin in [&b"null"[..], b"", b"file:///x", b"\xff", b"http://localhost:8080/", b"FILE://"] {
            let headers = headers("localhost:8080", origin);
            assert_eq!(policy(&[]).check_viewer(&headers), Err(OriginRefusal::Opaque), "{origin:?}");
            assert_eq!(policy(&[]).check_camera(&headers, false), Err(OriginRefusal::Opaque), "{origin:?}");
        }
        let arduino = headers("localhost:8080", b"file://");
        assert_eq!(policy(&[]).check_viewer(&arduino), Err(OriginRefusal::Opaque));
        assert_eq!(policy(&[]).check_camera(&arduino, false), Ok(()));
    }

    #[test]
    fn two_origins_or_two_hosts_prove_nothing() {
        let mut two = headers("a", b"file://");
        two.append(ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert_eq!(policy(&[]).check_camera(&two, false), Err(OriginRefusal::Opaque));
        let mut hosts = headers("a", b"http://a");
        hosts.append(HOST, HeaderValue::from_static("b"));
        assert!(policy(&[]).check_viewer(&hosts).is_err());
    }
}
