//! A connection that keeps what waits in the kernel short.
//!
//! What the kernel has taken is on its way, however old it gets there. Left to itself it takes megabytes for a link that
//! carries a hundred kilobytes a second, and a live picture is then ten seconds late. So the room of a connection's send
//! buffer follows what goes through it: an eighth of a second's worth, of which the system makes up to a quarter. It does so
//! before the link is slow: a router's queue is full by the time that a write has to wait for it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Over how long the rate is measured. Shorter, and one large frame is a change of rate; longer, and the buffer
/// follows a link that gets worse too late.
const WINDOW: Duration = Duration::from_millis(500);

/// How much may wait, in time. Linux doubles what is asked for, for what it needs itself besides the bytes. Viewers far away
/// still get their pictures: a link of 0.2 s there and back needs no more.
const MOST_DELAY: Duration = Duration::from_millis(125);

/// A link that has room for more than is sent queues nothing: so much lets a large frame pass.
const ROOMY: usize = 32 * 1024;

/// Least room, bytes: below it every packet waits for the one before, and the link is not used.
const LEAST: usize = 16 * 1024;

/// Most room, bytes: the buffers that a program may ask for end at about this size (`net.core.wmem_max`).
const MOST: usize = 192 * 1024;

/// A new size is set when it is so much another than the last one, as a fraction.
const STEP: (usize, usize) = (5, 4);

/// Measures what goes through, and says how large the buffer should be.
#[derive(Debug)]
struct Meter {
    since: Instant,
    bytes: usize,
    /// Whether the kernel had no room at some time of the window.
    blocked: bool,
    size: Option<usize>,
}

impl Meter {
    fn new(now: Instant) -> Meter {
        Meter { since: now, bytes: 0, blocked: false, size: None }
    }

    /// Counts what was written; gives the new size of the buffer if there is one.
    fn wrote(&mut self, bytes: usize, now: Instant) -> Option<usize> {
        self.bytes += bytes;
        let elapsed = now.duration_since(self.since);
        if elapsed < WINDOW {
            return None;
        }
        let rate = self.bytes as f64 / elapsed.as_secs_f64();
        let room = (rate * MOST_DELAY.as_secs_f64()) as usize;
        let blocked = self.blocked;
        (self.since, self.bytes, self.blocked) = (now, 0, false);
        // Once it has been set the system tunes no more, so it follows upwards as well.
        if self.size.is_none() && room > MOST {
            return None;
        }
        let room = room.clamp(if blocked { LEAST } else { ROOMY }, MOST);
        let near = |size: usize| size * STEP.1 < room * STEP.0 && room * STEP.1 < size * STEP.0;
        if self.size.is_some_and(near) {
            return None;
        }
        self.size = Some(room);
        self.size
    }
}

/// A TCP connection whose send buffer follows its rate.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    meter: Meter,
}

impl Link {
    /// The link of a connection.
    #[must_use]
    pub fn new(stream: TcpStream) -> Link {
        Link { stream, meter: Meter::new(Instant::now()) }
    }

    fn wrote(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Pending => self.meter.blocked = true,
            Poll::Ready(Ok(bytes)) => {
                if let Some(size) = self.meter.wrote(*bytes, Instant::now()) {
                    // Where it cannot be set the system's own choice stands.
                    let _ = socket2::SockRef::from(&self.stream).set_send_buffer_size(size);
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        result
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that are set while so many bytes a second go through, each a tenth of a second.
    fn sizes(meter: &mut Meter, start: Instant, seconds: f64, rate: usize, blocked: bool) -> Vec<usize> {
        let steps = (seconds * 10.0) as u32;
        let step = |number| {
            meter.blocked |= blocked;
            meter.wrote(rate / 10, start + Duration::from_millis(100) * number)
        };
        (1..=steps).filter_map(step).collect()
    }

    #[test]
    fn a_link_gets_an_eighth_of_a_second_and_room_again_once_it_is_not_slow() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(sizes(&mut meter, start, 2.0, 750_000, false), [93_750]);
        let start = start + Duration::from_secs(2);
        assert_eq!(sizes(&mut meter, start, 2.0, 200_000, true), [25_000], "the link became slow");
        let start = start + Duration::from_secs(2);
        assert_eq!(sizes(&mut meter, start, 2.0, 20_000, true), [LEAST]);
        let start = start + Duration::from_secs(2);
        assert_eq!(sizes(&mut meter, start, 2.0, 20_000, false), [ROOMY], "and good again");
    }

    #[test]
    fn a_fast_link_is_left_to_the_system_until_it_is_slow() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(sizes(&mut meter, start, 3.0, 30_000_000, true), [0; 0]);
        let start = start + Duration::from_secs(3);
        assert_eq!(sizes(&mut meter, start, 2.0, 400_000, true), [50_000]);
        let start = start + Duration::from_secs(2);
        assert_eq!(sizes(&mut meter, start, 2.0, 30_000_000, true), [MOST]);
    }

    #[test]
    fn small_changes_are_not_followed() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(sizes(&mut meter, start, 1.0, 600_000, true), [75_000]);
        assert_eq!(sizes(&mut meter, start + Duration::from_secs(1), 3.0, 660_000, true), [0; 0]);
    }
}
