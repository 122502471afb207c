//! One viewer among many that stops reading: nobody else may notice, and the server must not store for it.

use super::{Add, camera, mb, mjpeg_path, ms};
use crate::args::Args;
use crate::error::Error;
use crate::fanout::{Viewers, request};
use crate::frames::{Frames, VGA};
use crate::report::Target;
use crate::server::Server;
use crate::stats::Sorted;
use std::time::Duration;

const VIEWERS: usize = 200;
/// Rounds of with and without, alternating, so that whatever else the machine does falls on both.
const ROUNDS: usize = 3;

pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let server = Server::start(&args.camherd)?;
    let cameras = camera(&server, "stalled", &frames)?;
    let path = mjpeg_path("stalled");
    let mut viewers = Viewers::connect(server.addr(), &path, VIEWERS)?;
    viewers.warm_up("camherd")?;
    viewers.run(Duration::from_secs(1))?;
    // Long enough that storing for the stalled one (0.75 MB/s) would show in the memory.
    let time = Duration::from_secs((args.seconds / 2).max(3));
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut missed, mut grown) = (0, 0);
    for _ in 0..ROUNDS {
        alone.append(&mut viewers.run(time)?.latencies);
        let before = server.rss()?;
        let stalled = request(server.addr(), &path)?;
        // Its socket buffers fill first; only then it stalls.
        viewers.run(Duration::from_millis(500))?;
        let mut seen = viewers.run(time)?;
        beside.append(&mut seen.latencies);
        missed += seen.missed.saturating_sub(seen.told);
        grown = grown.max(server.rss()?.saturating_sub(before));
        drop(stalled);
        viewers.run(Duration::from_millis(500))?;
    }
    cameras.stop()?;
    let (alone, beside) = (Sorted::new(alone), Sorted::new(beside));
    for (p, target) in [(50.0, Target::NONE), (99.0, Target::ratio(1.1))] {
        let without = ("nobody stalled", ms(&alone, p, "camherd")?);
        let with = ms(&beside, p, "camherd")?;
        add(
            format!("one of {} viewers stalled, p{p} of others", VIEWERS + 1),
            "ms",
            with,
            Some(without),
            target,
        );
    }
    add("  frames missed untold by the others".into(), "", missed as f64, None, Target::limit(0.0));
    add("  memory grown by the stalled viewer".into(), "MB", mb(grown), None, Target::limit(1.0));
    Ok(())
}
