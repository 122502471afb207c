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

/// A running camherd. Ends with this value.
pub struct Server {
    child: Child,
    addr: SocketAddr,
    home: PathBuf,
}

impl Server {
    /// Starts `camherd serve` on a port of its choice, in an empty directory so that nothing of an earlier run or of
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
            .args(["serve", "--http-listen", "127.0.0.1:0"])
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .doing(|| format!("run {}", binary.display()))?;
        let stdout = child.stdout.take();
        // Owned from here on, so that the child ends with this function too when it fails.
        let mut server = Server { child, addr: SocketAddr::from(([127, 0, 0, 1], 0)), home };
        let addr = stdout.and_then(wait_for_address);
        server.addr = addr.ok_or_else(|| {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let last = text.lines().last().unwrap_or("nothing on stderr").to_owned();
            protocol("server", format!("printed no line with http://127.0.0.1:PORT ({last})"))
        })?;
        Ok(server)
    }

    /// Where its HTTP listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
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

/// Reads lines until one holds the address, then goes on reading in the background so that the pipe never fills.
fn wait_for_address(stdout: ChildStdout) -> Option<SocketAddr> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            if let Some(addr) = address_in(&line) {
                // Only the first is awaited.
                let _ = send.send(addr);
            }
        }
    });
    receive.recv_timeout(START).ok()
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = line.split_once("http://")?.1;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', ':']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_in_prose() {
        let addr = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(address_in("open http://127.0.0.1:8080/ in a browser"), addr);
        assert_eq!(address_in("listening on http://127.0.0.1:8080."), addr);
        assert_eq!(address_in("http://127.0.0.1:8080"), addr);
        assert_eq!(address_in("http://localhost:8080"), None);
        assert_eq!(address_in("rtsp://127.0.0.1:8554"), None);
    }

    #[test]
    fn a_missing_binary_is_named() {
        let error = Server::start(Path::new("/nonexistent/camherd")).err().unwrap();
        assert!(error.to_string().contains("/nonexistent/camherd"), "{error}");
    }
}
