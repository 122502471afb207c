//! One client that has said the PIN.

use crate::net::link::Link;
use crate::net::shutdown::Shutdown;
use crate::net::websocket::WRITE_TIMEOUT;
use crate::transcode::{Input, Want};
use bytes::{Buf, Bytes};
use camherd_hub::{Event, Stream};
use camherd_media::wire::tcpcam::{Count, frame_length};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Before pictures are asked for again that could not be made, or are no longer.
const RETRY: Duration = Duration::from_millis(500);

/// A picture that took so long to be taken is followed by the newest one, not by those that wait.
const LATE: Duration = Duration::from_millis(100);

/// For the client to hang up after its last picture. Hanging up first, on something it has sent since, would destroy
/// what is still on its way.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// The client has its pictures, or is gone.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Over {
        Over
    }
}

pub(super) struct Client {
    read: ReadHalf<Link>,
    write: WriteHalf<Link>,
    stream: Stream,
    /// Pictures still to send; `None` without end.
    left: Option<u32>,
}

impl Client {
    pub(super) fn new(socket: TcpStream, stream: Stream, count: Count) -> Client {
        let (read, write) = tokio::io::split(Link::new(socket));
        let left = match count {
            Count::Endless => None,
            Count::Frames(count) => Some(count.get()),
        };
        Client { read, write, stream, left }
    }

    /// Sends pictures until the client has what it asked for, or hangs up, or the server stops.
    pub(super) async fn run(mut self, shutdown: &Shutdown) {
        let stopped = tokio::select! {
            () = shutdown.wait() => true,
            () = gone(&mut self.read) => true,
            _ = send(&mut self.write, &self.stream, &mut self.left) => self.left != Some(0),
        };
        let _ = self.write.shutdown().await;
        if !stopped {
            let _ = timeout(CLOSE_WAIT, gone(&mut self.read)).await;
        }
    }
}

/// Resolves when the client has hung up. What it says meanwhile means nothing.
async fn gone(read: &mut ReadHalf<Link>) {
    let mut buffer = [0; 64];
    while matches!(read.read(&mut buffer).await, Ok(length) if length > 0) {}
}

/// Sends pictures until `left` is used up. Also an [`Err`] says that it is over.
async fn send(write: &mut WriteHalf<Link>, stream: &Stream, left: &mut Option<u32>) -> Result<(), Over> {
    loop {
        if let Ok(mut input) = Input::open(stream, Want::Jpeg) {
            send_from(&mut input, write, left).await?;
        }
        sleep(RETRY).await;
    }
}

/// Sends pictures until no more come from `input`.
async fn send_from(
    input: &mut Input,
    write: &mut WriteHalf<Link>,
    left: &mut Option<u32>,
) -> Result<(), Over> {
    loop {
        let delivery = match input.next().await {
            Event::Unit(delivery) => delivery,
            Event::State(_) => continue,
            Event::Ended(_) => return Ok(()),
        };
        let began = Instant::now();
        send_frame(write, delivery.unit.payload).await?;
        if let Some(left) = left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return Err(Over);
            }
        }
        if began.elapsed() > LATE {
            input.skip();
        }
    }
}

/// Sends one picture, however long it takes as long as the client takes something.
async fn send_frame(write: &mut WriteHalf<Link>, jpeg: Bytes) -> Result<(), Over> {
    // No source passes on a picture that has no length here.
    let Some(length) = frame_length(jpeg.len()) else { return Ok(()) };
    let mut frame = Buf::chain(&length[..], jpeg);
    while frame.has_remaining() {
        match timeout(WRITE_TIMEOUT, write.write_buf(&mut frame)).await {
            Ok(Ok(written)) if written > 0 => {}
            _ => return Err(Over),
        }
    }
    Ok(())
}
