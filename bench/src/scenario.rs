//! What is measured. Each scenario starts a fresh server, so that none feels another's leftovers.

mod fanout;
mod first;
mod idle;
mod memory;
mod rtsp;
mod stalled;
mod tcp;
mod transcode;

use crate::args::Args;
use crate::camera::{Cameras, Config};
use crate::error::{Error, protocol};
use crate::frames::Frames;
use crate::report::{Report, Row, Target};
use crate::server::Server;
use crate::stats::Sorted;
use std::time::Duration;

/// Frames a second of all cameras whose latency is measured, and of the old system's.
const FPS: u32 = 30;

/// One group of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Latency and CPU time of JPEG to H.264.
    Transcode,
    /// Time to the first H.264 of a viewer.
    First,
    /// Memory of a server that idles, transcodes, and has viewers.
    Memory,
    /// MJPEG to hundreds of viewers.
    Fanout,
    /// A viewer among hundreds that does not read.
    Stalled,
    /// Many cameras and no viewer.
    Idle,
    /// From an RTSP camera to a Python program.
    RtspLatency,
    /// Time to the first frame from an RTSP camera.
    RtspFirst,
    /// What 1 to 16 readers of an RTSP camera cost.
    RtspReaders,
    /// H.264 decoding, scaling and conversion alone.
    RtspDecode,
    /// Many RTSP cameras and no reader.
    RtspIdle,
    /// JPEG pushed over TCP to hundreds of viewers.
    TcpFanout,
    /// Every picture of a fast pusher.
    TcpFast,
    /// Many pushers and no viewer.
    TcpIdle,
    /// A viewer that reads slowly.
    TcpSlow,
    /// A viewer behind a slow link.
    TcpLink,
    /// A viewer behind links that carry a part of it.
    TcpShare,
}

impl Scenario {
    /// All, in the order of the report.
    pub const ALL: [Scenario; 17] = [
        Scenario::Transcode,
        Scenario::First,
        Scenario::Memory,
        Scenario::Fanout,
        Scenario::Stalled,
        Scenario::Idle,
        Scenario::RtspLatency,
        Scenario::RtspFirst,
        Scenario::RtspReaders,
        Scenario::RtspDecode,
        Scenario::RtspIdle,
        Scenario::TcpFanout,
        Scenario::TcpFast,
        Scenario::TcpIdle,
        Scenario::TcpSlow,
        Scenario::TcpLink,
        Scenario::TcpShare,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Transcode => "transcode",
            Scenario::First => "first",
            Scenario::Memory => "memory",
            Scenario::Fanout => "fanout",
            Scenario::Stalled => "stalled",
            Scenario::Idle => "idle",
            Scenario::RtspLatency => "rtsp-latency",
            Scenario::RtspFirst => "rtsp-first",
            Scenario::RtspReaders => "rtsp-readers",
            Scenario::RtspDecode => "rtsp-decode",
            Scenario::RtspIdle => "rtsp-idle",
            Scenario::TcpFanout => "tcp-fanout",
            Scenario::TcpFast => "tcp-fast",
            Scenario::TcpIdle => "tcp-idle",
            Scenario::TcpSlow => "tcp-slow",
            Scenario::TcpLink => "tcp-link",
            Scenario::TcpShare => "tcp-share",
        }
    }

    /// Whether a word of the command line means it: its name, or the part before the hyphen for all of a group.
    pub fn is_meant_by(self, word: &str) -> bool {
        let name = self.name();
        name == word || name.split_once('-').is_some_and(|(group, _)| group == word)
    }

    /// Measures and adds the figures to the report.
    pub fn run(self, args: &Args, report: &mut Report) -> Result<(), Error> {
        let mut add = |figure: String, unit, camherd, peer, target| {
            report.rows.push(Row { scenario: self.name(), figure, unit, camherd, peer, target });
        };
        match self {
            Scenario::Transcode => transcode::run(args, &mut add),
            Scenario::First => first::run(args, &mut add),
            Scenario::Memory => memory::run(args, &mut add),
            Scenario::Fanout => fanout::run(args, &mut add),
            Scenario::Stalled => stalled::run(args, &mut add),
            Scenario::Idle => idle::run(args, &mut add),
            Scenario::RtspLatency => rtsp::latency::run(args, &mut add),
            Scenario::RtspFirst => rtsp::first::run(args, &mut add),
            Scenario::RtspReaders => rtsp::readers::run(args, &mut add),
            Scenario::RtspDecode => rtsp::decode::run(args, &mut add),
            Scenario::RtspIdle => rtsp::idle::run(args, &mut add),
            Scenario::TcpFanout => tcp::fanout::run(args, &mut add),
            Scenario::TcpFast => tcp::fast::run(args, &mut add),
            Scenario::TcpIdle => tcp::idle::run(args, &mut add),
            Scenario::TcpSlow => tcp::slow::run(args, &mut add),
            Scenario::TcpLink => tcp::link::run(args, &mut add),
            Scenario::TcpShare => tcp::share::run(args, &mut add),
        }
    }
}

/// Adds a row: figure, unit, camherd's value, the peer's name and value, the target.
type Add<'a> = dyn FnMut(String, &'static str, f64, Option<(&'static str, f64)>, Target) + 'a;

/// One camera at [`FPS`] that has been running for some frames: who asks for a stream before its camera has sent
/// anything is rightly refused.
fn camera(server: &Server, name: &str, frames: &Frames) -> Result<Cameras, Error> {
    let cameras =
        Cameras::start(Config { addr: server.addr(), names: vec![name.to_owned()], fps: FPS }, frames)?;
    std::thread::sleep(Duration::from_millis(300));
    Ok(cameras)
}

/// The path of a camera's multipart stream.
fn mjpeg_path(name: &str) -> String {
    format!("/streams/{name}/mjpeg")
}

/// A percentile in milliseconds, which a run without a single sample does not have.
fn ms(sorted: &Sorted, p: f64, whose: &'static str) -> Result<f64, Error> {
    sorted.ms(p).ok_or_else(|| protocol(whose, "gave not one frame of the measured time"))
}

/// Bytes as megabytes (10^6), the unit of the targets.
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
