//! Connections that this program opens: to cameras, and to a server that pictures are sent to or fetched from.
//!
//! A name may have several addresses of which some lead nowhere, as where IPv6 is announced but not carried. They
//! race as RFC 8305 ("Happy Eyeballs") says in section 5.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use url::{Host, Url};

/// How long a camera may take to accept a connection, its name to be found included. On a network of its own it
/// takes milliseconds; a few seconds let a lost SYN be sent again twice. With the time that it may take to answer it
/// stays below the time after which a stream without pictures is given up, so that people are told the better
/// reason.
const TIMEOUT: Duration = Duration::from_secs(4);

/// An address that has not answered for so long shares the race with the next one (RFC 8305, section 8, "Connection
/// Attempt Delay").
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// Addresses of a name that are tried. Where all but the last are silent, the last has half of the shortest time limit
/// left; and no name makes this program knock at any number of doors.
const MAX_ADDRESSES: usize = 8;

/// A camera that cannot be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{host}:{port}: {why}")]
pub struct DialError {
    host: String,
    port: u16,
    why: String,
}

/// Why there is no connection to a host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The name leads nowhere.
    #[error(transparent)]
    Resolve(io::Error),
    /// None of its addresses accepts.
    #[error("{error}")]
    Refused {
        /// The one that said so last.
        address: SocketAddr,
        /// What the system says of it.
        error: io::Error,
    },
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
    let host = match url.host() {
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(Host::Domain(name)) => name.to_owned(),
        None => return Err(failed("the address names no host".to_owned())),
    };
    let stream = match timeout(TIMEOUT, connect(&host, port, TcpStream::connect)).await {
        Ok(connected) => connected.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("no connection within {} s", TIMEOUT.as_secs()))),
    };
    // What is asked is one write; there is nothing to wait for. A connection without it works as well.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Looks up `host`, a name or an address (IPv6 without brackets), and connects to the address that answers first;
/// `open` makes the connection to one. How long all of it may take is for the caller to say.
///
/// # Errors
/// [`ConnectError`].
pub(crate) async fn connect<F>(
    host: &str,
    port: u16,
    open: impl Fn(SocketAddr) -> F,
) -> Result<TcpStream, ConnectError>
where
    F: Future<Output = io::Result<TcpStream>>,
{
    let addresses = lookup_host((host, port)).await.map_err(ConnectError::Resolve)?;
    match race(addresses.take(MAX_ADDRESSES), NEXT_AFTER, open).await {
        Ok(stream) => Ok(stream),
        Err(Some((address, error))) => Err(ConnectError::Refused { address, error }),
        Err(None) => {
            let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            Err(ConnectError::Resolve(error))
        }
    }
}

/// Tries each address while those before it go on: `next_after` the one before it, or at once where one has failed.
/// Gives what the first one gives that works, or the failure that came last.
async fn race<T, F>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    next_after: Duration,
    open: impl Fn(SocketAddr) -> F,
) -> Result<T, Option<(SocketAddr, io::Error)>>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter().peekable();
    let mut attempts = FuturesUnordered::new();
    let mut failed = None;
    loop {
        if let Some(address) = waiting.next() {
            let attempt = open(address);
            attempts.push(async move { (address, attempt.await) });
        }
        tokio::select! {
            attempt = attempts.next() => match attempt {
                Some((_, Ok(connection))) => return Ok(connection),
                Some((address, Err(error))) => failed = Some((address, error)),
                None => return Err(failed),
            },
            () = sleep(next_after), if waiting.peek().is_some() => {}
        }
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
