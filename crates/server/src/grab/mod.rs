//! `camherd grab`: pictures from a camera, or from a camherd server, into files.
//!
//! [`Args`] is the command line, [`Options`] what it asks for. [`run`] reads the source's rendition that fits the
//! format and gives each picture to a `sink`. Files appear whole: what is being written has another name.

mod args;
mod format;
mod pattern;
mod sink;
mod take;
mod whole_file;

pub use args::{Args, Options, OptionsError};
pub use format::{Destination, Format};
pub use pattern::{Pattern, PatternError};
pub use sink::SinkError;
pub use take::{End, Summary, run};
