//! When the maker of a rendition must make a keyframe, when it may stop, and what its readers make use of.

use super::LINGER;
use camherd_hub::{Want, Writer};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How often a rendition that nobody reads looks whether somebody does again, who then waits for a keyframe.
/// A reader who joins cannot wake it; a twentieth of a second is less than anybody sees.
const LOOK: Duration = Duration::from_millis(50);

/// What the maker must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A reader would be served sooner by a keyframe.
    Keyframe,
    /// Nobody has read for the time to linger; the run is over.
    End,
}

/// The demand for a rendition, as its maker follows it.
#[derive(Debug)]
pub(super) struct Demand {
    linger: Duration,
    unread: Option<Unread>,
}

impl Default for Demand {
    /// For a rendition that is made for another [`LINGER`] after its last reader.
    fn default() -> Demand {
        Demand { linger: LINGER, unread: None }
    }
}

#[derive(Debug)]
struct Unread {
    until: Instant,
    look: Instant,
    /// [`Writer::joined`] when it was looked last.
    joined: u64,
}

impl Demand {
    /// For a rendition that only other makers read: they have lingered already when they leave.
    pub(super) fn of_makers() -> Demand {
        Demand { linger: Duration::ZERO, unread: None }
    }

    /// Waits for the next wish. Cancel-safe.
    pub(super) async fn next(&mut self, writer: &Writer) -> Wish {
        loop {
            let Some(unread) = &mut self.unread else {
                if writer.keyframe_wanted().await.is_ok() {
                    return Wish::Keyframe;
                }
                let now = Instant::now();
                let joined = writer.joined();
                self.unread = Some(Unread { until: now + self.linger, look: now + LOOK, joined });
                continue;
            };
            sleep_until(unread.look.min(unread.until)).await;
            let now = Instant::now();
            let joined = writer.joined();
            if std::mem::replace(&mut unread.joined, joined) != joined {
                // A program that asks for one picture after the other is gone again at each look.
                unread.until = now + self.linger;
            }
            if writer.readers() == 0 && now < unread.until {
                unread.look = now + LOOK;
                continue;
            }
            if writer.retire() {
                return Wish::End;
            }
            self.unread = None;
        }
    }
}

/// What the readers of a rendition want, for what it is made of: so a camera hears that nobody wants more than a small
/// picture, however many makers are in between.
#[derive(Debug)]
pub(super) struct Passed {
    /// The size that is made whatever comes, pixels; `None`: the one that comes.
    size: Option<(u32, u32)>,
    readers: Option<Want>,
}

impl Passed {
    /// For a rendition that has its first reader.
    pub(super) fn of(writer: &Writer, size: Option<(u32, u32)>) -> Passed {
        Passed { size, readers: writer.want() }
    }

    /// What is wanted of what it is made of.
    pub(super) fn want(&self) -> Want {
        let readers = self.readers.unwrap_or_default();
        Want { size: self.size.or(readers.size), ..readers }
    }

    /// Waits until it is something else. Once nobody reads it stays as it was: who comes back within [`LINGER`] finds
    /// the same pictures. Cancel-safe.
    pub(super) async fn changed(&mut self, writer: &Writer) -> Want {
        let mut seen = self.readers;
        loop {
            seen = writer.want_changed(seen).await;
            if seen.is_some() {
                self.readers = seen;
                return self.want();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camherd_hub::{Derive, DeriveError, Hub, RenditionKey, RingLimits, Start, Stream, Subscription};
    use std::sync::{Arc, Mutex};
    use tokio::time::timeout;

    /// Keeps the writer of what is asked for.
    #[derive(Default)]
    struct Asked(Mutex<Option<Writer>>);

    impl Derive for Asked {
        fn derive(&self, _: &Stream, _: &RenditionKey, writer: Writer) -> Result<(), DeriveError> {
            *self.0.lock().unwrap() = Some(writer);
            Ok(())
        }

        fn limits(&self, _: &RenditionKey, limits: RingLimits) -> RingLimits {
            limits
        }
    }

    const KEY: RenditionKey = RenditionKey::from_static("picture");

    fn reader(stream: &Stream) -> Subscription {
        stream.subscribe(&KEY, Start::Newest).unwrap()
    }

    fn rendition() -> (Stream, Subscription, Writer) {
        let asked = Arc::new(Asked::default());
        let hub = Hub::new(RingLimits::default(), 1, asked.clone());
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let subscription = reader(&stream);
        let writer = asked.0.lock().unwrap().take().unwrap();
        (stream, subscription, writer)
    }

    #[tokio::test]
    async fn what_only_makers_read_ends_with_its_last_reader() {
        let (_stream, subscription, writer) = rendition();
        drop(subscription);
        let ended = timeout(LINGER, async { Demand::of_makers().next(&writer).await }).await;
        assert_eq!(ended, Ok(Wish::End));
    }

    #[tokio::test]
    async fn what_readers_want_is_passed_on_in_the_size_that_is_made() {
        let (_stream, subscription, writer) = rendition();
        let size = Some((320, 240));
        let mut sized = Passed::of(&writer, size);
        assert_eq!(sized.want(), Want { size, fps: None });
        let want = Want { size: Some((16, 16)), fps: Some(5.0) };
        subscription.set_want(want);
        assert_eq!(timeout(LINGER, sized.changed(&writer)).await, Ok(Want { size, ..want }));
        assert_eq!(Passed::of(&writer, None).want(), want);
        drop(subscription);
        assert!(timeout(LOOK, sized.changed(&writer)).await.is_err(), "nobody is no other wish");
        assert_eq!(sized.want(), Want { size, ..want });
    }

    #[tokio::test]
    async fn what_is_read_for_a_moment_now_and_then_goes_on() {
        let (stream, subscription, writer) = rendition();
        drop(subscription);
        let mut demand = Demand { linger: Duration::from_secs(1), unread: None };
        for _ in 0..6 {
            drop(reader(&stream));
            let next = timeout(demand.linger / 3, demand.next(&writer)).await;
            assert!(!matches!(next, Ok(Wish::End)), "it ended for one who reads all the time");
        }
        assert_eq!(timeout(LINGER * 2, demand.next(&writer)).await, Ok(Wish::End));
    }

    #[tokio::test]
    async fn what_people_read_goes_on_for_one_who_comes_back() {
        let (stream, subscription, writer) = rendition();
        drop(subscription);
        let mut demand = Demand::default();
        assert!(timeout(LOOK * 3, demand.next(&writer)).await.is_err(), "it ended at once");
        let back = reader(&stream);
        let kept = timeout(LINGER + LOOK, demand.next(&writer)).await;
        assert_ne!(kept, Ok(Wish::End), "it ended under a reader");
        drop(back);
    }
}
