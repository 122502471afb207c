//! One viewer whose link becomes slow, and the figures of it; against a bare epoll writer that knows one quality only.

use super::judge::{Verdict, identify, judge};
use super::{RUN_IN, path, push};
use crate::args::Args;
use crate::clock;
use crate::epoll_writer::EpollWriter;
use crate::error::{Error, protocol};
use crate::frames::{Frames, QVGA, VGA, directory};
use crate::http;
use crate::report::Target;
use crate::scenario::{Add, FPS};
use crate::server::Server;
use crate::tcp_push::Quality;
use crate::tcp_viewer::{Seen, SlowViewer};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// How long the link is good first: the server knows its viewer by then.
const GOOD: Duration = Duration::from_secs(2);
/// Least time of slowness, seconds: a viewer that does well is tried with the better quality after five, which must
/// not make anything late either.
const LEAST: u64 = 6;
/// How often the server is asked in which quality it serves.
const ASK: Duration = Duration::from_millis(50);
/// The server makes a low quality of so many pictures a second, unless it is configured (`quality.low.fps`).
const MADE_FPS: f64 = 15.0;

/// What may pass, seconds, until the viewer has a lower quality.
const MOST_UNTIL_LOW: f64 = 2.0;
/// How old a picture may be, seconds.
pub const MOST_AGE: f64 = 1.0;

const PEER: &str = "epoll writer";

/// What makes a viewer's link slow.
pub struct Link<'a> {
    /// For the table.
    pub name: String,
    /// Bytes a second of the slow link.
    pub rate: f64,
    /// Whether the viewer's socket has little room.
    pub small: bool,
    /// Makes it slow for that viewer; until then it is good.
    pub slow: &'a dyn Fn(&SlowViewer) -> Result<(), Error>,
}

/// What one viewer saw.
struct Watched {
    seen: Vec<Seen>,
    slow: u64,
    end: u64,
    /// Seconds until the server had turned to a lower quality.
    turned: Option<f64>,
}

/// Pictures in both qualities.
pub struct Pictures {
    high: Frames,
    low: Frames,
}

impl Pictures {
    /// From the cache.
    pub fn load(args: &Args) -> Result<Pictures, Error> {
        Ok(Pictures { high: Frames::load(&args.cache, VGA)?, low: Frames::load(&args.cache, QVGA)? })
    }

    /// Bytes a second of the better quality.
    pub fn full_rate(&self) -> f64 {
        self.high.mean_bytes() as f64 * f64::from(FPS)
    }
}

/// Measures one link with both qualities pushed, with the better one only, and without camherd.
pub fn run(args: &Args, pictures: &Pictures, link: &Link<'_>, add: &mut Add<'_>) -> Result<(), Error> {
    let time = Duration::from_secs(args.seconds.max(LEAST));
    let peer = peer(args, time, link)?;
    for low in [true, false] {
        let (verdict, turned) = camherd(args, time, pictures, link, low)?;
        let what = if low { "high + low pushed" } else { "high pushed" };
        rows(&format!("{}, {what}", link.name), link, low, (&verdict, turned), &peer, add);
    }
    Ok(())
}

/// What became of a viewer of camherd, whose link was slow for `time`; and when camherd turned to a lower quality, in
/// seconds.
pub fn camherd(
    args: &Args,
    time: Duration,
    pictures: &Pictures,
    link: &Link<'_>,
    low: bool,
) -> Result<(Verdict, Option<f64>), Error> {
    let server = Server::start(&args.camherd)?;
    let high = push(&server, Quality::High, FPS, &pictures.high)?;
    let low = low.then(|| push(&server, Quality::Low, FPS, &pictures.low)).transpose()?;
    std::thread::sleep(RUN_IN);
    let watched = watch(time, server.addr(), &path(), link, || is_turned(server.addr()))?;
    let sent = high.stop()?;
    low.map(|low| low.stop()).transpose()?;
    let shown = identify(&watched.seen, &sent)?;
    Ok((judge(&shown, watched.slow, watched.end), watched.turned))
}

fn peer(args: &Args, time: Duration, link: &Link<'_>) -> Result<Verdict, Error> {
    let peer = EpollWriter::start(&directory(&args.cache, VGA), FPS)?;
    let watched = watch(time, peer.addr(), "/", link, || Ok(false))?;
    Ok(judge(&identify(&watched.seen, &[])?, watched.slow, watched.end))
}

/// Watches over a good link that becomes slow.
fn watch(
    time: Duration,
    addr: SocketAddr,
    path: &str,
    link: &Link<'_>,
    turned: impl Fn() -> Result<bool, Error>,
) -> Result<Watched, Error> {
    let viewer = SlowViewer::start(addr, path, link.small)?;
    std::thread::sleep(GOOD);
    let slow = clock::now();
    (link.slow)(&viewer)?;
    let end = slow + clock::ns(time);
    let mut first = None;
    while clock::now() < end {
        if first.is_none() && turned()? {
            first = Some((clock::now() - slow) as f64 / 1e9);
        }
        clock::sleep_until(clock::after(ASK).min(end));
    }
    let seen = viewer.stop()?;
    let good = seen.iter().filter(|picture| picture.at < slow).count();
    // Half of what was sent: below that the link was never good, and its becoming slow says nothing.
    if good < (GOOD.as_secs_f64() * f64::from(FPS) / 2.0) as usize {
        return Err(protocol("server", format!("gave only {good} pictures over a good link")));
    }
    Ok(Watched { seen, slow, end, turned: first })
}

/// Whether somebody is served a lower quality of the stream.
fn is_turned(addr: SocketAddr) -> Result<bool, Error> {
    let answer = http::request(addr, "GET", &format!("/api{}", path().replace('/', "/streams/")), None)?;
    Ok(answer["qualities"].as_array().is_some_and(|all| all.iter().any(is_watched_lower)))
}

fn is_watched_lower(quality: &Value) -> bool {
    quality["quality"] != "high" && quality["viewers"].as_u64().is_some_and(|viewers| viewers > 0)
}

fn rows(
    what: &str,
    link: &Link<'_>,
    low: bool,
    (verdict, turned): (&Verdict, Option<f64>),
    peer: &Verdict,
    add: &mut Add<'_>,
) {
    let after = verdict.lowered.map_or(f64::INFINITY, |lowered| lowered.after);
    add(format!("{what}: lower quality seen after"), "s", after, None, Target::limit(MOST_UNTIL_LOW));
    let turned = turned.unwrap_or(f64::INFINITY);
    add("  the server turns to it after".into(), "s", turned, None, Target::NONE);
    let oldest = (PEER, peer.oldest);
    add(
        "  oldest picture over the slow link".into(),
        "s",
        verdict.oldest,
        Some(oldest),
        Target::limit(MOST_AGE),
    );
    if let Some(lowered) = verdict.lowered {
        let figure = "  oldest picture since the lower quality";
        add(figure.into(), "s", lowered.oldest, None, Target::limit(MOST_AGE));
        let most = if low { f64::from(FPS) } else { MADE_FPS };
        let limit = ("what the link carries", (link.rate / lowered.bytes).min(most));
        add("  pictures a second since then".into(), "fps", lowered.fps, Some(limit), Target::NONE);
    }
    let gap = (PEER, peer.gap);
    add("  longest time without a picture".into(), "s", verdict.gap, Some(gap), Target::NONE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_lower_quality_with_a_viewer_counts() {
        assert!(is_watched_lower(&json!({ "quality": "low", "viewers": 1 })));
        assert!(!is_watched_lower(&json!({ "quality": "low", "viewers": 0 })));
        assert!(!is_watched_lower(&json!({ "quality": "high", "viewers": 2 })));
    }
}
