//! One line on a terminal that says how it goes, written over again and again.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the line is written: often enough to be alive, seldom enough to be read.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// Characters of the line. A longer one would wrap on a usual terminal, and then it is not written over.
const WIDTH: usize = 79;

/// Back to the beginning of the line, which is cleared (ECMA-48, CR and EL).
const CLEAR: &[u8] = b"\r\x1b[K";

/// Whether a line stands on the terminal. One process has one.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// The line. It is cleared when this is dropped.
pub(crate) struct Progress {
    active: bool,
}

impl Progress {
    /// A line on standard error, if that is a terminal and nobody asked for quiet.
    pub(crate) fn new(quiet: bool) -> Progress {
        Progress { active: !quiet && io::stderr().is_terminal() }
    }

    /// Whether it is worth making a text.
    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// Writes the line.
    pub(crate) fn show(&self, text: &str) {
        if !self.active {
            return;
        }
        let text: String = text.chars().take(WIDTH).collect();
        SHOWN.store(true, Ordering::Relaxed);
        // A terminal that is gone needs no line.
        let _ = io::stderr().write_all(&[CLEAR, text.as_bytes()].concat());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        clear();
    }
}

fn clear() {
    if SHOWN.swap(false, Ordering::Relaxed) {
        let _ = io::stderr().write_all(CLEAR);
    }
}

/// Standard error for the log: a line of progress makes room for what is logged.
pub(crate) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        clear();
        io::stderr().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Bytes in the unit that a person reads best: `980 B`, `12.3 kB`, `4.5 MB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_readable() {
        let counts = [0, 999, 1000, 12_345, 999_950, 4_500_000_000, u64::MAX];
        let texts = ["0 B", "999 B", "1.0 kB", "12.3 kB", "1.0 MB", "4.5 GB", "18446.7 PB"];
        assert_eq!(counts.map(bytes), texts);
    }
}
