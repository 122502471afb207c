//! `camherd push`: the sending side, for a Raspberry Pi and the like.
//!
//! The source (a pipe, a file, a camera: `feed`, or [`crate::client::source`]) publishes into a hub of this process;
//! a `link` to the server reads from there. So a slow link drops the oldest pictures as a slow viewer does, up to the
//! next one that a decoder can begin with, and memory is bounded by the hub's ring.

mod args;
mod device;
mod feed;
mod link;
mod run;
mod target;

pub use args::{Args, Options, OptionsError};
pub use feed::Coding;
pub use run::{End, Summary, run};
pub use target::{Target, TargetError};
