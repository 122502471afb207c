//! A camera of 120 pictures a second: every one must reach every viewer.

use super::{RUN_IN, path, push};
use crate::args::Args;
use crate::error::{Error, protocol};
use crate::fanout::Viewers;
use crate::frames::{Frames, VGA};
use crate::report::Target;
use crate::scenario::{Add, ms};
use crate::server::Server;
use crate::stats::Sorted;
use crate::tcp_push::Quality;
use std::time::Duration;

const FAST_FPS: u32 = 120;
const VIEWERS: usize = 10;
/// For the last pictures to arrive after the camera has stopped.
const DRAIN: Duration = Duration::from_millis(500);

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let server = Server::start(&args.camherd)?;
    let pusher = push(&server, Quality::High, FAST_FPS, &frames)?;
    std::thread::sleep(RUN_IN);
    let mut viewers = Viewers::connect(server.addr(), &path(), VIEWERS)?;
    viewers.warm_up("camherd")?;
    let mut seen = viewers.run(Duration::from_secs(args.seconds))?;
    // Read on while the camera stops, so that nothing waits that the figures would call late.
    let stopping = std::thread::spawn(|| pusher.stop());
    let rest = viewers.run(DRAIN)?;
    let sent = stopping.join().map_err(|_| Error::Panicked("pusher"))??.len() as u64;
    let newest = viewers.newest().ok_or_else(|| protocol("camherd", "gave no picture to some viewer"))?;
    // Between two pictures that a viewer got, and after its last one.
    let missed = (seen.missed + rest.missed + sent.saturating_sub(newest + 1)) as f64;
    let latency = Sorted::new(std::mem::take(&mut seen.latencies));
    let got = latency.len() + rest.latencies.len();
    let figure = format!("{FAST_FPS} fps to {VIEWERS} viewers, missed of {got} pictures");
    add(figure, "", missed, None, Target::limit(0.0));
    for p in [50.0, 99.0] {
        add(format!("  p{p}"), "ms", ms(&latency, p, "camherd")?, None, Target::NONE);
    }
    Ok(())
}
