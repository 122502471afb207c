//! How long a new viewer waits for the first H.264 of a running camera.

use super::{Add, FPS, camera};
use crate::args::Args;
use crate::error::Error;
use crate::ffmpeg::{self, Input};
use crate::frames::{Frames, VGA};
use crate::report::Target;
use crate::server::Server;
use crate::viewer::Viewer;
use std::time::Duration;

/// Viewers of each kind, at the default and for a quick look. The worst one counts: it is a person who waits.
const TRIES: (u32, u32) = (8, 4);

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let server = Server::start(&args.camherd)?;
    let tries = if args.is_quick() { TRIES.1 } else { TRIES.0 };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for n in 0..tries {
        // A new camera each time, so that no transcoder of an earlier viewer still runs.
        let name = format!("first-{n}");
        let cameras = camera(&server, &name, &frames)?;
        // At another phase of the frame interval each time.
        std::thread::sleep(Duration::from_millis(33) * n / tries);
        let (viewer, took) = Viewer::start_timed(server.addr(), &name)?;
        first.push(took);
        std::thread::sleep(Duration::from_millis(300) + Duration::from_millis(33) * (n * 3 % tries) / tries);
        let (joined, took) = Viewer::start_timed(server.addr(), &name)?;
        second.push(took);
        joined.stop()?;
        viewer.stop()?;
        cameras.stop()?;
    }
    let worst = |all: &[u64]| all.iter().max().map_or(0.0, |ns| *ns as f64 / 1e6);
    // The old system starts its encoder with the first camera; what a viewer-driven one would wait for is this.
    let moment = Duration::from_millis(100);
    let peer = ffmpeg::run(Input::Multipart, &frames, FPS, moment, moment)?;
    let peer = Some(("ffmpeg mpjpeg from its start", peer.first_ns as f64 / 1e6));
    add(
        format!("first H.264, first viewer, worst of {tries}"),
        "ms",
        worst(&first),
        peer,
        Target::limit(100.0),
    );
    add(
        format!("first H.264, second viewer, worst of {tries}"),
        "ms",
        worst(&second),
        None,
        Target::limit(20.0),
    );
    Ok(())
}
