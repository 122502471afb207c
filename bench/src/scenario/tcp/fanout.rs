//! One pusher and hundreds of viewers, against a bare epoll writer with the same reading client.

use super::{RUN_IN, path, push};
use crate::args::Args;
use crate::error::Error;
use crate::fanout::Viewers;
use crate::frames::{Frames, VGA};
use crate::scenario::fanout::{Measured, compare, epoll_writer, measure};
use crate::scenario::{Add, FPS};
use crate::server::Server;
use crate::tcp_push::Quality;
use std::time::Duration;

/// Viewers, and what p50 and p99 may be in milliseconds.
const COUNTS: [(usize, [f64; 2]); 2] = [(50, [0.8, 1.7]), (200, [2.0, 5.0])];

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let time = Duration::from_secs(args.seconds);
    for (count, limits) in COUNTS {
        let ours = camherd(args, &frames, count, time)?;
        let peer = epoll_writer(args, count, time)?;
        compare("JPEG pushed over TCP", count, Some(limits), [&ours, &peer], add)?;
    }
    Ok(())
}

fn camherd(args: &Args, frames: &Frames, count: usize, time: Duration) -> Result<Measured, Error> {
    let server = Server::start(&args.camherd)?;
    let pusher = push(&server, Quality::High, FPS, frames)?;
    std::thread::sleep(RUN_IN);
    let mut viewers = Viewers::connect(server.addr(), &path(), count)?;
    let measured = measure(&mut viewers, "camherd", time, || server.cpu_ns())?;
    pusher.stop()?;
    Ok(measured)
}
