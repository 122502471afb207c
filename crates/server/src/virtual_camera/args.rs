//! The command line of `camherd camera`.

use super::Reconnect;
use super::generator::DEFAULT_DETAIL;
use super::picture::check_size;
use super::{Error, Options, check_fps, check_jitter};
use crate::client::time::parse_duration;
use crate::client::ws::Target;
use std::time::Duration;

/// A virtual ESP32 camera: sends an animated test picture as JPEG over WebSocket, as the device does.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where to send to, ws://HOST:PORT/ws/camera/NAME; without a name, the server chooses one.
    #[arg(default_value = "ws://127.0.0.1:8080/ws/camera", value_parser = parse_url)]
    url: String,
    /// Width and height in pixels, both even, from 160x120.
    #[arg(long, default_value = "640x480", value_name = "WxH", value_parser = parse_size)]
    size: (u32, u32),
    /// Frames per second, 0.1 to 240.
    #[arg(long, default_value = "30", value_parser = parse_fps)]
    fps: f64,
    /// How irregular the frames are: the most by which the time between two differs from the mean, 0 to 1 of it.
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = parse_jitter)]
    jitter: f64,
    /// JPEG quality, 1 to 100.
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Roughness of the picture, 0 to 100, which decides how large the JPEGs are.
    #[arg(long, default_value_t = DEFAULT_DETAIL, value_parser = clap::value_parser!(u8).range(0..=100))]
    detail: u8,
    /// The name in the picture; by default that of the stream.
    #[arg(long)]
    name: Option<String>,
    /// Stop after this many frames have been sent.
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    /// Stop after this time, such as 500ms, 10s or 2m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Shortest and longest delay before a reconnect; one time is a fixed delay (the device's is 5s).
    #[arg(long, default_value = "1s..5s", value_name = "MIN..MAX", value_parser = parse_reconnect)]
    reconnect: Reconnect,
    /// Send pictures and nothing else, as many whether anybody watches or not: no device channel.
    #[arg(long)]
    plain: bool,
}

impl Args {
    /// The options that the command line asks for.
    ///
    /// # Errors
    /// A value that [`Options::check`] refuses. Parsing has refused it before, with the argument's name.
    pub fn into_options(self) -> Result<Options, Error> {
        let stream = Target::parse(&self.url)?.stream().map(str::to_owned);
        let options = Options {
            url: self.url,
            width: self.size.0,
            height: self.size.1,
            fps: self.fps,
            jitter: self.jitter,
            quality: self.quality,
            detail: self.detail,
            name: self.name.or(stream).unwrap_or_else(|| Options::default().name),
            frames: self.frames,
            duration: self.duration,
            reconnect: self.reconnect,
            plain: self.plain,
        };
        options.check().map(|()| options)
    }
}

fn parse_url(text: &str) -> Result<String, String> {
    Target::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let (width, height) = text.split_once(['x', 'X']).ok_or("expected WIDTHxHEIGHT, such as 640x480")?;
    let side = |side: &str| side.parse::<u32>().map_err(|_| format!("{side:?} is not a number of pixels"));
    let (width, height) = (side(width)?, side(height)?);
    check_size(width, height).map_err(|error| error.to_string())?;
    Ok((width, height))
}

fn parse_fps(text: &str) -> Result<f64, String> {
    let fps = text.parse().map_err(|_| "expected a number of frames per second")?;
    check_fps(fps).map(|()| fps).map_err(|error| error.to_string())
}

fn parse_jitter(text: &str) -> Result<f64, String> {
    let jitter = text.parse().map_err(|_| "expected a number from 0 to 1")?;
    check_jitter(jitter).map(|()| jitter).map_err(|error| error.to_string())
}

fn parse_reconnect(text: &str) -> Result<Reconnect, String> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let reconnect = Reconnect { min: parse_duration(min)?, max: parse_duration(max)? };
    match reconnect.is_valid() {
        true => Ok(reconnect),
        false => Err(super::Error::Reconnect(reconnect.min, reconnect.max).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn options(line: &str) -> Result<Options, String> {
        let command = Args::augment_args(clap::Command::new("camera"));
        let words = std::iter::once("camera").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
        Args::from_arg_matches(&matches).expect("checked").into_options().map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_given_is_the_default_options() {
        assert_eq!(options(""), Ok(Options::default()));
    }

    #[test]
    fn all_given() {
        let line = "ws://10.0.0.2:8080/ws/camera/door --size 1280x720 --fps 12.5 --jitter 0.3 --quality 60 \
                    --detail 5 --frames 100 --duration 90s --reconnect 5s --plain";
        let five = Duration::from_secs(5);
        let expected = Options {
            url: "ws://10.0.0.2:8080/ws/camera/door".to_owned(),
            width: 1280,
            height: 720,
            fps: 12.5,
            jitter: 0.3,
            quality: 60,
            detail: 5,
            name: "door".to_owned(),
            frames: Some(100),
            duration: Some(Duration::from_secs(90)),
            reconnect: Reconnect { min: five, max: five },
            plain: true,
        };
        assert_eq!(options(line), Ok(expected.clone()));
        assert_eq!(options(&format!("{line} --name x")), Ok(Options { name: "x".to_owned(), ..expected }));
    }

    #[test]
    fn errors_say_what_is_expected() {
        for (line, part) in [
            ("http://host/ws/camera", "ws://"),
            ("--size 640", "WIDTHxHEIGHT"),
            ("--size 640xhigh", "\"high\" is not a number"),
            ("--size 641x480", "even"),
            ("--size 100x100", "160x120"),
            ("--fps 0", "0.1"),
            ("--fps nan", "0.1"),
            ("--fps fast", "frames per second"),
            ("--jitter 2", "0 to 1"),
            ("--quality 0", "1..=100"),
            ("--duration 10", "such as 10s"),
            ("--duration 99999999999999999999s", "such as 10s"),
            ("--duration 18446744073709551615h", "such as 10s"),
            ("--reconnect 5s..1s", "5s to 1s"),
            ("--reconnect 0s", "above 0s"),
        ] {
            let error = options(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
