//! Which frame an access unit shows. The pictures are decoded after the run and their bar codes read, so the answer
//! holds whatever a transcoder did to time stamps, and however often it dropped or doubled frames.

use crate::error::{Doing, Error, protocol};
use crate::frames::{CELL, CELLS, CYCLE, read_bar_code};
use crate::ts::{AccessUnit, Recording};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// How the first access unit is tied to a frame; the bar code alone repeats with every cycle.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// It shows the newest frame with its bar code: for a viewer that joined a running stream.
    Newest,
    /// It shows the oldest: for a transcoder that was given the stream from its beginning and may hold it back long.
    Oldest,
}

/// What became of the frames that were sent within a window.
#[derive(Default)]
pub struct Outcome {
    /// From the beginning of a frame's sending to the last packet of the first access unit that shows it, in
    /// nanoseconds.
    pub latencies: Vec<u64>,
    /// Frames that no access unit shows.
    pub missing: u64,
    /// Access units that show a frame again.
    pub repeated: u64,
}

/// The picture number of each access unit; `None` where the bar code cannot be read.
pub fn identify(recording: &Recording) -> Result<Vec<Option<usize>>, Error> {
    let filter = format!("crop={}:{CELL}:0:0,scale={CELLS}:1:flags=area,format=gray", CELLS * CELL);
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "mpegts", "-i", "-", "-map", "0:v", "-vf", &filter])
        .args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "rawvideo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .doing(|| "run ffmpeg (package `ffmpeg`)".into())?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut pictures = Vec::new();
    let read = std::thread::scope(|scope| {
        // A decoder that ends early breaks the pipe; its exit status tells more than that.
        scope.spawn(|| stdin.map(|mut pipe| pipe.write_all(&recording.bytes)));
        stdout.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut pictures))
    });
    read.doing(|| "read decoded pictures from ffmpeg".into())?;
    let status = child.wait().doing(|| "wait for ffmpeg".into())?;
    if !status.success() {
        return Err(protocol("ffmpeg", format!("decoding the viewer's stream ended with {status}")));
    }
    Ok(pictures.chunks(CELLS).map(read_bar_code).collect())
}

/// Finds for each frame sent in `window` (from, to) the access unit that shows it first.
///
/// # Errors
/// When pictures and access units are not one for one: then nothing could be said about any of them.
pub fn latencies(
    sent: &[u64],
    recording: &Recording,
    pictures: &[Option<usize>],
    anchor: Anchor,
    window: (u64, u64),
) -> Result<Outcome, Error> {
    let units = &recording.units;
    // The last unit may have been cut off when the viewer left.
    if pictures.len() > units.len() || pictures.len() + 1 < units.len() {
        let text = format!("{} access units decode to {} pictures", units.len(), pictures.len());
        return Err(protocol("matching", text));
    }
    let shown = unwrap(sent, units, pictures, anchor)?;
    let mut outcome = Outcome::default();
    let mut shown = shown.iter().peekable();
    for (frame, sent) in sent.iter().enumerate().filter(|(_, at)| (window.0..window.1).contains(*at)) {
        while shown.next_if(|(f, _)| *f < frame).is_some() {}
        match shown.next_if(|(f, _)| *f == frame) {
            Some((_, at)) => outcome.latencies.push(at.saturating_sub(*sent)),
            None => outcome.missing += 1,
        }
        while shown.next_if(|(f, _)| *f == frame).is_some() {
            outcome.repeated += 1;
        }
    }
    Ok(outcome)
}

/// Frame number and arrival of each access unit. After the first one, each step is the bar code's advance: no gap is
/// as long as a cycle, since all runs are live.
fn unwrap(
    sent: &[u64],
    units: &[AccessUnit],
    pictures: &[Option<usize>],
    anchor: Anchor,
) -> Result<Vec<(usize, u64)>, Error> {
    let mut known = units.iter().zip(pictures).filter_map(|(unit, picture)| Some((unit.last, (*picture)?)));
    let (at, picture) = known.next().ok_or_else(|| protocol("matching", "no picture with a bar code"))?;
    let mut same = (picture..sent.len()).step_by(CYCLE).filter(|frame| sent[*frame] <= at);
    let mut frame = match anchor {
        Anchor::Newest => same.next_back(),
        Anchor::Oldest => same.next(),
    }
    .ok_or_else(|| protocol("matching", format!("picture {picture} was seen before it was sent")))?;
    let mut shown = vec![(frame, at)];
    for (at, picture) in known {
        frame += (picture + CYCLE - frame % CYCLE) % CYCLE;
        if sent.get(frame).is_none_or(|sent| *sent > at) {
            return Err(protocol("matching", format!("frame {frame} was seen before it was sent")));
        }
        shown.push((frame, at));
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(arrivals: &[u64]) -> Recording {
        let mut recording = Recording::default();
        recording.units = arrivals.iter().map(|at| AccessUnit { first: *at, last: *at }).collect();
        recording
    }

    const ALL: (u64, u64) = (0, u64::MAX);

    #[test]
    fn drops_and_repeats_are_counted_and_do_not_shift_the_rest() {
        let sent: Vec<u64> = (0..6).map(|i| 100 * i).collect();
        let rec = recording(&[103, 205, 206, 408, 509]);
        let pictures = [Some(1), Some(2), Some(2), Some(4), Some(5)];
        let got = latencies(&sent, &rec, &pictures, Anchor::Newest, ALL).unwrap();
        assert_eq!((got.latencies, got.missing, got.repeated), (vec![3, 5, 8, 9], 2, 1));
        let got = latencies(&sent, &rec, &pictures, Anchor::Newest, (200, 450)).unwrap();
        assert_eq!((got.latencies, got.missing), (vec![5, 8], 1));
    }

    #[test]
    fn the_cycle_is_unwrapped_from_either_anchor() {
        let sent: Vec<u64> = (0..300).map(|i| 10 * i).collect();
        let rec = recording(&[2000, 2010, 2020]);
        let pictures = [Some(3), None, Some(5)];
        let newest = latencies(&sent, &rec, &pictures, Anchor::Newest, (1310, 1340)).unwrap();
        assert_eq!((newest.latencies, newest.missing), (vec![2000 - 1310, 2020 - 1330], 1));
        let oldest = latencies(&sent, &rec, &pictures, Anchor::Oldest, (30, 31)).unwrap();
        assert_eq!(oldest.latencies, [1970]);
    }

    #[test]
    fn impossible_recordings_are_refused() {
        let sent = [0, 10, 20];
        let seen = |pictures: &[Option<usize>]| {
            latencies(&sent, &recording(&[1, 2, 3]), pictures, Anchor::Newest, ALL).err().unwrap().to_string()
        };
        assert!(seen(&[Some(2), Some(2), Some(2)]).contains("before it was sent"));
        assert!(seen(&[Some(0), Some(1), Some(2)]).contains("before it was sent"));
        assert!(seen(&[Some(0)]).contains("3 access units decode to 1 pictures"));
        assert!(seen(&[None, None, None]).contains("no picture"));
    }
}
