//! The server on the network's notice board (multicast DNS, RFC 6762 and 6763), where devices that were told no host look
//! for one.

use mdns_sd::{ServiceDaemon, ServiceInfo};
use std::net::SocketAddr;

/// What devices ask for.
const SERVICE: &str = "_camherd._tcp.local.";

/// The standard port (RFC 6762, 3).
const PORT: u16 = 5353;

/// Keeps the notice up until it is dropped.
pub struct Notice {
    daemon: ServiceDaemon,
}

impl Notice {
    /// Announces the first of `listening` that other machines can reach, under a name that ends with `id`; none if there
    /// is none. What fails is logged: without the notice devices need to be told the host, and nothing else.
    #[must_use]
    pub fn of(listening: &[SocketAddr], id: u16) -> Option<Notice> {
        let address = listening.iter().find(|address| !address.ip().to_canonical().is_loopback())?;
        match Notice::put_up(*address, id, PORT) {
            Ok(notice) => Some(notice),
            Err(error) => {
                tracing::warn!("devices cannot find this server by themselves (multicast DNS): {error}");
                None
            }
        }
    }

    fn put_up(address: SocketAddr, id: u16, port: u16) -> mdns_sd::Result<Notice> {
        let daemon = ServiceDaemon::new_with_port(port)?;
        let name = format!("camherd-{id:04x}");
        let host = format!("{name}.local.");
        // Who listens on one address is reached there only, who listens on all on each that the machine has or gets.
        let addresses = if address.ip().is_unspecified() { String::new() } else { address.ip().to_string() };
        let info = ServiceInfo::new(SERVICE, &name, &host, addresses, address.port(), None)?;
        daemon.register(if address.ip().is_unspecified() { info.enable_addr_auto() } else { info })?;
        Ok(Notice { daemon })
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        // It says goodbye to the network first; whether that is heard is nobody's concern any more.
        let _ = self.daemon.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdns_sd::ServiceEvent;
    use std::time::{Duration, Instant};

    #[test]
    fn a_server_for_this_machine_only_is_not_announced() {
        assert!(Notice::of(&["127.0.0.1:8080".parse().unwrap(), "[::1]:8080".parse().unwrap()], 1).is_none());
    }

    #[test]
    fn a_device_that_looks_for_a_server_finds_its_port() {
        // A port of its own, so that no real server and no other test is found.
        let port = 30_000 + (std::process::id() % 20_000) as u16;
        let device = ServiceDaemon::new_with_port(port).unwrap();
        let found = device.browse(SERVICE).unwrap();
        let _notice = Notice::put_up("0.0.0.0:8123".parse().unwrap(), 0xbeef, port).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let ServiceEvent::ServiceResolved(server) = found.recv_timeout(left).expect("no server found")
            {
                assert_eq!(server.get_fullname(), "camherd-beef._camherd._tcp.local.");
                assert_eq!(server.get_port(), 8123);
                assert!(!server.get_addresses().is_empty());
                break;
            }
        }
        device.shutdown().unwrap();
    }
}
