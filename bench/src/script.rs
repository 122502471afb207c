//! Helpers of the bench that are Python programs: started, spoken to line by line, and ended with their value.

use crate::error::{Doing, Error, protocol};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A running Python program.
pub struct Script {
    who: &'static str,
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    complaint: Arc<Mutex<String>>,
}

impl Script {
    /// Starts `bench/python/NAME` with the package `camherd` from this source tree.
    pub fn start(
        who: &'static str,
        python: &Path,
        name: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Script, Error> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(python)
            .arg(here.join("python").join(name))
            .args(args)
            .env("PYTHONPATH", package(here))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .doing(|| format!("run {}", python.display()))?;
        let (send, lines) = channel();
        let complaint = Arc::default();
        if let Some(stdout) = child.stdout.take() {
            // Ends with the program, or when nobody waits for lines any more.
            std::thread::spawn(move || each_line(stdout, |line| send.send(line).is_ok()));
        }
        if let Some(stderr) = child.stderr.take() {
            let last = Arc::clone(&complaint);
            std::thread::spawn(move || each_line(stderr, |line| keep(&last, line)));
        }
        let Some(input) = child.stdin.take() else { return Err(protocol(who, "has no standard input")) };
        Ok(Script { who, child, input, lines, complaint })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one line.
    pub fn send(&mut self, line: &str) -> Result<(), Error> {
        let who = self.who;
        self.input.write_all(format!("{line}\n").as_bytes()).doing(|| format!("send {line:?} to the {who}"))
    }

    /// The next line that the program prints.
    ///
    /// # Errors
    /// When there is none in time, or when the program has ended; then with the last that it said.
    pub fn line(&self, what: &'static str, time: Duration) -> Result<String, Error> {
        match self.lines.recv_timeout(time) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => {
                Err(Error::Timeout { peer: self.who, what, seconds: time.as_secs() })
            }
            Err(RecvTimeoutError::Disconnected) => {
                let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
                Err(protocol(self.who, format!("ended while {what} was awaited: {complaint}")))
            }
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Nothing is to be saved; errors mean that it is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python package's sources.
fn package(bench: &Path) -> PathBuf {
    bench.join("../clients/python/src")
}

/// Calls `take` with each line until it says no.
fn each_line(pipe: impl Read, mut take: impl FnMut(String) -> bool) {
    for line in BufReader::new(pipe).lines() {
        let Ok(line) = line else { return };
        if !take(line) {
            return;
        }
    }
}

/// Keeps the last line that says something.
fn keep(last: &Mutex<String>, line: String) -> bool {
    if !line.trim().is_empty() {
        *last.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
    true
}
