//! RTSP cameras that nobody watches: they are fetched, and nothing is decoded.

use super::{made, streams, wait_live};
use crate::args::Args;
use crate::clips::{self, Profile};
use crate::clock;
use crate::error::Error;
use crate::frames::VGA;
use crate::report::Target;
use crate::rtsp_camera::{Config, RtspCameras};
use crate::scenario::{Add, mb};
use crate::server::Server;
use std::time::Duration;

const CAMERAS: usize = 20;
const CAMERA_FPS: u32 = 15;
/// Until every camera's GOP, of two seconds at half the clip's rate, is kept whole.
const SETTLE: Duration = Duration::from_secs(4);

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let clip = clips::load(&args.cache, VGA, Profile::Main, 1)?;
    let names: Vec<String> = (0..CAMERAS).map(|n| format!("camera-{n}")).collect();
    let configs: Vec<Config<'_>> =
        names.iter().map(|name| Config { name: name.clone(), clip: &clip, fps: CAMERA_FPS }).collect();
    let cameras = RtspCameras::start(&args.gst_python, &configs)?;
    let alone = Server::start(&args.camherd)?;
    std::thread::sleep(Duration::from_secs(1));
    let empty = alone.rss()?;
    drop(alone);
    let mut yaml = "streams:\n".to_owned();
    for name in &names {
        yaml += &format!("  {name}: {}\n", cameras.url(name));
    }
    let server = Server::start_with(&args.camherd, Some(&yaml))?;
    wait_live(&server, CAMERAS)?;
    std::thread::sleep(SETTLE);
    let (before, from) = (server.cpu_ns()?, clock::now());
    std::thread::sleep(Duration::from_secs(args.seconds));
    let (after, to) = (server.cpu_ns()?, clock::now());
    let each = mb(server.rss()?.saturating_sub(empty)) / CAMERAS as f64;
    let streams = streams(&server)?;
    let fps = streams.iter().filter_map(|stream| stream["fps"].as_f64()).sum::<f64>();
    let made = streams.iter().flat_map(made).count();
    let percent = (after - before) as f64 * 100.0 / (to - from) as f64;
    let figure = format!("{CAMERAS} RTSP cameras at {CAMERA_FPS} fps, no readers");
    add(figure, "% of a core", percent, None, Target::limit(5.0));
    add("  memory of each beyond the server's own".into(), "MB", each, None, Target::limit(3.0));
    let lacking = 100.0 * (1.0 - fps / f64::from(CAMERA_FPS) / CAMERAS as f64).max(0.0);
    add("  pictures not taken in".into(), "%", lacking, None, Target::limit(5.0));
    add("  decoded or other renditions being made".into(), "", made as f64, None, Target::limit(0.0));
    Ok(())
}
