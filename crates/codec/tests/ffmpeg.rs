//! What the encoders write, as ffmpeg and ffprobe see it: implementations that share no code with them.
//! Both programs must be installed; their absence fails these tests.

// A test may panic; clippy's exception covers only the functions that are marked as tests.
#![allow(clippy::unwrap_used)]

// The measuring example uses the rest of it.
#[allow(dead_code)]
#[path = "support/scene.rs"]
mod scene;
#[path = "support/tool.rs"]
mod tool;

use camherd_codec::picture::Plane;
use camherd_codec::{Picture, Range, h264, jpeg};
use camherd_media::time::MediaTime;
use scene::{Motion, paint};
use std::time::Duration;
use tool::run;

const FRAMES: u32 = 75;

/// Encodes `FRAMES` frames of the moving scene; gives the stream and the frames.
fn stream(width: u32, height: u32, range: Range) -> (Vec<u8>, Vec<Picture>, usize) {
    let config = h264::Config {
        width,
        height,
        bitrate: 1_500_000,
        max_fps: 30.0,
        idr_period: Duration::from_secs(1),
        range,
    };
    let mut encoder = h264::Encoder::new(&config).unwrap();
    let (mut bytes, mut pictures, mut keyframes) = (Vec::new(), Vec::new(), 0);
    for frame in 0..FRAMES {
        let mut picture = Picture::new(width, height).unwrap();
        paint(&mut picture, frame, Motion::Moving, 2);
        picture.set_range(range);
        let unit = encoder.encode(&picture, MediaTime(i64::from(frame) * 33_333), false).unwrap().unwrap();
        bytes.extend_from_slice(&unit.data);
        keyframes += usize::from(unit.keyframe);
        pictures.push(picture);
    }
    (bytes, pictures, keyframes)
}

/// Peak signal-to-noise ratio in dB between a plane and packed samples of its even part.
fn psnr(plane: Plane<'_>, width: usize, samples: &[u8]) -> f64 {
    let pairs = plane.rows().zip(samples.chunks_exact(width)).flat_map(|(a, b)| a.iter().zip(b));
    let (sum, count) = pairs.fold((0_u64, 0_u64), |(sum, count), (a, b)| {
        let difference = u64::from(a.abs_diff(*b));
        (sum + difference * difference, count + 1)
    });
    10.0 * (255.0 * 255.0 * count as f64 / sum.max(1) as f64).log10()
}

const PROBE: &[&str] = &[
    "-v",
    "warning",
    "-f",
    "h264",
    "-i",
    "-",
    "-show_streams",
    "-select_streams",
    "v",
    "-of",
    "default=noprint_wrappers=1",
];

#[test]
fn ffprobe_sees_constrained_baseline_without_reordering_and_the_colours_of_jpeg() {
    for (range, name) in [(Range::Full, "pc"), (Range::Limited, "tv")] {
        let (bytes, _, _) = stream(640, 480, range);
        let report = String::from_utf8(run("ffprobe", PROBE, &bytes)).unwrap();
        let color_range = format!("color_range={name}");
        for line in [
            "codec_name=h264",
            "profile=Constrained Baseline",
            "width=640",
            "height=480",
            "has_b_frames=0",
            "level=31",
            "color_space=smpte170m",
            "color_transfer=iec61966-2-1",
            "color_primaries=bt709",
            &color_range,
        ] {
            assert!(report.lines().any(|l| l == line), "{line} is not in:\n{report}");
        }
    }
}

#[test]
fn ffmpeg_decodes_every_picture_without_complaint_and_alike() {
    for (width, height) in [(640, 480), (321, 241), (16, 16), (1280, 720)] {
        let (bytes, pictures, keyframes) = stream(width, height, Range::Full);
        assert!((3..=4).contains(&keyframes), "{keyframes} keyframes in 2.5 s");
        let decode =
            ["-v", "warning", "-f", "h264", "-i", "-", "-fps_mode", "passthrough", "-f", "rawvideo", "-"];
        let raw = run("ffmpeg", &decode, &bytes);
        let (width, height) = (width as usize & !1, height as usize & !1);
        let (luma, chroma) = (width * height, width * height / 4);
        assert_eq!(raw.len(), (luma + 2 * chroma) * FRAMES as usize, "{width}x{height}");
        for (n, (picture, raw)) in pictures.iter().zip(raw.chunks(luma + 2 * chroma)).enumerate() {
            let (y, rest) = raw.split_at(luma);
            let (u, v) = rest.split_at(chroma);
            let db = psnr(picture.y(), width, y);
            assert!(db > 29.0, "{width}x{height}, picture {n}: {db:.1} dB in luma");
            for (plane, samples) in [(picture.u(), u), (picture.v(), v)] {
                let db = psnr(plane, width / 2, samples);
                assert!(db > 33.0, "{width}x{height}, picture {n}: {db:.1} dB in chroma");
            }
        }
    }
}

#[test]
fn ffmpeg_decodes_a_jpeg_to_the_same_samples() {
    for (width, height) in [(640, 480), (161, 121)] {
        let mut picture = Picture::new(width, height).unwrap();
        paint(&mut picture, 3, Motion::Moving, 2);
        let file = jpeg::Encoder::new(95).unwrap().encode(&picture).unwrap();
        let decode = ["-v", "warning", "-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-"];
        let raw = run("ffmpeg", &decode, &file);
        let (width, height) = (width as usize, height as usize);
        let (y, rest) = raw.split_at(width * height);
        let (u, v) = rest.split_at(width.div_ceil(2) * height.div_ceil(2));
        assert!(psnr(picture.y(), width, y) > 38.0);
        assert!(psnr(picture.u(), width.div_ceil(2), u) > 38.0);
        assert!(psnr(picture.v(), width.div_ceil(2), v) > 38.0);
    }
}
