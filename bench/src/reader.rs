//! Python programs that read a camera: through camherd, and as people do without it.

use crate::error::{Error, protocol};
use crate::frames::Kind;
use crate::proc;
use crate::rtsp_camera::{Seen, Times};
use crate::script::Script;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Importing OpenCV from a cold disk takes its time.
const START: Duration = Duration::from_secs(30);
/// The old server's ffmpeg looks at its input for seconds; ten times what it takes.
const FIRST: Duration = Duration::from_secs(20);

/// How a program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `camherd.VideoCapture`, from shared memory.
    Camherd(SocketAddr),
    /// The old server's ffmpeg command into a pipe.
    FfmpegOld,
    /// ffmpeg with the options for low delay.
    FfmpegTuned,
    /// `cv2.VideoCapture`.
    Cv2,
}

impl Way {
    /// What the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Way::Camherd(_) => "camherd",
            Way::FfmpegOld => "ffmpeg as the old server",
            Way::FfmpegTuned => "ffmpeg tuned",
            Way::Cv2 => "cv2.VideoCapture",
        }
    }
}

/// One program. Ends with this value.
pub struct Reader {
    script: Script,
    who: &'static str,
}

impl Reader {
    /// Starts the program and waits until it has imported what it needs. `python` has OpenCV and NumPy.
    pub fn start(python: &Path, way: Way, kind: Kind) -> Result<Reader, Error> {
        let (name, server) = match way {
            Way::Camherd(addr) => ("camherd", Some(format!("http://{addr}"))),
            Way::FfmpegOld => ("ffmpeg-old", None),
            Way::FfmpegTuned => ("ffmpeg-tuned", None),
            Way::Cv2 => ("cv2", None),
        };
        let mut args = vec![name.to_owned(), kind.width.to_string(), kind.height.to_string()];
        args.extend(server);
        let reader =
            Reader { script: Script::start(way.name(), python, "reader.py", args)?, who: way.name() };
        reader.expect("ready", START)?;
        Ok(reader)
    }

    /// Opens, reads one frame and closes; nanoseconds from before opening to the array.
    pub fn first(&mut self, url: &str) -> Result<u64, Error> {
        self.script.send(&format!("first {url}"))?;
        let line = self.script.line("first frame", FIRST)?;
        let number = line.strip_prefix("first ").and_then(|number| number.parse().ok());
        number.ok_or_else(|| protocol(self.who, format!("answered {line:?}")))
    }

    /// What the report calls it.
    pub fn name(&self) -> &'static str {
        self.who
    }

    /// Begins to read, without waiting for a first frame.
    pub fn open(&mut self, url: &str) -> Result<(), Error> {
        self.script.send(&format!("run {url}"))
    }

    /// Waits for the first frame after [`Reader::open`].
    pub fn opened(&self) -> Result<(), Error> {
        self.expect("running", FIRST)
    }

    /// CPU time of the program itself so far, in nanoseconds.
    pub fn cpu_ns(&self) -> Result<u64, Error> {
        proc::cpu_ns(self.script.pid())
    }

    /// Ends the reading; all that it noted.
    pub fn stop(&mut self) -> Result<Vec<Seen>, Error> {
        self.script.send("stop")?;
        let line = self.script.line("list of frames", FIRST)?;
        let count = line.strip_prefix("frames ").and_then(|number| number.parse().ok());
        let count: usize = count.ok_or_else(|| protocol(self.who, format!("answered {line:?}")))?;
        // No capacity by what a program says; the list is as long as its lines are.
        let mut all = Vec::new();
        for _ in 0..count {
            let line = self.script.line("list of frames", FIRST)?;
            all.push(seen(&line).ok_or_else(|| protocol(self.who, format!("noted {line:?}")))?);
        }
        Ok(all)
    }

    fn expect(&self, word: &'static str, time: Duration) -> Result<(), Error> {
        let line = self.script.line(word, time)?;
        if line == word { Ok(()) } else { Err(protocol(self.who, format!("{line:?} in place of {word:?}"))) }
    }
}

fn seen(line: &str) -> Option<Seen> {
    let mut words = line.split(' ');
    let picture: i64 = words.next()?.parse().ok()?;
    let mut next = || words.next()?.parse::<u64>().ok();
    let (arrived, received, decoded, published) = (next()?, next()?, next()?, next()?);
    let times = (received > 0).then_some(Times { received, decoded, published });
    Some(Seen { picture: u64::try_from(picture).ok(), arrived, times })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_and_others_refused() {
        let times = Some(Times { received: 90, decoded: 93, published: 94 });
        assert_eq!(seen("7 100 90 93 94"), Some(Seen { picture: Some(7), arrived: 100, times }));
        assert_eq!(seen("-1 100 0 0 0"), Some(Seen { picture: None, arrived: 100, times: None }));
        assert_eq!(seen("7 100 90"), None);
        assert_eq!(seen("x 100 90 93 94"), None);
    }
}
