//! The pictures that are to be sent, in the form that the target takes.

use crate::client::source::{self, Ending};
use crate::push::target::Target;
use crate::transcode::{Input, Want};
use camherd_hub::{Delivery, Event, RenditionKey, Start, Stream};
use camherd_media::unit::Codec;
use camherd_media::wire::tcp_push::Kind;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What is made of a source that has ended is complete when nothing came for so long.
const LAST_MADE: Duration = Duration::from_secs(1);

/// What is next.
pub(super) enum Next {
    /// A picture.
    Picture(Delivery),
    /// Something of another kind, and why.
    Changed(String),
    /// Nothing any more.
    End(source::End),
}

/// Why there is nothing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Nothing {
    /// The source has ended without a picture.
    Ended(source::End),
    /// What the target takes cannot be made of what the source sends, for this reason.
    NotMade(String),
}

/// Reads the source, or the JPEGs that are made of it.
pub(super) struct Reading {
    input: Input,
    kind: Kind,
    is_source: bool,
    /// The first picture, which has said what the source sends.
    first: Option<Delivery>,
    rest: Rest,
}

impl Reading {
    /// Waits for the first picture, and finds out what has to be read.
    ///
    /// # Errors
    /// [`Nothing`].
    pub(super) async fn begin(stream: &Stream, target: &Target, ending: &Ending) -> Result<Reading, Nothing> {
        let failed = |reason: String| Nothing::Ended(source::End::Failed(reason));
        let mut input =
            Input::of(stream, &RenditionKey::SOURCE, Start::Newest).map_err(|error| failed(error.reason))?;
        let mut rest = Rest::of(Duration::ZERO);
        let first = loop {
            match rest.next_of(&mut input, ending).await {
                Ok(Event::Unit(delivery)) => break delivery,
                Ok(Event::State(_)) => {}
                Ok(Event::Ended(reason)) => return Err(failed(reason.to_string())),
                Err(end) => return Err(Nothing::Ended(end)),
            }
        };
        let kind = match first.unit.format.codec {
            Codec::Jpeg => Kind::Jpeg,
            Codec::H264(_) if target.takes_h264() => Kind::H264,
            _ => {
                let input =
                    Input::open(stream, Want::Jpeg).map_err(|error| Nothing::NotMade(error.reason))?;
                let rest = Rest::of(LAST_MADE);
                return Ok(Reading { input, kind: Kind::Jpeg, is_source: false, first: None, rest });
            }
        };
        Ok(Reading { input, kind, is_source: true, first: Some(first), rest })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it reads what the source sends.
    pub(super) fn is_source(&self) -> bool {
        self.is_source
    }

    /// Whether each picture can be shown without those before it.
    pub(super) fn stand_alone(&self) -> bool {
        self.kind == Kind::Jpeg
    }

    /// The next picture. After the end of the source: what it has left. Cancel-safe.
    pub(super) async fn next(&mut self, ending: &Ending) -> Next {
        if let Some(first) = self.first.take() {
            return Next::Picture(first);
        }
        loop {
            match self.rest.next_of(&mut self.input, ending).await {
                Ok(Event::Unit(delivery)) => {
                    let codec = &delivery.unit.format.codec;
                    let same = match self.kind {
                        Kind::Jpeg => matches!(codec, Codec::Jpeg),
                        Kind::H264 => matches!(codec, Codec::H264(_)),
                    };
                    return match same {
                        true => Next::Picture(delivery),
                        false => Next::Changed(format!("the source now sends {}", codec.name())),
                    };
                }
                Ok(Event::State(_)) => {}
                Ok(Event::Ended(reason)) => return Next::Changed(reason.to_string()),
                Err(end) => return Next::End(end),
            }
        }
    }
}

/// What may come after the end of the source.
struct Rest {
    /// So long after the end, and after each picture that came since, another one may come.
    time: Duration,
    /// When that is over. It outlives a wait that is cancelled, or one that is cancelled often would never end.
    until: Option<Instant>,
}

impl Rest {
    fn of(time: Duration) -> Rest {
        Rest { time, until: None }
    }

    /// The next event; the end of the source when it has ended, and no picture was left or came in time. Cancel-safe.
    async fn next_of(&mut self, input: &mut Input, ending: &Ending) -> Result<Event, source::End> {
        let end = tokio::select! {
            biased;
            event = input.next() => return Ok(self.heard(event)),
            end = ending.wait() => end,
        };
        let until = *self.until.get_or_insert_with(|| Instant::now() + self.time);
        // What was published right before the end may have come between the two looks.
        match timeout_at(until, input.next()).await {
            Ok(event) => Ok(self.heard(event)),
            Err(_) => Err(end),
        }
    }

    fn heard(&mut self, event: Event) -> Event {
        if matches!(event, Event::Unit(_)) {
            self.until = None;
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::source::Ender;
    use crate::sources::jpeg_units::JpegUnits;
    use crate::testing;
    use bytes::Bytes;
    use camherd_hub::Owner;
    use camherd_media::codec::jpeg::normalise;
    use tokio::time::timeout;

    #[tokio::test]
    async fn all_that_was_published_comes_before_the_end() {
        let hub = testing::hub(1);
        let stream = hub.get_or_create(&"a".parse().unwrap()).unwrap();
        let mut publisher = stream.publish(Owner(String::new()), String::new()).unwrap();
        let (ender, ending) = Ender::new();
        let picture = Bytes::from_static(include_bytes!("../../../../../testdata/jpeg/baseline_422.jpg"));
        let (clock, mut units) = (stream.clock(), JpegUnits::default());
        let target: Target = "tcp://host/1".parse().unwrap();
        let mut push =
            || publisher.push(units.unit(&clock, normalise(&picture).unwrap(), clock.now())).unwrap();
        push();
        let mut reading = Reading::begin(&stream, &target, &ending).await.unwrap();
        assert_eq!((reading.kind(), reading.is_source()), (Kind::Jpeg, true));
        (0..3).for_each(|_| push());
        ender.end(source::End::Done);
        let mut numbers = Vec::new();
        loop {
            match reading.next(&ending).await {
                Next::Picture(delivery) => numbers.push(delivery.seq),
                Next::Changed(why) => panic!("{why}"),
                Next::End(end) => break assert_eq!(end, source::End::Done),
            }
        }
        assert_eq!(numbers, [0, 1, 2, 3]);
    }

    #[tokio::test]
    async fn a_source_without_pictures_ends_at_once() {
        let hub = testing::hub(1);
        let stream = hub.get_or_create(&"a".parse().unwrap()).unwrap();
        let (ender, ending) = Ender::new();
        ender.end(source::End::Failed("it is empty".to_owned()));
        let target: Target = "tcp://host/1".parse().unwrap();
        let begun = Reading::begin(&stream, &target, &ending).await;
        assert_eq!(begun.err(), Some(Nothing::Ended(source::End::Failed("it is empty".to_owned()))));
    }

    #[tokio::test]
    async fn what_is_made_of_a_source_ends_though_every_wait_for_it_is_cancelled() {
        let hub = testing::hub(1);
        let stream = hub.get_or_create(&"a".parse().unwrap()).unwrap();
        let _publisher = stream.publish(Owner(String::new()), String::new()).unwrap();
        let mut input = Input::of(&stream, &RenditionKey::SOURCE, Start::Newest).unwrap();
        let (ender, ending) = Ender::new();
        ender.end(source::End::Done);
        let mut rest = Rest::of(Duration::from_millis(200));
        let ended = async {
            loop {
                // As a line of progress does that is due before the rest is over.
                let wait = timeout(Duration::from_millis(20), rest.next_of(&mut input, &ending));
                match wait.await {
                    Ok(Ok(Event::State(_))) | Err(_) => {}
                    Ok(Ok(Event::Unit(_) | Event::Ended(_))) => panic!("there is nothing"),
                    Ok(Err(end)) => return end,
                }
            }
        };
        assert_eq!(timeout(Duration::from_secs(30), ended).await, Ok(source::End::Done));
    }
}
