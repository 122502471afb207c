//! Runs ffmpeg and ffprobe: implementations that share no code with the codecs here.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a program with `input` on its standard input and gives its standard output. Anything on standard
/// error fails: the programs run at a log level where that means a fault in the stream.
pub fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} must be installed for this test: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // From a thread of its own, because the output does not fit a pipe. A program that has seen enough of its
    // input closes it; whether it has seen what it should shows in its output.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
