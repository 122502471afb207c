//! The command line of `camherd grab`.

use super::format::{Destination, Format};
use super::pattern::{self, Parsed, PatternError};
use crate::client::source::{Address, AddressError, SourceArgs, SourceOptions};
use crate::client::time::parse_positive;
use std::path::Path;
use std::time::Duration;

/// Frames from a camera or a camherd server to files.
///
/// SOURCE is rtsp://..., http://... or tcpcam://... (a camera, as in the configuration), or camherd://HOST/NAME, a
/// stream on a camherd server: so also what is pushed to a server (ws, or tcp number 1 as camherd://HOST/stream1).
#[derive(Clone, clap::Args)]
pub struct Args {
    /// Where the frames come from: rtsp://, http://, tcpcam:// or camherd://HOST:PORT/NAME. Other users of this machine
    /// see a password or PIN in it in the list of processes: a server with the camera in its configuration file keeps it.
    source: String,
    /// Where they go: 'frame-%06d.jpg' (a file each, numbered from 1), clip.mjpeg, clip.mp4, clip.h264, or - for
    /// standard output.
    #[arg(short, long, value_name = "FILE")]
    output: String,
    /// jpg, mjpeg, mp4 or h264; by default what the extension of FILE says, and mjpeg for standard output.
    #[arg(long, value_name = "FORMAT", value_parser = |text: &str| text.parse::<Format>())]
    format: Option<Format>,
    /// Stop after so many frames.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Take one frame, the newest, in each such time (jpg and mjpeg).
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    every: Option<Duration>,
    /// Stop so long after the first frame.
    #[arg(long, value_name = "TIME", value_parser = parse_positive)]
    duration: Option<Duration>,
    /// Give up when no frame has come for so long.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = parse_positive)]
    timeout: Duration,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    source_args: SourceArgs,
}

/// What to grab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A camera or a stream on a server.
    pub source: Address,
    /// How it is taken.
    pub source_options: SourceOptions,
    /// Where the frames go.
    pub destination: Destination,
    /// In which form.
    pub format: Format,
    /// Stop after so many, at least one.
    pub frames: Option<u64>,
    /// One in each such time.
    pub every: Option<Duration>,
    /// Stop so long after the first.
    pub duration: Option<Duration>,
    /// Give up after such a silence.
    pub timeout: Duration,
    /// No progress, no summary.
    pub quiet: bool,
}

/// Why the command line asks for nothing that can be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The source.
    #[error("SOURCE: {0}")]
    Source(#[from] AddressError),
    /// A source that is not taken.
    #[error("SOURCE: {0} is no camera; grab takes rtsp://, http://, tcpcam:// and camherd:// addresses")]
    NotACamera(Address),
    /// The file name.
    #[error("--output: {0}")]
    Pattern(#[from] PatternError),
    /// An extension that says nothing.
    #[error("--output: the name says no format; end it in .jpg, .mjpeg, .mp4 or .h264, or give --format")]
    Format,
    /// One name for many pictures.
    #[error(
        "--output: each frame is a file, so its name needs a number, such as frame-%06d.jpg (or take one: -n 1)"
    )]
    OneName,
    /// Many names for one file.
    #[error("--output: a number in the name is for jpg, which has a file for each frame")]
    Number,
    /// Video has no single pictures.
    #[error("--every is for jpg and mjpeg: the pictures of a video are made of those before them")]
    Every,
}

impl Args {
    /// The options that the command line asks for.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn into_options(self) -> Result<Options, OptionsError> {
        let source: Address = self.source.parse()?;
        if !matches!(source, Address::Camera(_) | Address::Server(_)) {
            return Err(OptionsError::NotACamera(source));
        }
        let (destination, format) = destination(&self.output, self.format)?;
        if self.every.is_some() && !format.is_jpeg() {
            return Err(OptionsError::Every);
        }
        let mut frames = self.frames;
        match (&destination, format) {
            (Destination::Numbered(_), Format::Jpg) => {}
            (Destination::Numbered(_), _) => return Err(OptionsError::Number),
            (_, Format::Jpg) => {
                let several = self.every.is_some() || self.duration.is_some();
                if frames.is_some_and(|frames| frames > 1) || (frames.is_none() && several) {
                    return Err(OptionsError::OneName);
                }
                frames = Some(1);
            }
            _ => {}
        }
        Ok(Options {
            source,
            source_options: self.source_args.into_options(),
            destination,
            format,
            frames,
            every: self.every,
            duration: self.duration,
            timeout: self.timeout,
            quiet: self.quiet,
        })
    }
}

fn destination(output: &str, format: Option<Format>) -> Result<(Destination, Format), OptionsError> {
    if output == "-" {
        return Ok((Destination::Stdout, format.unwrap_or(Format::Mjpeg)));
    }
    let extension = Path::new(output).extension().and_then(|extension| extension.to_str());
    let format = format.or_else(|| extension.and_then(Format::of_extension)).ok_or(OptionsError::Format)?;
    let destination = match pattern::parse(output)? {
        Parsed::Plain(name) => Destination::File(name.into()),
        Parsed::Numbered(pattern) => Destination::Numbered(pattern),
    };
    Ok((destination, format))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn options(line: &str) -> Result<Options, String> {
        let command = Args::augment_args(clap::Command::new("grab"));
        let words = std::iter::once("grab").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
        Args::from_arg_matches(&matches).expect("checked").into_options().map_err(|error| error.to_string())
    }

    #[test]
    fn the_format_is_that_of_the_name_unless_it_is_said() {
        let format = |line: &str| options(&format!("rtsp://cam/1 {line}")).unwrap().format;
        assert_eq!(format("-o a.mp4"), Format::Mp4);
        assert_eq!(format("-o a.MJPG"), Format::Mjpeg);
        assert_eq!(format("-o f-%03d.jpeg"), Format::Jpg);
        assert_eq!(format("-o -"), Format::Mjpeg);
        assert_eq!(format("-o - --format h264"), Format::H264);
        assert_eq!(format("-o a.bin --format mp4"), Format::Mp4);
    }

    #[test]
    fn one_name_takes_one_picture() {
        let frames = |line: &str| options(&format!("rtsp://cam/1 {line}")).map(|options| options.frames);
        assert_eq!(frames("-o a.jpg"), Ok(Some(1)));
        assert_eq!(frames("-o a.jpg -n 1 --duration 5s"), Ok(Some(1)));
        assert_eq!(frames("-o a%d.jpg"), Ok(None));
        assert_eq!(frames("-o a.mp4"), Ok(None));
        for line in
            ["-o a.jpg -n 2", "-o a.jpg --every 1s", "-o a.jpg --duration 5s", "-o - --format jpg -n 3"]
        {
            assert!(frames(line).unwrap_err().contains("frame-%06d.jpg"), "{line}");
        }
    }

    #[test]
    fn errors_say_what_is_expected() {
        for (line, part) in [
            ("rtsp://cam/1 -o a", "--format"),
            ("rtsp://cam/1 -o a%d.mp4", "a number in the name is for jpg"),
            ("rtsp://cam/1 -o a%s.jpg", "%06d"),
            ("rtsp://cam/1 -o a.mp4 --every 1s", "--every"),
            ("rtsp://cam/1 -o a.jpg -n 0", "1.."),
            ("rtsp://cam/1 -o a.jpg --timeout 0s", "above zero"),
            ("rtsp://cam/1 -o a.jpg --format gif", "jpg, mjpeg, mp4 or h264"),
            ("rtsp://cam/1 -o a.jpg --transport x", "`tcp` nor `udp`"),
            ("tcp://host:12345/1 -o a.jpg", "camherd://HOST"),
            ("clip.mp4 -o a.jpg", "no camera"),
            ("rtsp://cam/1", "--output"),
        ] {
            let error = options(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
