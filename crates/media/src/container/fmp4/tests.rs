use super::*;
use crate::container::fuzzing::{Fragment, Init};
use crate::container::testing::{PPS, SPS, annexb, h264_format, keyframe, picture, unit};
use crate::time::{MediaTime, Monotonic};
use crate::unit::{H264Parameters, Stamps};
use std::sync::Arc;

fn init_of(unit: &Unit) -> &Bytes {
    match &unit.format.packaging {
        Packaging::Fmp4 { init } => init,
        other => panic!("packaged as {other:?}"),
    }
}

#[test]
fn the_initialisation_segment_describes_the_stream() {
    let output = Fmp4Muxer::new().push(&keyframe(&h264_format(640), 0, 9), None).unwrap();
    let want =
        Init { track: 1, timescale: 90_000, width: 640, height: 480, sets: vec![SPS.to_vec(), PPS.to_vec()] };
    assert_eq!(Init::parse(init_of(&output)), Ok(want));
}

#[test]
fn a_fragment_holds_one_sample_without_delimiter_filler_and_known_parameter_sets() {
    let format = h264_format(640);
    let other_pps: &[u8] = &[0x68, 0xff];
    let nals = [&[9, 0xf0][..], SPS, PPS, other_pps, &[12, 0xff], &[6, 5, 4], &[0x65, 1, 2, 3]];
    let output = Fmp4Muxer::new().push(&unit(&format, 1_000_000, true, annexb(&nals)), None).unwrap();
    let want = Fragment {
        sequence: 1,
        track: 1,
        decode_time: 90_000,
        composition_offset: 0,
        duration: 45_000,
        flags: 0x0200_0000,
        produced: None,
        sample: b"\0\0\0\x02\x68\xff\0\0\0\x03\x06\x05\x04\0\0\0\x04\x65\x01\x02\x03",
    };
    assert_eq!(Fragment::parse(&output.payload), Ok(want));
}

#[test]
fn the_reference_time_says_whose_clock_it_is() {
    let mut muxer = Fmp4Muxer::new();
    let mut unit = keyframe(&h264_format(640), 2_000_000, 9);
    let wall = WallClock(1_700_000_000_500_000);
    let produced = |unit: &Unit| Fragment::parse(&unit.payload).unwrap().produced;
    assert_eq!(produced(&muxer.push(&unit, Some(wall)).unwrap()), Some((wall.ntp(), 180_000, 0)));
    unit.stamps = Stamps { captured: Some(Monotonic(1)), ..unit.stamps };
    (unit.pts, unit.dts) = (MediaTime(3_000_000), MediaTime(3_000_000));
    assert_eq!(produced(&muxer.push(&unit, Some(wall)).unwrap()), Some((wall.ntp(), 270_000, 24)));
}

#[test]
fn the_next_picture_never_comes_after_twice_the_duration_of_a_regular_stream() {
    let mut muxer = Fmp4Muxer::new();
    let format = h264_format(640);
    // Intervals in milliseconds: 30 fps with Wi-Fi stalls, then a slow time-lapse.
    let intervals = [33, 33, 900, 33, 0, 70, 33, 950, 1_000, 2_000, 4_000, 4_000, 5_000, 10_000, 33, 19_000];
    let mut pts = 0;
    let first = muxer.push(&keyframe(&format, pts, 9), None).unwrap();
    let mut last = Fragment::parse(&first.payload).map(|fragment| (fragment.decode_time, fragment.duration));
    for interval in intervals {
        pts += interval * 1_000;
        let output = muxer.push(&picture(&format, pts, 9), None).unwrap();
        let fragment = Fragment::parse(&output.payload).unwrap();
        let (decode_time, duration) = last.unwrap();
        assert!(fragment.decode_time > decode_time);
        assert!(fragment.decode_time - decode_time <= 2 * u64::from(duration), "interval {interval} ms");
        last = Ok((fragment.decode_time, fragment.duration));
    }
}

#[test]
fn in_a_file_a_sample_lasts_as_long_as_is_said() {
    let mut muxer = Fmp4Muxer::new();
    let lasting = Duration::from_millis(100);
    let output = muxer.push_lasting(&keyframe(&h264_format(640), 1_000_000, 9), lasting).unwrap();
    let fragment = Fragment::parse(&output.payload).unwrap();
    assert_eq!((fragment.duration, fragment.produced), (9_000, None));
    let output = muxer.push_lasting(&picture(&h264_format(640), 1_100_000, 9), Duration::MAX).unwrap();
    assert_eq!(Fragment::parse(&output.payload).unwrap().duration, u32::MAX);
}

#[test]
fn the_output_format_changes_only_with_the_value_of_the_input_format() {
    let mut muxer = Fmp4Muxer::new();
    let first = muxer.push(&keyframe(&h264_format(640), 0, 9), None).unwrap();
    let same = muxer.push(&picture(&h264_format(640), 1, 9), None).unwrap();
    assert!(Arc::ptr_eq(&first.format, &same.format));
    let changed = h264_format(320);
    let refused = muxer.push(&picture(&changed, 2, 9), None).map(|_| ());
    assert_eq!(refused, Err(MuxError::NeedsKeyframe { pts: MediaTime(2) }));
    let other = muxer.push(&keyframe(&changed, 3, 9), None).unwrap();
    assert_eq!(Init::parse(init_of(&other)).unwrap().width, 320);
    assert_eq!(Fragment::parse(&other.payload).unwrap().sequence, 3, "a refused unit takes no number");
}

#[test]
fn refuses_what_it_cannot_package() {
    let format = h264_format(640);
    let mut muxer = Fmp4Muxer::new();
    let mut refusal = |unit: &Unit| muxer.push(unit, None).map(|_| ()).unwrap_err();
    assert_eq!(refusal(&picture(&format, 5, 9)), MuxError::NeedsKeyframe { pts: MediaTime(5) });
    assert_eq!(refusal(&keyframe(&format, -12, 9)), MuxError::NegativeTime { dts: MediaTime(-12) });
    let raw = unit(&format, 0, true, Bytes::from_static(b"\x65\0\0\0\x01"));
    assert_eq!(refusal(&raw), MuxError::NotAnnexB { length: 5 });
    let empty = unit(&format, 0, true, annexb(&[&[9, 0xf0], SPS, PPS]));
    assert_eq!(refusal(&empty), MuxError::NoPicture { length: 40 });
    for width in [0, 65_536] {
        let odd = keyframe(&h264_format(width), 0, 9);
        assert_eq!(refusal(&odd), MuxError::PictureSize { width, height: 480 });
    }
    let cut = H264Parameters { sps: Bytes::from_static(&SPS[..4]), pps: Bytes::from_static(PPS) };
    let mut odd = keyframe(&format, 0, 9);
    odd.format = Arc::new(Format { codec: Codec::H264(cut), ..(*format).clone() });
    assert!(matches!(refusal(&odd), MuxError::BadParameters(_)));
    let mut packaged = keyframe(&format, 0, 9);
    packaged.format = Arc::new(Format { packaging: Packaging::MpegTs, ..(*format).clone() });
    let wrong = MuxError::WrongFormat { expected: "h264 or h265", codec: "h264", packaging: "mpegts" };
    assert_eq!(refusal(&packaged), wrong);
}

#[test]
fn one_allocation_suffices_for_units_as_they_should_be() {
    let unit = keyframe(&h264_format(640), 0, 50_000);
    let output = Fmp4Muxer::new().push(&unit, Some(WallClock(0))).unwrap();
    let head = (PRFT_SIZE + MOOF_SIZE + BOX_HEADER) as usize;
    let capacity = output.payload.try_into_mut().unwrap().capacity();
    assert_eq!(capacity, head + unit.payload.len() + SHORT_START_CODES);
}

#[test]
fn every_truncation_of_a_unit_is_packaged_or_refused() {
    let format = h264_format(640);
    let whole = annexb(&[SPS, PPS, &[0x65, 1, 2]]);
    for end in 0..=whole.len() {
        let result = Fmp4Muxer::new().push(&unit(&format, 0, true, whole.slice(..end)), None);
        // 4 + 22 + 4 + 4 bytes come before the slice and its start code. Cut parameter sets are kept,
        // as they are not those of the format.
        let parameter_sets_are_whole = matches!(end, 26..=30 | 34..=38);
        assert_eq!(result.is_ok(), end > 4 && !parameter_sets_are_whole, "cut at {end}: {result:?}");
    }
}

#[test]
fn the_mime_type_names_profile_and_level() {
    let bare = h264_format(640);
    let want = Some("video/mp4; codecs=\"avc1.42C00D\"".to_owned());
    assert_eq!(mime(&bare), want);
    let packaged = Fmp4Muxer::new().push(&keyframe(&bare, 0, 9), None).unwrap();
    assert_eq!(mime(&packaged.format), want);
    assert_eq!(mime(&Format { packaging: Packaging::MpegTs, ..(*bare).clone() }), None);
    assert_eq!(mime(&Format { codec: Codec::Jpeg, ..(*bare).clone() }), None);
    let short = H264Parameters { sps: Bytes::from_static(&SPS[..3]), pps: Bytes::new() };
    assert_eq!(mime(&Format { codec: Codec::H264(short), ..(*bare).clone() }), None);
}
