//! How long `VideoCapture(url)` takes to its first frame.

use super::{add as add_stream, camera, made, remove, streams, wait_live};
use crate::args::Args;
use crate::clips::GOP;
use crate::error::{Error, protocol};
use crate::frames::VGA;
use crate::reader::{Reader, Way};
use crate::report::Target;
use crate::scenario::Add;
use crate::server::Server;
use std::time::Duration;

/// Openings of each kind, at the default and for a quick look. The worst one counts: it is a program that waits.
const TRIES: (u32, u32) = (6, 3);
/// A keyframe each second, and what connecting, starting and decoding may take beyond that.
const COLD_MS: f64 = 1200.0;
/// On a stream that the server has already.
const RUNNING_MS: f64 = 50.0;
/// The keyframe interval, over which the moments of opening are spread.
const INTERVAL: Duration = Duration::from_millis(1000 * GOP as u64 / super::FPS as u64);
/// The camera's path.
const NAME: &str = "camera";

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let cameras = camera(args, VGA, NAME)?;
    let url = cameras.url(NAME);
    let server = Server::start(&args.camherd)?;
    let tries = if args.is_quick() { TRIES.1 } else { TRIES.0 };
    let mut program = Reader::start(&args.python, Way::Camherd(server.addr()), &url, VGA)?;
    let shared = shared(args, &server, &url, &mut program, tries)?;
    let fetched = fetched(&server, &url, &mut program, tries)?;
    let cold = cold(&server, &url, &mut program, tries)?;
    drop(server);
    let mut peer = Reader::start(&args.python, Way::Cv2, &url, VGA)?;
    let theirs = openings(tries, || peer.first())?;
    let cv2 = |of: fn(&[u64]) -> f64| Some((Way::Cv2.name(), of(&theirs)));
    let mut row = |what: &str, times: &[u64], target| {
        add(format!("first frame, {what}, worst of {tries}"), "ms", worst(times), cv2(worst), target);
        add("  mean".into(), "ms", mean(times), cv2(mean), Target::NONE);
    };
    row("a stream that another program reads", &shared, Target::limit(RUNNING_MS));
    row("a running stream that nobody reads", &fetched, Target::limit(RUNNING_MS));
    row("a camera that is not connected", &cold, Target::limit(COLD_MS));
    Ok(())
}

/// While another program reads the stream.
fn shared(
    args: &Args,
    server: &Server,
    url: &str,
    program: &mut Reader,
    tries: u32,
) -> Result<Vec<u64>, Error> {
    let mut other = Reader::start(&args.python, Way::Camherd(server.addr()), url, VGA)?;
    other.open()?;
    other.opened()?;
    let times = openings(tries, || program.first())?;
    other.stop()?;
    Ok(times)
}

/// The server has the stream, and decodes nothing. A new stream each time, so that no decoder of an earlier reader
/// still runs.
fn fetched(server: &Server, url: &str, program: &mut Reader, tries: u32) -> Result<Vec<u64>, Error> {
    let mut times = Vec::new();
    for n in 0..tries {
        remove(server, &add_stream(server, url)?)?;
        add_stream(server, url)?;
        wait_live(server, 1)?;
        // Up to a whole GOP is there to be decoded.
        std::thread::sleep(INTERVAL + INTERVAL * n / tries);
        if let Some(name) = streams(server)?.iter().flat_map(made).next() {
            return Err(protocol("server", format!("makes {name} although nobody reads")));
        }
        times.push(program.first()?);
    }
    Ok(times)
}

/// The server does not know the camera.
fn cold(server: &Server, url: &str, program: &mut Reader, tries: u32) -> Result<Vec<u64>, Error> {
    // For the same URL the id is the same, whether the stream is there already or not.
    let forget = || remove(server, &add_stream(server, url)?);
    forget()?;
    openings(tries, || {
        let time = program.first()?;
        forget()?;
        Ok(time)
    })
}

/// Opens at moments that are spread over the keyframe interval.
fn openings(tries: u32, mut first: impl FnMut() -> Result<u64, Error>) -> Result<Vec<u64>, Error> {
    let mut times = Vec::new();
    for n in 0..tries {
        std::thread::sleep(INTERVAL / 4 + INTERVAL * n / tries);
        times.push(first()?);
    }
    Ok(times)
}

fn worst(times: &[u64]) -> f64 {
    times.iter().max().map_or(0.0, |ns| *ns as f64 / 1e6)
}

fn mean(times: &[u64]) -> f64 {
    times.iter().sum::<u64>() as f64 / 1e6 / times.len().max(1) as f64
}
