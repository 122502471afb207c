//! The peer for transcoding: `ffmpeg` as the old system ran it, fed at the same pace with the same pictures.

use crate::clock;
use crate::error::{Doing, Error};
use crate::frames::{CYCLE, Frames};
use crate::proc;
use crate::ts::Recording;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
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
    pub first_ns: Option<u64>,
}

/// Feeds ffmpeg at `fps` for `warm_up` and then for the measured `time`.
pub fn run(input: Input, frames: &Frames, fps: u32, warm_up: Duration, time: Duration) -> Result<Run, Error> {
    let begin = clock::now();
    let mut child = spawn(input)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (from, to) = (begin + clock::ns(warm_up), begin + clock::ns(warm_up + time));
    let pid = child.id();
    let (sent, recording, cpu) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| stdout.map_or(Ok(Recording::default()), record));
        // One frame interval past the window, so that a transcoder that waits for the next frame is not cut short.
        let end = to + 1_000_000_000 / u64::from(fps);
        let writer =
            scope.spawn(move || stdin.map_or(Ok(Vec::new()), |pipe| feed(pipe, input, frames, fps, end)));
        clock::sleep_until(from);
        let before = proc::cpu_ns(pid);
        clock::sleep_until(to);
        let cpu = proc::cpu_ns(pid).and_then(|after| Ok(after.saturating_sub(before?)));
        (writer.join(), reader.join(), cpu)
    });
    let mut guard = Ended(child);
    let status = guard.0.wait().doing(|| "wait for ffmpeg".into())?;
    if !status.success() {
        return Err(crate::error::protocol("ffmpeg", format!("transcoding ended with {status}")));
    }
    let sent = sent.map_err(|_| Error::Panicked("ffmpeg's writer"))??;
    let recording = recording.map_err(|_| Error::Panicked("ffmpeg's reader"))??;
    let first_ns = recording.units.first().map(|unit| unit.first - begin);
    Ok(Run { sent, recording, window: (from, to), cpu_ns: cpu?, first_ns })
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
fn feed(mut pipe: ChildStdin, input: Input, frames: &Frames, fps: u32, end: u64) -> Result<Vec<u64>, Error> {
    let messages: Vec<Vec<u8>> = frames.jpegs.iter().map(|jpeg| message(input, jpeg)).collect();
    let (begin, step) = (clock::now(), 1_000_000_000 / u64::from(fps));
    let mut sent = Vec::new();
    for seq in 0.. {
        let at = begin + seq * step;
        if at > end {
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

fn record(mut pipe: ChildStdout) -> Result<Recording, Error> {
    let mut recording = Recording::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = pipe.read(&mut buffer).doing(|| "read from ffmpeg".into())?;
        if n == 0 {
            return Ok(recording);
        }
        recording.feed(&buffer[..n], clock::now())?;
    }
}
