//! The peer for transcoding: `ffmpeg` as the old system ran it, fed at the same pace with the same pictures.

use crate::clock;
use crate::error::{Doing, Error, protocol};
use crate::frames::{CYCLE, Frames};
use crate::proc;
use crate::ts::Recording;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How ffmpeg is given the JPEGs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The old system's command line: JPEGs end to end, so that the end of one shows only with the next.
    ImagePipe,
    /// Multipart with lengths: the best that ffmpeg can do with a live JPEG stream.
    Multipart,
}

/// What one run gave.
pub struct Run {
    /// When each frame's sending began.
    pub sent: Vec<u64>,
    /// The output.
    pub recording: Recording,
    /// The measured time, from and to.
    pub window: (u64, u64),
    /// CPU time in the measured time, in nanoseconds.
    pub cpu_ns: u64,
    /// From the start of the process to the first video packet, in nanoseconds.
    pub first_ns: u64,
}

/// How long ffmpeg may look at its input before it begins: the old command line reads five megabytes of pictures first,
/// which takes five to seven seconds.
const BEGIN: Duration = Duration::from_secs(20);

/// Feeds ffmpeg at `fps`; measures for `time` from `warm_up` after its first output, when it has caught up with what
/// came while it looked at its input.
pub fn run(input: Input, frames: &Frames, fps: u32, warm_up: Duration, time: Duration) -> Result<Run, Error> {
    let begin = clock::now();
    let mut child = spawn(input)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let pid = child.id();
    let (first, end) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let (sent, recording, measured) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| stdout.map_or(Ok(Recording::default()), |pipe| record(pipe, &first)));
        let writer =
            scope.spawn(|| stdin.map_or(Ok(Vec::new()), |pipe| feed(pipe, input, frames, fps, &end)));
        let measured = wait_for(&first).and_then(|()| measure(pid, warm_up, time));
        // One frame interval past the window, so that a transcoder that waits for the next frame is not cut short.
        end.store(clock::now() + 1_000_000_000 / u64::from(fps), Ordering::Relaxed);
        (writer.join(), reader.join(), measured)
    });
    let mut guard = Ended(child);
    let status = guard.0.wait().doing(|| "wait for ffmpeg".into())?;
    if !status.success() {
        return Err(protocol("ffmpeg", format!("transcoding ended with {status}")));
    }
    let sent = sent.map_err(|_| Error::Panicked("ffmpeg's writer"))??;
    let recording = recording.map_err(|_| Error::Panicked("ffmpeg's reader"))??;
    let (window, cpu_ns) = measured?;
    let first_ns = first.into_inner() - begin;
    Ok(Run { sent, recording, window, cpu_ns, first_ns })
}

/// Waits until the moment of the first output is there.
fn wait_for(first: &AtomicU64) -> Result<(), Error> {
    let end = clock::after(BEGIN);
    while first.load(Ordering::Relaxed) == 0 {
        if clock::now() > end {
            return Err(Error::Timeout { peer: "ffmpeg", what: "output", seconds: BEGIN.as_secs() });
        }
        clock::sleep_until(clock::after(Duration::from_millis(5)));
    }
    Ok(())
}

/// The measured time, from and to, and the CPU time that the process used in it.
fn measure(pid: u32, warm_up: Duration, time: Duration) -> Result<((u64, u64), u64), Error> {
    clock::sleep_until(clock::after(warm_up));
    let (from, before) = (clock::now(), proc::cpu_ns(pid)?);
    clock::sleep_until(from + clock::ns(time));
    let after = proc::cpu_ns(pid)?;
    Ok(((from, clock::now()), after.saturating_sub(before)))
}

/// Kills the process when waiting for it failed.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn spawn(input: Input) -> Result<Child, Error> {
    let input: &[&str] = match input {
        Input::ImagePipe => &["-f", "image2pipe", "-c:v", "mjpeg", "-i", "-"],
        Input::Multipart => &["-f", "mpjpeg", "-i", "-"],
    };
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error"]).args(input);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"]);
    command.args(["-r", "30", "-g", "60", "-f", "mpegts", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().doing(|| "run ffmpeg (package `ffmpeg`)".into())
}

/// Writes frames at absolute times until `end`; gives when each one's writing began.
fn feed(
    mut pipe: ChildStdin,
    input: Input,
    frames: &Frames,
    fps: u32,
    end: &AtomicU64,
) -> Result<Vec<u64>, Error> {
    let messages: Vec<Vec<u8>> = frames.jpegs.iter().map(|jpeg| message(input, jpeg)).collect();
    let (begin, step) = (clock::now(), 1_000_000_000 / u64::from(fps));
    let mut sent = Vec::new();
    for seq in 0.. {
        let at = begin + seq * step;
        if at > end.load(Ordering::Relaxed) {
            break;
        }
        clock::sleep_until(at);
        sent.push(clock::now());
        pipe.write_all(&messages[seq as usize % CYCLE]).doing(|| "write to ffmpeg".into())?;
    }
    Ok(sent)
}

fn message(input: Input, jpeg: &[u8]) -> Vec<u8> {
    if input == Input::ImagePipe {
        return jpeg.to_vec();
    }
    let head = format!("--ffmpeg\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
    [head.as_bytes(), jpeg, b"\r\n"].concat()
}

fn record(mut pipe: ChildStdout, first: &AtomicU64) -> Result<Recording, Error> {
    let mut recording = Recording::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = pipe.read(&mut buffer).doing(|| "read from ffmpeg".into())?;
        if n == 0 {
            return Ok(recording);
        }
        let now = clock::now();
        recording.feed(&buffer[..n], now)?;
        if !recording.units.is_empty() {
            // Only the first one is kept.
            let _ = first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
