//! The address of a stream on a camherd server: `camherd://HOST[:PORT]/NAME`.

use crate::client::ws::{Target, UrlError};
use crate::config::PORT;
use camherd_media::ids::{NameError, StreamName};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// The scheme.
pub(crate) const SCHEME: &str = "camherd";

/// A stream on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// As in a URL: IPv6 in brackets.
    host: String,
    port: u16,
    name: StreamName,
}

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// No URL at all, or another scheme.
    #[error("it is not an address such as camherd://192.168.1.5:8080/front-door: {0}")]
    Url(#[from] url::ParseError),
    /// Not `camherd://`.
    #[error("its scheme is not camherd://")]
    Scheme,
    /// No host.
    #[error("it names no host; expected camherd://HOST/NAME")]
    Host,
    /// User name or password.
    #[error("it has a user name; camherd takes a token: --token, or CAMHERD_TOKEN in the environment")]
    User,
    /// More than a name.
    #[error("after the name comes {0:?}; expected camherd://HOST/NAME")]
    Rest(String),
    /// No name, or none that can be one.
    #[error("{0}; expected camherd://HOST/NAME")]
    Name(#[from] NameError),
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<ServerUrl, ServerUrlError> {
        let url = Url::parse(text.trim())?;
        if url.scheme() != SCHEME {
            return Err(ServerUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::User);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ServerUrlError::Host)?;
        if let Some(query) = url.query() {
            // Only its beginning: somebody may have put a token there.
            return Err(ServerUrlError::Rest(format!("?{}", query.split('=').next().unwrap_or_default())));
        }
        let name = url.path().trim_start_matches('/').parse()?;
        Ok(ServerUrl { host: host.to_owned(), port: url.port().unwrap_or(PORT), name })
    }
}

impl ServerUrl {
    /// The WebSocket at `path`, which begins with `/`, for this stream.
    ///
    /// # Errors
    /// [`UrlError`] when the host cannot stand in an address.
    pub(super) fn target(&self, path: &str, query: &str) -> Result<Target, UrlError> {
        let ServerUrl { host, port, name } = self;
        Target::parse(&format!("ws://{host}:{port}{path}?stream={name}{query}"))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}://{}:{}/{}", self.host, self.port, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_port_and_name() {
        let shown = |text: &str| text.parse::<ServerUrl>().map(|url| url.to_string());
        assert_eq!(shown("camherd://10.0.0.2/door").as_deref(), Ok("camherd://10.0.0.2:8080/door"));
        assert_eq!(shown("camherd://[::1]:9/a_b").as_deref(), Ok("camherd://[::1]:9/a_b"));
        let url: ServerUrl = "camherd://[::1]:9/a_b".parse().unwrap();
        let target = url.target("/ws/jpeg", "&meta=1").unwrap();
        assert_eq!(target.url, "ws://[::1]:9/ws/jpeg?stream=a_b&meta=1");
        assert_eq!((&*target.host, target.port), ("::1", 9));
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| text.parse::<ServerUrl>().unwrap_err();
        assert_eq!(error("camherd://host"), ServerUrlError::Name(NameError::Empty));
        assert_eq!(error("camherd://host/Door"), ServerUrlError::Name(NameError::BadCharacter('D')));
        assert_eq!(error("camherd://u@host/door"), ServerUrlError::User);
        assert_eq!(error("http://host/door"), ServerUrlError::Scheme);
        assert_eq!(error("camherd:///door"), ServerUrlError::Host);
        assert!(!error("camherd://host/door?token=s3cret").to_string().contains("s3cret"));
        assert!(matches!(error("door"), ServerUrlError::Url(_)));
    }
}
