//! The independent judge for pictures that are not shown in the order in which they are decoded, and for H.265:
//! x264 and x265 make them, ffprobe has to show every one at its own time from what the muxers make.
//!
//! `ffmpeg` (with libx264 and libx265) and `ffprobe` are required; without them these tests fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod judge;

use bytes::Bytes;
use camherd_media::codec::h264::nal::{has_b_slices, nal_units};
use camherd_media::codec::order::DecodeTimes;
use camherd_media::codec::{h264, h265};
use camherd_media::container::fmp4;
use camherd_media::time::{MediaTime, Monotonic};
use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};
use judge::{Scratch, run, to_mp4, to_ts};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PICTURES: usize = 40;
/// Microseconds between pictures.
const INTERVAL: i64 = 40_000;
const START: i64 = 5_000_000;

/// A test pattern of 320x240 as `encoder` makes it, in MP4, which knows the order of the pictures.
fn encode(scratch: &Scratch, encoder: &[&str]) -> PathBuf {
    let path = scratch.file("in.mp4");
    let (frames, source) = (PICTURES.to_string(), "testsrc=size=320x240:rate=25");
    let input =
        ["-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", &frames, "-pix_fmt", "yuv420p"];
    run("ffmpeg", &[&input[..], encoder, &["-bf", "3", "-g", "20", path.to_str().unwrap()]].concat());
    path
}

/// The access units of `path` in Annex B in decoding order, and when each is to be shown, in pictures.
fn access_units(path: &Path, filter: &str, kind: &str, is_delimiter: fn(&[u8]) -> bool) -> Vec<(Bytes, i64)> {
    let path = path.to_str().unwrap();
    let filters = format!("{filter}_mp4toannexb,{filter}_metadata=aud=insert");
    let stream = run(
        "ffmpeg",
        &["-v", "error", "-i", path, "-map", "0:v", "-c", "copy", "-bsf:v", &filters, "-f", kind, "-"],
    );
    let mut units: Vec<Vec<u8>> = Vec::new();
    for nal in nal_units(&stream.stdout) {
        if is_delimiter(nal) {
            units.push(Vec::new());
        }
        let unit = units.last_mut().expect("a delimiter comes first");
        unit.extend_from_slice(&[0, 0, 0, 1]);
        unit.extend_from_slice(nal);
    }
    let times = run("ffprobe", &["-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path]);
    let times = String::from_utf8(times.stdout).unwrap();
    let seconds: Vec<f64> = times.lines().map(|line| line.trim_end_matches(',').parse().unwrap()).collect();
    let first = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let shown: Vec<i64> = seconds.iter().map(|time| ((time - first) * 25.0).round() as i64).collect();
    assert_eq!((units.len(), shown.len()), (PICTURES, PICTURES));
    assert!(!shown.is_sorted(), "the encoder made no B pictures");
    units.into_iter().map(Bytes::from).zip(shown).collect()
}

/// What both codecs' normalisers say of an access unit.
struct Picture {
    data: Bytes,
    keyframe: bool,
    /// Codec, width, height and reorder depth, where they are new.
    changed: Option<(Codec, u32, u32, Option<u8>)>,
}

/// Units as a source makes them of access units and their presentation times.
fn units(access_units: &[(Bytes, i64)], mut normalise: impl FnMut(&Bytes) -> Option<Picture>) -> Vec<Unit> {
    let (mut times, mut format, mut units) = (DecodeTimes::default(), None, Vec::new());
    for (data, shown) in access_units {
        let picture = normalise(data).expect("every picture is passed on");
        if let Some((codec, width, height, depth)) = picture.changed {
            times.set_depth(depth.expect("the encoder says its depth"));
            format = Some(Arc::new(Format { codec, width, height, packaging: Packaging::Bare }));
        }
        let pts = MediaTime(START + shown * INTERVAL);
        let placed = times.push(pts);
        assert_eq!(placed.pts, pts, "no picture is shown late");
        units.push(Unit {
            payload: picture.data,
            pts: placed.pts,
            dts: placed.dts,
            keyframe: picture.keyframe,
            format: format.clone().expect("a keyframe comes first"),
            stamps: Stamps::received(Monotonic(0)),
        });
    }
    units
}

fn h264_units(scratch: &Scratch, profile: &str) -> Vec<Unit> {
    let path = encode(scratch, &["-c:v", "libx264", "-profile:v", profile, "-x264-params", "b-pyramid=2"]);
    let access_units = access_units(&path, "h264", "h264", |nal| nal[0] & 0x1f == 9);
    assert!(access_units.iter().any(|(data, _)| has_b_slices(data)));
    let mut normaliser = h264::normalise::Normaliser::new();
    units(&access_units, |data| {
        let picture = normaliser.push(data).unwrap()?;
        let changed = picture
            .changed
            .map(|new| (Codec::H264(new.sets), new.sps.width, new.sps.height, new.sps.reorder_frames()));
        Some(Picture { data: picture.data, keyframe: picture.keyframe, changed })
    })
}

fn h265_units(scratch: &Scratch) -> Vec<Unit> {
    let parameters = "log-level=none:pools=none:frame-threads=1:open-gop=1";
    let path = encode(scratch, &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters]);
    let access_units = access_units(&path, "hevc", "hevc", |nal| nal[0] >> 1 == 35);
    let mut normaliser = h265::normalise::Normaliser::new();
    units(&access_units, |data| {
        let picture = normaliser.push(data).unwrap()?;
        let changed = picture
            .changed
            .map(|new| (Codec::H265(new.sets), new.sps.width, new.sps.height, Some(new.sps.reorder_frames)));
        Some(Picture { data: picture.data, keyframe: picture.keyframe, changed })
    })
}

/// PTS of the decoded frames, and the DTS of the packets, both in 90 kHz ticks, and the codec.
fn probe(path: &Path) -> (Vec<i64>, Vec<i64>, String) {
    let path = path.to_str().unwrap();
    let ask = |entries: &str| {
        let output = run("ffprobe", &["-v", "warning", "-show_entries", entries, "-of", "csv=p=0", path]);
        String::from_utf8(output.stdout).unwrap()
    };
    let numbers = |text: String| -> Vec<i64> {
        let lines = text.lines().map(|line| line.trim_end_matches(',')).filter(|line| !line.is_empty());
        lines.map(|line| line.parse().unwrap_or_else(|_| panic!("not a time: {line:?}"))).collect()
    };
    let codec = ask("stream=codec_name").lines().next().unwrap_or_default().trim_end_matches(',').to_owned();
    (numbers(ask("frame=pts")), numbers(ask("packet=dts")), codec)
}

/// Packages `units` both ways, and compares what ffprobe shows with what they say.
fn check(scratch: &Scratch, units: &[Unit], codec: &str) {
    assert!(units.iter().any(|unit| unit.pts != unit.dts));
    let mut shown: Vec<i64> = units.iter().map(|unit| unit.pts.0 * 9 / 100).collect();
    shown.sort_unstable();
    for (name, file, lead) in [("out.ts", to_ts(units), 900), ("out.mp4", to_mp4(units, None), 0)] {
        let path = scratch.file(name);
        std::fs::write(&path, file).unwrap();
        let (got, decoded, got_codec) = probe(&path);
        assert_eq!(got, shown.iter().map(|ticks| ticks + lead).collect::<Vec<_>>(), "{name}");
        assert_eq!(got_codec, codec, "{name}");
        let wanted: Vec<i64> = units.iter().map(|unit| unit.dts.0 * 9 / 100 + lead).collect();
        // Units that are decoded at the same time are a tick apart.
        let apart = decoded.iter().zip(&wanted).map(|(got, want)| got - want).max();
        assert!(decoded.len() == units.len() && apart <= Some(4), "{name}: {decoded:?} is not {wanted:?}");
        assert!(decoded.is_sorted_by(|a, b| a < b), "{name}: {decoded:?}");
    }
}

#[test]
fn ffprobe_shows_h264_with_b_pictures_in_their_order() {
    for profile in ["main", "high"] {
        let scratch = Scratch::new(&format!("order-{profile}"));
        let units = h264_units(&scratch, profile);
        check(&scratch, &units, "h264");
    }
}

#[test]
fn ffprobe_shows_h265_in_its_order_and_agrees_on_its_name() {
    let scratch = Scratch::new("order-h265");
    let units = h265_units(&scratch);
    check(&scratch, &units, "hevc");
    assert_eq!(fmp4::mime(&units[0].format).as_deref(), Some("video/mp4; codecs=\"hvc1.1.6.L60.90\""));
}
