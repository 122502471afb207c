//! H.264 to BGR: the decoder, scaler and conversion that camherd uses, beside ffmpeg with one thread on the same file.

use crate::args::Args;
use crate::clips::{self, PICTURES, Profile};
use crate::clock;
use crate::error::{Doing, Error, protocol};
use crate::frames::{HD, Kind, VGA};
use crate::proc;
use crate::report::Target;
use crate::scenario::Add;
use camherd_codec::convert;
use camherd_codec::decode::{Codec, Decoder, Order};
use camherd_codec::picture::Picture;
use camherd_codec::scale::Scaler;
use camherd_codec::view::I420View;
use camherd_media::codec::h264::nal::{NalKind, nal_units};
use camherd_media::time::MediaTime;
use camherd_media::unit::PixelFormat;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::path::Path;
use std::process::{Command, Stdio};

/// Passes, in each of which both sides are measured one right after the other: what else the machine does meets both.
/// The one whose ratio is in the middle counts.
const PASSES: usize = 5;
/// With libavcodec, what is left is camherd's own work around it.
const MOST_WITH_LIBAVCODEC: f64 = 1.1;

/// How often the clip is decoded in a row, so that a pass takes a second or more: the CPU time of ffmpeg is known in steps
/// of 10 ms. The first time is not counted: it has what starting costs.
fn times(kind: Kind) -> usize {
    if kind.height > VGA.height { 5 } else { 15 }
}

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let library = Parts::new(VGA, VGA)?.decoder.backend();
    for (profile, most) in [(Profile::Baseline, 1.2), (Profile::High, 2.0)] {
        for (kind, to) in [(VGA, VGA), (HD, HD), (HD, VGA)] {
            let times = times(kind);
            let once = clips::load(&args.cache, kind, profile, 1)?;
            let long = clips::load(&args.cache, kind, profile, times)?;
            let mut passes = Vec::new();
            for _ in 0..if args.is_quick() { 1 } else { PASSES } {
                passes.push((camherd(&once, kind, to, times)?, ffmpeg(&once, &long, to, times)?));
            }
            let (ours, theirs) = middle(passes);
            let from = format!("{} {}x{}", profile.name(), kind.width, kind.height);
            let figure = format!("CPU per frame, {library}, {from} to BGR {}x{}", to.width, to.height);
            let most = if library == "libavcodec" { MOST_WITH_LIBAVCODEC } else { most };
            add(figure, "ms", ours, Some(("ffmpeg, one thread", theirs)), Target::ratio(most));
        }
    }
    Ok(())
}

/// The pass with the median ratio.
fn middle(mut passes: Vec<(f64, f64)>) -> (f64, f64) {
    passes.sort_by(|a, b| (a.0 * b.1).total_cmp(&(b.0 * a.1)));
    passes.get(passes.len() / 2).copied().unwrap_or_default()
}

/// CPU milliseconds a frame with camherd's parts.
fn camherd(clip: &Path, kind: Kind, to: Kind, times: usize) -> Result<f64, Error> {
    let bytes = std::fs::read(clip).doing(|| format!("read {}", clip.display()))?;
    let units = access_units(&bytes);
    if units.len() != PICTURES {
        return Err(protocol("cache", format!("{} has {} pictures", clip.display(), units.len())));
    }
    let mut parts = Parts::new(kind, to)?;
    let mut before = 0;
    for round in 0..times {
        if round == 1 {
            // Of the whole process, in case that the codec brings threads; nothing else runs in it meanwhile.
            before = clock::process_cpu();
        }
        units.iter().try_for_each(|unit| parts.frame(unit))?;
    }
    Ok((clock::process_cpu() - before) as f64 / 1e6 / ((times - 1) * PICTURES) as f64)
}

/// Decoder, scaler, and their buffers.
struct Parts {
    decoder: Decoder,
    scaler: Option<(Scaler, Picture)>,
    bgr: Vec<u8>,
}

impl Parts {
    fn new(kind: Kind, to: Kind) -> Result<Parts, Error> {
        let scaler = if (kind.width, kind.height) == (to.width, to.height) {
            None
        } else {
            Some((Scaler::new(), Picture::new(to.width, to.height).map_err(|error| codec(&error))?))
        };
        let decoder = Decoder::new(Codec::H264, Order::Decode).map_err(|error| codec(&error))?;
        Ok(Parts { decoder, scaler, bgr: vec![0; PixelFormat::Bgr24.frame_bytes(to.width, to.height)] })
    }

    fn frame(&mut self, unit: &[u8]) -> Result<(), Error> {
        let decoded = self.decoder.decode(unit, MediaTime(0)).map_err(|error| codec(&error))?;
        let picture = decoded.ok_or_else(|| protocol("camherd-codec", "gave no picture for one"))?.picture;
        match &mut self.scaler {
            Some((scaler, scaled)) => {
                scaler.scale_view(&picture, scaled);
                convert::convert(&I420View::from(&*scaled), PixelFormat::Bgr24, &mut self.bgr)
            }
            None => convert::convert(&picture, PixelFormat::Bgr24, &mut self.bgr),
        }
        .map_err(|error| codec(&error))
    }
}

fn codec(error: &dyn std::error::Error) -> Error {
    protocol("camherd-codec", error.to_string())
}

/// The access units of a clip, each of which ends with its only slice.
fn access_units(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut units, mut pending) = (Vec::new(), Vec::new());
    for nal in nal_units(bytes) {
        pending.extend_from_slice(&[0, 0, 0, 1]);
        pending.extend_from_slice(nal);
        if NalKind::of(nal).is_some_and(NalKind::is_vcl) {
            units.push(std::mem::take(&mut pending));
        }
    }
    units
}

/// CPU milliseconds a frame with ffmpeg: of the long clip less those of the short one, without what starting costs.
fn ffmpeg(once: &Path, long: &Path, to: Kind, times: usize) -> Result<f64, Error> {
    let (short, all) = (ffmpeg_cpu(once, to)?, ffmpeg_cpu(long, to)?);
    Ok(all.saturating_sub(short) as f64 / 1e6 / ((times - 1) * PICTURES) as f64)
}

/// CPU nanoseconds of a whole ffmpeg.
fn ffmpeg_cpu(clip: &Path, to: Kind) -> Result<u64, Error> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-threads", "1", "-filter_threads", "1", "-i"])
        .arg(clip)
        .args(["-fps_mode", "passthrough", "-vf", &format!("scale={}:{}", to.width, to.height)])
        .args(["-pix_fmt", "bgr24", "-f", "rawvideo", "/dev/null"])
        .stdin(Stdio::null())
        .spawn()
        .doing(|| "run ffmpeg (package `ffmpeg`)".into())?;
    // Ended but not yet waited for, its CPU time can still be asked for.
    let pid = Pid::from_child(&child);
    let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let cpu = ended.doing(|| "wait for ffmpeg".into()).and_then(|_| proc::cpu_ns(child.id()));
    let status = child.wait().doing(|| "wait for ffmpeg".into())?;
    if !status.success() {
        return Err(protocol("ffmpeg", format!("decoding {} ended with {status}", clip.display())));
    }
    cpu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pass_with_the_median_ratio_counts() {
        assert_eq!(middle(vec![(3.0, 1.0), (10.0, 20.0), (2.0, 2.0)]), (2.0, 2.0));
        assert_eq!(middle(vec![(3.0, 1.0)]), (3.0, 1.0));
    }
}
