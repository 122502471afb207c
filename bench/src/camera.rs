//! Cameras: WebSocket clients that send prepared JPEGs at absolute times, as devices do.

use crate::clock;
use crate::error::{Error, protocol};
use crate::frames::{CYCLE, Frames};
use crate::stamp;
use crate::ws::{BINARY, Framed, WebSocket};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// When a frame's sending began. The frame's picture is its place in the log modulo [`CYCLE`].
pub type SendLog = Vec<u64>;

/// What the cameras of one thread do.
pub struct Config {
    /// The server.
    pub addr: SocketAddr,
    /// A camera for each name.
    pub names: Vec<String>,
    /// Frames a second of each camera.
    pub fps: u32,
}

/// Running cameras.
pub struct Cameras {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<SendLog, Error>>,
}

impl Cameras {
    /// Connects all cameras and begins to send. The cameras' moments are spread evenly over the frame interval.
    pub fn start(config: Config, frames: &Frames) -> Result<Cameras, Error> {
        let mut sockets = Vec::with_capacity(config.names.len());
        for name in &config.names {
            sockets.push(WebSocket::connect(config.addr, &format!("/ws/camera/{name}"))?);
        }
        let messages = frames.jpegs.iter().map(|jpeg| Framed::new(BINARY, jpeg)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || send(sockets, messages, config.fps, &flag));
        Ok(Cameras { stop, thread })
    }

    /// Stops after the frame that is being sent; gives the log of the first camera.
    pub fn stop(self) -> Result<SendLog, Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Error::Panicked("camera"))?
    }
}

fn send(
    mut sockets: Vec<WebSocket>,
    mut messages: Vec<Framed>,
    fps: u32,
    stop: &AtomicBool,
) -> Result<SendLog, Error> {
    let mut log = Vec::new();
    let step = 1_000_000_000 / (u64::from(fps) * sockets.len() as u64);
    let begin = clock::now();
    for turn in 0.. {
        clock::sleep_until(begin + turn * step);
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (seq, camera) = (turn / sockets.len() as u64, turn as usize % sockets.len());
        let message = &mut messages[seq as usize % CYCLE];
        // The stamp is part of the frame, so its few nanoseconds count as part of the sending.
        let now = clock::now();
        message.patch(stamp::FIELDS_AT.start, &stamp::fields(seq, now));
        sockets[camera].send_raw(&message.bytes)?;
        if camera == 0 {
            log.push(now);
        }
        if !sockets[camera].poll()? {
            return Err(protocol(
                "server",
                format!("closed the connection of camera {camera} at frame {seq}"),
            ));
        }
    }
    Ok(log)
}
