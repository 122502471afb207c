//! A viewer behind links that carry a share of what the camera sends, and behind one of 1 Mbit/s, for half a minute: what
//! it settles on, and how often it changes its mind on the way. The queue is in the network, as in [`super::link`].

use super::judge::Verdict;
use super::link::over;
use super::trial::{Link, MOST_AGE, Pictures, camherd};
use crate::args::Args;
use crate::error::Error;
use crate::report::Target;
use crate::scenario::Add;
use std::time::Duration;

/// What the link carries, in parts of what the camera's pictures need.
const SHARES: [f64; 3] = [0.8, 0.65, 0.5];
/// And one for which the pictures are eight times too many, in bytes a second.
const NARROW: f64 = 125_000.0;
/// Of it, so much goes to pictures: the rest is headers of TCP, IP and HTTP.
const PAYLOAD: f64 = 0.95;

/// How long the link is slow. A better quality is tried after 5 s, and after 10 s more.
const SLOW: Duration = Duration::from_secs(30);
/// Changes of quality in that time: down, and up and down again for each try.
const MOST_SWITCHES: f64 = 5.0;

/// Measures and adds the rows.
///
/// # Errors
/// [`Error::NotHere`] without root or without `ip` and `tc`.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let pictures = Pictures::load(args)?;
    let time = if args.is_quick() { SLOW / 3 } else { SLOW };
    let share =
        |share: f64| (format!("link of {:.0} %", share * 100.0), pictures.full_rate() * share / PAYLOAD);
    let narrow = ("link of 1 Mbit/s".to_owned(), NARROW);
    for (name, rate) in SHARES.map(share).into_iter().chain([narrow]) {
        over(&format!("{:.0}kbit", rate * 8.0 / 1000.0), add, |there, add| {
            let slow = |viewer: &crate::tcp_viewer::SlowViewer| there.route(viewer.port()?);
            let link = Link { name, rate, small: false, slow: &slow };
            for low in [true, false] {
                let (verdict, _) = camherd(args, time, &pictures, &link, low)?;
                let what = if low { "high + low pushed" } else { "high pushed" };
                rows(&format!("{}, {what}", link.name), rate, &verdict, add);
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn rows(what: &str, rate: f64, verdict: &Verdict, add: &mut Add<'_>) {
    let after = verdict.lowered.map_or(f64::INFINITY, |lowered| lowered.after);
    add(format!("{what}: lower quality seen after"), "s", after, None, Target::NONE);
    let switches = verdict.switches as f64;
    add("  changes of quality".into(), "", switches, None, Target::limit(MOST_SWITCHES));
    add("  oldest picture".into(), "s", verdict.oldest, None, Target::limit(MOST_AGE));
    add("  pictures a second".into(), "fps", verdict.fps, None, Target::NONE);
    let used = verdict.bytes * 100.0 / (rate * PAYLOAD);
    add("  of what the link carries it got".into(), "%", used, None, Target::NONE);
    add("  longest time without a picture".into(), "s", verdict.gap, None, Target::NONE);
}
