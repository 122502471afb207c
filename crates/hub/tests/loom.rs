//! Every interleaving of a writer and its readers, by loom's model checker.
//!
//! Run with `./run loom`; without `--cfg camherd_loom` this file is empty.
#![cfg(camherd_loom)]
#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use camherd_hub::{
    Derive, DeriveError, Event, Hub, Owner, RenditionKey, RingLimits, Start, Stream, Want, Writer,
};
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};
use loom::future::block_on;
use loom::thread;
use std::sync::{Arc, Mutex};

const COPY: RenditionKey = RenditionKey::from_static("copy");

#[derive(Default)]
struct Started(Mutex<Vec<Writer>>);

impl Derive for Started {
    fn derive(&self, _: &Stream, _: &RenditionKey, writer: Writer) -> Result<(), DeriveError> {
        self.0.lock().unwrap().push(writer);
        Ok(())
    }

    fn limits(&self, _: &RenditionKey, limits: RingLimits) -> RingLimits {
        limits
    }
}

fn stream() -> (Stream, Arc<Started>) {
    let started = Arc::new(Started::default());
    let hub = Hub::new(RingLimits::default(), 1, started.clone());
    (hub.get_or_create(&"s".parse().unwrap()).unwrap(), started)
}

fn unit(number: u8, keyframe: bool) -> Unit {
    Unit {
        payload: Bytes::copy_from_slice(&[number]),
        pts: MediaTime(0),
        dts: MediaTime(0),
        keyframe,
        format: Arc::new(Format { codec: Codec::Jpeg, width: 1, height: 1, packaging: Packaging::Bare }),
        stamps: Stamps::default(),
    }
}

/// A reader that waits is always woken: it ends only when it has seen the last unit, in order.
#[test]
fn no_wakeup_is_lost_and_no_unit_is_reordered() {
    loom::model(|| {
        let (stream, _) = stream();
        let mut reader = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
        let mut camera = stream.publish(Owner("o".into()), String::new()).unwrap();
        let writing = thread::spawn(move || {
            camera.push(unit(1, true)).unwrap();
            camera.push(unit(2, false)).unwrap();
            camera
        });
        let mut seen = Vec::new();
        while seen.last() != Some(&2) {
            if let Event::Unit(delivery) = block_on(reader.next()) {
                seen.push(delivery.unit.payload[0]);
            }
        }
        assert_eq!(seen, [1, 2]);
        drop(writing.join().unwrap());
    });
}

/// The last reader leaves and a new one joins while the writer retires: exactly one run writes, and the
/// new reader gets its picture.
#[test]
fn a_reader_that_joins_while_the_writer_retires_is_served() {
    loom::model(|| {
        let (stream, started) = stream();
        drop(stream.subscribe(&COPY, Start::Newest).unwrap());
        let first = started.0.lock().unwrap().pop().unwrap();
        let joining = {
            let stream = stream.clone();
            thread::spawn(move || stream.subscribe(&COPY, Start::Newest).unwrap())
        };
        let retired = first.retire();
        let mut reader = joining.join().unwrap();
        let second = started.0.lock().unwrap().pop();
        assert_eq!(retired, second.is_some(), "a retired run is replaced, a kept one is not");
        second.as_ref().unwrap_or(&first).push(unit(7, true)).unwrap();
        loop {
            if let Event::Unit(delivery) = block_on(reader.next()) {
                assert_eq!(delivery.unit.payload[0], 7);
                break;
            }
        }
    });
}

/// Who waits for what readers want is woken by each change, however it comes between the look and the wait.
#[test]
fn no_change_of_what_is_wanted_is_lost() {
    loom::model(|| {
        let (stream, _) = stream();
        let small = Want { size: Some((320, 240)), fps: None };
        let reader = stream.subscribe_for(&RenditionKey::SOURCE, Start::Newest, small).unwrap();
        let changing = thread::spawn(move || {
            reader.set_want(Want::EVERYTHING);
            reader
        });
        let mut seen = Some(small);
        while seen != Some(Want::EVERYTHING) {
            seen = block_on(stream.want_changed(seen));
        }
        let leaving = thread::spawn(move || drop(changing.join().unwrap()));
        assert_eq!(block_on(stream.want_changed(seen)), None);
        leaving.join().unwrap();
    });
}

/// A takeover while the old publisher writes: what the reader sees is the old one's, then the new one's.
#[test]
fn a_takeover_never_interleaves_two_cameras() {
    loom::model(|| {
        let (stream, _) = stream();
        let mut reader = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
        let mut old = stream.publish(Owner("o".into()), String::new()).unwrap();
        let writing = thread::spawn(move || {
            let _ = old.push(unit(1, true));
            let _ = old.push(unit(2, true));
        });
        let mut new = stream.publish(Owner("o".into()), String::new()).unwrap();
        new.push(unit(9, true)).unwrap();
        writing.join().unwrap();
        let mut seen = Vec::new();
        while let Some(delivery) = reader.try_next() {
            seen.push(delivery.unit.payload[0]);
        }
        assert_eq!(seen.last(), Some(&9), "{seen:?}");
    });
}

/// A camera comes back while its old connection ends: the stream is live, whoever was faster.
#[test]
fn the_end_of_an_old_connection_does_not_take_a_new_one_offline() {
    loom::model(|| {
        let (stream, _) = stream();
        let mut old = stream.publish(Owner("o".into()), String::new()).unwrap();
        old.push(unit(1, true)).unwrap();
        let ending = thread::spawn(move || old.end("gone"));
        let mut new = stream.publish(Owner("o".into()), String::new()).unwrap();
        new.push(unit(2, true)).unwrap();
        ending.join().unwrap();
        assert!(stream.state().is_live(), "{:?}", stream.state());
        drop(new);
        assert!(!stream.state().is_live());
    });
}
