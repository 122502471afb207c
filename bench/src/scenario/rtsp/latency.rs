//! From the last RTP packet of a picture to its pixels in an array of a Python program.

use super::{WARM_UP, cameras};
use crate::args::Args;
use crate::clock;
use crate::error::Error;
use crate::frames::{HD, Kind, VGA};
use crate::reader::{Reader, Way};
use crate::report::Target;
use crate::rtsp_camera::{RtspCameras, outcome};
use crate::scenario::{Add, ms};
use crate::server::Server;
use crate::stats::Sorted;
use std::time::Duration;

/// The camera's path.
const NAME: &str = "camera";
/// For the last frames of the measured time to arrive.
const DRAIN: Duration = Duration::from_millis(500);

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    for (kind, limit) in [(VGA, 4.0), (HD, 8.0)] {
        let cameras = cameras(args, kind, &[NAME.to_owned()])?;
        let server = Server::start(&args.camherd)?;
        let ours = Measured::of(args, &cameras, Way::Camherd(server.addr()), kind)?;
        drop(server);
        let old = Measured::of(args, &cameras, Way::FfmpegOld, kind)?;
        let tuned = Measured::of(args, &cameras, Way::FfmpegTuned, kind)?;
        let cv2 = Measured::of(args, &cameras, Way::Cv2, kind)?;
        let size = format!("{}x{}", kind.width, kind.height);
        let mut row = |figure: &str, p: f64, peer: &Measured, target| -> Result<(), Error> {
            let peer = Some((peer.way.name(), ms(&peer.from_sent, p, peer.way.name())?));
            add(format!("{figure}, p{p}"), "ms", ms(&ours.from_sent, p, "camherd")?, peer, target);
            Ok(())
        };
        let figure = format!("RTSP packet sent to Python array, {size}");
        row(&figure, 50.0, &old, Target::ratio(0.1))?;
        row(&figure, 99.0, &old, Target::NONE)?;
        for peer in [&tuned, &cv2] {
            row("  the same", 50.0, peer, Target::NONE)?;
            row("  the same", 99.0, peer, Target::NONE)?;
        }
        let mut part = |what: &str, times: &Sorted, p: f64, target| -> Result<(), Error> {
            add(format!("  {what}, p{p}"), "ms", ms(times, p, "camherd")?, None, target);
            Ok(())
        };
        part("packet in to array", &ours.from_received, 50.0, Target::limit(limit))?;
        part("packet in to array", &ours.from_received, 99.0, Target::NONE)?;
        part("  of this: decoding", &ours.decoding, 50.0, Target::NONE)?;
        part("  of this: converting to BGR in shared memory", &ours.publishing, 50.0, Target::NONE)?;
        part("  of this: waking and copying in the program", &ours.reading, 50.0, Target::NONE)?;
        let figure = format!("  frames of {} that the program did not get", ours.sent());
        let most = Target::limit(ours.sent() as f64 * MOST_MISSING);
        add(figure, "", ours.missing as f64, Some((cv2.way.name(), cv2.missing as f64)), most);
    }
    Ok(())
}

/// Share of the frames that a program may not have got: latencies of the others alone would say too little.
const MOST_MISSING: f64 = 0.01;

/// What one reader gave.
struct Measured {
    way: Way,
    from_sent: Sorted,
    from_received: Sorted,
    decoding: Sorted,
    publishing: Sorted,
    reading: Sorted,
    missing: u64,
}

impl Measured {
    fn of(args: &Args, cameras: &RtspCameras, way: Way, kind: Kind) -> Result<Measured, Error> {
        let mut reader = Reader::start(&args.python, way, kind)?;
        reader.open(&cameras.url(NAME))?;
        reader.opened()?;
        std::thread::sleep(WARM_UP);
        let from = clock::now();
        // The peers get half of the time: they are three, and steady.
        let part = if matches!(way, Way::Camherd(_)) { 1 } else { 2 };
        std::thread::sleep(Duration::from_secs(args.seconds) / part);
        let to = clock::now();
        // For the last frames of the measured time to arrive.
        std::thread::sleep(DRAIN);
        let seen = reader.stop()?;
        let outcome = outcome(way.name(), &cameras.sent(NAME)?, &seen, (from, to))?;
        Ok(Measured {
            way,
            from_sent: Sorted::new(outcome.from_sent),
            from_received: Sorted::new(outcome.from_received),
            decoding: Sorted::new(outcome.decoding),
            publishing: Sorted::new(outcome.publishing),
            reading: Sorted::new(outcome.reading),
            missing: outcome.missing,
        })
    }

    /// Frames that the camera sent in the measured time.
    fn sent(&self) -> u64 {
        self.from_sent.len() as u64 + self.missing
    }
}
