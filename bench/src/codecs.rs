//! The limit for transcoding: the codecs that camherd uses, alone, one frame after the other, on the frames that the
//! server is given. What the server needs beyond this is receiving, packaging, sending and waking up.

use crate::clock;
use crate::error::{Error, protocol};
use crate::frames::{CYCLE, Frames, Kind, VGA};
use camherd_codec::h264::{self, Encoder};
use camherd_codec::jpeg::Decoder;
use camherd_codec::picture::Picture;
use camherd_media::time::MediaTime;
use std::time::Duration;

/// How the frames come.
#[derive(Clone, Copy)]
pub enum Pace {
    /// One at once after the other, two cycles of pictures: what the codecs need at least.
    BackToBack,
    /// As from a camera, so long: in between, the processor's caches go cold, which alone costs a good part of a
    /// millisecond a frame. What the server needs beyond this is its own.
    Live(Duration),
}

/// The server's defaults: bit rate at 640x480, from which it goes up with the number of pixels, and IDR period.
const BITRATE_AT_VGA: u64 = 1_000_000;
const IDR_PERIOD: Duration = Duration::from_secs(2);
const FPS: i64 = 30;

/// CPU milliseconds of decoding a JPEG and encoding it as H.264, mean over all frames but those of the first cycle, which
/// settles the rate control.
pub fn cpu_ms_per_frame(frames: &Frames, kind: Kind, pace: Pace) -> Result<f64, Error> {
    let codec = |e: &dyn std::error::Error| protocol("camherd-codec", e.to_string());
    let mut decoder = Decoder::new().map_err(|e| codec(&e))?;
    let mut picture = Picture::default();
    decoder.decode(&frames.jpegs[0], &mut picture).map_err(|e| codec(&e))?;
    let pixels = |kind: Kind| u64::from(kind.width) * u64::from(kind.height);
    let mut encoder = Encoder::new(&h264::Config {
        width: kind.width,
        height: kind.height,
        bitrate: u32::try_from(BITRATE_AT_VGA * pixels(kind) / pixels(VGA)).unwrap_or(u32::MAX),
        max_fps: FPS as f32,
        idr_period: IDR_PERIOD,
        range: picture.range(),
    })
    .map_err(|e| codec(&e))?;
    let (count, step) = match pace {
        Pace::BackToBack => (2 * CYCLE, 0),
        Pace::Live(time) => (time.as_secs() as usize * FPS as usize, 1_000_000_000 / FPS as u64),
    };
    let (mut start, mut cpu) = (0, 0);
    for n in 0..CYCLE + count {
        if n == CYCLE {
            // Of the whole process, in case that the codecs bring threads; nothing else runs in it meanwhile.
            (start, cpu) = (clock::now(), clock::process_cpu());
        }
        clock::sleep_until(start + n.saturating_sub(CYCLE) as u64 * step);
        decoder.decode(&frames.jpegs[n % CYCLE], &mut picture).map_err(|e| codec(&e))?;
        let pts = MediaTime(n as i64 * 1_000_000 / FPS);
        encoder.encode(&picture, pts, false).map_err(|e| codec(&e))?;
    }
    Ok((clock::process_cpu() - cpu) as f64 / 1e6 / count as f64)
}
