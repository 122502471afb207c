//! What a viewer is told of the quality of its pictures: its true name and, where another one was asked for, why it is
//! not that one.

use super::quality::Choice;
use crate::transcode::{Ladder, Quality};
use camherd_hub::Stream;
use camherd_media::time::Monotonic;
use camherd_media::unit::Unit;

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The quality.
    pub quality: Quality,
    /// Whether it is the one that was asked for.
    pub chosen: bool,
    /// Why it is not the one that was asked for, or for who asked for none, why there is no better one; empty where it
    /// is, and where the viewer's link carries no better one.
    pub reason: String,
}

/// The label of a picture of `stream` that arrived at `received` and was read as `read`, for who made `choice`.
#[must_use]
pub fn label(ladder: &Ladder, stream: &Stream, choice: Choice, read: Quality, received: Monotonic) -> Label {
    let quality = Ladder::name(stream, read, received);
    let wanted = match choice {
        Choice::Fixed(wanted) => Some(wanted),
        Choice::Automatic => (read == Quality::High).then_some(Quality::High),
    };
    let missing = wanted.filter(|wanted| *wanted != quality);
    let reason = missing.and_then(|wanted| ladder.why_not(stream, wanted)).unwrap_or_default();
    Label { quality, chosen: choice == Choice::Fixed(quality), reason }
}

/// Tells one viewer of each change.
#[derive(Debug)]
pub struct Labels {
    choice: Choice,
    told: Label,
    /// What the last label was made from: with the same, a picture has the same one.
    last: Option<(Quality, Quality, (u32, u32))>,
}

impl Labels {
    /// For a viewer who takes pictures for `high` until it is told otherwise.
    #[must_use]
    pub fn new(choice: Choice) -> Labels {
        let chosen = choice == Choice::Fixed(Quality::High);
        Labels { choice, told: Label { quality: Quality::High, chosen, reason: String::new() }, last: None }
    }

    /// The label of the next picture, if it is to be told before it.
    pub fn next(&mut self, ladder: &Ladder, stream: &Stream, read: Quality, unit: &Unit) -> Option<Label> {
        let name = Ladder::name(stream, read, unit.stamps.received);
        let basis = Some((read, name, (unit.format.width, unit.format.height)));
        if std::mem::replace(&mut self.last, basis) == basis {
            return None;
        }
        let label = label(ladder, stream, self.choice, read, unit.stamps.received);
        let is_news = (label.quality, &label.reason) != (self.told.quality, &self.told.reason);
        self.told = label.clone();
        is_news.then_some(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::testing;
    use camherd_hub::{Owner, Publisher};
    use camherd_media::unit::{Codec, Format, Packaging, Stamps};
    use std::sync::Arc;
    use tokio::runtime::Handle;

    fn unit(camera: &Publisher, (width, height): (u32, u32), received: Monotonic) -> Unit {
        let format = Format { codec: Codec::Jpeg, width, height, packaging: Packaging::Bare };
        let pts = camera.stream().clock().media_time(received);
        let (payload, stamps) = (bytes::Bytes::new(), Stamps::received(received));
        Unit { payload, pts, dts: pts, keyframe: true, format: Arc::new(format), stamps }
    }

    /// A camera that has sent one picture, and the picture.
    fn camera(size: (u32, u32)) -> (Stream, Publisher, Unit, Ladder) {
        let stream = testing::hub(1).get_or_create(&"door".parse().unwrap()).unwrap();
        let mut camera = stream.publish(Owner(String::new()), String::new()).unwrap();
        let unit = unit(&camera, size, stream.clock().now());
        camera.push(unit.clone()).unwrap();
        (stream, camera, unit, Ladder::new(Arc::new(Config::default()), Handle::current()))
    }

    /// A time that has come, after `than`.
    fn later(stream: &Stream, than: Monotonic) -> Monotonic {
        std::iter::repeat_with(|| stream.clock().now()).find(|now| *now > than).unwrap()
    }

    #[tokio::test]
    async fn a_stream_in_which_a_lower_quality_stands_in_has_its_name() {
        let (stream, camera, high, ladder) = camera((1280, 720));
        let from = later(&stream, high.stamps.received);
        camera.stand_in(Some("low"), from);
        let low = unit(&camera, (160, 120), from);
        let mut labels = Labels::new(Choice::Automatic);
        assert_eq!(labels.next(&ladder, &stream, Quality::High, &high), None, "one that came before");
        let told = labels.next(&ladder, &stream, Quality::High, &low).unwrap();
        assert_eq!((told.quality, told.chosen), (Quality::Low, false));
        assert_eq!(told.reason, "no high quality: the camera sends low");
        assert_eq!(labels.next(&ladder, &stream, Quality::High, &low), None, "once");
        let chosen = label(&ladder, &stream, Choice::Fixed(Quality::Low), Quality::High, from);
        assert_eq!(chosen, Label { quality: Quality::Low, chosen: true, reason: String::new() });
        let back = later(&stream, from);
        camera.stand_in(None, back);
        let told = labels.next(&ladder, &stream, Quality::High, &unit(&camera, (1280, 720), back)).unwrap();
        assert_eq!((told.quality, &told.reason[..]), (Quality::High, ""));
    }

    #[tokio::test]
    async fn who_does_not_get_what_it_asked_for_is_told_why() {
        let (stream, camera, picture, ladder) = camera((320, 240));
        let mut labels = Labels::new(Choice::Fixed(Quality::Low));
        let told = labels.next(&ladder, &stream, Quality::High, &picture).unwrap();
        assert_eq!((told.quality, told.chosen), (Quality::High, false));
        let small = "no low quality: pictures of 320x240 are too small to make one of height 240 worth while \
                     (quality.low.height)";
        assert_eq!(told.reason, small);
        let mut low = stream.variant("low").publish(Owner(String::new()), String::new()).unwrap();
        low.push(unit(&camera, (160, 120), Monotonic(9))).unwrap();
        let medium = label(&ladder, &stream, Choice::Fixed(Quality::Medium), Quality::High, Monotonic(0));
        assert_eq!(medium.reason, "no medium quality: the camera sends high and low");
        let link = label(&ladder, &stream, Choice::Automatic, Quality::Low, Monotonic(0));
        assert_eq!((link.quality, &link.reason[..]), (Quality::Low, ""), "its link carries no more");
    }

    #[tokio::test]
    async fn what_is_switched_off_is_named_as_such() {
        let (stream, _camera, _, _) = camera((1280, 720));
        let mut config = Config::default();
        config.quality.low.height = None;
        let ladder = Ladder::new(Arc::new(config), Handle::current());
        let told = label(&ladder, &stream, Choice::Fixed(Quality::Low), Quality::Medium, Monotonic(0));
        assert_eq!(told.reason, "no low quality: it is switched off (quality.low.height)");
    }
}
