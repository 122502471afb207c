//! Starts and stops the real binary.

use crate::error::{Doing, Error, protocol};
use crate::proc;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a start may take; a healthy one takes milliseconds.
const START: Duration = Duration::from_secs(10);

/// The system chooses the port.
const ANY_PORT: &str = "127.0.0.1:0";

/// A running camherd. Ends with this value.
pub struct Server {
    child: Child,
    addresses: Addresses,
    home: PathBuf,
}

/// Where a server listens, as its first lines say.
#[derive(Clone, Copy)]
struct Addresses {
    http: SocketAddr,
    /// For streams that are pushed over plain TCP.
    push: SocketAddr,
}

impl Server {
    /// Starts `camherd serve` on ports of its choice, in an empty directory so that nothing of an earlier run or of
    /// the user's configuration is in the figures.
    pub fn start(binary: &Path) -> Result<Server, Error> {
        Server::start_with(binary, None)
    }

    /// The same with a `camherd.yaml` of that text.
    pub fn start_with(binary: &Path, yaml: Option<&str>) -> Result<Server, Error> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let binary = binary.canonicalize().doing(|| format!("find the server {}", binary.display()))?;
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("camherd-bench-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&home).doing(|| format!("create {}", home.display()))?;
        if let Some(yaml) = yaml {
            let file = home.join("camherd.yaml");
            std::fs::write(&file, yaml).doing(|| format!("write {}", file.display()))?;
        }
        let log = home.join("stderr.log");
        let errors = std::fs::File::create(&log).doing(|| format!("create {}", log.display()))?;
        let mut child = Command::new(&binary)
            .args(["serve", "--http-listen", ANY_PORT, "--tcp-push-listen", ANY_PORT])
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .doing(|| format!("run {}", binary.display()))?;
        let stdout = child.stdout.take();
        // Owned from here on, so that the child ends with this function too when it fails.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server { child, addresses: Addresses { http: nowhere, push: nowhere }, home };
        let addresses = stdout.and_then(wait_for_addresses);
        server.addresses = addresses.ok_or_else(|| {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let last = text.lines().last().unwrap_or("nothing on stderr").to_owned();
            protocol(
                "server",
                format!("did not print http://127.0.0.1:PORT and tcp://127.0.0.1:PORT ({last})"),
            )
        })?;
        Ok(server)
    }

    /// Where its HTTP listens.
    pub fn addr(&self) -> SocketAddr {
        self.addresses.http
    }

    /// Where it takes streams that are pushed over plain TCP.
    pub fn push_addr(&self) -> SocketAddr {
        self.addresses.push
    }

    /// CPU time used so far in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64, Error> {
        proc::cpu_ns(self.child.id())
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> Result<u64, Error> {
        proc::rss(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is to be saved, so no orderly shutdown; errors mean that it is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Reads lines until both addresses are known, then goes on reading in the background so that the pipe never fills.
fn wait_for_addresses(stdout: ChildStdout) -> Option<Addresses> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut http, mut push) = (None, None);
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            http = http.or_else(|| address_in(&line, "http://"));
            push = push.or_else(|| address_in(&line, "tcp://"));
            if let (Some(http), Some(push)) = (http, push) {
                // Only the first is awaited.
                let _ = send.send(Addresses { http, push });
            }
        }
    });
    receive.recv_timeout(START).ok()
}

fn address_in(line: &str, scheme: &str) -> Option<SocketAddr> {
    let rest = line.split_once(scheme)?.1;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', ':']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_in_prose() {
        let addr = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(address_in("open http://127.0.0.1:8080/ in a browser", "http://"), addr);
        assert_eq!(address_in("listening on http://127.0.0.1:8080.", "http://"), addr);
        assert_eq!(address_in("http://127.0.0.1:8080", "http://"), addr);
        assert_eq!(address_in("http://localhost:8080", "http://"), None);
        assert_eq!(address_in("rtsp://127.0.0.1:8554", "http://"), None);
        assert_eq!(address_in("push  tcp://127.0.0.1:8080/NUMBER", "tcp://"), addr);
    }

    #[test]
    fn a_missing_binary_is_named() {
        let error = Server::start(Path::new("/nonexistent/camherd")).err().unwrap();
        assert!(error.to_string().contains("/nonexistent/camherd"), "{error}");
    }
}
