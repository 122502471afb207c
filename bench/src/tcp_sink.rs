//! The limit for taking pushed streams in: a thread that reads all connections through one epoll and looks at nothing.

use crate::clock;
use crate::error::{Doing, Error};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Bytes taken with one read: several frames.
const READ: usize = 256 * 1024;
/// Events taken with one wait.
const EVENTS: usize = 256;

/// A sink. Its thread ends when all who connected have closed.
pub struct Sink {
    addr: SocketAddr,
    cpu: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Sink {
    /// Waits for `count` connections in a thread of its own and reads them.
    pub fn start(count: usize) -> Result<Sink, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).doing(|| "listen on 127.0.0.1".into())?;
        let addr = listener.local_addr().doing(|| "find the listener's address".into())?;
        let cpu = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&cpu);
        let thread = std::thread::spawn(move || swallow(&listener, count, &shown));
        Ok(Sink { addr, cpu, thread })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// CPU time used so far in nanoseconds, as of the last read.
    pub fn cpu_ns(&self) -> u64 {
        self.cpu.load(Ordering::Relaxed)
    }

    /// Waits until everybody has closed.
    pub fn join(self) -> Result<(), Error> {
        self.thread.join().map_err(|_| Error::Panicked("sink"))?
    }
}

fn swallow(listener: &TcpListener, count: usize, cpu: &AtomicU64) -> Result<(), Error> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).doing(|| "create an epoll".into())?;
    let mut open: Vec<Option<TcpStream>> = Vec::with_capacity(count);
    for id in 0..count {
        let (stream, _) = listener.accept().doing(|| "accept a pusher".into())?;
        let data = epoll::EventData::new_u64(id as u64);
        epoll::add(&poll, &stream, data, epoll::EventFlags::IN).doing(|| "watch a pusher's socket".into())?;
        open.push(Some(stream));
    }
    let (mut buffer, mut events) = (vec![0; READ], Vec::with_capacity(EVENTS));
    let mut left = count;
    while left > 0 {
        events.clear();
        match epoll::wait(&poll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e).doing(|| "wait for pushers' sockets".into()),
        }
        for event in &events {
            let slot = &mut open[event.data.u64() as usize];
            let Some(stream) = slot else { continue };
            match recv(stream, &mut *buffer, RecvFlags::DONTWAIT) {
                Err(rustix::io::Errno::AGAIN) => {}
                Ok((_, n)) if n > 0 => {}
                // Closed, orderly or not.
                _ => (*slot, left) = (None, left - 1),
            }
        }
        cpu.store(clock::thread_cpu(), Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn reads_until_all_have_closed() {
        let sink = Sink::start(2).unwrap();
        let mut streams: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(sink.addr()).unwrap()).collect();
        for stream in &mut streams {
            // More than the sockets hold.
            stream.write_all(&vec![1; 16 << 20]).unwrap();
        }
        drop(streams);
        sink.join().unwrap();
    }
}
