//! Measures the CPU time of JPEG decoding, H.264 encoding and both, per frame, on one thread:
//! `cargo run --release --example codec_speed`. A table goes to standard error, JSON to standard output.

// The tests use all of it.
#[allow(dead_code)]
#[path = "../tests/support/scene.rs"]
mod scene;

use camherd_codec::{Picture, Range, h264, jpeg};
use camherd_media::time::MediaTime;
use scene::Motion;
use std::error::Error;
use std::time::Duration;

/// Different frames of the scene; the measurement goes back and forth through them, so that nothing jumps.
const SCENE_FRAMES: u32 = 60;
/// Frames encoded per case.
const FRAMES: u32 = 600;
/// Largest deviation of a luma sample by sensor noise, about that of an OV2640 indoors.
const NOISE: u8 = 3;

/// One size to measure, with the JPEG size that cameras send at it.
struct Case {
    width: u32,
    height: u32,
    jpeg_bytes: usize,
    bitrate: u32,
}

const CASES: [Case; 2] = [
    Case { width: 640, height: 480, jpeg_bytes: 25_000, bitrate: 1_000_000 },
    Case { width: 1280, height: 720, jpeg_bytes: 60_000, bitrate: 2_500_000 },
];

/// CPU time of a frame in milliseconds, over all frames of a case.
struct Cost {
    minimum: f64,
    median: f64,
    mean: f64,
    p99: f64,
}

impl Cost {
    fn of(mut samples: Vec<f64>) -> Cost {
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| samples[(samples.len() as f64 * share) as usize];
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        Cost { minimum: samples[0], median: at(0.5), mean, p99: at(0.99) }
    }

    fn json(&self) -> String {
        let Cost { minimum, median, mean, p99 } = self;
        format!(r#"{{"min":{minimum:.3},"median":{median:.3},"mean":{mean:.3},"p99":{p99:.3}}}"#)
    }
}

/// CPU time that this thread has used, in milliseconds.
#[cfg(target_os = "linux")]
fn cpu_millis() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one structure; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

/// Time that has passed, in milliseconds: without a clock for the thread, an idle machine has to do.
#[cfg(not(target_os = "linux"))]
fn cpu_millis() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}

/// The frames of the scene as JPEG files, at the quality whose size comes closest to that of the case.
fn camera(case: &Case) -> Result<(u8, Vec<bytes::Bytes>), Box<dyn Error>> {
    let mut picture = Picture::new(case.width, case.height)?;
    scene::paint(&mut picture, 0, Motion::Moving, NOISE);
    let mut best = (usize::MAX, 1);
    for quality in 20..=95 {
        let size = jpeg::Encoder::new(quality)?.encode(&picture)?.len();
        best = best.min((size.abs_diff(case.jpeg_bytes), quality));
    }
    let mut encoder = jpeg::Encoder::new(best.1)?;
    let mut files = Vec::new();
    for frame in 0..SCENE_FRAMES {
        scene::paint(&mut picture, frame, Motion::Moving, NOISE);
        files.push(encoder.encode(&picture)?);
    }
    Ok((best.1, files))
}

fn measure(case: &Case) -> Result<String, Box<dyn Error>> {
    let (quality, files) = camera(case)?;
    let mut decoder = jpeg::Decoder::new()?;
    let mut encoder = h264::Encoder::new(&h264::Config {
        width: case.width,
        height: case.height,
        bitrate: case.bitrate,
        max_fps: 30.0,
        idr_period: Duration::from_secs(2),
        range: Range::Full,
    })?;
    let mut picture = Picture::default();
    let (mut decode, mut encode, mut both) = (Vec::new(), Vec::new(), Vec::new());
    let (mut largest, mut total) = (0, 0);
    for frame in 0..FRAMES {
        let (lap, place) = (frame / SCENE_FRAMES, frame % SCENE_FRAMES);
        let place = if lap % 2 == 0 { place } else { SCENE_FRAMES - 1 - place };
        let start = cpu_millis();
        decoder.decode(&files[place as usize], &mut picture)?;
        let decoded = cpu_millis();
        let pts = MediaTime(i64::from(frame) * 1_000_000 / 30);
        let unit = encoder.encode(&picture, pts, false)?.ok_or("the encoder dropped a frame")?;
        let encoded = cpu_millis();
        decode.push(decoded - start);
        encode.push(encoded - decoded);
        both.push(encoded - start);
        largest = largest.max(unit.data.len());
        total += unit.data.len();
    }
    let kbit = total as f64 * 8.0 * 30.0 / f64::from(FRAMES) / 1000.0;
    let jpeg_bytes = files.iter().map(bytes::Bytes::len).sum::<usize>() / files.len();
    let (decode, encode, both) = (Cost::of(decode), Cost::of(encode), Cost::of(both));
    eprintln!("{}x{}, JPEG quality {quality}, {jpeg_bytes} bytes on average", case.width, case.height);
    eprintln!("  ms CPU per frame     min  median    mean     p99");
    for (name, cost) in [("JPEG decode", &decode), ("H.264 encode", &encode), ("both", &both)] {
        let Cost { minimum, median, mean, p99 } = cost;
        eprintln!("  {name:<15} {minimum:>8.2}{median:>8.2}{mean:>8.2}{p99:>8.2}");
    }
    eprintln!(
        "  H.264: {kbit:.0} kbit/s of {} asked for, largest picture {largest} bytes",
        case.bitrate / 1000
    );
    Ok(format!(
        r#"{{"width":{},"height":{},"jpeg_quality":{quality},"jpeg_bytes":{jpeg_bytes},"jpeg_decode_ms":{},"h264_encode_ms":{},"both_ms":{},"h264_kbit_s":{kbit:.1},"h264_largest_bytes":{largest}}}"#,
        case.width,
        case.height,
        decode.json(),
        encode.json(),
        both.json(),
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let cases = CASES.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
    println!(r#"{{"backend":"libjpeg-turbo + openh264","cases":[{}]}}"#, cases.join(","));
    Ok(())
}
