//! What the tests that ask ffmpeg and ffprobe share: both are required; without them these tests fail.

use camherd_media::container::{Fmp4Muxer, TsMuxer, WallClock};
use camherd_media::unit::{Packaging, Unit};
use std::path::PathBuf;
use std::process::{Command, Output};

/// A directory that goes away with its test.
pub struct Scratch(PathBuf);

impl Scratch {
    /// `name` is that of the test.
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("camherd-media-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that stays behind is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a program that must neither fail nor complain.
pub fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is required for this test: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?} failed ({}): {stderr}", output.status);
    assert!(stderr.trim().is_empty(), "{program} {args:?} complains: {stderr}");
    output
}

/// The units as a transport stream.
pub fn to_ts(units: &[Unit]) -> Vec<u8> {
    let mut muxer = TsMuxer::new();
    units.iter().flat_map(|unit| muxer.push(unit).unwrap().payload).collect()
}

/// The units as fragments behind their initialisation segment.
pub fn to_mp4(units: &[Unit], wall: Option<WallClock>) -> Vec<u8> {
    let mut muxer = Fmp4Muxer::new();
    let mut file = Vec::new();
    for unit in units {
        let output = muxer.push(unit, wall).unwrap();
        if let (true, Packaging::Fmp4 { init }) = (file.is_empty(), &output.format.packaging) {
            file.extend_from_slice(init);
        }
        file.extend_from_slice(&output.payload);
    }
    file
}
