//! One client that has said the PIN.

use crate::net::link::Link;
use crate::net::shutdown::Shutdown;
use crate::net::websocket::WRITE_TIMEOUT;
use crate::transcode::{Input, Want};
use bytes::{Buf, Bytes};
use camherd_hub::{Event, Stream};
use camherd_media::time::Monotonic;
use camherd_media::wire::tcpcam::{Count, frame_length};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// A client that says no more may have hung up, which only shows in that it takes no more pictures. While there are none
/// to send, it keeps its place for so long, and at most twice that: longer than a camera takes to come back.
const DOUBT: Duration = Duration::from_secs(15);

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
    /// Pictures that were sent.
    sent: AtomicU64,
}

impl Client {
    pub(super) fn new(socket: TcpStream, stream: Stream, count: Count) -> Client {
        let (read, write) = tokio::io::split(Link::new(socket));
        let left = match count {
            Count::Endless => None,
            Count::Frames(count) => Some(count.get()),
        };
        Client { read, write, stream, left, sent: AtomicU64::new(0) }
    }

    /// Sends pictures until the client has what it asked for, or is gone, or the server stops. One that only says
    /// that it sends nothing more, as `printf 12350 | ncat HOST 3333` does, is not gone.
    pub(super) async fn run(mut self, shutdown: &Shutdown) {
        let mut sending =
            Sending { write: &mut self.write, stream: &self.stream, left: &mut self.left, sent: &self.sent };
        let stopped = tokio::select! {
            () = shutdown.wait() => true,
            () = gone(&mut self.read, &self.sent) => true,
            _ = sending.run() => self.left != Some(0),
        };
        let _ = self.write.shutdown().await;
        if !stopped {
            let _ = timeout(CLOSE_WAIT, end(&mut self.read)).await;
        }
    }
}

/// Waits until the client says no more. What it says meanwhile means nothing.
///
/// # Errors
/// The connection broke.
async fn end(read: &mut ReadHalf<Link>) -> io::Result<()> {
    let mut buffer = [0; 64];
    while read.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Resolves when the connection broke, or when nothing was `sent` for [`DOUBT`] to a client that says no more.
async fn gone(read: &mut ReadHalf<Link>, sent: &AtomicU64) {
    if end(read).await.is_err() {
        return;
    }
    loop {
        let before = sent.load(Ordering::Relaxed);
        sleep(DOUBT).await;
        if sent.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

struct Sending<'a> {
    write: &'a mut WriteHalf<Link>,
    stream: &'a Stream,
    left: &'a mut Option<u32>,
    sent: &'a AtomicU64,
}

impl Sending<'_> {
    /// Sends pictures until no more are left to send. Also an [`Err`] says that it is over.
    async fn run(&mut self) -> Result<(), Over> {
        loop {
            // A client takes every picture for a live one, and the newest that is held is what a camera left behind
            // when it went away, an hour ago perhaps: such a stream begins with what is received from now on.
            let since = (!self.stream.state().is_live()).then(|| self.stream.clock().now());
            if let Ok(mut input) = Input::open(self.stream, Want::Jpeg) {
                self.send_from(&mut input, since).await?;
            }
            sleep(RETRY).await;
        }
    }

    /// Sends pictures until no more come from `input`, but none that was received before `since`.
    async fn send_from(&mut self, input: &mut Input, since: Option<Monotonic>) -> Result<(), Over> {
        loop {
            let delivery = match input.next().await {
                Event::Unit(delivery) => delivery,
                Event::State(_) => continue,
                Event::Ended(_) => return Ok(()),
            };
            if since.is_some_and(|since| delivery.unit.stamps.received < since) {
                continue;
            }
            let began = Instant::now();
            send_frame(self.write, delivery.unit.payload).await?;
            self.sent.fetch_add(1, Ordering::Relaxed);
            if let Some(left) = self.left {
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
