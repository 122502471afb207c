//! A viewer behind a link of 2 Mbit/s, which is a third of what the camera sends: the queue is in the network, where
//! neither the server nor the viewer sees it.

use super::trial::{self, Link, Pictures};
use crate::args::Args;
use crate::error::Error;
use crate::scenario::Add;
use crate::tcp_link;

/// In tc's words, and in bytes a second.
const RATE: (&str, f64) = ("2mbit", 250_000.0);

/// Measures and adds the rows.
///
/// # Errors
/// [`Error::NotHere`] without root or without `ip` and `tc`.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let pictures = Pictures::load(args)?;
    over(RATE.0, add, |there, add| {
        let link = Link {
            name: "link of 2 Mbit/s".into(),
            rate: RATE.1,
            small: false,
            slow: &|viewer| there.route(viewer.port()?),
        };
        trial::run(args, &pictures, &link, add)
    })
}

/// Measures in a namespace with a link of that rate, in tc's words.
///
/// # Errors
/// [`Error::NotHere`] without root or without `ip` and `tc`.
pub fn over(
    rate: &str,
    add: &mut Add<'_>,
    measure: impl FnOnce(&tcp_link::Link, &mut Add<'_>) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let there = tcp_link::Link::create(rate)?;
    // A thread of its own, since nobody comes back from there. The rows are handed over afterwards.
    let measured = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            there.enter()?;
            let mut rows = Vec::new();
            measure(&there, &mut |figure, unit, camherd, peer, target| {
                rows.push((figure, unit, camherd, peer, target));
            })?;
            Ok(rows)
        });
        thread.join().map_err(|_| Error::Panicked("namespace"))?
    });
    for (figure, unit, camherd, peer, target) in measured? {
        add(figure, unit, camherd, peer, target);
    }
    Ok(())
}
