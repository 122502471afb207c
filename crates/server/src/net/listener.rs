//! Listening sockets, and what to say when one cannot be had.

use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// Connections that wait to be accepted: a page with many tiles opens dozens at once.
const BACKLOG: u32 = 1024;

/// Bytes that the kernel may hold unsent for one connection before it says "full": a JPEG. More would be delay that
/// nobody sees, as a slow viewer's frames wait there instead of being dropped: a link of 150 kB/s takes a fifth of a
/// second for so much.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 * 1024;

/// A peer that acknowledges nothing, or has no room, for so long is gone: longer than a Wi-Fi roam.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: std::time::Duration = std::time::Duration::from_secs(60);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error(
        "port {} on {} is in use by another program: stop that program or set {setting} to another address",
        address.port(), address.ip()
    )]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The setting that names it, in its three forms.
        setting: &'static str,
    },
    /// The port needs a privilege.
    #[error(
        "no permission to listen on {address}: ports below 1024 need a privilege; set {setting} to a higher port"
    )]
    Denied {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
    },
    /// Anything else, e.g. an address that this machine does not have.
    #[error("cannot listen on {address} ({setting}): {source}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// Listens on `address`; `setting` is where a person can change it.
///
/// # Errors
/// [`ListenError`] says what to do.
pub fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, ListenError> {
    try_bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address, setting },
        io::ErrorKind::PermissionDenied => ListenError::Denied { address, setting },
        _ => ListenError::Other { address, setting, source },
    })
}

fn try_bind(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // So that `[::]:8080` and `0.0.0.0:8080` can stand side by side, everywhere alike.
        socket.set_only_v6(true)?;
    }
    // On Windows this option would let two programs share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG as i32)?;
    TcpListener::from_std(socket.into())
}

/// Sets what every accepted connection has: no delay for small writes, little room for stale frames.
///
/// # Errors
/// What the system says; then the peer is gone already.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    socket.set_keepalive(true)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_notsent_lowat(UNSENT)?;
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    }
    Ok(())
}

/// When a peer that says nothing is asked whether it is there, and how often: a device whose power was cut is gone
/// within a minute, not after the two hours of the system.
const ASK_AFTER: std::time::Duration = std::time::Duration::from_secs(30);
/// See [`ASK_AFTER`].
const ASK_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// Has the system find out whether a peer that sends, and to which nothing is sent, is still there.
///
/// # Errors
/// What the system says; then the peer is gone already.
pub fn notice_dead_peers(stream: &TcpStream) -> io::Result<()> {
    let often = socket2::TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_EVERY);
    socket2::SockRef::from(stream).set_tcp_keepalive(&often)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_setting() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "http.listen").unwrap();
        let address = first.local_addr().unwrap();
        let error =
            bind(address, "http.listen (--http-listen, CAMHERD_HTTP_LISTEN)").unwrap_err().to_string();
        assert!(error.contains(&format!("port {}", address.port())), "{error}");
        assert!(error.contains("--http-listen"), "{error}");
    }
}
