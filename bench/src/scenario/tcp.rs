//! Cameras that push JPEG over plain TCP, watched as the older multi-format server was: `GET /stream<N>`.

pub mod fanout;
pub mod fast;
pub mod idle;
mod judge;
pub mod link;
pub mod share;
pub mod slow;
mod trial;

use crate::error::Error;
use crate::frames::Frames;
use crate::server::Server;
use crate::tcp_push::{Config, Pushers, Quality};
use std::time::Duration;

/// The number that is pushed and watched.
const NUMBER: i32 = 0;
/// From the first frame to the first viewer: who asks for a stream before its camera has sent anything is refused.
const RUN_IN: Duration = Duration::from_millis(300);

/// Where viewers get that stream.
fn path() -> String {
    format!("/stream{NUMBER}")
}

/// Pushes that stream in one quality.
fn push(server: &Server, quality: Quality, fps: u32, frames: &Frames) -> Result<Pushers, Error> {
    let numbers = NUMBER..NUMBER + 1;
    Pushers::start(Config { addr: server.push_addr(), numbers, quality, fps }, frames)
}
