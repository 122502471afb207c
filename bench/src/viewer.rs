//! A viewer of the H.264: takes the MPEG-TS of `WS /ws/viewer` and notes when each access unit arrived.

use crate::clock;
use crate::error::{Doing, Error, protocol};
use crate::ts::Recording;
use crate::ws::WebSocket;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::JoinHandle;

/// A viewer that records in its own thread.
pub struct Viewer {
    stream: TcpStream,
    thread: JoinHandle<Result<Recording, Error>>,
}

impl Viewer {
    /// Connects and records until [`Viewer::stop`].
    pub fn start(addr: SocketAddr, stream_name: &str) -> Result<Viewer, Error> {
        Viewer::record(WebSocket::connect(addr, &path(stream_name))?, Recording::default())
    }

    /// Connects, waits for the first video and goes on recording; gives also how long that took from before the
    /// connecting to the last byte of the first message with video, in nanoseconds.
    pub fn start_timed(addr: SocketAddr, stream_name: &str) -> Result<(Viewer, u64), Error> {
        let begin = clock::now();
        let mut socket = WebSocket::connect(addr, &path(stream_name))?;
        let mut recording = Recording::default();
        while recording.units.is_empty() {
            let (bytes, at) = socket.next()?.ok_or_else(|| protocol("server", "closed on a new viewer"))?;
            recording.feed(&bytes, at)?;
        }
        let took = recording.units[0].first - begin;
        Ok((Viewer::record(socket, recording)?, took))
    }

    fn record(mut socket: WebSocket, mut recording: Recording) -> Result<Viewer, Error> {
        let stream = socket.stream().try_clone().doing(|| "duplicate a viewer's socket".into())?;
        let thread = std::thread::spawn(move || {
            while let Some((bytes, at)) = socket.next()? {
                recording.feed(&bytes, at)?;
            }
            Ok(recording)
        });
        Ok(Viewer { stream, thread })
    }

    /// Leaves; gives what was received.
    pub fn stop(self) -> Result<Recording, Error> {
        // The reader sees the end of the stream. When the server was faster, there is nothing left to shut.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.thread.join().map_err(|_| Error::Panicked("viewer"))?
    }
}

fn path(stream_name: &str) -> String {
    format!("/ws/viewer?stream={stream_name}")
}
