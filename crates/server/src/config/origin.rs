//! Web origins: scheme, host and port of a page (RFC 6454).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longest host, in bytes (RFC 1035, 2.3.4: a domain name has at most 255 octets).
const MAX_HOST: usize = 255;

/// Longest scheme, in bytes: those of desktop apps and browser extensions have 5 to 16.
const MAX_SCHEME: usize = 32;

/// How a page was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
    /// A desktop app's or browser extension's own, in lower case, such as `tauri`.
    App(String),
}

impl Scheme {
    /// The port that an address of this scheme means when it names none.
    #[must_use]
    pub fn default_port(&self) -> Option<u16> {
        match self {
            Scheme::Http => Some(80),
            Scheme::Https => Some(443),
            Scheme::App(_) => None,
        }
    }

    fn name(&self) -> &str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::App(name) => name,
        }
    }

    /// RFC 3986, 3.1. A `file` has a path and no origin.
    fn parse(text: &str) -> Option<Scheme> {
        let more = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let well_formed = text.len() <= MAX_SCHEME
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(more);
        let name = text.to_ascii_lowercase();
        match name.as_str() {
            _ if !well_formed => None,
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            "file" => None,
            _ => Some(Scheme::App(name)),
        }
    }
}

/// The origin of a web page, such as `https://cams.example.org`. Two spellings of one origin are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
}

/// Which pages of other origins may use the server (`http.allowed_origins`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every page, whatever it says to be.
    Any,
    /// These.
    Listed(Vec<WebOrigin>),
}

impl AllowedOrigins {
    /// Whether pages of `origin` are among them.
    #[must_use]
    pub fn allows(&self, origin: &WebOrigin) -> bool {
        match self {
            AllowedOrigins::Any => true,
            AllowedOrigins::Listed(origins) => origins.contains(origin),
        }
    }
}

/// Why a text is not the origin of a web page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Nothing like `http://`, `https://` or an app's own scheme; or `file://`, whose pages have no origin.
    #[error("it does not begin with http://, https:// or the scheme of an app")]
    Scheme,
    /// Something follows the host and port.
    #[error("it has more than scheme, host and port")]
    Extra,
    /// The host or the port is missing or malformed.
    #[error("its host or port is malformed")]
    Authority,
}

impl WebOrigin {
    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The host, in lower case; an IPv6 address has its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a request to `host` with `port` (from its `Host` field) goes where a page of this origin came
    /// from.
    #[must_use]
    pub fn is_host(&self, host: &str, port: Option<u16>) -> bool {
        self.host.eq_ignore_ascii_case(host) && self.port == port.or(self.scheme.default_port())
    }
}

impl FromStr for WebOrigin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<WebOrigin, OriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::Scheme)?;
        let scheme = Scheme::parse(scheme).ok_or(OriginError::Scheme)?;
        if authority.contains(['/', '?', '#', '@']) {
            return Err(OriginError::Extra);
        }
        let (host, port) = split_authority(authority).ok_or(OriginError::Authority)?;
        let port = port.or(scheme.default_port());
        Ok(WebOrigin { scheme, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        match self.port.filter(|port| Some(*port) != self.scheme.default_port()) {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Splits `host[:port]` (RFC 3986, 3.2) into host and port; an IPv6 address keeps its brackets. `None` when
/// malformed.
pub(crate) fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => authority.split_at(end + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        // RFC 3986, 3.2.3 allows an empty port.
        Some("") => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    let well_formed = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    (well_formed && !host.is_empty() && host.len() <= MAX_HOST).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_origin_are_equal() {
        let origin: WebOrigin = "https://Cams.example.org:443".parse().unwrap();
        assert_eq!(origin, "HTTPS://cams.example.org".parse().unwrap());
        assert_eq!(origin.to_string(), "https://cams.example.org");
        assert_ne!(origin, "http://cams.example.org".parse().unwrap());
        assert_eq!("http://[::1]:8080".parse::<WebOrigin>().unwrap().to_string(), "http://[::1]:8080");
    }

    #[test]
    fn says_what_is_no_origin() {
        for (text, expected) in [
            ("", OriginError::Scheme),
            ("null", OriginError::Scheme),
            ("file://", OriginError::Scheme),
            ("example.org", OriginError::Scheme),
            ("*", OriginError::Scheme),
            ("9p://a", OriginError::Scheme),
            ("a b://c", OriginError::Scheme),
            ("tauri://", OriginError::Authority),
            ("tauri://localhost/x", OriginError::Extra),
            ("http://a/b", OriginError::Extra),
            ("http://user@a", OriginError::Extra),
            ("http://", OriginError::Authority),
            ("http://a:b", OriginError::Authority),
            ("http://a:70000", OriginError::Authority),
            ("http://a:+1", OriginError::Authority),
            ("http://[::1", OriginError::Authority),
            ("http://[::1]x", OriginError::Authority),
            ("http://[1.2.3.4]", OriginError::Authority),
            ("http://a b", OriginError::Authority),
            ("http://::1", OriginError::Authority),
        ] {
            assert_eq!(text.parse::<WebOrigin>(), Err(expected), "{text}");
        }
        assert_eq!(format!("http://{}", "a".repeat(256)).parse::<WebOrigin>(), Err(OriginError::Authority));
    }

    #[test]
    fn apps_have_schemes_of_their_own() {
        let app: WebOrigin = "Tauri://LocalHost".parse().unwrap();
        assert_eq!((app.to_string().as_str(), app.host()), ("tauri://localhost", "localhost"));
        assert_eq!(app.scheme(), &Scheme::App("tauri".to_owned()));
        assert_eq!(app.scheme().default_port(), None);
        assert_ne!(app, "wails://localhost".parse().unwrap());
        assert_ne!(app, "tauri://localhost:80".parse().unwrap());
        let extension = "chrome-extension://abcdefghijklmnop";
        assert_eq!(extension.parse::<WebOrigin>().unwrap().to_string(), extension);
        let long = format!("{}://a", "a".repeat(MAX_SCHEME + 1));
        assert_eq!(long.parse::<WebOrigin>(), Err(OriginError::Scheme));
    }

    #[test]
    fn authorities_split_at_the_port() {
        assert_eq!(split_authority("[::1]:8080"), Some(("[::1]", Some(8080))));
        assert_eq!(split_authority("[::1]"), Some(("[::1]", None)));
        assert_eq!(split_authority("a:1"), Some(("a", Some(1))));
        assert_eq!(split_authority("a:"), Some(("a", None)));
        assert_eq!(split_authority("a:1:2"), None);
        assert_eq!(split_authority("]"), None);
        assert_eq!(split_authority(":80"), None);
    }
}
