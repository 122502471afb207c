//! The camera's sensor side: a thread that takes frames on schedule, and the small queue to the network side.

use super::Error;
use super::generator::Look;
use super::pace::Pace;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Frames that wait for the network, as many as the device has frame buffers.
pub(super) const QUEUE_FRAMES: usize = 2;

/// What became of the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Taken by the camera.
    pub(super) captured: u64,
    /// Replaced in the queue by newer ones, or left in it when a connection ended.
    pub(super) dropped: u64,
    /// Not taken because drawing took too long.
    pub(super) missed: u64,
}

/// Takes frames while a connection wants them. Dropping it ends the thread.
pub(super) struct Capture {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Told to the thread: `open`, `stopped`, the rate or the look has changed.
    changed: Condvar,
    /// Told to the network side: there is a frame or a failure.
    ready: Notify,
}

struct State {
    frames: VecDeque<Bytes>,
    open: bool,
    stopped: bool,
    /// Frames per second; 0 for none.
    rate: f64,
    look: Look,
    failure: Option<Error>,
    counts: Counts,
}

impl Capture {
    /// Starts the thread. `make` runs on it and returns what takes a frame of a look at a given time in unix
    /// milliseconds, so neither drawing nor its preparation holds the runtime.
    pub(super) fn start<M, F>(pace: Pace, look: Look, make: M) -> Result<Capture, Error>
    where
        M: FnOnce(&Look) -> Result<F, Error> + Send + 'static,
        F: FnMut(&Look, u64) -> Result<Bytes, Error>,
    {
        let state = State {
            frames: VecDeque::new(),
            open: false,
            stopped: false,
            rate: pace.fps(),
            look: look.clone(),
            failure: None,
            counts: Counts::default(),
        };
        let shared = Shared { state: Mutex::new(state), changed: Condvar::new(), ready: Notify::new() };
        let shared = Arc::new(shared);
        let on_thread = Arc::clone(&shared);
        let work = move || {
            if let Err(failure) = make(&look).and_then(|take| on_thread.take_frames(pace, take)) {
                on_thread.lock().failure = Some(failure);
                on_thread.ready.notify_one();
            }
        };
        let thread =
            std::thread::Builder::new().name("camera".to_owned()).spawn(work).map_err(Error::Thread)?;
        Ok(Capture { shared, thread: Some(thread) })
    }

    /// How many frames a second are taken from now on; 0 for none.
    pub(super) fn set_rate(&self, rate: f64) {
        self.shared.lock().rate = rate;
        self.shared.changed.notify_all();
    }

    /// Changes the look of the frames from the next one on.
    pub(super) fn set_look(&self, change: impl FnOnce(&mut Look)) {
        change(&mut self.shared.lock().look);
    }

    /// Begins to take frames.
    pub(super) fn open(&self) {
        self.shared.lock().open = true;
        self.shared.changed.notify_all();
    }

    /// Takes no more frames and forgets those that wait; a new connection begins with a fresh one.
    pub(super) fn close(&self) {
        let mut state = self.shared.lock();
        state.open = false;
        state.counts.dropped += state.frames.len() as u64;
        state.frames.clear();
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The oldest frame that waits. May be cancelled without losing one.
    pub(super) async fn next(&self) -> Result<Bytes, Error> {
        loop {
            {
                let mut state = self.shared.lock();
                if let Some(frame) = state.frames.pop_front() {
                    return Ok(frame);
                }
                if let Some(failure) = state.failure.take() {
                    return Err(failure);
                }
            }
            // A notification that came since is kept, as there is one reader.
            self.shared.ready.notified().await;
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// Ends the thread, waits until it has ended, and returns the final counts.
    pub(super) async fn finish(mut self) -> Counts {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // The frame at hand is finished first; a panic on the thread has been reported by its hook.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.counts()
    }

    fn stop(&self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    /// Whether no frame is to be taken before something changes.
    fn rests(&self) -> bool {
        (!self.open || self.rate <= 0.0) && !self.stopped
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every statement, so a panic elsewhere leaves it usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_frames<F>(&self, mut pace: Pace, mut take: F) -> Result<(), Error>
    where
        F: FnMut(&Look, u64) -> Result<Bytes, Error>,
    {
        loop {
            let mut state = self.lock();
            if state.rests() {
                while state.rests() {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                pace.restart(Instant::now());
            }
            if state.stopped {
                return Ok(());
            }
            pace.set_fps(state.rate, Instant::now());
            let rate = state.rate;
            let (due, missed) = pace.next(Instant::now());
            state.counts.missed += missed;
            let Some(look) = self.wait_until(due, rate, state) else { continue };
            let frame = take(&look, unix_ms())?;
            self.push(frame);
        }
    }

    /// Waits for the time, and gives the look of the frame; `None` when the camera was closed or stopped first, or its
    /// rate was changed.
    fn wait_until(&self, due: Instant, rate: f64, mut state: MutexGuard<'_, State>) -> Option<Look> {
        loop {
            if !state.open || state.stopped || state.rate != rate {
                return None;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(state.look.clone());
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The newest frame wins: where the queue is full, the oldest makes room.
    fn push(&self, frame: Bytes) {
        let mut state = self.lock();
        state.counts.captured += 1;
        if !state.open {
            state.counts.dropped += 1;
            return;
        }
        if state.frames.len() >= QUEUE_FRAMES {
            state.frames.pop_front();
            state.counts.dropped += 1;
        }
        state.frames.push_back(frame);
        drop(state);
        self.ready.notify_one();
    }
}

/// Now, in milliseconds since 1970-01-01 UTC; zero on a clock that is set before that.
fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::sync::mpsc;
    use std::time::Duration;

    fn pace(fps: f64) -> Pace {
        Pace::new(fps, 0.0, Random::new(1), Instant::now())
    }

    fn look() -> Look {
        super::super::Options::default().look()
    }

    /// A camera whose frames are numbered, and that tells each one it takes.
    fn numbered(fps: f64) -> (Capture, mpsc::Receiver<u8>) {
        let (told, taken) = mpsc::channel();
        let make = move |_: &Look| {
            let mut number = 0u8;
            Ok(move |_: &Look, _| {
                number = number.wrapping_add(1);
                let _ = told.send(number);
                Ok(Bytes::copy_from_slice(&[number]))
            })
        };
        (Capture::start(pace(fps), look(), make).expect("thread"), taken)
    }

    #[test]
    fn a_full_queue_keeps_the_newest_frames() {
        let (capture, taken) = numbered(500.0);
        capture.open();
        // Once frame 11 is being taken, frame 10 has been queued.
        while taken.recv().expect("frame") < 11 {}
        let state = capture.shared.lock();
        assert_eq!(state.frames.len(), QUEUE_FRAMES);
        assert_eq!(state.counts.captured, state.counts.dropped + QUEUE_FRAMES as u64);
        let newest = u64::from(state.frames[1][0]);
        assert!(newest >= 10 && newest == state.counts.captured);
        assert_eq!(u64::from(state.frames[0][0]), newest - 1);
    }

    #[tokio::test]
    async fn closed_it_takes_no_frames_and_keeps_none() {
        let (capture, taken) = numbered(500.0);
        capture.open();
        capture.next().await.expect("frame");
        capture.close();
        assert!(capture.shared.lock().frames.is_empty());
        while taken.try_recv().is_ok() {}
        // One frame may have been in the making; 25 would be taken in this time by an open camera.
        let more = std::iter::from_fn(|| taken.recv_timeout(Duration::from_millis(50)).ok()).count();
        assert!(more <= 1, "{more} frames were taken without a connection");
        capture.open();
        assert!(taken.recv().is_ok());
        capture.finish().await;
    }

    #[tokio::test]
    async fn another_rate_counts_at_once_and_none_is_a_pause() {
        let (capture, taken) = numbered(0.001);
        capture.open();
        taken.recv().expect("the first frame is due at once");
        capture.set_rate(500.0);
        for _ in 0..5 {
            taken.recv().expect("frame");
        }
        capture.set_rate(0.0);
        while taken.try_recv().is_ok() {}
        let more = std::iter::from_fn(|| taken.recv_timeout(Duration::from_millis(50)).ok()).count();
        assert!(more <= 1, "{more} frames were taken in a pause");
        capture.set_rate(500.0);
        assert!(taken.recv().is_ok());
        capture.finish().await;
    }

    #[tokio::test]
    async fn a_failure_reaches_the_reader() {
        let make = |_: &Look| Ok(|_: &Look, _| Err(Error::Quality(0)));
        let capture = Capture::start(pace(100.0), look(), make).expect("thread");
        capture.open();
        assert!(matches!(capture.next().await, Err(Error::Quality(0))));
    }

    #[tokio::test]
    async fn finish_ends_a_thread_that_waits() {
        let (capture, taken) = numbered(0.001);
        capture.finish().await;
        // The thread has dropped its end.
        assert_eq!(taken.recv(), Err(mpsc::RecvError));
    }
}
