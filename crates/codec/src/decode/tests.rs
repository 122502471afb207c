use super::*;
use crate::h264;
use crate::picture::{Picture, Plane, Range};
use crate::scene::{Motion, paint};
use proptest::prelude::*;
use std::time::Duration;

/// What our own encoder makes of the moving scene, with the pictures that went in.
fn stream(width: u32, height: u32, frames: u32) -> (Vec<Vec<u8>>, Vec<Picture>) {
    let config = h264::Config {
        width,
        height,
        bitrate: 2_000_000,
        max_fps: 30.0,
        idr_period: Duration::from_millis(200),
        range: Range::Full,
    };
    let mut encoder = h264::Encoder::new(&config).unwrap();
    let (mut units, mut pictures) = (Vec::new(), Vec::new());
    for frame in 0..frames {
        let mut picture = Picture::new(width, height).unwrap();
        paint(&mut picture, frame, Motion::Moving, 2);
        let pts = MediaTime(i64::from(frame) * 33_333);
        units.push(encoder.encode(&picture, pts, false).unwrap().unwrap().data.to_vec());
        pictures.push(picture);
    }
    (units, pictures)
}

fn psnr(a: Plane<'_>, b: Plane<'_>) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let squares = a.rows().flatten().zip(b.rows().flatten()).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
    10.0 * (65025.0 * (a.width * a.height) as f64 / squares.sum::<u64>().max(1) as f64).log10()
}

fn decoder() -> Decoder {
    Decoder::new(Codec::H264, Order::Decode).unwrap()
}

fn corrupt(result: Result<Option<Decoded<'_>>, Error>) -> bool {
    matches!(result, Err(Error::Corrupt(_)))
}

#[test]
fn what_our_encoder_makes_comes_back_with_its_size_colours_and_times() {
    for (width, height) in [(320, 240), (16, 16), (642, 362)] {
        let (units, pictures) = stream(width, height, 12);
        let mut decoder = decoder();
        assert!(decoder.awaits_keyframe());
        for (n, (unit, picture)) in units.iter().zip(&pictures).enumerate() {
            let pts = MediaTime(-5 + n as i64 * 40_000);
            let decoded = decoder.decode(unit, pts).unwrap().expect("a picture at once");
            assert_eq!(decoded.pts, pts);
            assert_eq!((decoded.picture.width(), decoded.picture.height()), (width, height));
            assert_eq!(decoded.picture.colour(), picture.colour());
            let db = psnr(decoded.picture.planes()[0], picture.y());
            assert!(db > 29.0, "{width}x{height}, picture {n}: {db:.1} dB");
        }
        assert!(!decoder.awaits_keyframe());
    }
}

#[test]
fn nothing_is_decoded_before_a_keyframe_or_after_a_reset() {
    let (units, _) = stream(64, 48, 10);
    let mut decoder = decoder();
    assert_eq!(decoder.decode(&units[1], MediaTime(0)).err(), Some(Error::AwaitingKeyframe));
    assert!(decoder.decode(&units[0], MediaTime(0)).unwrap().is_some());
    assert!(decoder.decode(&units[1], MediaTime(0)).unwrap().is_some());
    decoder.reset().unwrap();
    assert!(decoder.awaits_keyframe());
    assert_eq!(decoder.decode(&units[2], MediaTime(0)).err(), Some(Error::AwaitingKeyframe));
    assert!(decoder.decode(&units[0], MediaTime(0)).unwrap().is_some());
}

#[test]
fn a_unit_without_slices_gives_nothing_and_parameter_sets_may_come_ahead() {
    let (units, _) = stream(64, 48, 2);
    let nals: Vec<&[u8]> = nal_units(&units[0]).collect();
    let unit =
        |nals: &[&[u8]]| nals.iter().fold(Vec::new(), |unit, nal| [&unit, &[0, 0, 0, 1][..], nal].concat());
    let mut decoder = decoder();
    for empty in [&[][..], &[0, 0, 1], &[1, 2, 3], &unit(&[&[9, 0xf0]]), &unit(&nals[..2])] {
        assert!(decoder.decode(empty, MediaTime(0)).unwrap().is_none(), "{empty:x?}");
    }
    assert!(decoder.decode(&unit(&nals[2..]), MediaTime(0)).unwrap().is_some());
}

#[test]
fn damaged_parameter_sets_ahead_cost_no_keyframe_that_has_its_own() {
    let (units, _) = stream(64, 48, 1);
    let mut decoder = decoder();
    assert!(decoder.decode(&[0, 0, 0, 1, 0x67, 1, 2, 3], MediaTime(0)).unwrap().is_none());
    assert!(decoder.decode(&units[0], MediaTime(0)).unwrap().is_some());
}

#[test]
fn a_keyframe_without_parameter_sets_is_an_error() {
    let (units, _) = stream(64, 48, 1);
    let slice = nal_units(&units[0]).last().unwrap();
    let mut decoder = decoder();
    assert!(corrupt(decoder.decode(&[&[0, 0, 0, 1], slice].concat(), MediaTime(0))));
    assert!(decoder.decode(&units[0], MediaTime(0)).unwrap().is_some());
}

#[test]
fn a_unit_that_is_too_large_is_refused_and_the_next_keyframe_decoded() {
    let (units, _) = stream(64, 48, 2);
    let mut large = units[0].clone();
    large.resize(MAX_ACCESS_UNIT + 1, 0x55);
    let mut decoder = decoder();
    assert_eq!(decoder.decode(&large, MediaTime(0)).err(), Some(Error::TooLarge(MAX_ACCESS_UNIT + 1)));
    assert!(decoder.decode(&units[0], MediaTime(0)).unwrap().is_some());
}

#[cfg(not(feature = "ffmpeg"))]
#[test]
fn what_openh264_cannot_decode_is_said_by_name() {
    macro_rules! refused {
        ($file:literal, $what:literal) => {
            let unit = include_bytes!(concat!("../../../../testdata/h264/", $file));
            let what = concat!($what, " cannot be decoded by OpenH264; build with the feature `ffmpeg`");
            let error = Error::Unsupported(what.to_owned());
            assert_eq!(decoder().decode(unit, MediaTime(0)).err(), Some(error));
        };
    }
    refused!("high10_38x30.h264", "this H.264 profile (High 10)");
    refused!("high422_38x30.h264", "this H.264 profile (High 4:2:2)");
    refused!("high444_37x29.h264", "this H.264 profile (High 4:4:4 Predictive)");
    refused!("high_interlaced_64x72.h264", "interlaced H.264");
    refused!("high_gray_38x30.h264", "H.264 other than 4:2:0 with 8 bits");
}

#[cfg(not(feature = "ffmpeg"))]
#[test]
fn h265_needs_the_feature() {
    let error = Decoder::new(Codec::H265, Order::Decode).err().unwrap();
    assert_eq!(error.to_string(), "this build cannot decode H.265: build with the feature `ffmpeg`");
}

/// A change to an access unit: replaces, removes or repeats bytes.
fn damage(unit: &[u8], changes: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut unit = unit.to_vec();
    for (at, value, kind) in changes {
        let at = usize::from(*at) % unit.len().max(1);
        match kind % 4 {
            0 => unit.truncate(at),
            1 => drop(unit.drain(at..(at + usize::from(*value)).min(unit.len()))),
            2 => unit.insert(at, *value),
            _ => unit.iter_mut().skip(at).take(1).for_each(|byte| *byte = *value),
        }
    }
    unit
}

/// Decodes anything; what comes out is whole, and a good keyframe is decoded after it.
fn decode_any(units: &[Vec<u8>], good: &[u8], order: Order) {
    let mut decoder = Decoder::new(Codec::H264, order).unwrap();
    for (n, unit) in units.iter().enumerate() {
        if let Ok(Some(decoded)) = decoder.decode(unit, MediaTime(n as i64)) {
            // Touches every sample that is lent.
            let planes = decoded.picture.planes();
            let sum: u64 =
                planes.iter().flat_map(Plane::rows).flatten().map(|sample| u64::from(*sample)).sum();
            assert!(sum <= 255 * 3 * 8192 * 8192);
        }
    }
    decoder.reset().unwrap();
    let now = decoder.decode(good, MediaTime(0)).unwrap().is_some();
    assert!(now || decoder.flush().unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_damage_breaks_the_decoder(
        changes in prop::collection::vec((0_usize..12, any::<u16>(), any::<u8>(), any::<u8>()), 1..12),
        display: bool,
    ) {
        thread_local!(static STREAM: Vec<Vec<u8>> = stream(64, 48, 12).0);
        STREAM.with(|good| {
            let mut units = good.clone();
            for (unit, at, value, kind) in changes {
                units[unit] = damage(&units[unit], &[(at, value, kind)]);
            }
            decode_any(&units, &good[0], if display { Order::Display } else { Order::Decode });
        });
    }

    #[test]
    fn no_bytes_break_the_decoder(units in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4)) {
        thread_local!(static STREAM: Vec<Vec<u8>> = stream(64, 48, 1).0);
        STREAM.with(|good| {
            let unit = |bytes: &Vec<u8>| [&[0, 0, 0, 1, 0x67][..], bytes, &[0, 0, 0, 1, 0x65], bytes].concat();
            let units: Vec<Vec<u8>> = units.iter().map(unit).collect();
            decode_any(&units, &good[0], Order::Decode);
        });
    }
}
