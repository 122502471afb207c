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
/// For a quick look one round must do.
const ROUNDS: usize = 3;

/// The percentiles of each round in milliseconds. Their medians are compared, so that one hiccup of the machine in one
/// round does not decide.
#[derive(Default)]
struct Rounds {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, latencies: Vec<u64>) -> Result<(), Error> {
        let sorted = Sorted::new(latencies);
        self.p50.push(ms(&sorted, 50.0, "camherd")?);
        self.p99.push(ms(&sorted, 99.0, "camherd")?);
        Ok(())
    }
}

/// The middle one of an odd number of values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let server = Server::start(&args.camherd)?;
    let cameras = camera(&server, "stalled", &frames)?;
    let path = mjpeg_path("stalled");
    let mut viewers = Viewers::connect(server.addr(), &path, VIEWERS)?;
    viewers.warm_up("camherd")?;
    viewers.run(Duration::from_secs(1))?;
    // Long enough that storing for the stalled one, 0.75 MB/s, would show in the memory.
    let time = Duration::from_secs((args.seconds / 2).max(2));
    let (mut alone, mut beside) = (Rounds::default(), Rounds::default());
    let (mut missed, mut grown) = (0, 0);
    for _ in 0..if args.is_quick() { 1 } else { ROUNDS } {
        alone.add(viewers.run(time)?.latencies)?;
        let before = server.rss()?;
        let stalled = request(server.addr(), &path)?;
        // Its socket buffers fill first; only then it stalls.
        viewers.run(Duration::from_millis(500))?;
        let seen = viewers.run(time)?;
        missed += seen.missed.saturating_sub(seen.told);
        beside.add(seen.latencies)?;
        grown = grown.max(server.rss()?.saturating_sub(before));
        drop(stalled);
        viewers.run(Duration::from_millis(500))?;
    }
    cameras.stop()?;
    let figure = |p| format!("one of {} viewers stalled, {p} of the others", VIEWERS + 1);
    let without = |ms| Some(("nobody stalled", ms));
    add(figure("p50"), "ms", median(beside.p50), without(median(alone.p50)), Target::NONE);
    add(figure("p99"), "ms", median(beside.p99), without(median(alone.p99)), Target::ratio(1.1));
    add("  frames missed untold by the others".into(), "", missed as f64, None, Target::limit(0.0));
    add("  memory grown by the stalled viewer".into(), "MB", mb(grown), None, Target::limit(1.0));
    Ok(())
}
