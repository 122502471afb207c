//! The fan-out limit: a bare epoll loop that sends the same multipart parts to every client at the same pace, with
//! nothing else: no HTTP routing, no camera, no hub. A process of its own, so that its CPU time stands alone.

use crate::clock;
use crate::error::{Doing, Error, protocol};
use crate::frames::{CYCLE, Frames};
use crate::proc;
use crate::stamp;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// The command by which the bench runs this part of itself.
pub const COMMAND: &str = "peer-epoll";

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\
    Transfer-Encoding: chunked\r\n\r\n9\r\n--frame\r\n\r\n";
const EVENTS: usize = 1024;
const LISTENER: u64 = u64::MAX;
const STDIN: u64 = u64::MAX - 1;

/// The running peer. Ends with this value.
pub struct EpollWriter {
    child: Child,
    addr: SocketAddr,
}

impl EpollWriter {
    /// Starts the peer on the pictures of `frames_dir`.
    pub fn start(frames_dir: &Path, fps: u32) -> Result<EpollWriter, Error> {
        let program = std::env::current_exe().doing(|| "find the bench's own program".into())?;
        let mut child = Command::new(program)
            .arg(COMMAND)
            .arg(frames_dir)
            .arg(fps.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .doing(|| format!("run {COMMAND}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).doing(|| format!("read from {COMMAND}"))?;
        }
        let mut peer = EpollWriter { child, addr: SocketAddr::from(([127, 0, 0, 1], 0)) };
        peer.addr = line.trim().parse().map_err(|_| protocol(COMMAND, format!("printed {line:?}")))?;
        Ok(peer)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// CPU time used so far in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64, Error> {
        proc::cpu_ns(self.child.id())
    }
}

impl Drop for EpollWriter {
    fn drop(&mut self) {
        // Errors mean that it is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One client with the part that it has not got whole yet.
struct Client {
    stream: TcpStream,
    asked: bool,
    part: Arc<Vec<u8>>,
    done: usize,
    waiting: bool,
}

/// The peer's own program: prints its address, serves until its stdin closes.
pub fn serve(frames_dir: &Path, fps: u32) -> Result<(), Error> {
    let mut parts = parts(&Frames::read(frames_dir)?);
    let listener = TcpListener::bind(("127.0.0.1", 0)).doing(|| "listen on 127.0.0.1".into())?;
    listener.set_nonblocking(true).doing(|| "make the listener nonblocking".into())?;
    println!("{}", listener.local_addr().doing(|| "find the listener's address".into())?);
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).doing(|| "create an epoll".into())?;
    watch(&poll, &listener, LISTENER)?;
    watch(&poll, std::io::stdin(), STDIN)?;
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS);
    let (begin, step) = (clock::now(), 1_000_000_000 / u64::from(fps));
    for seq in 0.. {
        let tick = begin + seq * step;
        while let Some(left) = tick.checked_sub(clock::now()).filter(|left| *left > 0) {
            events.clear();
            // epoll's unit is the millisecond: the last fraction of one is slept exactly.
            if left < 1_000_000 {
                clock::sleep_until(tick);
                break;
            }
            let wait = clock::timespec(left / 1_000_000 * 1_000_000);
            match epoll::wait(&poll, spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e).doing(|| "wait for clients".into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => accept(&poll, &listener, &mut clients)?,
                    STDIN => return Ok(()),
                    id => ready(&poll, id, &mut clients),
                }
            }
        }
        let part = stamped(&mut parts[seq as usize % CYCLE], seq);
        for (id, slot) in clients.iter_mut().enumerate() {
            let Some(client) = slot.as_mut().filter(|c| c.asked && c.done == c.part.len()) else { continue };
            (client.part, client.done) = (Arc::clone(&part), 0);
            if !write(&poll, id as u64, client) {
                *slot = None;
            }
        }
    }
    Ok(())
}

/// The parts as camherd frames them: one chunk each, the boundary at once behind the JPEG.
fn parts(frames: &Frames) -> Vec<(Arc<Vec<u8>>, usize)> {
    let part = |jpeg: &Vec<u8>| {
        let head = format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        let end = b"\r\n--frame\r\n";
        let mut out = format!("{:x}\r\n", head.len() + jpeg.len() + end.len()).into_bytes();
        let at = out.len() + head.len() + stamp::FIELDS_AT.start;
        for piece in [head.as_bytes(), jpeg, end, b"\r\n"] {
            out.extend_from_slice(piece);
        }
        (Arc::new(out), at)
    };
    frames.jpegs.iter().map(part).collect()
}

/// The part with its sequence number and the present time. Copied only while a client still sends an older cycle's.
fn stamped((part, at): &mut (Arc<Vec<u8>>, usize), seq: u64) -> Arc<Vec<u8>> {
    let fields = stamp::fields(seq, clock::now());
    Arc::make_mut(part)[*at..*at + fields.len()].copy_from_slice(&fields);
    Arc::clone(part)
}

fn watch(poll: &OwnedFd, fd: impl std::os::fd::AsFd, id: u64) -> Result<(), Error> {
    epoll::add(poll, fd, epoll::EventData::new_u64(id), epoll::EventFlags::IN)
        .doing(|| "watch a socket".into())
}

fn accept(poll: &OwnedFd, listener: &TcpListener, clients: &mut Vec<Option<Client>>) -> Result<(), Error> {
    while let Ok((stream, _)) = listener.accept() {
        watch(poll, &stream, clients.len() as u64)?;
        let part = Arc::new(HEAD.to_vec());
        let done = part.len();
        clients.push(Some(Client { stream, asked: false, part, done, waiting: false }));
    }
    Ok(())
}

/// A client's socket can be read or written.
fn ready(poll: &OwnedFd, id: u64, clients: &mut [Option<Client>]) {
    let Some(slot) = clients.get_mut(id as usize) else { return };
    let Some(client) = slot else { return };
    let mut scratch = [0; 4096];
    let open = match recv(&client.stream, &mut scratch, RecvFlags::DONTWAIT) {
        Ok((_, n)) => {
            if !client.asked {
                (client.asked, client.done) = (true, 0);
            }
            n > 0
        }
        Err(e) => e == rustix::io::Errno::AGAIN,
    };
    if !open || !write(poll, id, client) {
        *slot = None;
    }
}

/// Sends what is left of the part; asks to be woken for the rest. `false` when the client has gone.
fn write(poll: &OwnedFd, id: u64, client: &mut Client) -> bool {
    while client.done < client.part.len() {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match send(&client.stream, &client.part[client.done..], flags) {
            Ok(n) => client.done += n,
            Err(rustix::io::Errno::AGAIN) => break,
            Err(_) => return false,
        }
    }
    let waiting = client.done < client.part.len();
    if waiting != client.waiting {
        client.waiting = waiting;
        let out = if waiting { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
        let data = epoll::EventData::new_u64(id);
        return epoll::modify(poll, &client.stream, data, epoll::EventFlags::IN | out).is_ok();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multipart::Parser;

    #[test]
    fn parts_are_what_a_viewer_parses() {
        let jpeg = stamp::insert(&[0xFF, 0xD8, 1, 2, 3, 0xFF, 0xD9]).unwrap();
        let mut parts = parts(&Frames { jpegs: vec![jpeg.clone(), jpeg] });
        let mut wire = HEAD.to_vec();
        for (seq, part) in parts.iter_mut().enumerate() {
            wire.extend_from_slice(&stamped(part, seq as u64));
        }
        let mut seen = Vec::new();
        Parser::default().feed(&wire, |p| seen.push(p.stamp.map(|s| s.0))).unwrap();
        assert_eq!(seen, [Some(0), Some(1)]);
    }
}
