//! Many multipart viewers in one thread: connects them, reads them all through one epoll, and notes for every part how
//! old its frame was when its last byte was read.

use crate::clock;
use crate::error::{Doing, Error, protocol};
use crate::multipart::{Parser, Part};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Bytes taken with one read: several frames, so that the reading is never what limits.
const READ: usize = 256 * 1024;
/// Events taken with one wait.
const EVENTS: usize = 1024;

/// The viewers of one stream.
pub struct Viewers {
    epoll: OwnedFd,
    viewers: Vec<Viewer>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

struct Viewer {
    stream: TcpStream,
    parser: Parser,
    last: Option<u64>,
    parts: u64,
}

/// What all viewers together saw in a measured time.
#[derive(Default)]
pub struct Seen {
    /// Age of each frame at its last byte, in nanoseconds.
    pub latencies: Vec<u64>,
    /// Bytes read from the sockets.
    pub bytes: u64,
    /// Frames that a viewer did not get, over all viewers.
    pub missed: u64,
    /// Of these, how many the server told the viewer about.
    pub told: u64,
    /// CPU time of the reading, in nanoseconds.
    pub cpu_ns: u64,
}

impl Viewers {
    /// Connects `count` viewers and sends their requests for `path`.
    pub fn connect(addr: SocketAddr, path: &str, count: usize) -> Result<Viewers, Error> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).doing(|| "create an epoll".into())?;
        let mut viewers = Viewers {
            epoll,
            viewers: Vec::with_capacity(count),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; READ],
        };
        for _ in 0..count {
            let stream = request(addr, path)?;
            let id = epoll::EventData::new_u64(viewers.viewers.len() as u64);
            epoll::add(&viewers.epoll, &stream, id, epoll::EventFlags::IN)
                .doing(|| "watch a viewer's socket".into())?;
            viewers.viewers.push(Viewer { stream, parser: Parser::default(), last: None, parts: 0 });
        }
        Ok(viewers)
    }

    /// Reads for `time`; what arrives is counted and measured.
    pub fn run(&mut self, time: Duration) -> Result<Seen, Error> {
        let mut seen = Seen::default();
        let cpu = clock::thread_cpu();
        let end = clock::after(time);
        loop {
            let now = clock::now();
            if now >= end {
                break;
            }
            // Whole milliseconds only, since that is epoll's unit; the end need not be more exact.
            let wait = clock::timespec((end - now).next_multiple_of(1_000_000));
            self.events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e).doing(|| "wait for viewers' sockets".into()),
            }
            for event in &self.events {
                let id = event.data.u64() as usize;
                self.viewers[id].read(&mut self.buffer, &mut seen).map_err(|e| locate(id, e))?;
            }
        }
        seen.cpu_ns = clock::thread_cpu() - cpu;
        seen.missed += still_missing(self.viewers.iter().map(|viewer| viewer.last));
        Ok(seen)
    }

    /// The newest frame that every viewer has.
    pub fn newest(&self) -> Option<u64> {
        self.viewers.iter().map(|viewer| viewer.last).min().flatten()
    }

    /// Reads until every viewer has had a frame.
    pub fn warm_up(&mut self, peer: &'static str) -> Result<(), Error> {
        /// Joins take milliseconds; a frame comes every 33.
        const PATIENCE: u64 = 10;
        let end = clock::after(Duration::from_secs(PATIENCE));
        while self.viewers.iter().any(|v| v.parts == 0) {
            if clock::now() > end {
                return Err(Error::Timeout { peer, what: "frame for every viewer", seconds: PATIENCE });
            }
            self.run(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

/// Connects one viewer without reading anything: for those who shall stall.
pub fn request(addr: SocketAddr, path: &str) -> Result<TcpStream, Error> {
    let mut stream = TcpStream::connect(addr).doing(|| format!("connect a viewer to {addr}"))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    stream.write_all(request.as_bytes()).doing(|| format!("send a viewer's request to {addr}"))?;
    Ok(stream)
}

/// Frames that viewers lack at the end beside the one who has most: of a viewer that gets nothing any more no gap tells.
/// One frame of each may still be on its way.
fn still_missing(last: impl Iterator<Item = Option<u64>> + Clone) -> u64 {
    let newest = last.clone().flatten().max().unwrap_or(0);
    last.flatten().map(|last| (newest - last).saturating_sub(1)).sum()
}

fn locate(id: usize, error: Error) -> Error {
    match error {
        Error::Protocol { peer, what } => protocol(peer, format!("viewer {id}: {what}")),
        other => other,
    }
}

impl Viewer {
    fn read(&mut self, buffer: &mut [u8], seen: &mut Seen) -> Result<(), Error> {
        let n = match recv(&self.stream, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return Err(protocol("server", "closed the connection")),
            Ok((_, n)) => n,
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(e) => return Err(e).doing(|| "read a viewer's socket".into()),
        };
        let now = clock::now();
        seen.bytes += n as u64;
        let (last, parts) = (&mut self.last, &mut self.parts);
        self.parser.feed(&buffer[..n], |part| {
            *parts += 1;
            note(part, now, last, seen);
        })
    }
}

/// Counts one part. A new viewer's first part may be the stored last frame, which says nothing about latency.
fn note(part: Part, now: u64, last: &mut Option<u64>, seen: &mut Seen) {
    let Some((seq, sent)) = part.stamp else { return };
    if let Some(last) = *last {
        seen.missed += seq.saturating_sub(last + 1);
        seen.latencies.push(now.saturating_sub(sent));
    }
    seen.told += part.told;
    *last = Some(seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_that_gets_nothing_any_more_lacks_what_the_others_have() {
        assert_eq!(still_missing([Some(90), Some(89), Some(10), None].into_iter()), 79);
        assert_eq!(still_missing([].into_iter()), 0);
    }

    #[test]
    fn gaps_are_missed_frames_and_the_first_part_is_not_measured() {
        let (mut seen, mut last) = (Seen::default(), None);
        for (seq, told) in [(10, 0), (11, 0), (14, 2)] {
            note(
                Part { stamp: Some((seq, 100 * seq)), told, body: None },
                100 * seq + 7,
                &mut last,
                &mut seen,
            );
        }
        note(Part { stamp: None, told: 0, body: None }, 0, &mut last, &mut seen);
        assert_eq!((seen.latencies, seen.missed, seen.told), (vec![7, 7], 2, 2));
    }
}
