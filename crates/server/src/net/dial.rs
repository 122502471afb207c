//! Connections that this server opens, to cameras.

use std::io;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::{Host, Url};

/// How long a camera may take to accept a connection, its name to be found included. On a network of its own it
/// takes milliseconds; a few seconds let a lost SYN be sent again twice. With the time that it may take to answer it
/// stays below the time after which a stream without pictures is given up, so that people are told the better
/// reason.
const TIMEOUT: Duration = Duration::from_secs(4);

/// A camera that cannot be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{host}:{port}: {why}")]
pub struct DialError {
    host: String,
    port: u16,
    why: String,
}

/// Connects to where `url` leads, by default to `default_port`. Small writes go out at once.
///
/// # Errors
/// [`DialError`] names host and port, the only part of an URL that holds no secret.
pub async fn dial(url: &Url, default_port: u16) -> Result<TcpStream, DialError> {
    let port = url.port().unwrap_or(default_port);
    let failed = |why: String| {
        let host = url.host_str().unwrap_or_default().to_owned();
        DialError { host, port, why }
    };
    let stream = match timeout(TIMEOUT, connect(url, port)).await {
        Ok(connected) => connected.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("no connection within {} s", TIMEOUT.as_secs()))),
    };
    // What is asked is one write; there is nothing to wait for. A connection without it works as well.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn connect(url: &Url, port: u16) -> io::Result<TcpStream> {
    match url.host() {
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Domain(name)) => {
            // Each address is tried in its turn; the last error is told.
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for address in lookup_host((name, port)).await? {
                match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "the address names no host")),
    }
}
