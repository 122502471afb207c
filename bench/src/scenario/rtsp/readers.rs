//! What more readers of one camera cost.

use super::{cameras, readers};
use crate::args::Args;
use crate::clock;
use crate::error::Error;
use crate::frames::VGA;
use crate::reader::{Reader, Way};
use crate::report::Target;
use crate::rtsp_camera::{RtspCameras, outcome};
use crate::scenario::Add;
use crate::server::Server;
use std::time::Duration;

/// Readers of the one camera. The second number is compared with as many that fetch and decode for themselves.
const COUNTS: [usize; 3] = [1, 4, 16];
/// The camera's path.
const NAME: &str = "camera";
/// For the last frames of the measured time to arrive.
const DRAIN: Duration = Duration::from_millis(500);

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let cameras = cameras(args, VGA, &[NAME.to_owned()])?;
    let mut one = None;
    for count in COUNTS {
        let server = Server::start(&args.camherd)?;
        let way = Way::Camherd(server.addr());
        let mut all = readers(args, way, &cameras.url(NAME), VGA, count)?;
        let used = measure(args, &cameras, &mut all, Some(&server))?;
        let target = if count == 16 { Target::ratio(1.3) } else { Target::NONE };
        let figure = format!("server's CPU per 1000 frames, Python readers: {count}");
        let peer = one.map(|cpu| ("1 reader", cpu));
        add(figure, "s", used.server, peer, target);
        add(format!("  frames missed, of {} each", used.frames), "", used.missing as f64, None, Target::NONE);
        one = one.or(Some(used.server));
        if count == COUNTS[1] {
            drop((all, server));
            let mut theirs = readers(args, Way::Cv2, &cameras.url(NAME), VGA, count)?;
            let peer = measure(args, &cameras, &mut theirs, None)?;
            let figure = format!("server and {count} readers together");
            let target = Target::ratio(0.4);
            add(
                figure,
                "s",
                used.server + used.readers,
                Some(("as many cv2.VideoCapture", peer.readers)),
                target,
            );
        }
    }
    Ok(())
}

/// CPU seconds for 1000 frames of the camera, and what the readers did not get.
struct Used {
    server: f64,
    readers: f64,
    /// Frames that the camera sent.
    frames: u64,
    /// Over all readers.
    missing: u64,
}

fn measure(
    args: &Args,
    cameras: &RtspCameras,
    readers: &mut [Reader],
    server: Option<&Server>,
) -> Result<Used, Error> {
    let cpu = |readers: &[Reader]| -> Result<(u64, u64), Error> {
        let theirs = readers.iter().map(Reader::cpu_ns).sum::<Result<u64, Error>>()?;
        Ok((server.map_or(Ok(0), Server::cpu_ns)?, theirs))
    };
    let (before, from) = (cpu(readers)?, clock::now());
    std::thread::sleep(Duration::from_secs(args.seconds));
    let (after, to) = (cpu(readers)?, clock::now());
    std::thread::sleep(DRAIN);
    let sent = cameras.sent(NAME)?;
    let frames = sent.iter().filter(|sent| (from..to).contains(&sent.at)).count() as u64;
    let mut missing = 0;
    for reader in readers {
        missing += outcome(reader.name(), &sent, &reader.stop()?, (from, to))?.missing;
    }
    let per_frame = |ns: u64| ns as f64 / 1e6 / frames.max(1) as f64;
    let (server, readers) = (per_frame(after.0 - before.0), per_frame(after.1 - before.1));
    Ok(Used { server, readers, frames, missing })
}
