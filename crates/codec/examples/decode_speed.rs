//! Measures the CPU time of H.264 decoding, scaling to 640x480 and conversion to BGR, per frame, on one thread,
//! beside that of ffmpeg for the same: `cargo run --release --example decode_speed`. A table goes to standard
//! error, JSON to standard output. ffmpeg with libx264 must be installed.

use camherd_codec::convert::convert;
use camherd_codec::decode::{Codec, Decoder, Order};
use camherd_codec::scale::Scaler;
use camherd_codec::{I420View, Picture};
use camherd_media::codec::h264::split::AccessUnitSplitter;
use camherd_media::time::MediaTime;
use camherd_media::unit::PixelFormat;
use std::error::Error;
use std::process::{Command, Stdio};

/// Frames decoded per case, 20 s at 30 fps.
const FRAMES: usize = 600;
/// Size of the BGR pictures.
const OUTPUT: (u32, u32) = (640, 480);

/// One stream to measure.
struct Case {
    name: &'static str,
    size: &'static str,
    profile: &'static str,
    bitrate: &'static str,
    options: &'static str,
}

const CASES: [Case; 6] = [
    Case { name: "VGA baseline", size: "640x480", profile: "baseline", bitrate: "1M", options: "keyint=30" },
    Case {
        name: "VGA main",
        size: "640x480",
        profile: "main",
        bitrate: "1M",
        options: "keyint=30:bframes=0",
    },
    Case {
        name: "VGA high",
        size: "640x480",
        profile: "high",
        bitrate: "1M",
        options: "keyint=30:bframes=0",
    },
    Case {
        name: "720p baseline",
        size: "1280x720",
        profile: "baseline",
        bitrate: "2500k",
        options: "keyint=30",
    },
    Case {
        name: "720p main",
        size: "1280x720",
        profile: "main",
        bitrate: "2500k",
        options: "keyint=30:bframes=0",
    },
    Case {
        name: "720p high",
        size: "1280x720",
        profile: "high",
        bitrate: "2500k",
        options: "keyint=30:bframes=0",
    },
];

/// CPU time that this process has used, in milliseconds.
#[cfg(target_os = "linux")]
fn cpu_millis() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one structure; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut now) };
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

/// Time that has passed, in milliseconds: without a clock for the process, an idle machine has to do.
#[cfg(not(target_os = "linux"))]
fn cpu_millis() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}

/// The stream of a case, written to `path`.
fn make(case: &Case, path: &str) -> Result<(), Box<dyn Error>> {
    let source = format!("testsrc2=size={}:rate=30,noise=alls=3:allf=t,format=yuv420p", case.size);
    let frames = FRAMES.to_string();
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source, "-frames:v", &frames, "-c:v", "libx264"])
        .args(["-preset", "veryfast", "-profile:v", case.profile, "-b:v", case.bitrate])
        .args(["-x264-params", case.options, "-f", "h264", path])
        .status()?;
    if made.success() { Ok(()) } else { Err("ffmpeg cannot make the stream".into()) }
}

/// CPU time of ffmpeg for the whole stream, in milliseconds, as its option `-benchmark` tells it.
fn ffmpeg(path: &str) -> Result<f64, Box<dyn Error>> {
    let scale = format!("scale={}:{}", OUTPUT.0, OUTPUT.1);
    let run = Command::new("ffmpeg")
        .args(["-benchmark", "-threads", "1", "-filter_threads", "1", "-i", path, "-vf", &scale])
        .args(["-pix_fmt", "bgr24", "-f", "rawvideo", "-y", "/dev/null"])
        .stdin(Stdio::null())
        .output()?;
    let report = String::from_utf8_lossy(&run.stderr).into_owned();
    let seconds = |name: &str| -> Option<f64> {
        let (_, rest) = report.split_once(name)?;
        rest.split_once('s')?.0.parse().ok()
    };
    let (user, system) =
        seconds("bench: utime=").zip(seconds(" stime=")).ok_or("ffmpeg tells no CPU time")?;
    Ok((user + system) * 1e3)
}

/// CPU time of decoding, scaling and conversion, in milliseconds per frame.
fn ours(path: &str) -> Result<[f64; 3], Box<dyn Error>> {
    let units = AccessUnitSplitter::new().push_complete(&std::fs::read(path)?);
    let mut decoder = Decoder::new(Codec::H264, Order::Decode)?;
    let (mut scaler, mut scaled) = (Scaler::new(), Picture::new(OUTPUT.0, OUTPUT.1)?);
    let mut bgr = vec![0; PixelFormat::Bgr24.frame_bytes(OUTPUT.0, OUTPUT.1)];
    let mut cost = [0.0; 3];
    for (n, unit) in units.iter().enumerate() {
        let start = cpu_millis();
        let decoded = decoder.decode(&unit.data, MediaTime(n as i64))?.ok_or("no picture")?;
        let decode_end = cpu_millis();
        let mut picture = decoded.picture;
        if (picture.width(), picture.height()) != OUTPUT {
            scaler.scale_view(&picture, &mut scaled);
            picture = I420View::from(&scaled);
        }
        let scale_end = cpu_millis();
        convert(&picture, PixelFormat::Bgr24, &mut bgr)?;
        let end = cpu_millis();
        for (sum, part) in cost.iter_mut().zip([decode_end - start, scale_end - decode_end, end - scale_end])
        {
            *sum += part / units.len() as f64;
        }
    }
    Ok(cost)
}

fn measure(case: &Case) -> Result<String, Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("camherd-decode-{}.h264", std::process::id()));
    let path = path.to_str().ok_or("the temporary directory has no name")?;
    make(case, path)?;
    let result = ours(path).and_then(|cost| Ok((cost, ffmpeg(path)? / FRAMES as f64)));
    std::fs::remove_file(path)?;
    let ([decode, scale, bgr], ffmpeg) = result?;
    let total = decode + scale + bgr;
    let ratio = total / ffmpeg;
    eprintln!("{:<14}{decode:>9.2}{scale:>9.2}{bgr:>9.2}{total:>9.2}{ffmpeg:>9.2}{ratio:>9.2}", case.name);
    Ok(format!(
        r#"{{"name":"{}","decode_ms":{decode:.3},"scale_ms":{scale:.3},"bgr_ms":{bgr:.3},"total_ms":{total:.3},"ffmpeg_ms":{ffmpeg:.3}}}"#,
        case.name
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    eprintln!("ms CPU per frame decode    scale      BGR    total   ffmpeg    ratio");
    let cases = CASES.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
    let backend = Decoder::new(Codec::H264, Order::Decode)?.backend();
    println!(r#"{{"backend":"{backend}","cases":[{}]}}"#, cases.join(","));
    Ok(())
}
