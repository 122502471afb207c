//! Many pushers that nobody watches, against a thread that only reads them.

use crate::args::Args;
use crate::clock;
use crate::error::Error;
use crate::frames::{Frames, VGA};
use crate::report::Target;
use crate::scenario::{Add, mb};
use crate::server::Server;
use crate::tcp_push::{Config, Pushers, Quality};
use crate::tcp_sink::Sink;
use std::net::SocketAddr;
use std::time::Duration;

const PUSHERS: usize = 100;
const PUSHER_FPS: u32 = 5;
/// Until all have connected and sent.
const SETTLE: Duration = Duration::from_millis(1500);

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let time = Duration::from_secs(args.seconds);
    let server = Server::start(&args.camherd)?;
    let ours = percent(server.push_addr(), &frames, time, || server.cpu_ns())?;
    let memory = server.rss()?;
    drop(server);
    let sink = Sink::start(PUSHERS)?;
    let limit = percent(sink.addr(), &frames, time, || Ok(sink.cpu_ns()))?;
    sink.join()?;
    let figure = format!("{PUSHERS} pushers at {PUSHER_FPS} fps, no viewers");
    add(figure, "% of a core", ours, Some(("bare reader", limit)), Target::limit(10.0));
    add("  memory".into(), "MB", mb(memory), None, Target::NONE);
    Ok(())
}

/// What taking them in costs, in percent of a core.
fn percent(
    addr: SocketAddr,
    frames: &Frames,
    time: Duration,
    cpu_ns: impl Fn() -> Result<u64, Error>,
) -> Result<f64, Error> {
    let config = Config { addr, numbers: 0..PUSHERS as i32, quality: Quality::High, fps: PUSHER_FPS };
    let pushers = Pushers::start(config, frames)?;
    std::thread::sleep(SETTLE);
    let (before, from) = (cpu_ns()?, clock::now());
    std::thread::sleep(time);
    let (after, to) = (cpu_ns()?, clock::now());
    pushers.stop()?;
    Ok((after - before) as f64 * 100.0 / (to - from) as f64)
}
