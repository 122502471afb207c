//! The hub as its users see it: publish, subscribe, demand, takeover, forgetting.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    Delivery, DeriveError, Event, Owner, RenditionKey, Start, StreamState, Subscription, Superseded, Want,
    Writer,
};
use bytes::Bytes;
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex as StdMutex, mpsc};
use std::task::{Context, Wake};

const COPY: RenditionKey = RenditionKey::from_static("copy");

/// Hands every writer that is asked for to the test.
struct Hand(StdMutex<mpsc::Sender<Writer>>);

impl Derive for Hand {
    fn derive(&self, _: &Stream, key: &RenditionKey, writer: Writer) -> Result<(), DeriveError> {
        if *key != COPY {
            return Err(DeriveError { key: key.clone(), reason: "unknown".to_owned() });
        }
        self.0.lock().unwrap().send(writer).unwrap();
        Ok(())
    }

    fn limits(&self, _: &RenditionKey, limits: RingLimits) -> RingLimits {
        limits
    }
}

fn hub(max: usize) -> (Hub, mpsc::Receiver<Writer>) {
    let (sender, writers) = mpsc::channel();
    (Hub::new(RingLimits::default(), max, std::sync::Arc::new(Hand(StdMutex::new(sender)))), writers)
}

fn name(text: &str) -> StreamName {
    text.parse().unwrap()
}

fn unit(number: u8, keyframe: bool) -> Unit {
    Unit {
        payload: Bytes::copy_from_slice(&[number]),
        pts: MediaTime(i64::from(number) * 33_000),
        dts: MediaTime(i64::from(number) * 33_000),
        keyframe,
        format: std::sync::Arc::new(Format {
            codec: Codec::Jpeg,
            width: 1,
            height: 1,
            packaging: Packaging::Bare,
        }),
        stamps: Stamps::default(),
    }
}

#[derive(Default)]
struct Flag(std::sync::atomic::AtomicUsize);

impl Wake for Flag {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn events(subscription: &mut Subscription) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(event) = now(subscription.next()) {
        seen.push(match event {
            Event::State(state) => state.label().to_owned(),
            Event::Unit(Delivery { unit, missed: 0, .. }) => unit.payload[0].to_string(),
            Event::Unit(Delivery { unit, missed, .. }) => format!("{} after {missed}", unit.payload[0]),
            Event::Ended(reason) => {
                seen.push(format!("ended: {reason}"));
                return seen;
            }
        });
    }
    seen
}

fn owner(text: &str) -> Owner {
    Owner(text.to_owned())
}

#[test]
fn a_viewer_sees_state_then_pictures_and_stays_through_a_reconnect() {
    let (hub, _writers) = hub(4);
    let stream = hub.get_or_create(&name("door")).unwrap();
    let mut viewer = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    assert_eq!(events(&mut viewer), ["waiting"]);

    let mut camera = stream.publish(owner("a"), "a".to_owned()).unwrap();
    assert_eq!(stream.state(), StreamState::Waiting, "a connection is not a picture");
    camera.push(unit(1, true)).unwrap();
    assert_eq!(events(&mut viewer), ["live", "1"]);
    camera.stalled("no frame for 10 s");
    assert_eq!(events(&mut viewer), ["offline"]);
    camera.push(unit(2, true)).unwrap();
    assert_eq!(events(&mut viewer), ["live", "2"]);
    camera.end("gone");
    assert_eq!(stream.state().reason(), "gone");

    let mut again = stream.publish(owner("b"), "b".to_owned()).unwrap();
    again.push(unit(3, true)).unwrap();
    assert_eq!(events(&mut viewer), ["live", "3"]);
}

#[test]
fn renditions_that_nobody_uses_are_not_remembered_without_end() {
    let (hub, writers) = hub(1);
    let stream = hub.get_or_create(&name("door")).unwrap();
    let reader = stream.subscribe(&COPY, Start::Newest).unwrap();
    let _writer = writers.try_recv().unwrap();
    for number in 0..1000 {
        assert!(stream.subscribe(&RenditionKey::new(format!("gray/{number}")), Start::Newest).is_err());
    }
    let left = stream.renditions();
    assert!(left.len() < 40, "{} are left", left.len());
    assert!(left.iter().any(|rendition| rendition.key == COPY && rendition.readers == 1));
    drop(reader);
}

#[test]
fn only_the_same_owner_takes_over_and_the_old_one_can_no_longer_write() {
    let (hub, _writers) = hub(4);
    let stream = hub.get_or_create(&name("door")).unwrap();
    let mut first = stream.publish(owner("10.0.0.2"), "10.0.0.2:5000".to_owned()).unwrap();
    let busy = stream.publish(owner("10.0.0.3"), "10.0.0.3:1".to_owned()).err().unwrap();
    assert_eq!(busy.to_string(), "stream door is in use by 10.0.0.2:5000");
    first.push(unit(1, true)).unwrap();

    let flag = std::sync::Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    {
        let mut superseded = pin!(first.superseded());
        assert!(superseded.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let mut second = stream.publish(owner("10.0.0.2"), "10.0.0.2:5001".to_owned()).unwrap();
        assert_eq!(flag.0.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert!(superseded.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        second.push(unit(2, true)).unwrap();
        std::mem::forget(second);
    }
    assert_eq!(first.push(unit(9, true)), Err(Superseded));
    drop(first);
    assert!(stream.state().is_live(), "the end of the old connection is not the end of the stream");
}

#[test]
fn derived_renditions_start_once_and_stop_after_the_last_reader() {
    let (hub, writers) = hub(4);
    let stream = hub.get_or_create(&name("door")).unwrap();
    assert!(stream.subscribe(&RenditionKey::from_static("nonsense"), Start::Newest).is_err());

    let mut one = stream.subscribe(&COPY, Start::Newest).unwrap();
    let two = stream.subscribe(&COPY, Start::Newest).unwrap();
    let writer = writers.try_recv().unwrap();
    assert!(writers.try_recv().is_err(), "the second reader shares the first one's run");
    writer.push(unit(1, true)).unwrap();
    assert_eq!(events(&mut one), ["waiting", "1"]);

    assert!(!writer.retire());
    drop(two);
    assert!(!writer.retire());
    drop(one);
    assert_eq!(now(writer.keyframe_wanted()), Some(Err(crate::Closed)));
    assert!(writer.retire());
    assert!(writer.push(unit(2, true)).is_err());

    let mut three = stream.subscribe(&COPY, Start::Newest).unwrap();
    let again = writers.try_recv().unwrap();
    drop(writer);
    again.push(unit(3, true)).unwrap();
    assert_eq!(events(&mut three), ["waiting", "3"], "an old run neither shows nor ends the new one");
}

#[test]
fn a_writer_that_fails_says_why_and_the_next_reader_starts_another() {
    let (hub, writers) = hub(4);
    let stream = hub.get_or_create(&name("door")).unwrap();
    let mut viewer = stream.subscribe(&COPY, Start::Newest).unwrap();
    let writer = writers.try_recv().unwrap();
    writer.push(unit(1, true)).unwrap();
    writer.fail("the encoder gave up");
    assert_eq!(events(&mut viewer), ["waiting", "1", "ended: the encoder gave up"]);
    let mut next = stream.subscribe(&COPY, Start::Newest).unwrap();
    let _second = writers.try_recv().unwrap();
    assert_eq!(events(&mut next), ["waiting"], "what the failed run left is not shown");
}

#[test]
fn a_joiner_who_wants_a_fresh_keyframe_asks_for_one_and_can_change_its_mind() {
    let (hub, writers) = hub(4);
    let stream = hub.get_or_create(&name("door")).unwrap();
    let mut first = stream.subscribe(&COPY, Start::Newest).unwrap();
    let writer = writers.try_recv().unwrap();
    assert_eq!(events(&mut first), ["waiting"]);
    assert_eq!(now(writer.keyframe_wanted()), Some(Ok(())), "nothing is there yet");
    writer.push(unit(0, true)).unwrap();
    for i in 1..20 {
        writer.push(unit(i, false)).unwrap();
    }
    let fresh = Start::Fresh(std::time::Duration::from_millis(100));
    let mut joiner = stream.subscribe(&COPY, fresh).unwrap();
    assert_eq!(events(&mut joiner), ["waiting"]);
    assert_eq!(now(writer.keyframe_wanted()), Some(Ok(())));
    let mut impatient = stream.subscribe(&COPY, fresh).unwrap();
    impatient.take_newest();
    assert_eq!(events(&mut impatient).len(), 21);
    writer.push(unit(20, true)).unwrap();
    assert_eq!(events(&mut joiner), ["20"]);
}

#[test]
fn streams_are_bounded_and_only_unheld_ones_are_forgotten() {
    let (hub, _writers) = hub(2);
    let a = hub.get_or_create(&name("a")).unwrap();
    drop(hub.get_or_create(&name("b")).unwrap());
    assert_eq!(hub.get_or_create(&name("c")).err(), Some(Full { limit: 2 }));
    assert!(!hub.forget(&name("a")));
    assert!(hub.forget(&name("b")));
    assert_eq!(hub.first().map(|s| s.order()), Some(a.order()));
    let mut waiting = pin!(hub.wait_for(|hub| hub.get(&name("c"))));
    let flag = std::sync::Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(hub.get_or_create(&name("c")).unwrap());
    assert_eq!(flag.0.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_watched_stream_is_counted_and_not_forgotten() {
    let (hub, _writers) = hub(2);
    let stream = hub.get_or_create(&name("a")).unwrap();
    let (one, two) = (stream.watch(), stream.watch());
    assert_eq!(stream.stats().viewers, 2);
    drop((stream, one));
    assert!(!hub.forget(&name("a")));
    drop(two);
    assert!(hub.forget(&name("a")));
}

#[test]
fn who_stops_waiting_for_a_stream_leaves_nothing_behind() {
    let (hub, _writers) = hub(2);
    for _ in 0..100 {
        assert!(now(hub.wait_for(|hub| hub.get(&name("c")))).is_none());
    }
    assert!(lock(&hub.0.streams).waiting.is_empty());
}

#[test]
fn a_stream_that_nobody_reads_holds_no_more_than_a_joiner_takes() {
    let (hub, _writers) = hub(1);
    let stream = hub.get_or_create(&name("a")).unwrap();
    let mut camera = stream.publish(owner("a"), "a".to_owned()).unwrap();
    let held = || stream.renditions()[0].held_bytes;
    for number in 0..5 {
        camera.push(unit(number, true)).unwrap();
        assert_eq!(held(), 1);
    }
    let mut viewer = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    for number in 5..8 {
        camera.push(unit(number, true)).unwrap();
    }
    assert_eq!(held(), 4, "what a reader may still take is held");
    assert_eq!(events(&mut viewer), ["live", "7"], "who has not begun begins at the newest");
    drop(viewer);
    camera.push(unit(8, false)).unwrap();
    assert_eq!(held(), 2, "the newest group stays whole");
}

#[test]
fn a_removed_stream_ends_for_readers_and_publisher_and_its_name_is_free() {
    let (hub, _) = hub(2);
    let name: StreamName = "door".parse().unwrap();
    let stream = hub.get_or_create(&name).unwrap();
    let mut publisher = stream.publish(Owner("a".into()), "a".into()).unwrap();
    publisher.push(unit(0, true)).unwrap();
    let mut source = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    assert!(hub.remove(&name, "gone"));
    let ended = |subscription: &mut Subscription| loop {
        match now(subscription.next()) {
            Some(Event::Ended(reason)) => return reason.to_string(),
            Some(_) => {}
            None => panic!("it waits"),
        }
    };
    assert_eq!(ended(&mut source), "gone");
    assert!(publisher.push(unit(1, true)).is_err());
    assert_eq!(ended(&mut stream.subscribe(&RenditionKey::from_static("x"), Start::Newest).unwrap()), "gone");
    assert_eq!(stream.removed().as_deref(), Some("gone"));
    assert!(hub.get_or_create(&name).unwrap().removed().is_none());
    assert!(!hub.remove(&"nobody".parse().unwrap(), "gone"));
}

#[test]
fn demand_is_told_when_the_first_reader_comes_and_the_last_leaves() {
    let (hub, _) = hub(1);
    let stream = hub.get_or_create(&name("door")).unwrap();
    assert_eq!(now(stream.demand_changed(false)), None);
    let one = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    let two = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    assert_eq!(now(stream.demand_changed(false)), Some(true));
    drop(one);
    assert_eq!(now(stream.demand_changed(true)), None);
    drop(two);
    assert_eq!(now(stream.demand_changed(true)), Some(false));
}

#[test]
fn what_readers_want_together_is_told_at_each_change() {
    let (hub, writers) = hub(1);
    let stream = hub.get_or_create(&name("door")).unwrap();
    let small = Want { size: Some((320, 240)), fps: Some(5.0) };
    assert_eq!(now(stream.want_changed(None)), None);
    let one = stream.subscribe_for(&RenditionKey::SOURCE, Start::Newest, small).unwrap();
    assert_eq!(now(stream.want_changed(None)), Some(Some(small)));
    assert_eq!(now(stream.want_changed(Some(small))), None);
    let two = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    assert_eq!(now(stream.want_changed(Some(small))), Some(Some(Want::EVERYTHING)));
    two.set_want(Want { fps: Some(2.0), ..small });
    assert_eq!(now(stream.want_changed(Some(Want::EVERYTHING))), Some(Some(small)));
    drop(one);
    assert_eq!(now(stream.want_changed(Some(small))), Some(Some(Want { fps: Some(2.0), ..small })));
    drop(two);
    assert_eq!(now(stream.want_changed(Some(small))), Some(None), "a place that is free wants nothing");

    // The maker of a rendition knows what its first reader wants before it begins.
    let _third = stream.subscribe_for(&COPY, Start::Newest, small).unwrap();
    assert_eq!(writers.recv().unwrap().want(), Some(small));
}

#[test]
fn a_variant_is_a_stream_of_its_own_that_ends_with_the_stream() {
    let (hub, writers) = hub(2);
    let door = hub.get_or_create(&name("door")).unwrap();
    let low = door.variant("low");
    assert_eq!((low.name(), low.variant_name(), door.variant_name()), (door.name(), Some("low"), None));
    assert_eq!(format!("{low:?}"), "Stream(door/low)");
    assert_ne!(low.order(), door.order());
    assert_ne!(low.order(), hub.get_or_create(&name("yard")).unwrap().order());
    let mut of_low = low.subscribe(&COPY, Start::Newest).unwrap();
    assert!(writers.try_recv().is_ok(), "it has renditions of its own");
    let mut high = door.publish(owner("a"), String::new()).unwrap();
    let mut publisher = door.variant("low").publish(owner("b"), String::new()).unwrap();
    high.push(unit(1, true)).unwrap();
    assert_eq!((door.state(), low.state()), (StreamState::Live, StreamState::Waiting));
    publisher.push(unit(2, true)).unwrap();
    assert_eq!(low.newest().unwrap().0.payload[0], 2);
    assert_eq!(door.newest().unwrap().0.payload[0], 1);
    assert_eq!(door.variants().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["low"]);
    assert_eq!(low.variant("low").order(), low.order(), "no variants of variants");
    assert_eq!(hub.streams().len(), 2, "a variant takes no place");
    hub.remove(&name("door"), "gone");
    assert!(events(&mut of_low).iter().any(|event| event.contains("gone")));
    assert_eq!(publisher.push(unit(3, true)), Err(Superseded));
    assert!(door.variant("medium").removed().is_some(), "one that is asked for later as well");
}

#[test]
fn who_skips_goes_on_at_the_next_keyframe_and_does_not_ask_for_one() {
    let (hub, writers) = hub(1);
    let stream = hub.get_or_create(&name("a")).unwrap();
    let mut viewer = stream.subscribe(&COPY, Start::Newest).unwrap();
    let writer = writers.try_recv().unwrap();
    for (number, keyframe) in [(0, true), (1, false), (2, false)] {
        writer.push(unit(number, keyframe)).unwrap();
    }
    assert_eq!(viewer.try_next().unwrap().unit.payload[0], 0);
    viewer.skip();
    assert_eq!(events(&mut viewer), ["waiting"], "nothing of this group");
    assert!(now(writer.keyframe_wanted()).is_none(), "the others do not pay for it");
    writer.push(unit(3, false)).unwrap();
    writer.push(unit(4, true)).unwrap();
    writer.push(unit(5, false)).unwrap();
    let next = viewer.try_next().unwrap();
    assert_eq!((next.unit.payload[0], next.missed), (4, 3));
    assert_eq!(viewer.try_next().unwrap().unit.payload[0], 5);
}
