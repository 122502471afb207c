//! A viewer of multipart whose link can be made slow: it reads no faster than it is told, with little room in its
//! socket, and keeps what it saw.

use crate::clock;
use crate::error::{Doing, Error, protocol};
use crate::multipart::{Parser, Part};
use rustix::net::{AddressFamily, RecvFlags, SocketType, recv, socket, sockopt};
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Room of a slow reader's socket, bytes (the kernel takes twice as much for its own bookkeeping): what waits there
/// is late without any fault of the server's.
const ROOM: usize = 16 * 1024;
/// Bytes taken with one read at full rate.
const READ: usize = 64 * 1024;
/// And at a limited one, so that reading goes on evenly.
const SLOW_READ: usize = 2 * 1024;
/// As a rate: as fast as it comes.
const UNLIMITED: u64 = 0;

/// A picture as the viewer got it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When its last byte was read.
    pub at: u64,
    /// Number and time of the stamp.
    pub stamp: Option<(u64, u64)>,
    /// Its size.
    pub bytes: u64,
    /// The JPEG when it has no stamp.
    pub jpeg: Vec<u8>,
}

/// A viewer that reads in its own thread.
pub struct SlowViewer {
    stream: TcpStream,
    rate: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Seen>, Error>>,
}

impl SlowViewer {
    /// Connects and reads as fast as it comes. With `small`, its socket has little room.
    pub fn start(addr: SocketAddr, path: &str, small: bool) -> Result<SlowViewer, Error> {
        let doing = || format!("connect a viewer to {addr}");
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).doing(doing)?;
        if small {
            // Before connecting, so that the peer is never told of more.
            sockopt::set_socket_recv_buffer_size(&socket, ROOM).doing(doing)?;
        }
        rustix::net::connect(&socket, &addr).doing(doing)?;
        let mut stream = TcpStream::from(socket);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
        stream.write_all(request.as_bytes()).doing(|| format!("send a viewer's request to {addr}"))?;
        let (rate, stopping) = (Arc::new(AtomicU64::new(UNLIMITED)), Arc::new(AtomicBool::new(false)));
        let reading = stream.try_clone().doing(|| "duplicate a viewer's socket".into())?;
        let (limit, end) = (Arc::clone(&rate), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || read(&reading, &limit, &end));
        Ok(SlowViewer { stream, rate, stopping, thread })
    }

    /// Its end of the connection.
    pub fn port(&self) -> Result<u16, Error> {
        let addr = self.stream.local_addr().doing(|| "find a viewer's port".into())?;
        Ok(addr.port())
    }

    /// From now on it reads so many bytes a second at most.
    pub fn limit(&self, bytes_per_second: u64) {
        self.rate.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Leaves; gives what was seen.
    pub fn stop(self) -> Result<Vec<Seen>, Error> {
        self.stopping.store(true, Ordering::Relaxed);
        // The reader sees the end of the stream. When the server was faster, there is nothing left to shut.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.thread.join().map_err(|_| Error::Panicked("slow viewer"))?
    }
}

fn read(stream: &TcpStream, rate: &AtomicU64, stopping: &AtomicBool) -> Result<Vec<Seen>, Error> {
    let (mut parser, mut seen) = (Parser::keeping_bodies(), Vec::new());
    let mut buffer = vec![0; READ];
    let mut due = 0;
    loop {
        let limit = rate.load(Ordering::Relaxed);
        let room = if limit == UNLIMITED { READ } else { SLOW_READ };
        let n = match recv(stream, &mut buffer[..room], RecvFlags::empty()) {
            _ if stopping.load(Ordering::Relaxed) => return Ok(seen),
            Ok((_, 0)) => return Err(protocol("server", "closed the connection of a slow viewer")),
            Ok((_, n)) => n,
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(e).doing(|| "read a slow viewer's socket".into()),
        };
        let now = clock::now();
        parser.feed(&buffer[..n], |part| seen.push(note(part, now)))?;
        if limit != UNLIMITED {
            // Who had nothing to read does not save up for later.
            due = u64::max(due, now) + n as u64 * 1_000_000_000 / limit;
            clock::sleep_until(due);
        }
    }
}

fn note(part: Part, at: u64) -> Seen {
    let jpeg = part.body.unwrap_or_default();
    let bytes = jpeg.len() as u64;
    let jpeg = if part.stamp.is_some() { Vec::new() } else { jpeg };
    Seen { at, stamp: part.stamp, bytes, jpeg }
}
