//! Where pictures are pushed to: `tcp://HOST[:PORT]/N?quality=high|low` or `ws://HOST[:PORT]/ws/camera[/NAME]`.

use crate::client::ws;
use camherd_media::wire::tcp_push::{MAX_NUMBER, Quality};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// The port of the push listener, where an address says none.
pub const DEFAULT_PORT: u16 = 12345;

/// Where pictures are pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The push protocol.
    Tcp {
        /// Host name or address, IPv6 without brackets.
        host: String,
        /// The listener's port.
        port: u16,
        /// The stream's number.
        number: u16,
        /// Which picture of the stream.
        quality: Quality,
    },
    /// As a camera over WebSocket.
    WebSocket(WebSocketTarget),
}

/// The address of a camera's WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketTarget(pub(super) ws::Target);

/// Why a text is no target. It never repeats a query, which may hold a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No URL.
    #[error("it is not an address such as tcp://192.168.1.5:12345/1: {0}")]
    Url(#[from] url::ParseError),
    /// Neither of the two.
    #[error("it begins with neither tcp:// nor ws://")]
    Scheme,
    /// No host.
    #[error("it names no host; expected tcp://HOST:PORT/N")]
    Host,
    /// No stream number.
    #[error("{0:?} is no stream number, 0 to {MAX_NUMBER}; expected tcp://HOST:PORT/N")]
    Number(String),
    /// An unknown parameter.
    #[error("unknown parameter {0:?}; tcp:// knows quality=high and quality=low")]
    Parameter(String),
    /// Not a camera's WebSocket.
    #[error(transparent)]
    WebSocket(#[from] ws::UrlError),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let url = Url::parse(text.trim())?;
        match url.scheme() {
            "tcp" => tcp(&url),
            "ws" | "wss" => Ok(Target::WebSocket(WebSocketTarget(ws::Target::parse(text.trim())?))),
            _ => Err(TargetError::Scheme),
        }
    }
}

fn tcp(url: &Url) -> Result<Target, TargetError> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(TargetError::Host)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let path = url.path().trim_start_matches('/');
    // `stream1` is what the server calls number 1.
    let number = path.strip_prefix("stream").unwrap_or(path);
    let number = number.parse().ok();
    let number = number.ok_or_else(|| TargetError::Number(path.to_owned()))?;
    let mut quality = Quality::High;
    for (name, value) in url.query_pairs() {
        quality = match (&*name, &*value) {
            ("quality", "high") => Quality::High,
            ("quality", "low") => Quality::Low,
            _ => return Err(TargetError::Parameter(name.into_owned())),
        };
    }
    Ok(Target::Tcp { host, port: url.port().unwrap_or(DEFAULT_PORT), number, quality })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { host, port, number, .. } if host.contains(':') => {
                write!(f, "tcp://[{host}]:{port}/{number}")
            }
            Target::Tcp { host, port, number, .. } => write!(f, "tcp://{host}:{port}/{number}"),
            Target::WebSocket(WebSocketTarget(target)) => target.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, number: u16, quality: Quality) -> Target {
        Target::Tcp { host: host.to_owned(), port, number, quality }
    }

    #[test]
    fn reads_host_port_number_and_quality() {
        assert_eq!("tcp://pi.local/7".parse(), Ok(tcp("pi.local", 12345, 7, Quality::High)));
        assert_eq!("tcp://10.0.0.2:99/stream3?quality=low".parse(), Ok(tcp("10.0.0.2", 99, 3, Quality::Low)));
        assert_eq!("tcp://[::1]:99/0?quality=high".parse(), Ok(tcp("::1", 99, 0, Quality::High)));
        assert_eq!(tcp("::1", 99, 0, Quality::High).to_string(), "tcp://[::1]:99/0");
        let target: Target = "ws://10.0.0.2:8080/ws/camera/door?token=s3cret".parse().unwrap();
        assert_eq!(target.to_string(), "ws://10.0.0.2:8080/ws/camera/door");
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| text.parse::<Target>().unwrap_err();
        for number in ["", "x", "-1", "65536", "1/2"] {
            assert_eq!(error(&format!("tcp://host:1/{number}")), TargetError::Number(number.to_owned()));
        }
        assert_eq!(error("tcp://host/1?quality=best"), TargetError::Parameter("quality".to_owned()));
        assert_eq!(error("http://host/1"), TargetError::Scheme);
        assert!(matches!(error("host:12345"), TargetError::Scheme | TargetError::Url(_)));
        assert!(matches!(error("wss://host/ws/camera"), TargetError::WebSocket(_)));
    }
}
