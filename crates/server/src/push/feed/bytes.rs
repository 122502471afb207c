//! Reads a pipe or a file on a thread of its own: a read of either waits as long as it likes.

use bytes::Bytes;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use tokio::sync::mpsc;

/// Read at a time: as much as a pipe holds (Linux, pipe(7)).
const READ: usize = 64 * 1024;

/// Chunks that may wait; beyond, the reader waits, and with it whoever writes the pipe.
const WAITING: usize = 4;

/// What comes of the bytes.
#[derive(Debug)]
pub(super) enum Chunk {
    /// The next ones.
    Data(Bytes),
    /// The end of a file that begins anew.
    Again,
    /// They cannot be read.
    Failed(io::Error),
}

/// Reads standard input. The channel ends with it.
pub(super) fn stdin() -> io::Result<mpsc::Receiver<Chunk>> {
    spawn(|sender| copy(&mut io::stdin().lock(), sender).map(|_| ()))
}

/// Reads a file, again and again if `repeat`, and says whether it is one, not a pipe or a device.
pub(super) fn file(path: &Path, repeat: bool) -> io::Result<(mpsc::Receiver<Chunk>, bool)> {
    let there = std::fs::metadata(path)?;
    if there.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let path = path.to_owned();
    let receiver = spawn(move |sender| {
        // A named pipe waits here until somebody writes to it.
        let mut file = File::open(path)?;
        while copy(&mut file, sender)? && repeat {
            if sender.blocking_send(Chunk::Again).is_err() {
                return Ok(());
            }
            file.rewind()?;
        }
        Ok(())
    })?;
    Ok((receiver, there.is_file()))
}

fn spawn(
    read: impl FnOnce(&mpsc::Sender<Chunk>) -> io::Result<()> + Send + 'static,
) -> io::Result<mpsc::Receiver<Chunk>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let work = move || {
        if let Err(error) = read(&sender) {
            // Whoever does not listen any more needs no word.
            let _ = sender.blocking_send(Chunk::Failed(error));
        }
    };
    std::thread::Builder::new().name("reader".to_owned()).spawn(work)?;
    Ok(receiver)
}

/// Sends all that is read; `false` when nobody listens any more.
fn copy(from: &mut impl Read, sender: &mpsc::Sender<Chunk>) -> io::Result<bool> {
    let mut buffer = vec![0; READ];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(length) => {
                let data = Bytes::copy_from_slice(&buffer[..length]);
                if sender.blocking_send(Chunk::Data(data)).is_err() {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
