//! RTSP cameras: gst-rtsp-server as a process of its own, which says when it sent what.

use crate::clips::PICTURES;
use crate::error::{Doing, Error, protocol};
use crate::script::Script;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a start may take: it loads gstreamer's plugins.
const START: Duration = Duration::from_secs(30);

/// When the last RTP packet of a picture was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The picture's number.
    pub number: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub at: u64,
}

/// One camera to be.
pub struct Config<'a> {
    /// Its path in the URL.
    pub name: String,
    /// What it sends.
    pub clip: &'a Path,
    /// Frames a second.
    pub fps: u32,
}

/// Running cameras. They end with this value.
pub struct RtspCameras {
    _script: Script,
    base: String,
    log: PathBuf,
}

impl RtspCameras {
    /// Starts the cameras. `python` is the system's, which has gstreamer's bindings.
    pub fn start(python: &Path, cameras: &[Config<'_>]) -> Result<RtspCameras, Error> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("camherd-bench-rtsp-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&log).doing(|| format!("create {}", log.display()))?;
        let mut args = vec!["--log".to_owned(), log.display().to_string()];
        args.extend(cameras.iter().map(|c| format!("{}={}@{}", c.name, c.clip.display(), c.fps)));
        let script = Script::start("RTSP camera", python, "rtsp_camera.py", args)?;
        let base = script.line("address", START)?;
        Ok(RtspCameras { _script: script, base, log })
    }

    /// The URL of a camera.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    /// What a camera has sent so far.
    pub fn sent(&self, name: &str) -> Result<Vec<Sent>, Error> {
        let path = self.log.join(name);
        let bytes = std::fs::read(&path).doing(|| format!("read {}", path.display()))?;
        Ok(bytes.chunks_exact(16).map(record).collect())
    }
}

impl Drop for RtspCameras {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.log);
    }
}

fn record(bytes: &[u8]) -> Sent {
    let word = |range: std::ops::Range<usize>| {
        bytes[range].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    Sent { number: word(0..8), at: word(8..16) }
}

/// What a reader noted of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The number in the picture; `None` where the bar code could not be read.
    pub picture: Option<u64>,
    /// When the frame was in the reader's array; nanoseconds.
    pub arrived: u64,
    /// What camherd says of it, where there is camherd.
    pub times: Option<Times>,
}

/// When a frame passed which point of camherd; `CLOCK_MONOTONIC` in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Its last packet was there.
    pub received: u64,
    /// It left the decoder.
    pub decoded: u64,
    /// Readers could have it.
    pub published: u64,
}

/// What became of the frames that a camera sent in a window of time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// From the last packet's sending to the array, in nanoseconds.
    pub from_sent: Vec<u64>,
    /// From its receipt by camherd to the array, and the parts of that, in nanoseconds.
    pub from_received: Vec<u64>,
    /// From receipt to the decoded picture.
    pub decoding: Vec<u64>,
    /// From the decoded picture to the published frame.
    pub publishing: Vec<u64>,
    /// From the published frame to the array.
    pub reading: Vec<u64>,
    /// Frames that the reader did not get.
    pub missing: u64,
}

/// Finds for each frame sent in `window` (from, to) when a reader had it first. The clip repeats after [`PICTURES`],
/// which is longer than any delay, and so a frame seen is the newest one sent that looks like it.
///
/// # Errors
/// When a picture was seen whose bar code cannot be read: then the reader gave something that was not sent.
pub fn outcome(
    who: &'static str,
    sent: &[Sent],
    seen: &[Seen],
    window: (u64, u64),
) -> Result<Outcome, Error> {
    let mut first: Vec<Option<Seen>> = vec![None; sent.len()];
    let (mut before, mut unreadable) = (0, 0);
    for frame in seen {
        while sent.get(before).is_some_and(|sent| sent.at <= frame.arrived) {
            before += 1;
        }
        let Some(picture) = frame.picture else {
            unreadable += u64::from((window.0..window.1).contains(&frame.arrived));
            continue;
        };
        let same = |sent: &Sent| sent.number % PICTURES as u64 == picture;
        if let Some(place) = sent[..before].iter().rposition(same) {
            first[place].get_or_insert(*frame);
        }
    }
    if unreadable > 0 {
        return Err(protocol(who, format!("gave {unreadable} pictures without a readable bar code")));
    }
    let mut outcome = Outcome::default();
    for (sent, seen) in sent.iter().zip(first).filter(|(sent, _)| (window.0..window.1).contains(&sent.at)) {
        let Some(seen) = seen else {
            outcome.missing += 1;
            continue;
        };
        outcome.from_sent.push(seen.arrived - sent.at);
        if let Some(times) = seen.times {
            outcome.from_received.push(seen.arrived.saturating_sub(times.received));
            outcome.decoding.push(times.decoded.saturating_sub(times.received));
            outcome.publishing.push(times.published.saturating_sub(times.decoded));
            outcome.reading.push(seen.arrived.saturating_sub(times.published));
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(numbers: std::ops::Range<u64>) -> Vec<Sent> {
        numbers.map(|number| Sent { number, at: number * 100 }).collect()
    }

    fn seen(picture: u64, arrived: u64) -> Seen {
        Seen { picture: Some(picture), arrived, times: None }
    }

    #[test]
    fn a_frame_is_the_newest_that_looks_like_it() {
        let sent = sent(100..400);
        let got = [seen(5, 24_507), seen(5, 24_508), seen(7, 24_790), seen(8, 36_801)];
        let outcome = outcome("reader", &sent, &got, (24_500, 24_900)).unwrap();
        // Number 245 is picture 5 again, twice; 246 and 248 are missing.
        assert_eq!((outcome.from_sent, outcome.missing), (vec![7, 90], 2));
    }

    #[test]
    fn times_of_the_server_are_taken_where_they_are_known() {
        let sent = sent(0..3);
        let times = Times { received: 110, decoded: 113, published: 118 };
        let got = [Seen { times: Some(times), ..seen(1, 130) }, seen(2, 240)];
        let outcome = outcome("reader", &sent, &got, (0, 1000)).unwrap();
        assert_eq!((outcome.from_sent, outcome.from_received, outcome.missing), (vec![30, 40], vec![20], 1));
        assert_eq!((outcome.decoding, outcome.publishing, outcome.reading), (vec![3], vec![5], vec![12]));
    }

    #[test]
    fn a_picture_that_nobody_sent_is_an_error() {
        let got = [Seen { picture: None, arrived: 150, times: None }];
        let error = outcome("reader", &sent(0..3), &got, (100, 200)).unwrap_err();
        assert!(error.to_string().contains("reader: gave 1 pictures without"), "{error}");
        assert_eq!(outcome("reader", &sent(0..3), &got, (200, 300)).unwrap().missing, 1);
    }

    #[test]
    fn records_are_little_endian() {
        let bytes: Vec<u8> = [7u64.to_le_bytes(), 0x0102_0304_0506_0708u64.to_le_bytes()].concat();
        assert_eq!(record(&bytes), Sent { number: 7, at: 0x0102_0304_0506_0708 });
    }
}
