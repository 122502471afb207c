//! A file that appears when it is whole.
//!
//! It is written under another name in the same directory and gets its own when it is finished, so that whoever
//! looks never sees a part of it. Not on disk for certain, though: nothing here waits for that.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file in the making. Dropped without [`finish`](WholeFile::finish) it is gone.
pub(super) struct WholeFile {
    file: File,
    path: PathBuf,
    /// The name until it is finished; `None` for a device or a pipe, which has to stay what it is.
    temporary: Option<PathBuf>,
    /// Bytes of the pieces that were written whole.
    whole: u64,
}

impl WholeFile {
    /// Begins to write. What `path` holds now stays until the new file is finished.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn create(path: &Path) -> io::Result<WholeFile> {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => {
                let file = File::options().write(true).open(path)?;
                return Ok(WholeFile { file, path: path.to_owned(), temporary: None, whole: 0 });
            }
            _ => {}
        }
        let temporary = temporary(path)?;
        let file = File::create(&temporary)?;
        Ok(WholeFile { file, path: path.to_owned(), temporary: Some(temporary), whole: 0 })
    }

    /// Appends a piece. One that cannot be written whole is taken back, so that the file ends with the one before.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(piece);
        match written {
            Ok(()) => self.whole += piece.len() as u64,
            Err(_) if self.temporary.is_some() => self.file.set_len(self.whole)?,
            Err(_) => {}
        }
        written
    }

    /// Gives the file its name; nothing appears where nothing was written.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        if self.whole == 0 {
            return Ok(());
        }
        match &self.temporary {
            Some(temporary) => {
                fs::rename(temporary, &self.path)?;
                self.temporary = None;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // What cannot be removed is left; there is nobody to tell.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// A name beside `path` that no other process uses.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory for one test, gone at its end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("camherd-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Directory(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_appears_when_it_is_finished_and_replaces_what_was_there() {
        let directory = Directory::new("whole");
        let path = directory.0.join("a.jpg");
        fs::write(&path, "before").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.append(b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        file.append(b"two").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwo");
        assert_eq!(directory.names(), ["a.jpg"]);
    }

    #[test]
    fn what_is_given_up_or_empty_leaves_nothing() {
        let directory = Directory::new("given-up");
        let mut file = WholeFile::create(&directory.0.join("a.jpg")).unwrap();
        file.append(b"one").unwrap();
        drop(file);
        WholeFile::create(&directory.0.join("b.jpg")).unwrap().finish().unwrap();
        assert!(directory.names().is_empty(), "{:?}", directory.names());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_stays_a_device() {
        let mut file = WholeFile::create(Path::new("/dev/null")).unwrap();
        file.append(b"one").unwrap();
        file.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_directory_is_no_file() {
        let directory = Directory::new("directory");
        assert!(WholeFile::create(&directory.0).is_err());
        assert!(WholeFile::create(&directory.0.join("none/a.jpg")).is_err());
    }
}
