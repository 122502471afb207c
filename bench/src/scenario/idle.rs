//! Many cameras that nobody watches: frames come in and nothing is decoded.

use super::{Add, mb};
use crate::args::Args;
use crate::camera::{Cameras, Config};
use crate::clock;
use crate::error::Error;
use crate::frames::{Frames, VGA};
use crate::report::Target;
use crate::server::Server;
use std::time::Duration;

const CAMERAS: usize = 50;
const CAMERA_FPS: u32 = 10;

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let server = Server::start(&args.camherd)?;
    let names = (0..CAMERAS).map(|n| format!("idle-{n}")).collect();
    let cameras = Cameras::start(Config { addr: server.addr(), names, fps: CAMERA_FPS }, &frames)?;
    std::thread::sleep(Duration::from_millis(1500));
    let (before, from) = (server.cpu_ns()?, clock::now());
    std::thread::sleep(Duration::from_secs(args.seconds));
    let (after, to) = (server.cpu_ns()?, clock::now());
    let memory = server.rss()?;
    cameras.stop()?;
    // Decoding the 500 frames of a second would take a quarter of a core: this limit excludes it.
    let percent = (after - before) as f64 * 100.0 / (to - from) as f64;
    let figure = format!("{CAMERAS} cameras at {CAMERA_FPS} fps, no viewers");
    add(figure, "% of a core", percent, None, Target::limit(3.0));
    add("  memory".into(), "MB", mb(memory), None, Target::NONE);
    Ok(())
}
