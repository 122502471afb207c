use super::*;
use crate::config::Config;
use crate::testing;
use bytes::Bytes;
use camherd_hub::{Hub, Owner, Publisher, RenditionKey, Start, StreamState};
use camherd_media::unit::{Format, H264Parameters, Packaging, Unit};
use std::task::Waker;
use std::time::Instant;
use tokio::runtime::Handle;

/// A camera that sends two qualities, and a viewer.
struct Scene {
    hub: Hub,
    stream: Stream,
    high: Publisher,
    low: Option<Publisher>,
    sent: i64,
    codec: Codec,
}

impl Scene {
    fn new() -> Scene {
        Scene::of(Codec::H264(H264Parameters { sps: Bytes::new(), pps: Bytes::new() }))
    }

    fn of(codec: Codec) -> Scene {
        let hub = testing::hub(1);
        // The clock begins with the hub, and pictures are to be older than that.
        while hub.clock().now() < Monotonic(0) + TOO_LATE * 3 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let publish = |stream: &Stream| stream.publish(Owner(String::new()), String::new()).unwrap();
        let (high, low) = (publish(&stream), publish(&stream.variant("low")));
        let mut scene = Scene { hub, stream, high, low: Some(low), sent: 0, codec };
        scene.send(true, Duration::ZERO);
        scene
    }

    fn viewer(&self, choice: Choice) -> Follower {
        let ladder = Arc::new(Ladder::new(Arc::new(Config::default()), Handle::current()));
        let open = |stream: &Stream| Input::of(stream, &RenditionKey::SOURCE, Start::Newest);
        Follower::new(&self.stream, ladder, choice, Box::new(open)).unwrap()
    }

    /// A picture in each quality that was ready `lag` ago; its payload is the quality's letter and its number.
    fn send(&mut self, keyframe: bool, lag: Duration) {
        self.sent += 1;
        let format = Format { codec: self.codec.clone(), width: 16, height: 16, packaging: Packaging::Bare };
        let unit = Unit {
            payload: Bytes::new(),
            pts: MediaTime(self.sent * 33_000),
            dts: MediaTime(self.sent * 33_000),
            keyframe,
            format: Arc::new(format),
            stamps: Stamps::received(Monotonic(
                self.hub.clock().now().0.saturating_sub(lag.as_micros() as u64),
            )),
        };
        let named =
            |name: &str| Unit { payload: Bytes::from(format!("{name}{}", self.sent)), ..unit.clone() };
        self.high.push(named("h")).unwrap();
        if let Some(low) = &mut self.low {
            low.push(named("l")).unwrap();
        }
    }
}

/// What the viewer gets now: payloads of pictures, and states.
fn taken(viewer: &mut Follower) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(event) = viewer.poll_next(&mut cx) {
        seen.push(match event {
            Event::Unit(delivery) => String::from_utf8_lossy(&delivery.unit.payload).into_owned(),
            Event::State(state) => state.label().to_owned(),
            Event::Ended(reason) => return [seen, vec![format!("ended: {reason}")]].concat(),
        });
    }
    seen
}

/// Sends pictures that are late until the viewer is shown another quality; what it was shown meanwhile.
fn until_moved(scene: &mut Scene, viewer: &mut Follower, lag: Duration, keyframes: i64) -> Vec<String> {
    let (before, begin) = (viewer.quality(), Instant::now());
    let mut shown = Vec::new();
    while viewer.quality() == before {
        assert!(begin.elapsed() < Duration::from_secs(20), "it stays in {before:?}: {shown:?}");
        scene.send(scene.sent % keyframes == 0, lag);
        shown.extend(taken(viewer));
        std::thread::sleep(Duration::from_millis(5));
    }
    shown
}

#[tokio::test]
async fn a_late_viewer_is_moved_at_a_keyframe_and_misses_nothing_on_the_way() {
    let mut scene = Scene::new();
    let mut viewer = scene.viewer(Choice::Automatic);
    assert_eq!(taken(&mut viewer), ["live", "h1"]);
    let shown = until_moved(&mut scene, &mut viewer, Duration::from_millis(300), 10);
    assert_eq!(viewer.quality(), Quality::Low);
    let first = shown.iter().position(|picture| picture.starts_with('l')).unwrap();
    let number = |text: &String| text[1..].parse::<i64>().unwrap();
    assert!(number(&shown[first]) % 10 == 1, "a keyframe: {}", shown[first]);
    assert!(shown[..first].windows(2).all(|pair| number(&pair[1]) == number(&pair[0]) + 1), "{shown:?}");
    assert!(number(&shown[first]) <= number(&shown[first - 1]) + 1, "{shown:?}");
    assert_eq!(scene.stream.variant("low").stats().viewers, 1);
}

#[tokio::test]
async fn what_was_left_out_before_a_change_of_quality_is_told_with_it() {
    let mut scene = Scene::new();
    let mut viewer = scene.viewer(Choice::Automatic);
    assert_eq!(taken(&mut viewer), ["live", "h1"]);
    let (mut cx, begin) = (Context::from_waker(Waker::noop()), Instant::now());
    let mut told = 0;
    while viewer.quality() == Quality::High {
        assert!(begin.elapsed() < Duration::from_secs(20), "it stays");
        scene.send(scene.sent % 10 == 0, TOO_LATE * 2);
        while let Poll::Ready(event) = viewer.poll_next(&mut cx) {
            let Event::Unit(delivery) = event else { continue };
            told += delivery.missed + 1;
            if viewer.quality() == Quality::Low {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(told > 10, "of the {} pictures that were sent only {told} are accounted for", scene.sent);
}

#[tokio::test]
async fn a_quality_that_ends_gives_way_to_the_best_one() {
    let mut scene = Scene::new();
    let mut viewer = scene.viewer(Choice::Fixed(Quality::Low));
    assert_eq!(taken(&mut viewer), ["live", "l1"]);
    scene.low = None;
    assert_eq!(taken(&mut viewer), ["h1"], "nobody is told that the camera is offline, as it is not");
    scene.send(false, Duration::ZERO);
    assert_eq!(taken(&mut viewer).last().map(String::as_str), Some("h2"));
    assert_eq!(viewer.quality(), Quality::High);
    drop(scene.high);
    assert_eq!(taken(&mut viewer), ["offline"]);
    assert!(matches!(scene.stream.state(), StreamState::Offline(_)));
}

#[tokio::test]
async fn who_asked_for_a_quality_is_not_moved_but_spared_what_is_too_late() {
    let mut scene = Scene::new();
    let mut viewer = scene.viewer(Choice::Fixed(Quality::High));
    assert_eq!(taken(&mut viewer), ["live", "h1"]);
    for _ in 0..3 {
        scene.send(false, TOO_LATE * 2);
        assert_eq!(taken(&mut viewer), [""; 0], "too late");
    }
    scene.send(false, Duration::ZERO);
    assert_eq!(taken(&mut viewer), [""; 0], "it refers to what was left out");
    scene.send(true, Duration::ZERO);
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Event::Unit(next)) = viewer.poll_next(&mut cx) else { panic!("no picture") };
    assert_eq!((&next.unit.payload[..], next.missed), (&b"h6"[..], 4));
    let mut recorder = scene.viewer(Choice::Automatic).for_recording();
    scene.send(false, TOO_LATE * 2);
    assert_eq!(taken(&mut recorder), ["live", "h6", "h7"], "who records takes it late");
}

#[test]
fn a_picture_gives_way_when_the_link_was_busy_and_not_when_the_camera_was_silent() {
    let gives_way =
        |lag, took, most| gives_way(Duration::from_millis(lag), Duration::from_millis(took), most);
    assert!(gives_way(300, 333, WORN), "a picture takes a third of a second");
    assert!(gives_way(170, 140, WORN_ALREADY) && !gives_way(170, 140, WORN));
    assert!(!gives_way(250, 42, WORN_ALREADY), "late, but what comes next takes no time");
    assert!(!gives_way(1, 5000, WORN_ALREADY), "the first one after a pause of the camera");
    assert!(!gives_way(90, 1000, WORN_ALREADY), "a hiccup while a slow camera is watched");
}

#[tokio::test]
async fn a_lower_quality_that_is_about_to_come_does_not_wait_behind_more_of_the_better_one() {
    let mut scene = Scene::of(Codec::Jpeg);
    let mut viewer = scene.viewer(Choice::Automatic);
    assert_eq!(taken(&mut viewer), ["live", "h1"]);
    // The lower one is there, but its newest picture is too old to follow: it is waited for.
    let low = scene.low.take();
    for _ in 0..10 {
        scene.send(true, Duration::ZERO);
        taken(&mut viewer);
    }
    let begin = Instant::now();
    while viewer.next.is_none() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it is not looked for");
        scene.send(true, TOO_LATE_ALONE);
        taken(&mut viewer);
        std::thread::sleep(Duration::from_millis(5));
    }
    let (_, since) = viewer.next.as_ref().unwrap();
    let until = *since + MAKING_ROOM;
    let before = scene.sent;
    let mut held = 0;
    let first = loop {
        assert!(begin.elapsed() < Duration::from_secs(40), "nothing is sent any more");
        scene.send(true, Duration::ZERO);
        let now = scene.hub.clock().now();
        let mut cx = Context::from_waker(Waker::noop());
        match viewer.poll_next(&mut cx) {
            Poll::Ready(Event::Unit(delivery)) => break (scene.hub.clock().now(), delivery),
            _ => held += i64::from(now < until),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(first.0 >= until && scene.sent - before > held, "held back for as long as promised");
    assert!(first.1.missed >= held as u64, "what was held back counts as missed");
    scene.low = low;
    scene.send(true, Duration::ZERO);
    assert_eq!(taken(&mut viewer).last(), Some(&format!("l{}", scene.sent)));
}

#[test]
fn qualities_are_asked_for_by_name() {
    assert_eq!(Choice::from_name("auto"), Ok(Choice::Automatic));
    assert_eq!(Choice::from_name("low"), Ok(Choice::Fixed(Quality::Low)));
    assert!(Choice::from_name("LOW").unwrap_err().to_string().contains("medium"));
}
