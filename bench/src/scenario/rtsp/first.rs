//! How long `VideoCapture(url)` takes to its first frame.

use super::{add as add_stream, cameras, made, remove, streams, wait_live};
use crate::args::Args;
use crate::clips::GOP;
use crate::error::{Error, protocol};
use crate::frames::VGA;
use crate::reader::{Reader, Way};
use crate::report::Target;
use crate::rtsp_camera::RtspCameras;
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
/// Read all the time by one program while others come.
const SHARED: &str = "shared";
/// Read by those who do not use camherd.
const PEER: &str = "peer";

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let tries = if args.is_quick() { TRIES.1 } else { TRIES.0 };
    let names = (0..tries).flat_map(|n| [fetched_name(n), cold_name(n)]);
    let names: Vec<String> = names.chain([SHARED.to_owned(), PEER.to_owned()]).collect();
    let cameras = cameras(args, VGA, &names)?;
    let server = Server::start(&args.camherd)?;
    let mut program = Reader::start(&args.python, Way::Camherd(server.addr()), VGA)?;
    let shared = shared(args, &server, &cameras, &mut program, tries)?;
    let fetched = fetched(&server, &cameras, &mut program, tries)?;
    let cold = openings(tries, |n| program.first(&cameras.url(&cold_name(n))))?;
    drop(server);
    let mut peer = Reader::start(&args.python, Way::Cv2, VGA)?;
    let theirs = openings(tries, |_| peer.first(&cameras.url(PEER)))?;
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

/// The server has it, and nobody reads it: another one for each try, so that no decoder still runs.
fn fetched_name(n: u32) -> String {
    format!("fetched-{n}")
}

/// The server has never heard of it: another one for each try.
fn cold_name(n: u32) -> String {
    format!("cold-{n}")
}

/// While another program reads the stream.
fn shared(
    args: &Args,
    server: &Server,
    cameras: &RtspCameras,
    program: &mut Reader,
    tries: u32,
) -> Result<Vec<u64>, Error> {
    let url = cameras.url(SHARED);
    let mut other = Reader::start(&args.python, Way::Camherd(server.addr()), VGA)?;
    other.open(&url)?;
    other.opened()?;
    let times = openings(tries, |_| program.first(&url))?;
    other.stop()?;
    remove(server, &add_stream(server, &url)?)?;
    Ok(times)
}

/// The server has the stream, and decodes nothing.
fn fetched(
    server: &Server,
    cameras: &RtspCameras,
    program: &mut Reader,
    tries: u32,
) -> Result<Vec<u64>, Error> {
    let mut times = Vec::new();
    for n in 0..tries {
        let url = cameras.url(&fetched_name(n));
        let id = add_stream(server, &url)?;
        wait_live(server, 1)?;
        // Up to a whole GOP is there to be decoded.
        std::thread::sleep(INTERVAL + INTERVAL * n / tries);
        if let Some(name) = streams(server)?.iter().flat_map(made).next() {
            return Err(protocol("server", format!("makes {name} although nobody reads")));
        }
        times.push(program.first(&url)?);
        remove(server, &id)?;
    }
    Ok(times)
}

/// Opens at moments that are spread over the keyframe interval.
fn openings(tries: u32, mut first: impl FnMut(u32) -> Result<u64, Error>) -> Result<Vec<u64>, Error> {
    let mut times = Vec::new();
    for n in 0..tries {
        std::thread::sleep(INTERVAL / 4 + INTERVAL * n / tries);
        times.push(first(n)?);
    }
    Ok(times)
}

fn worst(times: &[u64]) -> f64 {
    times.iter().max().map_or(0.0, |ns| *ns as f64 / 1e6)
}

fn mean(times: &[u64]) -> f64 {
    times.iter().sum::<u64>() as f64 / 1e6 / times.len().max(1) as f64
}
