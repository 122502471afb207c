//! The command line of `camherd push`.

use super::feed::Coding;
use super::target::{Target, TargetError};
use crate::client::source::{Address, AddressError, SourceArgs, SourceOptions};
use camherd_media::codec::jpeg::MAX_DIMENSION;

/// Slowest and fastest pace of a file, in pictures per second.
pub(super) const FPS: std::ops::RangeInclusive<f64> = 0.01..=240.0;

/// Pictures from a pipe, a file or a camera to a server.
///
/// Sends MJPEG or H.264 over the push protocol (tcp://), or JPEG as a camera over WebSocket (ws://). It reconnects
/// for ever; when the link is slow the oldest pictures are dropped.
#[derive(Clone, clap::Args)]
pub struct Args {
    /// Where the pictures come from: - (standard input), a file (.mjpeg, .jpg, .h264), /dev/videoN, or what grab
    /// takes: rtsp://, http://, tcpcam:// or camherd://HOST:PORT/NAME. Other users of this machine see a password or PIN
    /// in it in the list of processes: a server with the camera in its configuration file keeps it.
    source: String,
    /// Where they go: tcp://HOST:12345/N?quality=high|low or ws://HOST:8080/ws/camera/NAME.
    #[arg(long, value_name = "URL")]
    to: String,
    /// What a pipe or a file holds, mjpeg or h264; by default that is told from its first bytes.
    #[arg(long, value_name = "FORMAT", value_parser = |text: &str| text.parse::<Coding>())]
    format: Option<Coding>,
    /// Pictures per second; for a file by default what H.264 says of itself, else 30. A pipe is read as it comes
    /// unless this is given. A /dev/videoN is asked for it.
    #[arg(long, value_parser = parse_fps)]
    fps: Option<f64>,
    /// Width and height that a /dev/videoN is asked for; by default those that it is set to.
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    size: Option<(u32, u32)>,
    /// Begin the file anew at its end, for ever.
    #[arg(long = "loop")]
    repeat: bool,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    source_args: SourceArgs,
}

/// What to push.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where pictures come from.
    pub source: Address,
    /// How a source on the network is taken; the token is for the server of `to` as well.
    pub source_options: SourceOptions,
    /// Where they go.
    pub to: Target,
    /// What a pipe or a file holds.
    pub format: Option<Coding>,
    /// Pictures per second, 0.01 to 240.
    pub fps: Option<f64>,
    /// Width and height that a camera of this machine is asked for.
    pub size: Option<(u32, u32)>,
    /// Begin the file anew at its end.
    pub repeat: bool,
    /// No progress, no summary.
    pub quiet: bool,
}

/// Why the command line asks for nothing that can be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The source.
    #[error("SOURCE: {0}")]
    Source(#[from] AddressError),
    /// The target.
    #[error("--to: {0}")]
    Target(#[from] TargetError),
    /// Only a file can be begun anew.
    #[error("--loop is for files; {0} is none")]
    Loop(Address),
    /// What is not known of a camera.
    #[error("--format is for a pipe or a file; what a camera sends is known")]
    Format,
    /// Only a camera of this machine is asked for a size.
    #[error("--size is for /dev/videoN; {0} has a size of its own")]
    Size(Address),
    /// A camera has a pace of its own.
    #[error("--fps is for a pipe, a file or /dev/videoN; {0} has a pace of its own")]
    Fps(Address),
}

impl Args {
    /// The options that the command line asks for.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn into_options(self) -> Result<Options, OptionsError> {
        let source: Address = self.source.parse()?;
        let to = self.to.parse()?;
        if self.repeat && !matches!(source, Address::File(_)) {
            return Err(OptionsError::Loop(source));
        }
        if self.format.is_some() && !matches!(source, Address::File(_) | Address::Stdin) {
            return Err(OptionsError::Format);
        }
        if self.size.is_some() && !matches!(source, Address::Device(_)) {
            return Err(OptionsError::Size(source));
        }
        if self.fps.is_some() && matches!(source, Address::Camera(_) | Address::Server(_)) {
            return Err(OptionsError::Fps(source));
        }
        Ok(Options {
            source,
            source_options: self.source_args.into_options(),
            to,
            format: self.format,
            fps: self.fps,
            size: self.size,
            repeat: self.repeat,
            quiet: self.quiet,
        })
    }
}

fn parse_fps(text: &str) -> Result<f64, String> {
    let fps = text.parse().ok().filter(|fps| FPS.contains(fps));
    fps.ok_or_else(|| format!("expected a number of pictures per second, {} to {}", FPS.start(), FPS.end()))
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let size = text
        .split_once(['x', 'X'])
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let fits = |side: u32| (1..=MAX_DIMENSION).contains(&side);
    let size = size.filter(|(width, height)| fits(*width) && fits(*height));
    size.ok_or_else(|| format!("expected WIDTHxHEIGHT, such as 640x480, each up to {MAX_DIMENSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn options(line: &str) -> Result<Options, String> {
        let command = Args::augment_args(clap::Command::new("push"));
        let words = std::iter::once("push").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
        Args::from_arg_matches(&matches).expect("checked").into_options().map_err(|error| error.to_string())
    }

    #[test]
    fn all_given() {
        let all =
            options("clip.h264 --to tcp://pi/2?quality=low --fps 12.5 --loop -q --format h264").unwrap();
        assert_eq!((all.fps, all.repeat, all.quiet), (Some(12.5), true, true));
        assert_eq!(all.format, Some(Coding::H264));
        assert!(matches!(all.source, Address::File(_)));
        let pipe = options("- --to ws://pi:8080/ws/camera/door").unwrap();
        assert_eq!((pipe.source, pipe.fps, pipe.repeat), (Address::Stdin, None, false));
    }

    #[test]
    fn errors_say_what_is_expected() {
        for (line, part) in [
            ("-", "--to"),
            ("- --to tcp://pi", "stream number"),
            ("- --to http://pi/1", "neither tcp:// nor ws://"),
            ("- --to tcp://pi/1 --loop", "--loop is for files"),
            ("rtsp://cam/1 --to tcp://pi/1 --fps 5", "a pace of its own"),
            ("rtsp://cam/1 --to tcp://pi/1 --format h264", "--format is for"),
            ("- --to tcp://pi/1 --fps 0", "0.01 to 240"),
            ("- --to tcp://pi/1 --fps nan", "0.01 to 240"),
            ("- --to tcp://pi/1 --format avi", "mjpeg or h264"),
            ("- --to tcp://pi/1 --size 640x480", "--size is for /dev/videoN"),
            ("/dev/video0 --to tcp://pi/1 --size 640", "such as 640x480"),
            ("/dev/video0 --to tcp://pi/1 --size 0x480", "such as 640x480"),
        ] {
            let error = options(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
