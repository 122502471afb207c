//! What the decoder gives, against ffmpeg: H.264 is decoded bit by bit alike or it is wrong. ffmpeg with
//! libx264 must be installed; its absence fails these tests.

// A test may panic; clippy's exception covers only the functions that are marked as tests.
#![allow(clippy::unwrap_used)]

#[path = "support/tool.rs"]
mod tool;

use camherd_codec::I420View;
use camherd_codec::convert::convert;
use camherd_codec::decode::{Codec, Decoder, Error, Order};
use camherd_media::codec::h264::nal::nal_units;
use camherd_media::codec::h264::split::AccessUnitSplitter;
use camherd_media::time::MediaTime;
use camherd_media::unit::{Colour, Matrix, PixelFormat};
use tool::run;

/// A stream that libx264 makes of ffmpeg's test picture with moving noise.
struct Made {
    units: Vec<Vec<u8>>,
    /// What ffmpeg decodes of it, in the order of display.
    frames: Vec<Vec<u8>>,
}

fn made(size: &str, frames: usize, profile: &str, options: &str) -> Made {
    let source = format!("testsrc2=size={size}:rate=25,noise=alls=12:allf=t,format=yuv420p");
    let frames_text = frames.to_string();
    let mut arguments = vec!["-v", "error", "-f", "lavfi", "-i", &source, "-frames:v", &frames_text];
    arguments.extend(["-c:v", "libx264", "-profile:v", profile, "-x264-params", options]);
    arguments.extend(["-bsf:v", "filter_units=remove_types=6", "-f", "h264", "-"]);
    let bytes = run("ffmpeg", &arguments, &[]);
    let decoded = reference(&bytes);
    let (width, height) = size.split_once('x').unwrap();
    let frame_bytes =
        PixelFormat::I420(Colour::default()).frame_bytes(width.parse().unwrap(), height.parse().unwrap());
    let units = split(&bytes);
    assert_eq!((decoded.len(), units.len()), (frame_bytes * frames, frames), "the test makes a bad stream");
    Made { units, frames: decoded.chunks(frame_bytes).map(<[u8]>::to_vec).collect() }
}

/// What ffmpeg decodes of a stream, all planes of all frames.
fn reference(stream: &[u8]) -> Vec<u8> {
    let arguments =
        ["-v", "error", "-f", "h264", "-i", "-", "-fps_mode", "passthrough", "-f", "rawvideo", "-"];
    run("ffmpeg", &arguments, stream)
}

fn split(stream: &[u8]) -> Vec<Vec<u8>> {
    let units = AccessUnitSplitter::new().push_complete(stream);
    units.into_iter().map(|unit| unit.data.to_vec()).collect()
}

fn packed(picture: &I420View<'_>) -> Vec<u8> {
    let format = PixelFormat::I420(picture.colour());
    let mut out = vec![0; format.frame_bytes(picture.width(), picture.height())];
    convert(picture, format, &mut out).unwrap();
    out
}

fn decoder(order: Order) -> Decoder {
    Decoder::new(Codec::H264, order).unwrap()
}

/// Everything that comes out, with its time; the time given to each access unit is its number.
fn decoded(units: &[Vec<u8>], order: Order) -> Vec<(usize, Vec<u8>)> {
    let mut decoder = decoder(order);
    let mut out = Vec::new();
    for (n, unit) in units.iter().enumerate() {
        let picture =
            decoder.decode(unit, MediaTime(n as i64)).unwrap_or_else(|error| panic!("{n}: {error}"));
        out.extend(picture.map(|decoded| (decoded.pts.0 as usize, packed(&decoded.picture))));
    }
    while let Some(decoded) = decoder.flush().unwrap() {
        out.push((decoded.pts.0 as usize, packed(&decoded.picture)));
    }
    out
}

/// Streams as cameras send them: profile and options of libx264, all without B-frames.
const CAMERAS: [(&str, &str); 6] = [
    ("baseline", "scenecut=0:keyint=12:slices=1"),
    ("baseline", "scenecut=0:keyint=12:slices=4:ref=3"),
    ("main", "scenecut=0:keyint=12:bframes=0:cabac=1:ref=2"),
    ("high", "scenecut=0:keyint=12:bframes=0:ref=4:8x8dct=1"),
    ("high", "scenecut=0:keyint=12:bframes=0:slices=3:aud=1:weightp=2"),
    ("high", "scenecut=0:keyint=12:bframes=0:cabac=0:cqm=jvt"),
];

/// Streams with pictures out of order: profile, options of libx264, and the largest share of samples that may
/// differ. OpenH264 deblocks some edges of blocks in direct mode wrongly; without those it is exact.
const REORDERED: [(&str, &str, f64); 6] = [
    ("main", "scenecut=0:keyint=15:bframes=2:b-adapt=0:b-pyramid=none:direct=none", 0.0),
    ("high", "scenecut=0:keyint=15:bframes=3:b-adapt=0:b-pyramid=normal:ref=4:direct=none", 0.0),
    ("high", "scenecut=0:keyint=15:bframes=1:b-adapt=0:cabac=0:slices=2:direct=none:weightb=1", 0.0),
    ("high", "scenecut=0:keyint=15:bframes=3:b-adapt=0:b-pyramid=normal:ref=4:direct=spatial", 0.02),
    ("main", "scenecut=0:keyint=15:bframes=3:b-adapt=2:direct=temporal:weightb=1:ref=4", 0.02),
    ("high", "scenecut=0:keyint=40:bframes=5:b-adapt=1:b-pyramid=strict:ref=5:direct=auto", 0.02),
];

#[test]
fn each_access_unit_gives_its_picture_at_once_and_bit_by_bit_as_ffmpeg() {
    for (profile, options) in CAMERAS {
        for size in ["320x240", "178x102"] {
            let made = made(size, 40, profile, options);
            let out = decoded(&made.units, Order::Decode);
            assert_eq!(out.len(), made.frames.len(), "{profile} {options}");
            for (n, ((pts, picture), expected)) in out.iter().zip(&made.frames).enumerate() {
                assert_eq!(*pts, n);
                assert!(picture == expected, "{profile} {options} {size}: picture {n} differs");
            }
        }
    }
}

/// How many samples of two pictures differ.
fn different(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a != b).count()
}

#[test]
fn b_frames_come_out_in_the_order_of_display_with_their_times() {
    for (profile, options, share) in REORDERED {
        let made = made("320x240", 40, profile, options);
        let mut coded = decoded(&made.units, Order::Decode);
        if decoder(Order::Decode).backend() == "openh264" {
            assert!(coded.is_sorted_by_key(|(pts, _)| *pts), "{options}");
        }
        coded.sort_by_key(|(pts, _)| *pts);
        // Where in the order of display each access unit belongs: ffmpeg's picture that is the same.
        let mut places = Vec::new();
        for (n, (_, picture)) in coded.iter().enumerate() {
            // No stream here moves a picture by more than its B-frames.
            let near = made.frames.iter().enumerate().filter(|(place, _)| place.abs_diff(n) <= 6);
            let candidates = near.map(|(place, frame)| (different(frame, picture), place));
            let (worst, place) = candidates.min().unwrap();
            assert!(worst as f64 <= share * picture.len() as f64, "{options}: {worst} samples of {n} differ");
            places.push(place);
        }
        assert!(!places.is_sorted(), "nothing is out of order: {options}");

        let mut decoder = decoder(Order::Display);
        let mut shown = Vec::new();
        for (unit, place) in made.units.iter().zip(&places) {
            let picture = decoder.decode(unit, MediaTime(*place as i64)).unwrap();
            shown.extend(picture.map(|decoded| (decoded.pts.0 as usize, packed(&decoded.picture))));
        }
        // What libx264 says about the depth is exact: no more pictures wait than must.
        assert!(shown.len() + 3 > made.frames.len(), "{options}: {} at the end", shown.len());
        while let Some(decoded) = decoder.flush().unwrap() {
            shown.push((decoded.pts.0 as usize, packed(&decoded.picture)));
        }
        let mut expected: Vec<_> =
            places.into_iter().zip(coded.into_iter().map(|(_, picture)| picture)).collect();
        expected.sort_unstable_by_key(|(place, _)| *place);
        assert!(expected.iter().enumerate().all(|(n, (place, _))| n == *place), "{options}: a picture twice");
        assert!(expected == shown, "{profile} {options}: pictures are out of order");
    }
}

#[test]
fn display_order_without_b_frames_is_the_order_of_the_access_units() {
    for (profile, options) in CAMERAS {
        let made = made("320x240", 40, profile, options);
        let shown = decoded(&made.units, Order::Display);
        assert_eq!(shown.len(), made.frames.len(), "{profile} {options}");
        for (n, ((pts, picture), expected)) in shown.iter().zip(&made.frames).enumerate() {
            assert_eq!(*pts, n, "{profile} {options}");
            assert!(picture == expected, "{profile} {options}: picture {n} differs");
        }
    }
}

/// Decodes `units` from the start of `decoder`'s life or from an error on; gives the pictures.
fn continued(decoder: &mut Decoder, units: &[Vec<u8>]) -> Vec<Result<Vec<u8>, Error>> {
    let mut out = Vec::new();
    for unit in units {
        let result = decoder.decode(unit, MediaTime(0));
        out.push(result.map(|decoded| packed(&decoded.expect("a picture for each unit").picture)));
    }
    out
}

/// With the access unit `at` damaged by `damage`: that one is an error, all up to the next keyframe are refused,
/// and from there on all is right again.
fn assert_recovers(made: &Made, keyint: usize, at: usize, what: &str, damage: impl Fn(&[u8]) -> Vec<u8>) {
    let mut units = made.units.clone();
    units[at] = damage(&units[at]);
    let next_key = at / keyint * keyint + keyint;
    let out = continued(&mut decoder(Order::Decode), &units);
    for (n, (result, expected)) in out.iter().zip(&made.frames).enumerate() {
        match result {
            Ok(picture) => {
                assert!(n < at || n >= next_key, "{what}: picture {n} came out");
                assert!(picture == expected, "{what}: picture {n} differs");
            }
            Err(Error::Corrupt(_)) => assert_eq!(n, at, "{what}"),
            Err(Error::AwaitingKeyframe) => assert!((at..next_key).contains(&n), "{what}: {n}"),
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

/// The NAL units of an access unit, with their start codes.
fn nals(unit: &[u8]) -> Vec<Vec<u8>> {
    nal_units(unit).map(|nal| [&[0, 0, 0, 1], nal].concat()).collect()
}

#[test]
fn a_truncated_access_unit_is_an_error_and_the_next_keyframe_is_right_again() {
    for (profile, options) in CAMERAS {
        let made = made("320x240", 26, profile, options);
        for at in [3, 12, 17] {
            let length = made.units[at].len();
            for part in 1..16 {
                let cut = length * part / 16;
                let what = format!("{profile} {options}: unit {at} cut at {cut} of {length}");
                assert_recovers(&made, 12, at, &what, |unit| unit[..cut].to_vec());
            }
        }
    }
}

#[test]
fn a_missing_slice_is_an_error() {
    for (profile, options) in CAMERAS {
        let made = made("320x240", 26, profile, options);
        for at in [5, 12] {
            let slices = nals(&made.units[at]);
            for missing in 0..slices.len() {
                if slices.len() - missing > 4 || slices[missing][4] & 0x1f > 5 {
                    continue;
                }
                let what = format!("{profile} {options}: unit {at} without NAL unit {missing}");
                if slices.iter().filter(|nal| nal[4] & 0x1f <= 5).count() > 1 {
                    assert_recovers(&made, 12, at, &what, |_| {
                        [&slices[..missing], &slices[missing + 1..]].concat().concat()
                    });
                }
            }
        }
    }
}

#[test]
fn a_missing_access_unit_is_noticed_at_the_next_one() {
    for (profile, options) in CAMERAS {
        let made = made("320x240", 26, profile, options);
        let (mut units, mut frames) = (made.units.clone(), made.frames.clone());
        units.remove(5);
        frames.remove(5);
        let out = continued(&mut decoder(Order::Decode), &units);
        for (n, (result, expected)) in out.iter().zip(&frames).enumerate() {
            match n {
                5 => assert!(matches!(result, Err(Error::Corrupt(_))), "{profile} {options}: {n}"),
                6..11 => assert_eq!(result.as_ref().err(), Some(&Error::AwaitingKeyframe), "{n}"),
                _ => assert!(result.as_ref() == Ok(expected), "{profile} {options}: picture {n}"),
            }
        }
    }
}

#[test]
fn the_size_may_change_at_a_keyframe() {
    for order in [Order::Decode, Order::Display] {
        let mut decoder = decoder(order);
        for (size, profile) in
            [("320x240", "high"), ("640x360", "baseline"), ("176x144", "main"), ("320x240", "high")]
        {
            let made = made(size, 9, profile, "keyint=30:bframes=0");
            let mut out = Vec::new();
            for unit in &made.units {
                out.extend(
                    decoder.decode(unit, MediaTime(0)).unwrap().map(|decoded| packed(&decoded.picture)),
                );
            }
            while let Some(decoded) = decoder.flush().unwrap() {
                out.push(packed(&decoded.picture));
            }
            assert!(out == made.frames, "{size} {profile} in {order:?}");
        }
    }
}

#[test]
fn a_sei_message_after_the_slices_does_not_end_the_picture_early() {
    let made = made("178x102", 10, "high", "keyint=30:bframes=0:slices=2");
    let sei = [0, 0, 0, 1, 6, 5, 1, 42, 0x80];
    let units: Vec<Vec<u8>> = made.units.iter().map(|unit| [&unit[..], &sei].concat()).collect();
    let out = decoded(&units, Order::Decode);
    assert!(out.into_iter().map(|(_, picture)| picture).eq(made.frames));
}

#[test]
fn the_colours_are_those_that_the_stream_states() {
    let limited = Colour::default();
    for (options, expected) in [
        ("", limited),
        (":fullrange=on", Colour { full_range: true, ..limited }),
        (":colormatrix=bt709", Colour { matrix: Matrix::Bt709, ..limited }),
        (":colormatrix=bt709:fullrange=on:sar=4/3", Colour { matrix: Matrix::Bt709, full_range: true }),
        (":colormatrix=smpte170m:nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500", limited),
    ] {
        for profile in ["baseline", "main", "high"] {
            let made = made("178x102", 2, profile, &format!("keyint=2:bframes=0{options}"));
            let mut decoder = decoder(Order::Decode);
            let decoded = decoder.decode(&made.units[0], MediaTime(7)).unwrap().unwrap();
            assert_eq!(decoded.picture.colour(), expected, "{profile} {options}");
            assert_eq!(decoded.pts, MediaTime(7));
        }
    }
}

#[cfg(feature = "ffmpeg")]
#[test]
fn h265_is_decoded_bit_by_bit_as_ffmpeg_in_the_order_of_display() {
    for options in ["keyint=10:bframes=0:aud=1:log-level=none", "keyint=20:bframes=3:aud=1:log-level=none"] {
        let source = "testsrc2=size=320x240:rate=25,noise=alls=12:allf=t,format=yuv420p";
        let arguments = ["-v", "error", "-f", "lavfi", "-i", source, "-frames:v", "25", "-c:v", "libx265"];
        let stream =
            run("ffmpeg", &[&arguments[..], &["-x265-params", options, "-f", "hevc", "-"]].concat(), &[]);
        let arguments =
            ["-v", "error", "-f", "hevc", "-i", "-", "-fps_mode", "passthrough", "-f", "rawvideo", "-"];
        let frames = run("ffmpeg", &arguments, &stream);
        // The delimiter, NAL unit type 35, begins each access unit.
        let mut units: Vec<Vec<u8>> = Vec::new();
        for nal in nal_units(&stream) {
            if nal[0] >> 1 == 35 {
                units.push(Vec::new());
            }
            units.last_mut().unwrap().extend([&[0, 0, 0, 1], nal].concat());
        }
        let mut decoder = Decoder::new(Codec::H265, Order::Display).unwrap();
        assert_eq!(decoder.decode(&units[1], MediaTime(1)).err(), Some(Error::AwaitingKeyframe));
        let mut shown = Vec::new();
        for unit in &units {
            shown.extend(decoder.decode(unit, MediaTime(0)).unwrap().map(|decoded| packed(&decoded.picture)));
        }
        while let Some(decoded) = decoder.flush().unwrap() {
            shown.push(packed(&decoded.picture));
        }
        assert_eq!(shown.len(), 25, "{options}");
        assert!(shown.concat() == frames, "{options}: pictures differ");
    }
}
