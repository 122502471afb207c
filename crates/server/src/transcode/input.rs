//! The right rendition to work from: what the camera sends where that serves, else one that is made of it.
//!
//! Which one it is shows with the camera's first picture; whoever wants to work does not wait for that by
//! hand, but reads an [`Input`].

use super::{H264, JPEG};
use camherd_hub::{Delivery, DeriveError, Event, RenditionKey, Start, Stream, Subscription};
use camherd_media::unit::{Codec, Unit};
use std::sync::Arc;

/// What is to be worked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Video with a codec that browsers and recorders take: H.264, or H.265 where the camera sends that.
    Video,
    /// JPEG.
    Jpeg,
}

impl Want {
    /// Whether units of this codec serve as they are.
    #[must_use]
    pub fn is_served_by(self, codec: &Codec) -> bool {
        match self {
            Want::Video => matches!(codec, Codec::H264(_) | Codec::H265(_)),
            Want::Jpeg => matches!(codec, Codec::Jpeg),
        }
    }

    /// The rendition that is made where they do not.
    fn derived(self) -> RenditionKey {
        match self {
            Want::Video => H264,
            Want::Jpeg => JPEG,
        }
    }
}

/// Reads the source or what is made of it, whichever has the codec that is wanted.
pub struct Input {
    stream: Stream,
    want: Want,
    subscription: Subscription,
    bound: Bound,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// To the source, until its first unit tells.
    Undecided,
    Source,
    Derived,
}

impl Input {
    /// Subscribes. What is made of the source is asked for at once where the source is known already.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn open(stream: &Stream, want: Want) -> Result<Input, DeriveError> {
        let known = stream.newest().map(|(unit, _)| want.is_served_by(&unit.format.codec));
        let (key, bound) = match known {
            Some(true) => (RenditionKey::SOURCE, Bound::Source),
            Some(false) => (want.derived(), Bound::Derived),
            None => (RenditionKey::SOURCE, Bound::Undecided),
        };
        let subscription = stream.subscribe(&key, Start::Newest)?;
        Ok(Input { stream: stream.clone(), want, subscription, bound })
    }

    /// Subscribes to one rendition, whatever it holds.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn of(stream: &Stream, key: &RenditionKey, start: Start) -> Result<Input, DeriveError> {
        let subscription = stream.subscribe(key, start)?;
        // What is wanted plays no part any more.
        Ok(Input { stream: stream.clone(), want: Want::Jpeg, subscription, bound: Bound::Derived })
    }

    /// Stops waiting for a fresh keyframe: takes the newest that is held.
    pub fn take_newest(&mut self) {
        self.subscription.take_newest();
    }

    /// Waits for the next event. [`Event::Ended`] also when the camera begins to send another codec: the
    /// next input finds its way. Cancel-safe.
    pub async fn next(&mut self) -> Event {
        loop {
            let event = self.subscription.next().await;
            match self.sort(event) {
                Some(event) => return event,
                None => continue,
            }
        }
    }

    /// The next unit of the right codec if it is there already.
    pub fn try_next(&mut self) -> Option<Delivery> {
        if self.bound == Bound::Undecided { None } else { self.subscription.try_next() }
    }

    /// Asks for a keyframe.
    pub fn request_keyframe(&self) {
        self.subscription.request_keyframe();
    }

    fn sort(&mut self, event: Event) -> Option<Event> {
        let Event::Unit(delivery) = &event else { return Some(event) };
        match (self.bound, self.serves(&delivery.unit)) {
            (Bound::Derived, _) | (Bound::Source, true) => Some(event),
            (Bound::Source, false) => {
                let now = delivery.unit.format.codec.name();
                Some(Event::Ended(Arc::from(format!("the camera now sends {now}"))))
            }
            (Bound::Undecided, true) => {
                self.bound = Bound::Source;
                Some(event)
            }
            (Bound::Undecided, false) => match self.stream.subscribe(&self.want.derived(), Start::Newest) {
                Ok(subscription) => {
                    (self.subscription, self.bound) = (subscription, Bound::Derived);
                    None
                }
                Err(error) => Some(Event::Ended(Arc::from(error.reason))),
            },
        }
    }

    fn serves(&self, unit: &Unit) -> bool {
        self.want.is_served_by(&unit.format.codec)
    }
}
