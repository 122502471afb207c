//! The command line.

use crate::error::Error;
use crate::scenario::Scenario;
use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
Measures camherd against its peers in one run and prints a table.

usage: camherd-bench --camherd BINARY [options] [scenario...]

  --camherd BINARY  the release binary to measure
  --seconds N       length of each measurement (default 8)
  --quick           1 second each: for a look, not for a record
  --json FILE       write the figures as JSON, too
  --cache DIR       where the test pictures are kept (default target/bench-cache)
  --python FILE     a Python with NumPy and OpenCV (default .cache/venv/bin/python)
  --gst-python FILE a Python with the bindings of gst-rtsp-server (default /usr/bin/python3)
  --strict          exit with 1 when a target is missed

scenarios (default all): transcode first memory fanout stalled idle
  rtsp: rtsp-latency rtsp-first rtsp-readers rtsp-decode rtsp-idle
  tcp: tcp-fanout tcp-fast tcp-idle tcp-slow tcp-link tcp-share
";

/// Seconds of each measurement below which there is not enough for a record anyway.
const QUICK_BELOW: u64 = 4;

/// The parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    /// The server's binary.
    pub camherd: PathBuf,
    /// Seconds of each measurement, 1 to 600.
    pub seconds: u64,
    /// Where to write JSON.
    pub json: Option<PathBuf>,
    /// Where test pictures are kept.
    pub cache: PathBuf,
    /// Runs the programs that read frames.
    pub python: PathBuf,
    /// Runs the RTSP cameras.
    pub gst_python: PathBuf,
    /// Whether a missed target is a failure.
    pub strict: bool,
    /// What to measure, in this order.
    pub scenarios: Vec<Scenario>,
}

impl Args {
    /// Whether this is only a look, in which rounds are saved, too.
    pub fn is_quick(&self) -> bool {
        self.seconds < QUICK_BELOW
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Measure.
    Bench(Args),
    /// Print [`HELP`].
    Help,
    /// Be the fan-out peer: directory of pictures, frames a second.
    PeerEpoll(PathBuf, u32),
}

/// Parses the arguments without the program's name.
pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, Error> {
    let mut args = args.into_iter();
    let (mut camherd, mut json) = (None, None);
    let (mut seconds, mut strict, mut scenarios) = (8, false, Vec::new());
    let mut cache = PathBuf::from("target/bench-cache");
    let (mut python, mut gst_python) =
        (PathBuf::from(".cache/venv/bin/python"), PathBuf::from("/usr/bin/python3"));
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Error::Usage(format!("{arg} needs a value")));
        match arg.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            crate::epoll_writer::COMMAND => {
                let dir = PathBuf::from(value()?);
                return Ok(Command::PeerEpoll(dir, positive(&value()?, 1000)? as u32));
            }
            "--camherd" => camherd = Some(PathBuf::from(value()?)),
            "--json" => json = Some(PathBuf::from(value()?)),
            "--cache" => cache = PathBuf::from(value()?),
            "--python" => python = PathBuf::from(value()?),
            "--gst-python" => gst_python = PathBuf::from(value()?),
            "--seconds" => seconds = positive(&value()?, 600)?,
            "--quick" => seconds = 1,
            "--strict" => strict = true,
            name => {
                let before = scenarios.len();
                scenarios.extend(Scenario::ALL.into_iter().filter(|s| s.is_meant_by(name)));
                if scenarios.len() == before {
                    return Err(Error::Usage(format!("{name:?} is no scenario or option")));
                }
            }
        }
    }
    let camherd = camherd.ok_or_else(|| Error::Usage("--camherd BINARY is missing".into()))?;
    if scenarios.is_empty() {
        scenarios.extend(Scenario::ALL);
    }
    Ok(Command::Bench(Args { camherd, seconds, json, cache, python, gst_python, strict, scenarios }))
}

fn positive(text: &str, most: u64) -> Result<u64, Error> {
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| Error::Usage(format!("{text:?} is not a number from 1 to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_and_everything() {
        let Ok(Command::Bench(args)) = parsed("--camherd x") else { panic!() };
        assert_eq!((args.seconds, args.strict, args.scenarios.len()), (8, false, Scenario::ALL.len()));
        let Ok(Command::Bench(args)) = parsed("--camherd x idle first --seconds 3 --json o --strict") else {
            panic!()
        };
        assert_eq!(args.scenarios, [Scenario::Idle, Scenario::First]);
        assert_eq!((args.seconds, args.strict, args.json), (3, true, Some("o".into())));
        let Ok(Command::Bench(args)) = parsed("--camherd x rtsp --python p --gst-python g") else { panic!() };
        assert!(args.scenarios.len() > 1 && args.scenarios.iter().all(|s| s.name().starts_with("rtsp-")));
        assert_eq!((args.python, args.gst_python), ("p".into(), "g".into()));
        assert_eq!(parsed("peer-epoll d 30"), Ok(Command::PeerEpoll("d".into(), 30)));
        assert_eq!(parsed("-h"), Ok(Command::Help));
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(parsed("").unwrap_err().contains("--camherd"));
        assert!(parsed("--camherd x walk").unwrap_err().contains("\"walk\""));
        assert!(parsed("--camherd").unwrap_err().contains("needs a value"));
        assert!(parsed("--camherd x --seconds 0").unwrap_err().contains("1 to 600"));
        assert!(parsed("peer-epoll d 0").unwrap_err().contains("1 to 1000"));
    }
}
