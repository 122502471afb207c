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

/// Cycles of pictures: the first one warms caches and rate control, the others are measured.
const CYCLES: usize = 3;
/// The server's defaults: bit rate at 640x480, from which it goes up with the number of pixels, and IDR period.
const BITRATE_AT_VGA: u64 = 1_000_000;
const IDR_PERIOD: Duration = Duration::from_secs(2);
const FPS: i64 = 30;

/// CPU milliseconds of decoding a JPEG and encoding it as H.264, mean over two cycles of pictures.
pub fn cpu_ms_per_frame(frames: &Frames, kind: Kind) -> Result<f64, Error> {
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
    let mut start = 0;
    let t0 = clock::now();
    for n in 0..CYCLES * CYCLE {
        clock::sleep_until(t0 + n as u64 * 33_333_333);
        if n == CYCLE {
            // Of the whole process, in case that the codecs bring threads; nothing else runs in it meanwhile.
            start = clock::process_cpu();
        }
        decoder.decode(&frames.jpegs[n % CYCLE], &mut picture).map_err(|e| codec(&e))?;
        let pts = MediaTime(n as i64 * 1_000_000 / FPS);
        encoder.encode(&picture, pts, false).map_err(|e| codec(&e))?;
    }
    Ok((clock::process_cpu() - start) as f64 / 1e6 / ((CYCLES - 1) * CYCLE) as f64)
}
