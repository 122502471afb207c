//! Cameras that push over plain TCP: they send prepared JPEGs at absolute times, as [`crate::camera`] does over
//! WebSocket.

use crate::camera::SendLog;
use crate::clock;
use crate::error::{Doing, Error, protocol};
use crate::frames::{CYCLE, Frames};
use crate::stamp;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The type of stream that consists of JPEGs.
const MJPEG: i32 = 0;
/// Bytes of the size before each JPEG.
const SIZE: usize = 4;
/// A server that takes nothing for so long has stopped.
const STUCK: Duration = Duration::from_secs(5);

/// Which of a number's two qualities is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// The lesser one. Its frames are numbered from [`Quality::first`] on, so that a viewer can tell the two apart.
    Low,
    /// The better one.
    High,
}

impl Quality {
    /// The stamp's number of its first frame.
    pub fn first(self) -> u64 {
        match self {
            Quality::High => 0,
            Quality::Low => 1 << 32,
        }
    }

    /// The quality that a stamp's number means, and the frame's place in the log of who sent it.
    pub fn of(number: u64) -> (Quality, u64) {
        let quality = if number < Quality::Low.first() { Quality::High } else { Quality::Low };
        (quality, number - quality.first())
    }

    fn on_the_wire(self) -> i32 {
        match self {
            Quality::Low => 0,
            Quality::High => 1,
        }
    }
}

/// What the pushers of one thread do.
pub struct Config {
    /// Where the server takes pushed streams.
    pub addr: SocketAddr,
    /// A pusher for each number.
    pub numbers: Range<i32>,
    /// What they send.
    pub quality: Quality,
    /// Frames a second of each.
    pub fps: u32,
}

/// Running pushers.
pub struct Pushers {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<SendLog, Error>>,
}

impl Pushers {
    /// Connects all and begins to send. Their moments are spread evenly over the frame interval.
    pub fn start(config: Config, frames: &Frames) -> Result<Pushers, Error> {
        let mut sockets = Vec::with_capacity(config.numbers.len());
        for number in config.numbers.clone() {
            sockets.push(connect(config.addr, number, config.quality)?);
        }
        let messages = frames.jpegs.iter().map(|jpeg| message(jpeg)).collect::<Result<_, _>>()?;
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || send(&mut sockets, messages, &config, &flag));
        Ok(Pushers { stop, thread })
    }

    /// Stops after the frame that is being sent; gives the log of the first pusher.
    pub fn stop(self) -> Result<SendLog, Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Error::Panicked("pusher"))?
    }
}

/// Connects and sends the header: number, type and quality.
fn connect(addr: SocketAddr, number: i32, quality: Quality) -> Result<TcpStream, Error> {
    let doing = || format!("push stream {number} to {addr}");
    let mut stream = TcpStream::connect(addr).doing(doing)?;
    stream.set_nodelay(true).doing(doing)?;
    stream.set_write_timeout(Some(STUCK)).doing(doing)?;
    stream.write_all(&header(number, quality)).doing(doing)?;
    Ok(stream)
}

fn header(number: i32, quality: Quality) -> [u8; 12] {
    let mut header = [0; 12];
    for (field, value) in header.chunks_exact_mut(4).zip([number, MJPEG, quality.on_the_wire()]) {
        field.copy_from_slice(&value.to_le_bytes());
    }
    header
}

fn message(jpeg: &[u8]) -> Result<Vec<u8>, Error> {
    let size =
        i32::try_from(jpeg.len()).map_err(|_| protocol("cache", "a picture of more than two gigabytes"))?;
    Ok([&size.to_le_bytes(), jpeg].concat())
}

fn send(
    sockets: &mut [TcpStream],
    mut messages: Vec<Vec<u8>>,
    config: &Config,
    stop: &AtomicBool,
) -> Result<SendLog, Error> {
    let mut log = Vec::new();
    let count = sockets.len() as u64;
    let step = 1_000_000_000 / (u64::from(config.fps) * count.max(1));
    let begin = clock::now();
    for turn in 0.. {
        clock::sleep_until(begin + turn * step);
        if stop.load(Ordering::Relaxed) || count == 0 {
            break;
        }
        let (seq, pusher) = (turn / count, (turn % count) as usize);
        let message = &mut messages[seq as usize % CYCLE];
        let now = clock::now();
        let fields = stamp::fields(config.quality.first() + seq, now);
        message[SIZE..][stamp::FIELDS_AT].copy_from_slice(&fields);
        sockets[pusher].write_all(message).doing(|| format!("send frame {seq} of pusher {pusher}"))?;
        if pusher == 0 {
            log.push(now);
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_messages_are_little_endian() {
        assert_eq!(header(0x0102, Quality::High), [2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(header(7, Quality::Low)[8..], [0; 4]);
        assert_eq!(message(&[9; 3]).unwrap(), [3, 0, 0, 0, 9, 9, 9]);
    }

    #[test]
    fn a_number_tells_the_quality() {
        assert_eq!(Quality::of(5), (Quality::High, 5));
        assert_eq!(Quality::of(Quality::Low.first() + 5), (Quality::Low, 5));
    }
}
