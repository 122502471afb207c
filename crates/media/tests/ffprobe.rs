//! An independent judge for the muxers: x264 makes pictures at irregular times, and ffprobe has to
//! decode every one of them from what the muxers make, at its own time and without a complaint.
//!
//! `ffmpeg` (with libx264) and `ffprobe` are required; without them these tests fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod judge;

use camherd_media::container::{TsMuxer, WallClock};
use camherd_media::time::{MediaTime, Monotonic};
use camherd_media::unit::{Codec, Format, H264Parameters, Packaging, Stamps, Unit};
use judge::{Scratch, run, to_mp4, to_ts};
use std::path::Path;
use std::sync::Arc;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;
const PICTURES: usize = 50;
const GOP: usize = 20;
/// Milliseconds between pictures, over and over: a camera on Wi-Fi.
const INTERVALS: [i64; 7] = [33, 50, 17, 120, 34, 400, 8];

/// Pictures of a test pattern as x264 makes them, with and without its delimiters.
fn encode(scratch: &Scratch, profile: &str, start: i64, keep_delimiters: bool) -> Vec<Unit> {
    let path = scratch.file("in.h264");
    let (source, path_text) = (format!("testsrc=size={WIDTH}x{HEIGHT}:rate=30"), path.to_str().unwrap());
    let (frames, gop) = (PICTURES.to_string(), GOP.to_string());
    run(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &source,
            "-frames:v",
            &frames,
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-profile:v",
            profile,
            "-preset",
            "veryfast",
            "-tune",
            "zerolatency",
            "-bf",
            "0",
            "-g",
            &gop,
            "-x264-params",
            "aud=1:repeat-headers=1:slices=3",
            "-f",
            "h264",
            path_text,
        ],
    );
    let stream = std::fs::read(&path).unwrap();
    let mut pictures: Vec<Vec<&[u8]>> = Vec::new();
    for nal in split(&stream) {
        if nal[0] & 0x1f == 9 {
            pictures.push(Vec::new());
        }
        pictures.last_mut().expect("x264 begins with a delimiter").push(nal);
    }
    assert_eq!(pictures.len(), PICTURES);
    let find = |kind| pictures[0].iter().find(|nal| nal[0] & 0x1f == kind).unwrap().to_vec().into();
    let codec = Codec::H264(H264Parameters { sps: find(7), pps: find(8) });
    let format = Arc::new(Format { codec, width: WIDTH, height: HEIGHT, packaging: Packaging::Bare });
    let mut pts = start;
    let mut units = Vec::new();
    for (index, nals) in pictures.iter().enumerate() {
        let kept = nals.iter().filter(|nal| keep_delimiters || nal[0] & 0x1f != 9);
        units.push(Unit {
            payload: kept.flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect(),
            pts: MediaTime(pts),
            dts: MediaTime(pts),
            keyframe: nals.iter().any(|nal| nal[0] & 0x1f == 5),
            format: format.clone(),
            stamps: Stamps::received(Monotonic(0)),
        });
        pts += INTERVALS[index % INTERVALS.len()] * 1_000;
    }
    units
}

/// NAL units of a byte stream, the slow and obvious way.
fn split(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (3..stream.len()).filter(|at| stream[at - 3..*at] == [0, 0, 1]).collect();
    let ends = starts.iter().skip(1).map(|start| start - 3).chain([stream.len()]);
    let trim = |nal: &'_ [u8]| nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    starts.iter().zip(ends).map(|(start, end)| &stream[*start..][..trim(&stream[*start..end])]).collect()
}

/// What ffprobe says of a file.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    /// PTS and keyframe flag of every decoded frame.
    frames: Vec<(i64, bool)>,
    /// Codec, width, height and number of frames.
    stream: (String, String, String, String),
}

fn probe(path: &Path) -> Report {
    let output = run(
        "ffprobe",
        &[
            "-v",
            "warning",
            "-count_frames",
            "-show_entries",
            "stream=codec_name,width,height,nb_read_frames:frame=pts,key_frame",
            "-of",
            "compact",
            path.to_str().unwrap(),
        ],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut report = Report { frames: Vec::new(), stream: Default::default() };
    for line in text.lines() {
        let field = |name: &str| {
            let value = line.split('|').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            value.unwrap_or_else(|| panic!("ffprobe says no {name} in {line:?}")).to_owned()
        };
        if line.starts_with("frame|") {
            report.frames.push((field("pts").parse().unwrap(), field("key_frame") == "1"));
        } else if line.starts_with("stream|") {
            report.stream = (field("codec_name"), field("width"), field("height"), field("nb_read_frames"));
        }
    }
    report
}

fn expected(units: &[Unit], tick: impl Fn(i64) -> i64) -> Report {
    let (width, height) = (WIDTH.to_string(), HEIGHT.to_string());
    Report {
        frames: units.iter().map(|unit| (tick(unit.pts.0 * 9 / 100), unit.keyframe)).collect(),
        stream: ("h264".into(), width, height, units.len().to_string()),
    }
}

#[test]
fn ffprobe_reads_transport_streams_from_the_first_byte() {
    for (profile, delimiters) in [("baseline", false), ("high", true)] {
        let scratch = Scratch::new(&format!("ts-{profile}"));
        let units = encode(&scratch, profile, 5_000_000, delimiters);
        std::fs::write(scratch.file("out.ts"), to_ts(&units)).unwrap();
        let got = probe(&scratch.file("out.ts"));
        assert_eq!(got, expected(&units, |ticks| ticks + 900), "{profile}");
    }
}

#[test]
fn ffprobe_reads_transport_streams_across_the_wrap() {
    let scratch = Scratch::new("ts-wrap");
    // The wrap is at 95 443.717 s; ffprobe counts on from the first time.
    let units = encode(&scratch, "baseline", 95_443_000_000, false);
    std::fs::write(scratch.file("out.ts"), to_ts(&units)).unwrap();
    let got = probe(&scratch.file("out.ts"));
    let first = got.frames[0].0;
    let origin = units[0].pts.0 * 9 / 100;
    assert_eq!(got, expected(&units, |ticks| ticks - origin + first));
    assert!(got.frames.last().unwrap().0 - first > 90_000);
}

#[test]
fn ffprobe_reads_a_transport_stream_from_a_later_keyframe() {
    let scratch = Scratch::new("ts-join");
    let units = encode(&scratch, "baseline", 5_000_000, false);
    let mut muxer = TsMuxer::new();
    let mut file = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        let output = muxer.push(unit).unwrap();
        if index >= GOP {
            file.extend_from_slice(&output.payload);
        }
    }
    std::fs::write(scratch.file("out.ts"), file).unwrap();
    assert_eq!(probe(&scratch.file("out.ts")), expected(&units[GOP..], |ticks| ticks + 900));
}

#[test]
fn ffprobe_reads_fragments_after_their_initialisation_segment() {
    for (profile, delimiters, wall) in
        [("baseline", false, Some(WallClock(1_700_000_000_000_000))), ("high", true, None)]
    {
        let scratch = Scratch::new(&format!("fmp4-{profile}"));
        // A time line that began in 1970, to see that decode times beyond 32 bits are read.
        let units = encode(&scratch, profile, 1_700_000_000_000_000, delimiters);
        std::fs::write(scratch.file("out.mp4"), to_mp4(&units, wall)).unwrap();
        assert_eq!(probe(&scratch.file("out.mp4")), expected(&units, |ticks| ticks), "{profile}");
    }
}

/// The slices of a byte stream, which is what must come through unchanged.
fn slices(stream: &[u8]) -> Vec<&[u8]> {
    split(stream).into_iter().filter(|nal| matches!(nal[0] & 0x1f, 1 | 5)).collect()
}

#[test]
fn ffmpeg_finds_the_same_slices_in_both_containers() {
    let scratch = Scratch::new("slices");
    let mut units = encode(&scratch, "baseline", 5_000_000, false);
    for (unit, index) in units.iter_mut().zip(0..) {
        // ffmpeg counts the times of a bare stream in frames and complains of two in one.
        unit.pts = MediaTime(index * 40_000);
        unit.dts = unit.pts;
    }
    let payloads: Vec<u8> = units.iter().flat_map(|unit| unit.payload.to_vec()).collect();
    let want = slices(&payloads);
    assert!(want.len() > PICTURES, "pictures of several slices");
    for (name, file) in [("out.ts", to_ts(&units)), ("out.mp4", to_mp4(&units, None))] {
        let path = scratch.file(name);
        std::fs::write(&path, file).unwrap();
        let path = path.to_str().unwrap();
        let copy = ["-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"];
        let got = run("ffmpeg", &[&["-v", "error", "-i", path][..], &copy].concat()).stdout;
        assert!(slices(&got) == want, "{name}: the slices differ");
    }
}
