//! H.264 as IP cameras send it: the test pictures (see [`crate::frames`]), encoded once and kept.

use crate::error::{Doing, Error, protocol};
use crate::frames::{self, Frames, Kind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Pictures in a clip, which is sent over and over: of a cycle, as many as make whole GOPs.
pub const PICTURES: usize = 120;
/// Pictures from keyframe to keyframe: a second, as most cameras have it.
pub const GOP: usize = 30;
/// Changes whenever the encoding does, so that an old cache is not taken.
const RECIPE: &str = "h264-v1";

/// The profile of a clip (ITU-T H.264 annex A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// CAVLC, no 8x8 transform: what small cameras send.
    Baseline,
    /// CABAC.
    Main,
    /// CABAC and the 8x8 transform.
    High,
}

impl Profile {
    /// As x264 calls it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Baseline => "baseline",
            Profile::Main => "main",
            Profile::High => "high",
        }
    }
}

/// Bits per second of a clip at 30 frames a second: a usual setting of cameras at 640x480, and 2.7 times that at
/// 1280x720, which has three times the pixels.
fn bitrate(kind: Kind) -> u32 {
    if kind.height > 480 { 4_000_000 } else { 1_500_000 }
}

/// The file of a clip that repeats the pictures `times` times, in Annex B form; made when it is not there.
pub fn load(cache: &Path, kind: Kind, profile: Profile, times: usize) -> Result<PathBuf, Error> {
    let Kind { width, height, .. } = kind;
    let path = cache.join(format!("{RECIPE}-{width}x{height}-{}-{times}.h264", profile.name()));
    if !path.is_file() {
        // Moved as a whole, so that an interrupted run leaves no half clip.
        let scratch = path.with_extension(format!("part{}", std::process::id()));
        if times == 1 {
            // Makes the pictures where they are missing.
            Frames::load(cache, kind)?;
            encode(&frames::directory(cache, kind), kind, profile, &scratch)?;
        } else {
            let once = load(cache, kind, profile, 1)?;
            let bytes = std::fs::read(&once).doing(|| format!("read {}", once.display()))?;
            std::fs::write(&scratch, bytes.repeat(times)).doing(|| format!("write {}", scratch.display()))?;
        }
        std::fs::rename(&scratch, &path).doing(|| format!("create {}", path.display()))?;
    }
    Ok(path)
}

fn encode(pictures: &Path, kind: Kind, profile: Profile, to: &Path) -> Result<(), Error> {
    let (gop, rate) = (GOP.to_string(), bitrate(kind).to_string());
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-framerate", "30", "-i"])
        .arg(pictures.join("%04d.jpg"))
        .args(["-frames:v", &PICTURES.to_string(), "-vf", "scale=out_range=tv,format=yuv420p"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", profile.name(), "-bf", "0"])
        // One slice per picture, which is also how the sender tells pictures apart.
        .args(["-slices", "1", "-g", &gop, "-keyint_min", &gop, "-sc_threshold", "0"])
        .args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate, "-f", "h264"])
        .arg(to)
        .stdin(Stdio::null())
        .status()
        .doing(|| "run ffmpeg (package `ffmpeg`)".into())?;
    if !status.success() {
        return Err(protocol("ffmpeg", format!("encoding a clip ended with {status}")));
    }
    Ok(())
}
