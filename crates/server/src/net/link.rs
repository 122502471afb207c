//! A connection that keeps what waits in the kernel short.
//!
//! What the kernel has taken is on its way, however old it gets there. Left to itself it takes megabytes for a link that
//! carries a hundred kilobytes a second, and a live picture is then ten seconds late. So the room of a connection's send
//! buffer follows what goes through it: an eighth of a second's worth, of which the system makes up to a quarter. It does so
//! before the link is slow: a router's queue is full by the time that a write has to wait for it.
//!
//! And what has not been chosen yet is not late. Where a write had to wait, the connection counts as flushed only when the
//! kernel has room again, not when it has taken the last byte, and the next picture is chosen then: [`Gate`].

use http_body::{Body, Frame, SizeHint};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Over how long the rate is measured. Shorter, and one large frame is a change of rate; longer, and the buffer
/// follows a link that gets worse too late.
const WINDOW: Duration = Duration::from_millis(500);

/// How much may wait on a link that is as fast as its viewer needs, in time: somewhat more than a picture of thirty a second.
/// Linux doubles what is asked for, for what it needs itself besides the bytes. When the link gets six times slower, what
/// waits takes half a second.
const LEAN: Duration = Duration::from_millis(42);

/// And on one that is not, or when a write had to wait for want of that little room. Viewers far away get their
/// pictures with it: a link of 0.2 s there and back needs no more.
const MOST_DELAY: Duration = Duration::from_millis(125);

/// Windows without a write that had to wait, after which it is tried with little room (again): 10 s.
const EASE: u32 = 20;

/// The same for a new connection: 1 s.
const FIRST_EASE: u32 = 2;

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
    last: Instant,
    bytes: usize,
    /// Whether the kernel had no room at some time of the window.
    blocked: bool,
    size: Option<usize>,
    /// Bytes a second of the window before.
    rate: f64,
    /// Windows in a row in which no write had to wait.
    ease: u32,
    lean: Lean,
}

/// Whether little room is enough: for a viewer who is far away it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lean {
    No,
    /// Since the beginning of the window.
    Tried,
    Yes,
}

impl Meter {
    fn new(now: Instant) -> Meter {
        let (blocked, ease) = (false, EASE - FIRST_EASE);
        Meter { since: now, last: now, bytes: 0, blocked, size: None, rate: 0.0, ease, lean: Lean::No }
    }

    /// A write has to wait; gives the new size of the buffer if that is why.
    fn wait(&mut self) -> Option<usize> {
        self.blocked = true;
        if self.lean != Lean::Tried {
            return None;
        }
        self.lean = Lean::No;
        self.size = Some(room(self.rate, MOST_DELAY).clamp(ROOMY, MOST));
        self.size
    }

    /// Whether a write had to wait lately, or the link is too new to tell.
    fn is_slow(&self) -> bool {
        self.blocked || self.ease < EASE
    }

    /// Counts what was written; gives the new size of the buffer if there is one.
    fn wrote(&mut self, bytes: usize, now: Instant) -> Option<usize> {
        let pause = now.duration_since(std::mem::replace(&mut self.last, now));
        if pause > WINDOW && !self.blocked {
            // There was nothing to send. What comes now and then, such as a snapshot, has no rate, and the system knows
            // best what to do with it.
            (self.since, self.bytes) = (now, 0);
        }
        self.bytes += bytes;
        let elapsed = now.duration_since(self.since);
        if elapsed < WINDOW {
            return None;
        }
        let before = std::mem::replace(&mut self.rate, self.bytes as f64 / elapsed.as_secs_f64());
        let most = room(self.rate, MOST_DELAY);
        let blocked = std::mem::replace(&mut self.blocked, false);
        (self.since, self.bytes) = (now, 0);
        // Once it has been set the system tunes no more, so it follows upwards as well.
        if self.size.is_none() && most > MOST {
            return None;
        }
        let room = if blocked {
            (self.ease, self.lean) = (0, Lean::No);
            let most = most.clamp(LEAST, MOST);
            // A link that gets slower is given no more room, however fast it still was in a part of the window.
            if self.rate < before { self.size.map_or(most, |size| size.min(most)) } else { most }
        } else {
            self.ease = self.ease.saturating_add(1);
            self.lean = match self.lean {
                Lean::No if self.ease >= EASE => Lean::Tried,
                Lean::No => Lean::No,
                Lean::Tried | Lean::Yes => Lean::Yes,
            };
            let delay = if self.lean == Lean::No { MOST_DELAY } else { LEAN };
            room(self.rate, delay).clamp(ROOMY, MOST)
        };
        let near = |size: usize| size * STEP.1 < room * STEP.0 && room * STEP.1 < size * STEP.0;
        if self.size.is_some_and(near) {
            return None;
        }
        self.size = Some(room);
        self.size
    }
}

/// Bytes that go through in that time.
fn room(rate: f64, time: Duration) -> usize {
    (rate * time.as_secs_f64()) as usize
}

/// A TCP connection whose send buffer follows its rate.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    meter: Meter,
    gate: Gate,
}

/// Whether a connection has room for something new. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// Something was written to a slow link, and the kernel has not had room since. Only the task of the connection looks
    /// at it.
    closed: Arc<AtomicBool>,
}

impl Gate {
    /// A body that is asked for more only when the connection has room. Left to itself, an HTTP connection takes the
    /// next picture while up to 16 kB of the last one wait in it: that is a quarter of a second on a slow link.
    ///
    /// What the body has already, by the lower bound of its size, it is not kept from giving: it gets no younger. It must
    /// be polled by the task that flushes the connection, as hyper does: that one is woken when there is room.
    pub fn admit<B>(&self, body: B) -> Gated<B> {
        Gated { body, gate: self.clone() }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }
}

/// A body behind a [`Gate`].
#[derive(Debug)]
pub struct Gated<B> {
    body: B,
    gate: Gate,
}

impl<B: Body + Unpin> Body for Gated<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if self.gate.is_closed() && self.body.size_hint().lower() == 0 {
            return Poll::Pending;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Link {
    /// The link of a connection.
    #[must_use]
    pub fn new(stream: TcpStream) -> Link {
        Link { stream, meter: Meter::new(Instant::now()), gate: Gate::default() }
    }

    /// What tells whether it has room.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    fn wrote(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Pending => {
                self.gate.set_closed(true);
                let size = self.meter.wait();
                self.resize(size);
            }
            Poll::Ready(Ok(bytes)) => {
                let size = self.meter.wrote(*bytes, Instant::now());
                self.resize(size);
                if self.meter.is_slow() {
                    // What the kernel takes at once may be a second's worth, and another picture would wait behind it.
                    self.gate.set_closed(true);
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        result
    }

    fn resize(&self, size: Option<usize>) {
        if let Some(size) = size {
            // Where it cannot be set the system's own choice stands.
            let _ = socket2::SockRef::from(&self.stream).set_send_buffer_size(size);
        }
    }

    /// Waits until the kernel has room again. That it took all of the last write does not say so, and tokio believes it
    /// has until a write fails.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_io(Interest::WRITABLE, || has_room(&self.stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

/// Asks the kernel, which tells tokio when that changes.
#[cfg(unix)]
fn has_room(stream: &TcpStream) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut asked = [PollFd::new(stream, PollFlags::OUT)];
    // A connection that broke counts as one that has room: the next write says what is wrong.
    match poll(&mut asked, Some(&Timespec::default()))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// The last byte taken is all that is known.
#[cfg(not(unix))]
fn has_room(_: &TcpStream) -> io::Result<()> {
    Ok(())
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
        if self.gate.is_closed() {
            ready!(self.poll_room(cx))?;
            self.gate.set_closed(false);
            // Whose turn it is now was turned away before.
            cx.waker().wake_by_ref();
        }
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
            let waited = blocked.then(|| meter.wait()).flatten();
            meter.wrote(rate / 10, start + Duration::from_millis(100) * number).or(waited)
        };
        (1..=steps).filter_map(step).collect()
    }

    #[test]
    fn a_good_link_has_little_room_and_a_slow_one_what_it_carries_in_an_eighth_of_a_second() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(sizes(&mut meter, start, 2.0, 900_000, false), [112_500, 37_800]);
        let start = start + Duration::from_secs(2);
        assert_eq!(sizes(&mut meter, start, 0.5, 600_000, true), [0; 0], "no more, as it got slower");
        let start = start + Duration::from_millis(500);
        assert_eq!(sizes(&mut meter, start, 2.0, 200_000, true), [25_000]);
        let start = start + Duration::from_secs(2);
        assert_eq!(sizes(&mut meter, start, 2.0, 20_000, true), [LEAST]);
        let start = start + Duration::from_secs(2);
        assert_eq!(sizes(&mut meter, start, 2.0, 20_000, false), [ROOMY], "and good again");
    }

    #[test]
    fn who_is_too_far_away_for_little_room_has_more_at_once_and_for_long() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(sizes(&mut meter, start, 1.0, 750_000, false), [93_750, ROOMY]);
        assert_eq!(meter.wait(), Some(93_750), "not only at the end of the window");
        let start = start + Duration::from_secs(1);
        assert_eq!(sizes(&mut meter, start, 9.0, 750_000, false), [0; 0]);
        let start = start + Duration::from_secs(9);
        assert_eq!(sizes(&mut meter, start, 3.0, 750_000, false), [ROOMY], "the way may have become shorter");
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
    fn what_is_sent_now_and_then_is_left_to_the_system() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        for answer in 1..20 {
            let at = start + Duration::from_secs(10) * answer;
            assert_eq!(meter.wrote(60_000, at), None);
            assert_eq!(meter.wrote(40_000, at + Duration::from_millis(100)), None);
        }
        let at = start + Duration::from_secs(300);
        meter.wait();
        assert!(meter.wrote(60_000, at).is_some(), "the link had no room all that time");
    }

    #[test]
    fn small_changes_are_not_followed() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(sizes(&mut meter, start, 1.0, 600_000, true), [75_000]);
        assert_eq!(sizes(&mut meter, start + Duration::from_secs(1), 3.0, 660_000, true), [0; 0]);
    }

    /// A live body: there is always a picture to choose, and what is chosen shows in the lower bound.
    struct Pictures {
        chosen: u64,
        given: usize,
    }

    impl Body for Pictures {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<bytes::Bytes>, Self::Error>>> {
            self.given += 1;
            Poll::Ready(Some(Ok(Frame::data(bytes::Bytes::new()))))
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.chosen);
            hint
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_next_picture_is_chosen_when_there_is_room_for_it_and_not_before() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut link = Link::new(listener.accept().await.unwrap().0);
        let mut body = link.gate().admit(Pictures { chosen: 0, given: 0 });
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut given = |chosen| {
            body.body.chosen = chosen;
            let _ = Pin::new(&mut body).poll_frame(&mut cx);
            body.body.given
        };
        assert_eq!(given(0), 1, "there is room");
        let mut written = 0;
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(count) = Pin::new(&mut link).poll_write(&mut cx, &[0; 64 * 1024]) {
            written += count.unwrap();
        }
        assert_eq!(given(0), 1, "a write has to wait");
        assert_eq!(given(1), 2, "what is chosen goes out");
        assert!(
            Pin::new(&mut link).poll_flush(&mut cx).is_pending(),
            "the kernel has taken all, and is full"
        );
        assert_eq!(given(0), 2);
        let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
        while read < written {
            read += client.read(&mut buffer).await.unwrap();
        }
        tokio::time::timeout(Duration::from_secs(20), link.flush()).await.unwrap().unwrap();
        assert_eq!(given(0), 3, "there is room again");
        assert!(link.meter.is_slow());
        link.write_all(&[0]).await.unwrap();
        assert_eq!(given(0), 3, "of a slow link that is asked for after each write");
        tokio::time::timeout(Duration::from_secs(20), link.flush()).await.unwrap().unwrap();
        assert_eq!(given(0), 4);
    }
}
