use super::*;
use crate::container::fuzzing::TsDemuxer;
use crate::container::testing::{annexb, h264_format, keyframe, picture, unit};
use crate::time::MediaTime;
use bytes::Bytes;
use std::sync::Arc;

#[test]
fn stuffing_is_exact_for_every_size() {
    let format = h264_format(640);
    let (mut muxer, mut demuxer) = (TsMuxer::new(), TsDemuxer::default());
    demuxer.access_unit(&muxer.push(&keyframe(&format, 0, 1)).unwrap().payload).unwrap();
    // Twice all fillings of the last packet, and the sizes around the end of 16-bit PES lengths.
    for size in (1..400).chain(65_500..65_560) {
        let picture = picture(&format, 0, size);
        let output = muxer.push(&picture).unwrap().payload;
        assert_eq!(output.len(), packets(14 + 6 + picture.payload.len()) * PACKET_SIZE);
        let got = demuxer.access_unit(&output).unwrap_or_else(|fault| panic!("{size} bytes: {fault}"));
        assert_eq!(got.data[6..], picture.payload[..], "{size} bytes");
        let capacity = output.try_into_mut().unwrap().capacity();
        assert_eq!(capacity % PACKET_SIZE, 0, "{size} bytes: the buffer grew");
    }
}

#[test]
fn a_delimiter_comes_first_exactly_once() {
    let format = h264_format(640);
    let (mut muxer, mut demuxer) = (TsMuxer::new(), TsDemuxer::default());
    let delimited = annexb(&[&[9, 0x10], &[0x65, 1]]);
    let output = muxer.push(&unit(&format, 0, true, delimited.clone())).unwrap();
    assert_eq!(demuxer.access_unit(&output.payload).unwrap().data, delimited);
    let output = muxer.push(&picture(&format, 1, 2)).unwrap();
    let want = annexb(&[&[9, 0xf0], &[0x41, 0x41]]);
    assert_eq!(demuxer.access_unit(&output.payload).unwrap().data, want);
}

#[test]
fn tables_come_with_keyframes_and_after_half_a_second() {
    let format = h264_format(640);
    let (mut muxer, mut demuxer) = (TsMuxer::new(), TsDemuxer::default());
    let mut tables = |unit: &Unit| demuxer.access_unit(&muxer.push(unit).unwrap().payload).unwrap().tables;
    assert!(tables(&keyframe(&format, 0, 9)));
    assert!(!tables(&picture(&format, 499_000, 9)));
    assert!(tables(&picture(&format, 500_000, 9)));
    assert!(!tables(&picture(&format, 900_000, 9)));
    assert!(tables(&keyframe(&format, 900_000, 9)));
}

#[test]
fn times_wrap_at_33_bits() {
    let format = h264_format(640);
    // The last whole second before the wrap, then the first after it: 2^33 / 90 000 = 95 443.7 s.
    for (seconds, ticks) in [(95_443, 8_589_870_000u64), (95_444, 25_408), (-1, (1 << 33) - 90_000)] {
        let output = TsMuxer::new().push(&keyframe(&format, seconds * 1_000_000, 9)).unwrap();
        let got = TsDemuxer::default().access_unit(&output.payload).unwrap();
        assert_eq!((got.pcr, got.pts), (ticks, ticks + 900), "at {seconds} s");
    }
}

#[test]
fn a_viewer_may_begin_at_any_keyframe() {
    let format = h264_format(640);
    let mut muxer = TsMuxer::new();
    muxer.push(&keyframe(&format, 0, 9)).unwrap();
    muxer.push(&picture(&format, 1, 900)).unwrap();
    let output = muxer.push(&keyframe(&format, 2, 9)).unwrap();
    let got = TsDemuxer::default().access_unit(&output.payload).unwrap();
    assert!(got.tables && got.random_access && output.keyframe);
}

#[test]
fn the_output_format_is_shared_until_the_input_format_changes() {
    let mut muxer = TsMuxer::new();
    let first = muxer.push(&keyframe(&h264_format(640), 0, 9)).unwrap();
    let same = muxer.push(&picture(&h264_format(640), 1, 9)).unwrap();
    let other = muxer.push(&keyframe(&h264_format(320), 2, 9)).unwrap();
    assert!(Arc::ptr_eq(&first.format, &same.format));
    assert_eq!((other.format.width, &other.format.packaging), (320, &Packaging::MpegTs));
}

#[test]
fn a_refused_unit_leaves_no_trace() {
    let format = h264_format(640);
    let (mut muxer, mut demuxer) = (TsMuxer::new(), TsDemuxer::default());
    let refused = |muxer: &mut TsMuxer, unit: &Unit| muxer.push(unit).map(|_| ()).unwrap_err();
    assert_eq!(refused(&mut muxer, &picture(&format, 7, 9)), MuxError::NeedsKeyframe { pts: MediaTime(7) });
    demuxer.access_unit(&muxer.push(&keyframe(&format, 5, 9)).unwrap().payload).unwrap();
    let back = MuxError::TimeWentBack { dts: MediaTime(4), last: MediaTime(5) };
    assert_eq!(refused(&mut muxer, &keyframe(&format, 4, 9)), back);
    let raw = unit(&format, 900_000, true, Bytes::from_static(&[0x65, 1, 2]));
    assert_eq!(refused(&mut muxer, &raw), MuxError::NotAnnexB { length: 3 });
    let got = demuxer.access_unit(&muxer.push(&picture(&format, 5, 9)).unwrap().payload).unwrap();
    assert_eq!(got.pts, 901, "one tick after the keyframe");
}
