//! Where a camera connects to: a `ws://` URL.

use http::Uri;
use std::fmt;

/// Where a URL without a path leads: the server's camera endpoint.
const DEFAULT_PATH: &str = "/ws/camera";
/// Port of `ws://` without a port (RFC 6455, section 3).
const DEFAULT_PORT: u16 = 80;

/// Why a text is not the URL of a camera endpoint. The text itself is left out, it may hold a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error("the URL cannot be read ({0}); expected ws://HOST:PORT/ws/camera/NAME")]
    Syntax(String),
    /// No scheme, or no host after it.
    #[error("the URL has no {0}; expected ws://HOST:PORT/ws/camera/NAME")]
    Missing(&'static str),
    /// A scheme that the camera does not speak.
    #[error("the camera speaks ws:// as the device does, not {0}://")]
    Scheme(String),
    /// A user name in front of the host.
    #[error("the URL has a user name before the host; the camera sends none, leave it out")]
    User,
}

/// A camera endpoint.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Host name or address, IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The whole URL for the WebSocket handshake.
    pub(crate) url: String,
    /// Without the query, for logs.
    shown: String,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Target, UrlError> {
        let uri: Uri =
            text.parse().map_err(|error: http::uri::InvalidUri| UrlError::Syntax(error.to_string()))?;
        match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("ws") => (),
            Some(scheme) => return Err(UrlError::Scheme(scheme.to_owned())),
            None => return Err(UrlError::Missing("ws:// at its beginning")),
        }
        let authority = uri.authority().ok_or(UrlError::Missing("host"))?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(UrlError::Missing("host"));
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            None | Some("") => DEFAULT_PORT,
            Some(_) => {
                authority.port_u16().filter(|port| *port > 0).ok_or(UrlError::Missing("valid port"))?
            }
        };
        let path = if matches!(uri.path(), "" | "/") { DEFAULT_PATH } else { uri.path() };
        let shown = format!("ws://{authority}{path}");
        let url = uri.query().map_or_else(|| shown.clone(), |query| format!("{shown}?{query}"));
        Ok(Target { host: host.to_owned(), port, url, shown })
    }

    /// The stream's name, where the path holds one.
    pub(crate) fn stream(&self) -> Option<&str> {
        let (_, name) = self.shown.split_once("/ws/camera/")?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, u16, String) {
        let target = Target::parse(url).expect(url);
        (target.host, target.port, target.url)
    }

    #[test]
    fn reads_hosts_ports_and_paths() {
        let all = |host: &str, port, url: &str| (host.to_owned(), port, url.to_owned());
        assert_eq!(parts("ws://cam.local"), all("cam.local", 80, "ws://cam.local/ws/camera"));
        assert_eq!(parts("ws://10.0.0.2:8080/"), all("10.0.0.2", 8080, "ws://10.0.0.2:8080/ws/camera"));
        assert_eq!(parts("WS://[::1]:9/a?b=c"), all("::1", 9, "ws://[::1]:9/a?b=c"));
    }

    #[test]
    fn says_what_is_wrong_with_a_url() {
        let error = |url| Target::parse(url).expect_err(url);
        assert_eq!(error("wss://host/ws/camera"), UrlError::Scheme("wss".into()));
        assert_eq!(error("http://host"), UrlError::Scheme("http".into()));
        assert_eq!(error("localhost:8080"), UrlError::Missing("ws:// at its beginning"));
        assert_eq!(error("/ws/camera"), UrlError::Missing("ws:// at its beginning"));
        assert_eq!(error("ws://user:secret@host/"), UrlError::User);
        assert_eq!(error("ws://host:0/"), UrlError::Missing("valid port"));
        assert_eq!(error("ws://host:99999/"), UrlError::Missing("valid port"));
        assert!(matches!(error("ws://"), UrlError::Syntax(_)));
        assert!(matches!(error(""), UrlError::Syntax(_)));
        assert!(matches!(error("ws://ho st/"), UrlError::Syntax(_)));
    }

    #[test]
    fn the_query_stays_out_of_logs() {
        let target = Target::parse("ws://host/ws/camera/door?token=secret").expect("URL");
        assert_eq!(format!("{target} {target:?}").matches("secret").count(), 0);
        assert!(target.url.ends_with("?token=secret"));
    }

    #[test]
    fn finds_the_name_of_the_stream() {
        let name = |url| Target::parse(url).expect(url).stream().map(str::to_owned);
        assert_eq!(name("ws://h/ws/camera/door?x=1").as_deref(), Some("door"));
        assert_eq!(name("ws://h/ws/camera"), None);
        assert_eq!(name("ws://h/ws/camera/"), None);
    }
}
