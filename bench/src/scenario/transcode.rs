//! JPEG in to H.264 at the viewer's socket: latency and CPU time, against the old system's ffmpeg in both its forms and
//! against the codecs alone.

use super::{Add, FPS, camera, ms};
use crate::args::Args;
use crate::clock;
use crate::codecs::{self, Pace};
use crate::error::Error;
use crate::ffmpeg::{self, Input};
use crate::frames::{Frames, HD, Kind, VGA};
use crate::matching::{self, Anchor, Outcome};
use crate::report::Target;
use crate::server::Server;
use crate::stats::Sorted;
use crate::viewer::Viewer;
use std::time::Duration;

/// Until the transcoder runs and its rate control has settled.
const WARM_UP: Duration = Duration::from_millis(1500);
/// After ffmpeg's first output: it has then caught up with what came while it looked at its input.
const FFMPEG_WARM_UP: Duration = Duration::from_millis(1500);
/// After the measured time, for its last frames to come out.
const DRAIN: Duration = Duration::from_millis(200);

const MULTIPART: &str = "ffmpeg mpjpeg";
const OLD: &str = "ffmpeg as the old system";

/// One run of one transcoder.
struct Measured {
    outcome: Outcome,
    latency: Sorted,
    /// CPU milliseconds for each frame that was sent: the same number as seconds for 1000 frames.
    cpu_ms: f64,
    discontinuities: u64,
    kbit_s: f64,
}

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let time = Duration::from_secs(args.seconds);
    for (kind, p50, p99) in [(VGA, 2.5, 6.0), (HD, 7.0, 12.0)] {
        let frames = Frames::load(&args.cache, kind)?;
        let ours = camherd(args, &frames, time)?;
        let multipart = peer(Input::Multipart, &frames, time)?;
        let size = format!("{}x{} ({} KB)", kind.width, kind.height, frames.mean_bytes() / 1000);
        for (p, limit) in [(50.0, p50), (99.0, p99)] {
            let peer = (MULTIPART, ms(&multipart.latency, p, MULTIPART)?);
            let target = Target::both(limit, 1.0);
            add(
                format!("JPEG to H.264, {size}, p{p}"),
                "ms",
                ms(&ours.latency, p, "camherd")?,
                Some(peer),
                target,
            );
        }
        let missing = ours.outcome.missing as f64;
        let peer = (MULTIPART, multipart.outcome.missing as f64);
        add(
            format!("  frames of {} that no picture shows", ours.latency.len() as u64 + ours.outcome.missing),
            "",
            missing,
            Some(peer),
            Target::limit(0.0),
        );
        let peer = (MULTIPART, multipart.outcome.repeated as f64);
        add(
            "  pictures shown twice".into(),
            "",
            ours.outcome.repeated as f64,
            Some(peer),
            Target::limit(0.0),
        );
        add("  MPEG-TS discontinuities".into(), "", ours.discontinuities as f64, None, Target::limit(0.0));
        let peer = (MULTIPART, multipart.kbit_s);
        add("  bit rate with MPEG-TS".into(), "kbit/s", ours.kbit_s, Some(peer), Target::NONE);
        cpu(kind, &frames, time, &ours, &multipart, add)?;
    }
    Ok(())
}

/// The rows about CPU time.
fn cpu(
    kind: Kind,
    frames: &Frames,
    time: Duration,
    ours: &Measured,
    multipart: &Measured,
    add: &mut Add<'_>,
) -> Result<(), Error> {
    let figure = format!("CPU per 1000 frames, {}x{}", kind.width, kind.height);
    let vga = kind.height == VGA.height;
    add(figure.clone(), "s", ours.cpu_ms, Some((MULTIPART, multipart.cpu_ms)), Target::NONE);
    if vga {
        let old = peer(Input::ImagePipe, frames, time)?;
        add(figure.clone(), "s", ours.cpu_ms, Some((OLD, old.cpu_ms)), Target::ratio(0.65));
        let (p50, old_p50) = (ms(&ours.latency, 50.0, "camherd")?, ms(&old.latency, 50.0, OLD)?);
        add("  p50 beside the old system".into(), "ms", p50, Some((OLD, old_p50)), Target::NONE);
    }
    let target = if vga { Target::ratio(1.25) } else { Target::NONE };
    let alone = codecs::cpu_ms_per_frame(frames, kind, Pace::BackToBack)?;
    add(figure.clone(), "s", ours.cpu_ms, Some(("decode + encode alone", alone)), target);
    let alone = codecs::cpu_ms_per_frame(frames, kind, Pace::Live(time))?;
    add(figure, "s", ours.cpu_ms, Some(("the same at 30 fps", alone)), Target::NONE);
    Ok(())
}

fn camherd(args: &Args, frames: &Frames, time: Duration) -> Result<Measured, Error> {
    let server = Server::start(&args.camherd)?;
    let cameras = camera(&server, "bench", frames)?;
    let viewer = Viewer::start(server.addr(), "bench")?;
    std::thread::sleep(WARM_UP);
    let (before, from) = (server.cpu_ns()?, clock::now());
    std::thread::sleep(time);
    let (after, to) = (server.cpu_ns()?, clock::now());
    std::thread::sleep(DRAIN);
    let recording = viewer.stop()?;
    let sent = cameras.stop()?;
    measured(&sent, &recording, Anchor::Newest, (from, to), after - before)
}

fn peer(input: Input, frames: &Frames, time: Duration) -> Result<Measured, Error> {
    let run = ffmpeg::run(input, frames, FPS, FFMPEG_WARM_UP, time)?;
    measured(&run.sent, &run.recording, Anchor::Oldest, run.window, run.cpu_ns)
}

fn measured(
    sent: &[u64],
    recording: &crate::ts::Recording,
    anchor: Anchor,
    window: (u64, u64),
    cpu_ns: u64,
) -> Result<Measured, Error> {
    let pictures = matching::identify(recording)?;
    let mut outcome = matching::latencies(sent, recording, &pictures, anchor, window)?;
    let frames = outcome.latencies.len() as u64 + outcome.missing;
    let latency = Sorted::new(std::mem::take(&mut outcome.latencies));
    let cpu_ms = cpu_ns as f64 / 1e6 / frames.max(1) as f64;
    let seen = recording.units.last().zip(recording.units.first()).map_or(0, |(l, f)| l.last - f.first);
    let kbit_s = recording.bytes.len() as f64 * 8e6 / seen.max(1) as f64;
    Ok(Measured { outcome, latency, cpu_ms, discontinuities: recording.discontinuities, kbit_s })
}
