#![allow(clippy::unwrap_used)]
use super::*;
use bytes::Bytes;
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Format, Packaging, Stamps};
use proptest::prelude::*;
use std::sync::Arc;

fn unit(number: u64, size: usize, keyframe: bool, pts_ms: u64) -> Unit {
    let mut payload = vec![0; size.max(8)];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    Unit {
        payload: Bytes::from(payload),
        pts: MediaTime(pts_ms as i64 * 1000),
        dts: MediaTime(pts_ms as i64 * 1000),
        keyframe,
        format: Arc::new(Format { codec: Codec::Jpeg, width: 1, height: 1, packaging: Packaging::Bare }),
        stamps: Stamps::default(),
    }
}

fn ring(bytes: usize) -> Ring {
    Ring::new(RingLimits { bytes, units: 64, window: Duration::from_millis(500), slack: 4 })
}

#[test]
fn a_new_reader_starts_at_the_newest_keyframe() {
    let mut ring = ring(1 << 20);
    for i in 0..10 {
        ring.push(unit(i, 10, i % 4 == 0, i * 33));
    }
    let mut cursor = Cursor::Newest;
    let seqs: Vec<u64> = std::iter::from_fn(|| ring.take(&mut cursor).map(|t| t.seq)).collect();
    assert_eq!(seqs, [8, 9]);
}

#[test]
fn the_newest_group_outlives_the_window() {
    let mut ring = ring(1 << 20);
    ring.push(unit(0, 10, true, 0));
    for i in 1..40 {
        ring.push(unit(i, 10, false, i * 100));
    }
    assert_eq!(ring.take(&mut Cursor::Newest.clone()).map(|t| t.seq), Some(0));
    ring.push(unit(40, 10, true, 4000));
    assert!(ring.units.len() <= 6, "what is older than the window goes with the next keyframe");
}

#[test]
fn a_reader_that_is_behind_resumes_at_the_newest_keyframe_and_is_told() {
    let mut ring = ring(1 << 20);
    let mut cursor = Cursor::Newest;
    ring.push(unit(0, 10, true, 0));
    assert_eq!(ring.take(&mut cursor).map(|t| t.seq), Some(0));
    for i in 1..30 {
        ring.push(unit(i, 10, i % 10 == 0, i * 33));
    }
    let taken = ring.take(&mut cursor).unwrap();
    assert_eq!((taken.seq, taken.missed), (20, 19));
}

#[test]
fn slow_cameras_do_not_put_readers_behind() {
    let mut ring = ring(1 << 20);
    let mut cursor = Cursor::Newest;
    ring.push(unit(0, 10, true, 0));
    ring.take(&mut cursor);
    ring.push(unit(1, 10, true, 1000));
    ring.push(unit(2, 10, true, 2000));
    // At one frame a second the frame before the newest is already outside the window.
    assert!(matches!(ring.take(&mut cursor), Some(Taken { seq: 1 | 2, .. })));
}

#[test]
fn a_single_unit_above_the_bound_is_held_alone() {
    let mut ring = ring(100);
    ring.push(unit(0, 50, true, 0));
    ring.push(unit(1, 500, true, 10));
    assert_eq!((ring.units.len(), ring.bytes()), (1, 500));
}

#[test]
fn without_its_keyframe_a_group_is_not_offered() {
    let mut ring = ring(100);
    ring.push(unit(0, 60, true, 0));
    ring.push(unit(1, 60, false, 33));
    let mut cursor = Cursor::Newest;
    assert!(ring.take(&mut cursor).is_none());
    assert!(ring.wants_keyframe(cursor));
    ring.push(unit(2, 60, true, 66));
    assert_eq!(ring.take(&mut cursor).map(|t| t.seq), Some(2));
}

#[derive(Debug, Clone)]
enum Op {
    Push { size: usize, keyframe: bool, gap_ms: u64 },
    Read { reader: usize, times: usize },
    Clear,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let push = (8usize..400, prop::bool::weighted(0.2), 0u64..120)
        .prop_map(|(size, keyframe, gap_ms)| Op::Push { size, keyframe, gap_ms });
    let read = (0usize..4, 1usize..8).prop_map(|(reader, times)| Op::Read { reader, times });
    prop::collection::vec(prop_oneof![6 => push, 4 => read, 1 => Just(Op::Clear)], 1..300)
}

proptest! {
    /// Whatever readers do: no unit twice or out of order, payload and number agree, a gap is followed by
    /// a keyframe and counted exactly, and the ring keeps its bound.
    #[test]
    fn invariants_hold(ops in ops()) {
        let limit = 2000;
        let mut ring = ring(limit);
        let mut readers = [(Cursor::Newest, None::<u64>); 4];
        let (mut pushed, mut now) = (0u64, 0u64);
        for op in ops {
            match op {
                Op::Push { size, keyframe, gap_ms } => {
                    now += gap_ms;
                    ring.push(unit(pushed, size, keyframe, now));
                    pushed += 1;
                    prop_assert!(ring.bytes() <= limit || ring.units.len() == 1);
                    prop_assert!(ring.units.len() <= 64);
                    prop_assert_eq!(ring.bytes(), ring.units.iter().map(|u| u.payload.len()).sum::<usize>());
                }
                Op::Read { reader, times } => for _ in 0..times {
                    let (cursor, last) = &mut readers[reader];
                    let Some(taken) = ring.take(cursor) else { break };
                    let number = u64::from_le_bytes(taken.unit.payload[..8].try_into().unwrap());
                    prop_assert_eq!(number, taken.seq);
                    match *last {
                        None => prop_assert!(taken.unit.keyframe),
                        Some(last) => {
                            prop_assert!(taken.seq > last);
                            prop_assert_eq!(taken.missed, taken.seq - last - 1);
                            prop_assert!(taken.missed == 0 || taken.unit.keyframe);
                        }
                    }
                    *last = Some(taken.seq);
                },
                Op::Clear => ring.clear(),
            }
        }
    }
}
