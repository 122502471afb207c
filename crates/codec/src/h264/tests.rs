use super::*;
use crate::scene::{Motion, paint};

fn config(width: u32, height: u32) -> Config {
    Config {
        width,
        height,
        bitrate: 1_000_000,
        max_fps: 30.0,
        idr_period: Duration::from_secs(2),
        range: Range::Full,
    }
}

fn scene(width: u32, height: u32) -> Picture {
    let mut picture = Picture::new(width, height).unwrap();
    paint(&mut picture, 0, Motion::Moving, 2);
    picture
}

/// Types of the NAL units of an Annex B access unit, each of which must begin with a four-byte start code.
fn nal_types(data: &[u8]) -> Vec<u8> {
    let starts = data.windows(4).enumerate().filter(|(_, w)| *w == [0, 0, 0, 1]);
    let types: Vec<u8> = starts.map(|(at, _)| data[at + 4] & 0x1f).collect();
    let short = data.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).count();
    assert_eq!(short, types.len(), "a start code of three bytes");
    types
}

/// Encodes `seconds` of the scene at intervals that repeat; gives the size of each unit with its time.
fn run(
    encoder: &mut Encoder,
    millis: &[u64],
    motion: Motion,
    noise: u8,
    seconds: u64,
) -> Vec<(Duration, Encoded)> {
    let (width, height) = encoder.size();
    let mut picture = Picture::new(width, height).unwrap();
    let mut units = Vec::new();
    let mut at = Duration::ZERO;
    for (frame, interval) in (0..).zip(millis.iter().cycle()) {
        if at >= Duration::from_secs(seconds) {
            break;
        }
        paint(&mut picture, frame, motion, noise);
        let unit = encoder.encode(&picture, MediaTime(0) + at, false).unwrap();
        units.push((at, unit.expect("every picture gives an access unit")));
        at += Duration::from_millis(*interval);
    }
    units
}

/// Bit/s of the units from `from` to `to`, in seconds.
fn bitrate(units: &[(Duration, Encoded)], from: u64, to: u64) -> f64 {
    let span = Duration::from_secs(from)..Duration::from_secs(to);
    let bytes: usize =
        units.iter().filter(|(at, _)| span.contains(at)).map(|(_, unit)| unit.data.len()).sum();
    bytes as f64 * 8.0 / (to - from) as f64
}

#[test]
fn keyframes_begin_with_parameter_sets_and_other_pictures_are_one_slice() {
    let mut encoder = Encoder::new(&config(320, 240)).unwrap();
    assert_eq!(encoder.parameters(), None);
    let units = run(&mut encoder, &[33], Motion::Moving, 2, 5);
    for (n, (_, unit)) in units.iter().enumerate() {
        let expected: &[u8] = if unit.keyframe { &[7, 8, 5] } else { &[1] };
        assert_eq!(nal_types(&unit.data), expected, "picture {n}");
    }
    assert!(units[0].1.keyframe);
    let known = encoder.parameters().unwrap();
    let head = [&[0, 0, 0, 1], &known.sps[..], &[0, 0, 0, 1], &known.pps[..], &[0, 0, 0, 1]].concat();
    assert!(units.iter().filter(|(_, unit)| unit.keyframe).all(|(_, unit)| unit.data.starts_with(&head)));
}

#[test]
fn the_stream_is_constrained_baseline_at_every_size_and_rate() {
    let cases = [
        (16, 16, 100_000, 15.0),
        (176, 144, 100_000, 15.0),
        (640, 480, 1_000_000, 30.0),
        (1920, 1080, 8_000_000, 60.0),
    ];
    for (width, height, bitrate, max_fps) in cases {
        let mut encoder = Encoder::new(&Config { bitrate, max_fps, ..config(width, height) }).unwrap();
        encoder.encode(&scene(width, height), MediaTime(0), false).unwrap();
        let sps = &encoder.parameters().unwrap().sps;
        // profile_idc 66 with constraint_set0 and constraint_set1 (ITU-T H.264 A.2.1.1), level 3.1 or more.
        assert_eq!(sps[..3], [0x67, 0x42, 0xc0], "{width}x{height}");
        assert!(sps[3] >= 31, "{width}x{height}: level {}", sps[3]);
    }
}

#[test]
fn idr_pictures_come_by_time_whatever_the_frame_rate() {
    for millis in [&[33][..], &[200], &[10, 150, 70]] {
        let mut encoder = Encoder::new(&config(64, 48)).unwrap();
        let units = run(&mut encoder, millis, Motion::Moving, 2, 9);
        let keys: Vec<Duration> = units.iter().filter(|(_, unit)| unit.keyframe).map(|(at, _)| *at).collect();
        assert_eq!(keys[0], Duration::ZERO);
        for pair in keys.windows(2) {
            let apart = pair[1] - pair[0];
            assert!((2000..2200).contains(&apart.as_millis()), "{apart:?} at intervals of {millis:?} ms");
        }
        assert!(keys.len() >= 4);
    }
}

#[test]
fn an_idr_picture_on_demand_restarts_the_period() {
    let mut encoder = Encoder::new(&config(64, 48)).unwrap();
    let picture = scene(64, 48);
    let mut keyframe = |millis: i64, force| {
        encoder.encode(&picture, MediaTime(5_000_000 + millis * 1000), force).unwrap().unwrap().keyframe
    };
    let answers =
        [(0, false), (100, false), (1500, true), (1600, false), (2100, false), (3499, false), (3500, false)]
            .map(|(millis, force)| keyframe(millis, force));
    assert_eq!(answers, [true, false, true, false, false, false, true]);
}

#[test]
fn time_that_stands_still_or_goes_back_still_gives_pictures() {
    let mut encoder = Encoder::new(&config(64, 48)).unwrap();
    let picture = scene(64, 48);
    for at in [i64::MAX, 7, 7, i64::MIN, 0, 9_000_000, 3, i64::MAX] {
        assert!(encoder.encode(&picture, MediaTime(at), false).unwrap().is_some());
    }
}

#[test]
fn the_target_holds_for_a_moving_noisy_scene_at_steady_and_irregular_rates() {
    for millis in [&[33, 33, 34][..], &[100], &[20, 90, 40, 66]] {
        let mut encoder = Encoder::new(&config(640, 480)).unwrap();
        let units = run(&mut encoder, millis, Motion::Moving, 6, 12);
        let rate = bitrate(&units, 2, 12);
        assert!((800_000.0..=1_200_000.0).contains(&rate), "{rate:.0} bit/s at intervals of {millis:?} ms");
    }
}

#[test]
fn a_scene_that_stands_still_costs_little() {
    for (motion, noise, most) in [(Motion::Frozen, 0, 150_000.0), (Motion::Still, 2, 500_000.0)] {
        let mut encoder = Encoder::new(&config(640, 480)).unwrap();
        let rate = bitrate(&run(&mut encoder, &[33], motion, noise, 6), 2, 6);
        assert!(rate < most, "{motion:?}: {rate:.0} bit/s");
    }
}

#[test]
fn a_new_target_takes_effect_without_an_idr_picture() {
    let mut encoder =
        Encoder::new(&Config { idr_period: Duration::from_secs(60), ..config(640, 480) }).unwrap();
    let mut picture = Picture::new(640, 480).unwrap();
    let mut sizes = [0, 0, 0];
    for frame in 0..180_u32 {
        match frame {
            60 => encoder.set_bitrate(300_000).unwrap(),
            120 => encoder.set_bitrate(3_000_000).unwrap(),
            _ => {}
        }
        paint(&mut picture, frame, Motion::Moving, 6);
        let unit = encoder.encode(&picture, MediaTime(i64::from(frame) * 33_333), false).unwrap().unwrap();
        assert_eq!(unit.keyframe, frame == 0);
        // The second half of each stretch, when the rate control has settled.
        if frame % 60 >= 30 {
            sizes[frame as usize / 60] += unit.data.len();
        }
    }
    let [first, low, high] = sizes;
    assert!(low * 2 < first && first * 2 < high, "{sizes:?} bytes");
    assert_eq!(encoder.set_bitrate(MIN_BITRATE - 1), Err(Error::Bitrate(MIN_BITRATE - 1)));
    assert_eq!(encoder.set_bitrate(MAX_BITRATE + 1), Err(Error::Bitrate(MAX_BITRATE + 1)));
}

#[test]
fn odd_sizes_lose_their_last_row_and_column() {
    let mut encoder = Encoder::new(&config(65, 49)).unwrap();
    assert_eq!(encoder.size(), (64, 48));
    for (width, height) in [(65, 49), (64, 48), (64, 49)] {
        assert!(encoder.encode(&scene(width, height), MediaTime(0), false).unwrap().is_some());
    }
}

#[test]
fn pictures_of_another_size_or_range_are_refused_and_harm_nothing() {
    let mut encoder = Encoder::new(&config(64, 48)).unwrap();
    let error = encoder.encode(&scene(66, 48), MediaTime(0), false).unwrap_err();
    assert_eq!(error.to_string(), "picture of 66x48 pixels given to an H.264 encoder for 64x48");
    let mut limited = scene(64, 48);
    limited.set_range(Range::Limited);
    assert_eq!(encoder.encode(&limited, MediaTime(0), false), Err(Error::PictureRange(Range::Limited)));
    assert!(encoder.encode(&scene(64, 48), MediaTime(0), false).unwrap().unwrap().keyframe);
}

#[test]
fn impossible_settings_are_refused_by_name() {
    for (width, height) in [(15, 16), (17, 15), (0, 0), (3842, 16), (2162, 2162), (u32::MAX, 64)] {
        assert_eq!(Encoder::new(&config(width, height)).err(), Some(Error::Size { width, height }));
    }
    let settings = config(64, 48);
    assert_eq!(Encoder::new(&Config { bitrate: 0, ..settings.clone() }).err(), Some(Error::Bitrate(0)));
    for max_fps in [0.0, -1.0, f32::NEG_INFINITY] {
        assert_eq!(
            Encoder::new(&Config { max_fps, ..settings.clone() }).err(),
            Some(Error::FrameRate(max_fps))
        );
    }
    assert!(matches!(
        Encoder::new(&Config { max_fps: f32::NAN, ..settings.clone() }).err(),
        Some(Error::FrameRate(_))
    ));
    for (width, height) in [(16, 16), (3840, 2160), (2160, 3840)] {
        assert!(Encoder::new(&config(width, height)).is_ok(), "{width}x{height}");
    }
    assert!(Encoder::new(&Config { max_fps: 1000.0, ..settings.clone() }).is_ok());
    assert!(Encoder::new(&Config { max_fps: 0.01, ..settings }).is_ok());
}

#[test]
fn encoders_move_between_threads() {
    let mut encoder = Encoder::new(&config(64, 48)).unwrap();
    let unit =
        std::thread::spawn(move || encoder.encode(&scene(64, 48), MediaTime(0), false)).join().unwrap();
    assert!(unit.unwrap().unwrap().keyframe);
}
