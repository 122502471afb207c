//! A viewer that reads at a third and at a tenth of what the camera sends.

use super::trial::{self, Link, Pictures};
use crate::args::Args;
use crate::error::Error;
use crate::scenario::Add;

/// What the viewer reads, in parts of the full rate.
const PARTS: [(&str, f64); 2] = [("a third", 3.0), ("a tenth", 10.0)];

/// Measures and adds the rows.
pub fn run(args: &Args, add: &mut Add<'_>) -> Result<(), Error> {
    let pictures = Pictures::load(args)?;
    for (name, part) in PARTS {
        let rate = pictures.full_rate() / part;
        let link = Link {
            name: format!("reads {name}"),
            rate,
            small: true,
            slow: &|viewer| {
                viewer.limit(rate as u64);
                Ok(())
            },
        };
        trial::run(args, &pictures, &link, add)?;
    }
    Ok(())
}
