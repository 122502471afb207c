//! The right rendition to work from: what the camera sends where that serves, else one that is made of it.
//!
//! Which one it is shows with the camera's first picture; whoever wants to work does not wait for that by
//! hand, but reads an [`Input`].

use super::{H264, JPEG};
use camherd_hub::{Delivery, DeriveError, Event, RenditionKey, Start, Stream, Subscription, Want as Limits};
use camherd_media::unit::{Codec, Unit};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

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
    /// The most of it that is made use of.
    limits: Limits,
    subscription: Subscription,
    bound: Bound,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// To the source, until its first unit tells.
    Undecided,
    Source,
    /// To what is made of the source, for as long as that does not serve itself.
    Derived,
    /// To one rendition, whatever the source is.
    Fixed,
}

impl Input {
    /// Subscribes. What is made of the source is asked for at once where the source is known already.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn open(stream: &Stream, want: Want) -> Result<Input, DeriveError> {
        Input::open_for(stream, want, Limits::EVERYTHING)
    }

    /// The same for one who makes use of no more than `limits`.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn open_for(stream: &Stream, want: Want, limits: Limits) -> Result<Input, DeriveError> {
        let known = stream.newest().map(|(unit, _)| want.is_served_by(&unit.format.codec));
        let (key, bound) = match known {
            Some(true) => (RenditionKey::SOURCE, Bound::Source),
            Some(false) => (want.derived(), Bound::Derived),
            None => (RenditionKey::SOURCE, Bound::Undecided),
        };
        let subscription = stream.subscribe_for(&key, Start::Newest, limits)?;
        Ok(Input { stream: stream.clone(), want, limits, subscription, bound })
    }

    /// Subscribes to one rendition, whatever it holds.
    ///
    /// # Errors
    /// [`DeriveError`] when it cannot be made.
    pub fn of(stream: &Stream, key: &RenditionKey, start: Start) -> Result<Input, DeriveError> {
        let subscription = stream.subscribe(key, start)?;
        // What is wanted plays no part any more.
        let (want, limits) = (Want::Jpeg, Limits::EVERYTHING);
        Ok(Input { stream: stream.clone(), want, limits, subscription, bound: Bound::Fixed })
    }

    /// Stops waiting for a fresh keyframe: takes the newest that is held.
    pub fn take_newest(&mut self) {
        self.subscription.take_newest();
    }

    /// Waits for the next event. [`Event::Ended`] also when the camera begins to send another codec: the
    /// next input finds its way. Cancel-safe.
    pub async fn next(&mut self) -> Event {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next event; as [`Input::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            let event = ready!(self.subscription.poll_next(cx));
            if let Some(event) = self.sort(event) {
                return Poll::Ready(event);
            }
        }
    }

    /// Lets go of what waits: see [`Subscription::skip`].
    pub fn skip(&mut self) {
        self.subscription.skip();
    }

    /// The next unit of the right codec if it is there already.
    pub fn try_next(&mut self) -> Option<Delivery> {
        match self.bound {
            Bound::Undecided => None,
            Bound::Derived | Bound::Fixed => self.subscription.try_next(),
            // After another codec nothing more comes: `next` ends at the unit behind it.
            Bound::Source => self.subscription.try_next().filter(|delivery| self.serves(&delivery.unit)),
        }
    }

    /// Asks for a keyframe.
    pub fn request_keyframe(&self) {
        self.subscription.request_keyframe();
    }

    fn sort(&mut self, event: Event) -> Option<Event> {
        if self.bound == Bound::Derived
            && let Some(now) = self.source_that_serves()
        {
            // It is not made any more once nobody reads it; the camera's own is better, and costs nothing.
            return Some(Event::Ended(Arc::from(format!("the camera now sends {now}"))));
        }
        let Event::Unit(delivery) = &event else { return Some(event) };
        match (self.bound, self.serves(&delivery.unit)) {
            (Bound::Derived | Bound::Fixed, _) | (Bound::Source, true) => Some(event),
            (Bound::Source, false) => {
                let now = delivery.unit.format.codec.name();
                Some(Event::Ended(Arc::from(format!("the camera now sends {now}"))))
            }
            (Bound::Undecided, true) => {
                self.bound = Bound::Source;
                Some(event)
            }
            (Bound::Undecided, false) => {
                match self.stream.subscribe_for(&self.want.derived(), Start::Newest, self.limits) {
                    Ok(subscription) => {
                        (self.subscription, self.bound) = (subscription, Bound::Derived);
                        None
                    }
                    Err(error) => Some(Event::Ended(Arc::from(error.reason))),
                }
            }
        }
    }

    /// The codec of the source, where that is what is wanted.
    fn source_that_serves(&self) -> Option<&'static str> {
        let (unit, _) = self.stream.newest()?;
        self.serves(&unit).then(|| unit.format.codec.name())
    }

    fn serves(&self, unit: &Unit) -> bool {
        self.want.is_served_by(&unit.format.codec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use camherd_hub::{Derive, Hub, Owner, Publisher, RingLimits, Writer};
    use camherd_media::time::MediaTime;
    use camherd_media::unit::{Format, H264Parameters, Packaging, Stamps};
    use std::sync::Mutex;
    use std::task::Waker;

    /// Keeps the writers of what is asked for.
    #[derive(Default)]
    struct Asked(Mutex<Vec<(RenditionKey, Writer)>>);

    impl Derive for Asked {
        fn derive(&self, _: &Stream, key: &RenditionKey, writer: Writer) -> Result<(), DeriveError> {
            self.0.lock().unwrap().push((key.clone(), writer));
            Ok(())
        }

        fn limits(&self, _: &RenditionKey, limits: RingLimits) -> RingLimits {
            limits
        }
    }

    fn asked() -> (Stream, Arc<Asked>) {
        let asked = Arc::new(Asked::default());
        let hub = Hub::new(RingLimits::default(), 1, asked.clone());
        (hub.get_or_create(&"door".parse().unwrap()).unwrap(), asked)
    }

    fn h264() -> Codec {
        Codec::H264(H264Parameters { sps: bytes::Bytes::new(), pps: bytes::Bytes::new() })
    }

    fn unit(codec: Codec) -> Unit {
        let format = Arc::new(Format { codec, width: 16, height: 16, packaging: Packaging::Bare });
        let (pts, stamps) = (MediaTime(0), Stamps::default());
        Unit { payload: bytes::Bytes::new(), pts, dts: pts, keyframe: true, format, stamps }
    }

    fn camera(stream: &Stream) -> Publisher {
        stream.publish(Owner(String::new()), String::new()).unwrap()
    }

    /// The codec of the next unit, or the reason of the end; `None` when it waits.
    fn next(input: &mut Input) -> Option<String> {
        loop {
            let mut next = std::pin::pin!(input.next());
            match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Event::Unit(delivery)) => {
                    return Some(delivery.unit.format.codec.name().to_owned());
                }
                Poll::Ready(Event::Ended(reason)) => return Some(reason.to_string()),
                Poll::Ready(Event::State(_)) => {}
                Poll::Pending => return None,
            }
        }
    }

    #[test]
    fn what_the_camera_sends_is_taken_where_it_serves() {
        let (stream, asked) = asked();
        let mut early = Input::open(&stream, Want::Video).unwrap();
        assert_eq!(next(&mut early), None);
        camera(&stream).push(unit(h264())).unwrap();
        let mut late = Input::open(&stream, Want::Video).unwrap();
        assert_eq!(next(&mut early).as_deref(), Some("h264"));
        assert_eq!(next(&mut late).as_deref(), Some("h264"));
        assert!(asked.0.lock().unwrap().is_empty(), "nothing had to be made");
    }

    #[test]
    fn what_does_not_serve_is_made_from_it_early_or_late() {
        for early in [true, false] {
            let (stream, asked) = asked();
            let mut camera = camera(&stream);
            let before = early.then(|| Input::open(&stream, Want::Jpeg).unwrap());
            camera.push(unit(h264())).unwrap();
            let mut input = before.unwrap_or_else(|| Input::open(&stream, Want::Jpeg).unwrap());
            assert_eq!(next(&mut input), None);
            let made = asked.0.lock().unwrap();
            assert_eq!(made[0].0, JPEG);
            made[0].1.push(unit(Codec::Jpeg)).unwrap();
            assert_eq!(next(&mut input).as_deref(), Some("jpeg"));
        }
    }

    #[test]
    fn a_camera_that_changes_its_codec_ends_the_input() {
        let (stream, _asked) = asked();
        let mut camera = camera(&stream);
        camera.push(unit(Codec::Jpeg)).unwrap();
        let mut input = Input::open(&stream, Want::Jpeg).unwrap();
        assert_eq!(next(&mut input).as_deref(), Some("jpeg"));
        camera.push(unit(h264())).unwrap();
        assert!(input.try_next().is_none(), "it is no JPEG");
        camera.push(unit(h264())).unwrap();
        assert_eq!(next(&mut input).as_deref(), Some("the camera now sends h264"));
    }

    #[test]
    fn what_is_made_of_the_source_ends_when_the_source_itself_serves() {
        let (stream, asked) = asked();
        let mut camera = camera(&stream);
        camera.push(unit(h264())).unwrap();
        let mut input = Input::open(&stream, Want::Jpeg).unwrap();
        let mut one_rendition = Input::of(&stream, &JPEG, Start::Newest).unwrap();
        let writer = asked.0.lock().unwrap().pop().unwrap().1;
        writer.push(unit(Codec::Jpeg)).unwrap();
        assert_eq!(next(&mut input).as_deref(), Some("jpeg"));
        camera.push(unit(Codec::Jpeg)).unwrap();
        // A decoder takes both, and would go on for ever.
        writer.push(unit(Codec::Jpeg)).unwrap();
        assert_eq!(next(&mut input).as_deref(), Some("the camera now sends jpeg"));
        assert_eq!(next(&mut one_rendition).as_deref(), Some("jpeg"), "what is asked for by its key stays");
    }

    #[test]
    fn what_cannot_be_made_ends_the_input_with_its_reason() {
        let hub = testing::hub(1);
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let mut input = Input::open(&stream, Want::Jpeg).unwrap();
        camera(&stream).push(unit(h264())).unwrap();
        assert_eq!(next(&mut input).as_deref(), Some("nothing is derived here"));
        assert!(Input::open(&stream, Want::Jpeg).is_err(), "now it is known at once");
    }
}
