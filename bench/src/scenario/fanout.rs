//! MJPEG to hundreds of viewers, against a bare epoll writer with the same reading client.

use super::{Add, FPS, camera, mjpeg_path, ms};
use crate::args::Args;
use crate::epoll_writer::EpollWriter;
use crate::error::Error;
use crate::fanout::{Seen, Viewers};
use crate::frames::{Frames, VGA, directory};
use crate::report::Target;
use crate::server::Server;
use crate::stats::Sorted;
use std::time::Duration;

pub(super) const PEER: &str = "epoll writer";

/// One run against one server.
pub(super) struct Measured {
    pub(super) seen: Seen,
    pub(super) latency: Sorted,
    /// CPU seconds of server and client for each gigabyte (10^9) that the client read.
    pub(super) cpu_s_gb: f64,
    /// The server's part of it.
    pub(super) server_s_gb: f64,
}

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let frames = Frames::load(&args.cache, VGA)?;
    let time = Duration::from_secs(args.seconds);
    for (count, limits) in [(200, Some([2.0, 5.0])), (500, None)] {
        let ours = camherd(args, &frames, count, time)?;
        let peer = epoll_writer(args, count, time)?;
        compare("MJPEG", count, limits, [&ours, &peer], add)?;
    }
    Ok(())
}

/// Adds the rows of one number of viewers. `limits` are those of p50 and p99 in milliseconds.
pub(super) fn compare(
    what: &str,
    count: usize,
    limits: Option<[f64; 2]>,
    [ours, peer]: [&Measured; 2],
    add: &mut Add<'_>,
) -> Result<(), Error> {
    for (i, p) in [50.0, 99.0].into_iter().enumerate() {
        let target = limits.map_or(Target::NONE, |limits| Target::limit(limits[i]));
        let value = ms(&ours.latency, p, "camherd")?;
        let peer = Some((PEER, ms(&peer.latency, p, PEER)?));
        add(format!("{what} to {count} viewers, p{p}"), "ms", value, peer, target);
    }
    let frames = ours.latency.len() as u64 + ours.seen.missed;
    let untold = ours.seen.missed.saturating_sub(ours.seen.told) as f64;
    add(format!("  frames of {frames} missed untold"), "", untold, None, Target::limit(0.0));
    let missed = (PEER, peer.seen.missed as f64);
    add("  frames missed in all".into(), "", ours.seen.missed as f64, Some(missed), Target::NONE);
    let cpu = (PEER, peer.cpu_s_gb);
    let figure = format!("  CPU per GB, server + client, {count}");
    add(figure, "s", ours.cpu_s_gb, Some(cpu), Target::ratio(1.3));
    let cpu = (PEER, peer.server_s_gb);
    add(format!("  CPU per GB, server alone, {count}"), "s", ours.server_s_gb, Some(cpu), Target::NONE);
    Ok(())
}

fn camherd(args: &Args, frames: &Frames, count: usize, time: Duration) -> Result<Measured, Error> {
    let server = Server::start(&args.camherd)?;
    let cameras = camera(&server, "fanout", frames)?;
    let mut viewers = Viewers::connect(server.addr(), &mjpeg_path("fanout"), count)?;
    let measured = measure(&mut viewers, "camherd", time, || server.cpu_ns())?;
    cameras.stop()?;
    Ok(measured)
}

pub(super) fn epoll_writer(args: &Args, count: usize, time: Duration) -> Result<Measured, Error> {
    let peer = EpollWriter::start(&directory(&args.cache, VGA), FPS)?;
    let mut viewers = Viewers::connect(peer.addr(), "/", count)?;
    measure(&mut viewers, PEER, time, || peer.cpu_ns())
}

pub(super) fn measure(
    viewers: &mut Viewers,
    peer: &'static str,
    time: Duration,
    cpu_ns: impl Fn() -> Result<u64, Error>,
) -> Result<Measured, Error> {
    viewers.warm_up(peer)?;
    viewers.run(Duration::from_secs(1))?;
    let before = cpu_ns()?;
    let mut seen = viewers.run(time)?;
    let server = cpu_ns()? - before;
    let gb = seen.bytes.max(1) as f64 / 1e9;
    let latency = Sorted::new(std::mem::take(&mut seen.latencies));
    let seconds = |ns: u64| ns as f64 / 1e9 / gb;
    Ok(Measured { latency, cpu_s_gb: seconds(server + seen.cpu_ns), server_s_gb: seconds(server), seen })
}
