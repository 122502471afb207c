//! The qualities of a stream: what its camera sends in several, and what is made of the best one for viewers whose
//! link carries less.
//!
//! A lower quality is a variant of the stream. One that a camera sends is there already; one that is made holds
//! smaller pictures, fewer of them if the setting says so, and everything else (H.264, JPEG, packaging) is derived
//! of those as of any stream. It is made only while somebody reads it.

use super::pace::Pace;
use super::{Form, LINGER, frames};
use crate::config::{Config, Encoding, Level, MAX_PICTURE_SIDE, MIN_PICTURE_SIDE};
use camherd_hub::{Event, Owner, Publisher, RenditionKey, Start, Stream, StreamState, Want};
use camherd_media::time::Monotonic;
use camherd_media::unit::Codec;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// A picture must be so much higher than a level for the level to be worth its making, as a fraction.
const WORTH: (u32, u32) = (5, 4);

/// How good a picture is, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// The best that the camera sends.
    High,
    /// In between.
    Medium,
    /// The lowest.
    Low,
}

impl Quality {
    /// All of them, best first.
    pub const ALL: [Quality; 3] = [Quality::High, Quality::Medium, Quality::Low];

    /// The name in addresses and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Quality::High => "high",
            Quality::Medium => "medium",
            Quality::Low => "low",
        }
    }

    /// The quality of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Quality> {
        Quality::ALL.into_iter().find(|quality| quality.name() == name)
    }

    /// The variant whose pictures a camera sends in this quality, beside its best ones.
    #[must_use]
    pub const fn sent(self) -> &'static str {
        self.name()
    }

    /// The variant that camherd makes.
    const fn made(self) -> &'static str {
        match self {
            Quality::High => "made-high",
            Quality::Medium => MADE_MEDIUM,
            Quality::Low => MADE_LOW,
        }
    }
}

const MADE_MEDIUM: &str = "made-medium";
const MADE_LOW: &str = "made-low";

/// Whether this is a quality that camherd makes.
pub(super) fn is_made(stream: &Stream) -> bool {
    matches!(stream.variant_name(), Some(MADE_MEDIUM | MADE_LOW))
}

/// Whether this is what the hub calls the source of such a quality when it asks how much that may hold.
pub(super) fn is_source_of_made(key: &RenditionKey) -> bool {
    [MADE_MEDIUM, MADE_LOW].into_iter().any(|name| *key == RenditionKey::of_variant(name))
}

/// The setting of a quality that is made; `None` for the camera's own.
fn level(config: &Config, quality: Quality) -> Option<Level> {
    match quality {
        Quality::High => None,
        Quality::Medium => Some(config.quality.medium),
        Quality::Low => Some(config.quality.low),
    }
}

/// How to encode `stream`, which may be a variant that is made.
pub(super) fn encoding(config: &Config, stream: &Stream) -> Encoding {
    let own = config.encoding(stream.name());
    let made = match stream.variant_name() {
        Some(MADE_MEDIUM) => config.quality.medium,
        Some(MADE_LOW) => config.quality.low,
        _ => return own,
    };
    Encoding { bitrate: made.bitrate, size: None, ..own }
}

/// Finds the qualities of streams, and makes those that no camera sends.
pub struct Ladder {
    config: Arc<Config>,
    runtime: Handle,
}

impl Ladder {
    /// A ladder whose tasks run on `runtime`.
    #[must_use]
    pub fn new(config: Arc<Config>, runtime: Handle) -> Ladder {
        Ladder { config, runtime }
    }

    /// Whether viewers are moved between qualities by themselves.
    #[must_use]
    pub fn adapts(&self) -> bool {
        self.config.quality.adapt
    }

    /// The qualities that can be had of `stream` now, best first. The first is always there, and stands for the best
    /// that the camera sends, whatever [`Ladder::name`] that has; what a camera sends in several is not added to.
    #[must_use]
    pub fn qualities(&self, stream: &Stream) -> Vec<Quality> {
        let mut all = vec![Quality::High];
        all.extend(sent_beside(stream));
        if all.len() > 1 || best_name(stream) != Quality::High {
            return all;
        }
        let Some((_, mut above)) = size(stream).filter(|_| is_decodable(stream)) else { return all };
        for quality in &Quality::ALL[1..] {
            let height = level(&self.config, *quality).and_then(|level| level.height);
            if let Some(height) = height.filter(|height| above * WORTH.1 >= height * WORTH.0) {
                all.push(*quality);
                above = height;
            }
        }
        all
    }

    /// What a picture of `stream` is called that arrived at `at` and was read as `quality`: the best that a camera sends
    /// is a lower one while the sender of the better one is away.
    #[must_use]
    pub fn name(stream: &Stream, quality: Quality, at: Monotonic) -> Quality {
        let stand_in = stream.stand_in(at).filter(|_| quality == Quality::High);
        stand_in.and_then(Quality::from_name).unwrap_or(quality)
    }

    /// Why `quality` of `stream` cannot be had now; `None` when it can.
    #[must_use]
    pub fn why_not(&self, stream: &Stream, quality: Quality) -> Option<String> {
        let (best, name) = (best_name(stream), quality.name());
        let offered = self.qualities(stream);
        if quality == best || (quality != Quality::High && offered.contains(&quality)) {
            return None;
        }
        let sent: Vec<&str> = std::iter::once(best).chain(sent_beside(stream)).map(Quality::name).collect();
        if sent.len() > 1 || best != Quality::High {
            return Some(format!("no {name} quality: the camera sends {}", sent.join(" and ")));
        }
        let height = level(&self.config, quality).and_then(|level| level.height);
        Some(match (size(stream), height) {
            (_, None) => format!("no {name} quality: it is switched off (quality.{name}.height)"),
            (None, _) => format!("no {name} quality: there is no picture yet to make it of"),
            (Some(_), Some(_)) if !is_decodable(stream) => {
                format!("no {name} quality: this server cannot decode what the camera sends")
            }
            (Some((wide, high)), Some(height)) => format!(
                "no {name} quality: pictures of {wide}x{high} are too small to make one of height {height} worth \
                 while (quality.{name}.height)"
            ),
        })
    }

    /// The stream that carries `quality` of `stream`; making it starts with its first reader. A quality that cannot be
    /// had is the next better one that can.
    #[must_use]
    pub fn open(&self, stream: &Stream, quality: Quality) -> Stream {
        let better = |other: &Quality| *other <= quality;
        let quality = self.qualities(stream).into_iter().rfind(better).unwrap_or(Quality::High);
        let Some(level) = level(&self.config, quality) else { return stream.clone() };
        let sent = stream.variants().into_iter().find(|(name, _)| *name == quality.sent());
        if let Some((_, variant)) = sent.filter(|(_, variant)| variant.publisher().is_some()) {
            return variant;
        }
        let variant = stream.variant(quality.made());
        if variant.publisher().is_none()
            && let Ok(publisher) = publish(&variant)
        {
            self.runtime.spawn(make(stream.clone(), publisher, level));
        }
        variant
    }

    /// Whether a quality in this state, which has not begun yet, is being made: it cannot be had otherwise.
    #[must_use]
    pub fn is_on_its_way(state: &StreamState) -> bool {
        *state == StreamState::Waiting || state.reason() == UNREAD
    }

    /// The qualities of `stream` that exist now, and whose streams they are, best first; `true` for those that
    /// camherd makes.
    #[must_use]
    pub fn existing(stream: &Stream) -> Vec<(Quality, Stream, bool)> {
        let variants = stream.variants();
        let find = |name: &str| variant_named(&variants, name);
        let best = best_name(stream);
        let of = |quality: Quality| match quality {
            Quality::High => Some((best, stream.clone(), false)),
            _ => find(quality.sent())
                .map(|variant| (quality, variant, false))
                .or_else(|| find(quality.made()).map(|variant| (quality, variant, true)))
                .filter(|_| quality > best),
        };
        Quality::ALL.into_iter().filter_map(of).collect()
    }
}

/// The lower qualities that the camera sends beside its best, best first.
fn sent_beside(stream: &Stream) -> impl Iterator<Item = Quality> {
    let variants = stream.variants();
    let is_sent = move |quality: &Quality| {
        variants.iter().any(|(name, variant)| *name == quality.sent() && variant.state().is_live())
    };
    Quality::ALL.into_iter().skip(1).filter(is_sent)
}

/// What the best is called that the camera sends now.
fn best_name(stream: &Stream) -> Quality {
    Ladder::name(stream, Quality::High, stream.clock().now())
}

fn variant_named(variants: &[(&'static str, Stream)], name: &str) -> Option<Stream> {
    let mut live = variants.iter().filter(|(_, variant)| variant.publisher().is_some());
    live.find(|(other, _)| *other == name).map(|(_, variant)| variant.clone())
}

fn publish(variant: &Stream) -> Result<Publisher, camherd_hub::Busy> {
    variant.publish(Owner("ladder".to_owned()), "made of the camera's own".to_owned())
}

/// Size of what the camera sends, pixels.
fn size(stream: &Stream) -> Option<(u32, u32)> {
    stream
        .newest()
        .map(|(unit, _)| (unit.format.width, unit.format.height))
        .filter(|size| size.0 > 0 && size.1 > 0)
}

/// Whether this build can decode what the camera sends.
fn is_decodable(stream: &Stream) -> bool {
    let codec = stream.newest().map(|(unit, _)| unit.format.codec.clone());
    cfg!(feature = "ffmpeg") || !matches!(codec, Some(Codec::H265(_)))
}

/// The size of a picture of `of` scaled to `height`, with even sides.
fn scaled((width, height): (u32, u32), to: u32) -> (u32, u32) {
    let to = to.min(height);
    let wide = u64::from(width) * u64::from(to) / u64::from(height.max(1));
    let side = |side: u64| {
        let side = side.clamp(u64::from(MIN_PICTURE_SIDE), u64::from(MAX_PICTURE_SIDE));
        // In the range of u32 by the line above.
        (side as u32).next_multiple_of(2)
    };
    (side(wide), side(u64::from(to)))
}

/// Makes a variant until nobody reads it, or its stream cannot be decoded.
async fn make(stream: Stream, mut publisher: Publisher, level: Level) {
    loop {
        let variant = publisher.stream().clone();
        let reason = relay(&stream, &mut publisher, level).await;
        // Also those hear of it who have had no picture yet.
        publisher.stalled(&reason);
        publisher.end(&reason);
        // Who came between the last look and the end has found a publisher and would wait for ever.
        if reason != UNREAD || timeout(Duration::ZERO, variant.demand_changed(false)).await.is_err() {
            return;
        }
        match publish(&variant) {
            Ok(again) => publisher = again,
            Err(_) => return,
        }
    }
}

/// Why a variant ends that nobody reads.
const UNREAD: &str = "nobody watches";

/// Passes the smaller pictures on; gives the reason of the end.
async fn relay(stream: &Stream, publisher: &mut Publisher, level: Level) -> String {
    let mut pace = Pace::new(level.fps);
    // The camera may give fewer pictures for it, and no smaller ones: which qualities there are follows from the size
    // of its pictures. At a lower quality's own size that quality is none any more, its viewers get the camera's
    // pictures, for them those have to be large again, and so on for ever. So this reads along for the size alone.
    let want = Want { size: None, fps: level.fps };
    let _whole = match stream.subscribe_for(&RenditionKey::SOURCE, Start::Newest, want) {
        Ok(whole) => whole,
        Err(error) => return error.reason,
    };
    let variant = publisher.stream().clone();
    let mut unread = std::pin::pin!(unread(&variant));
    loop {
        let (Some(from), Some(height)) = (size(stream), level.height) else {
            return "there is no picture to make it of".to_owned();
        };
        let key = frames(Form::I420, Some(scaled(from, height)));
        let mut input = match stream.subscribe_for(&key, Start::Newest, want) {
            Ok(input) => input,
            Err(error) => return error.reason,
        };
        // Until the camera changes its size.
        while size(stream) == Some(from) {
            let event = tokio::select! {
                event = input.next() => event,
                () = &mut unread => return UNREAD.to_owned(),
            };
            match event {
                Event::Unit(delivery) => {
                    if pace.admits(delivery.unit.stamps.received) && publisher.push(delivery.unit).is_err() {
                        return "another took over".to_owned();
                    }
                }
                Event::State(state) if !state.is_live() => publisher.stalled(state.reason()),
                Event::State(_) => {}
                Event::Ended(reason) => return reason.to_string(),
            }
        }
    }
}

/// Resolves when nobody has read the variant for [`LINGER`].
async fn unread(variant: &Stream) {
    loop {
        if timeout(LINGER, variant.demand_changed(false)).await.is_err() {
            return;
        }
        variant.demand_changed(true).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use bytes::Bytes;
    use camherd_hub::{Derive, DeriveError, Hub, RingLimits, Writer};
    use camherd_media::time::MediaTime;
    use camherd_media::unit::{Format, Packaging, Stamps, Unit};
    use std::sync::Mutex;

    fn unit(number: i64, (width, height): (u32, u32)) -> Unit {
        let format = Format { codec: Codec::Jpeg, width, height, packaging: Packaging::Bare };
        let pts = MediaTime(number * 100_000);
        let stamps = Stamps::received(camherd_media::time::Monotonic(number as u64 * 100_000));
        Unit { payload: Bytes::new(), pts, dts: pts, keyframe: true, format: Arc::new(format), stamps }
    }

    fn ladder(runtime: Handle) -> Ladder {
        Ladder::new(Arc::new(Config::default()), runtime)
    }

    #[test]
    fn a_lower_quality_keeps_the_shape_and_has_even_sides() {
        assert_eq!(scaled((1280, 720), 480), (854, 480));
        assert_eq!(scaled((640, 480), 240), (320, 240));
        assert_eq!(scaled((320, 240), 480), (320, 240), "never larger");
        assert_eq!(scaled((16, 8192), 16), (16, 16));
        assert_eq!(scaled((8192, 16), 16), (8192, 16));
    }

    #[tokio::test]
    async fn what_is_offered_follows_the_camera() {
        let hub = testing::hub(4);
        let ladder = ladder(Handle::current());
        let names = |stream: &Stream| {
            ladder.qualities(stream).into_iter().map(Quality::name).collect::<Vec<_>>().join(" ")
        };
        for (size, offered) in [
            ((1280, 720), "high medium low"),
            ((640, 480), "high low"),
            ((320, 240), "high"),
            ((320, 300), "high low"),
        ] {
            let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
            assert_eq!(names(&stream), "high", "nothing is known yet");
            let mut camera = stream.publish(Owner(String::new()), String::new()).unwrap();
            camera.push(unit(1, size)).unwrap();
            assert_eq!(names(&stream), offered, "{size:?}");
            let mut low = stream.variant("low").publish(Owner(String::new()), String::new()).unwrap();
            assert_eq!(names(&stream), offered, "sent, but nothing yet");
            low.push(unit(1, (160, 120))).unwrap();
            assert_eq!(names(&stream), "high low", "what is sent is not added to");
            assert_eq!(ladder.open(&stream, Quality::Low).variant_name(), Some("low"));
            assert_eq!(ladder.open(&stream, Quality::Medium).variant_name(), None, "the next better one");
            drop((camera, low));
            hub.remove(&"door".parse().unwrap(), "next");
        }
    }

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

    #[tokio::test]
    async fn a_quality_is_made_while_somebody_reads_it_and_again_for_the_next() {
        let asked = Arc::new(Asked::default());
        let hub = Hub::new(RingLimits::default(), 1, asked.clone());
        let ladder = ladder(Handle::current());
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let mut camera = stream.publish(Owner(String::new()), String::new()).unwrap();
        camera.push(unit(1, (640, 480))).unwrap();
        for round in 0..2 {
            let low = ladder.open(&stream, Quality::Low);
            assert_eq!(low.order(), ladder.open(&stream, Quality::Low).order(), "one for all");
            let mut reader = low.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
            let writer = loop {
                tokio::task::yield_now().await;
                if let Some((key, writer)) = asked.0.lock().unwrap().pop() {
                    assert_eq!(key, frames(Form::I420, Some((320, 240))));
                    break writer;
                }
            };
            let want = Want { size: None, fps: Config::default().quality.low.fps };
            assert_eq!(
                timeout(LINGER, stream.want_changed(None)).await,
                Ok(Some(want)),
                "no smaller pictures"
            );
            // Ten a second from the camera, and the setting says fifteen at most.
            for number in 1..=3 {
                writer.push(unit(round * 10 + number, (320, 240))).unwrap();
                loop {
                    if let Event::Unit(delivery) = reader.next().await {
                        assert_eq!(delivery.unit.format.height, 240);
                        break;
                    }
                }
            }
            assert!(low.state().is_live());
            drop(reader);
            let ended = async {
                while writer.readers() > 0 || low.publisher().is_some() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            timeout(LINGER * 10, ended).await.expect("nothing is made for nobody");
            writer.fail("stopped");
        }
    }
}
