//! Resident memory of the server.

use super::{Add, camera, mb, mjpeg_path};
use crate::args::Args;
use crate::error::Error;
use crate::fanout::Viewers;
use crate::frames::{Frames, VGA};
use crate::report::Target;
use crate::server::Server;
use crate::viewer::Viewer;
use std::time::Duration;

/// Viewers over which the cost of one is averaged.
const VIEWERS: usize = 200;

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let server = Server::start(&args.camherd)?;
    std::thread::sleep(Duration::from_secs(1));
    add("memory, idle server".into(), "MB", mb(server.rss()?), None, Target::limit(15.0));

    let cameras = camera(&server, "memory", &frames)?;
    let viewer = Viewer::start(server.addr(), "memory")?;
    // At the default, longer than two of the server's GOPs, so that the rings have their working size.
    std::thread::sleep(Duration::from_secs(args.seconds.max(2)));
    add("memory, one transcoding VGA camera".into(), "MB", mb(server.rss()?), None, Target::limit(40.0));
    viewer.stop()?;
    cameras.stop()?;
    drop(server);
    per_viewer(args, &frames, add)
}

fn per_viewer(args: &Args, frames: &Frames, add: &mut Add<'_>) -> Result<(), Error> {
    let server = Server::start(&args.camherd)?;
    let cameras = camera(&server, "memory", frames)?;
    let path = mjpeg_path("memory");
    // The first viewer brings what all share.
    let mut one = Viewers::connect(server.addr(), &path, 1)?;
    one.warm_up("camherd")?;
    one.run(Duration::from_secs(args.seconds.min(3)))?;
    let before = server.rss()?;
    drop(one);
    let mut all = Viewers::connect(server.addr(), &path, 1 + VIEWERS)?;
    all.warm_up("camherd")?;
    all.run(Duration::from_secs(args.seconds.clamp(2, 4)))?;
    let each = (server.rss()?.saturating_sub(before)) as f64 / VIEWERS as f64 / 1e3;
    add(format!("memory per MJPEG viewer, mean of {VIEWERS}"), "KB", each, None, Target::limit(64.0));
    drop(all);
    cameras.stop()?;
    Ok(())
}
