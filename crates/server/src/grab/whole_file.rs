//! A file that appears when it is whole.
//!
//! It is written under another name in the same directory and gets its own when it is finished, so that whoever
//! looks never sees a part of it. Not on disk for certain, though: nothing here waits for that.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Random bytes in the name of a file in the making: too many to lay something at each such name.
const SUFFIX: usize = 6;

/// Names that are tried. With such names the first is free, unless the random numbers are none.
const ATTEMPTS: u32 = 8;

/// A file in the making. Dropped without [`finish`](WholeFile::finish) it is gone.
pub(super) struct WholeFile {
    file: File,
    path: PathBuf,
    /// The name until it is finished; `None` for a device or a pipe, which has to stay what it is.
    temporary: Option<PathBuf>,
    /// Bytes of the pieces that were written whole.
    whole: u64,
    /// A piece was not; behind what there is of it, no other has its place.
    failed: bool,
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
                return Ok(WholeFile {
                    file,
                    path: path.to_owned(),
                    temporary: None,
                    whole: 0,
                    failed: false,
                });
            }
            _ => {}
        }
        let (file, temporary) = create_beside(path, random)?;
        let temporary = Some(temporary);
        Ok(WholeFile { file, path: path.to_owned(), temporary, whole: 0, failed: false })
    }

    /// Appends a piece. After one that could not be written whole there are no more, so that the file ends with the
    /// one before it.
    ///
    /// # Errors
    /// What the system says; after an error, that there was one.
    pub(super) fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("what comes before it could not be written"));
        }
        let written = self.file.write_all(piece);
        match written {
            Ok(()) => self.whole += piece.len() as u64,
            Err(_) => self.failed = true,
        }
        written
    }

    /// Gives the file its name; nothing appears where nothing was written whole, or where the part of a piece cannot be
    /// taken back.
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
                if self.failed {
                    self.file.set_len(self.whole)?;
                }
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

/// Creates a file beside `path` under a name that nothing has, and that nobody can have guessed.
///
/// What has the name already may be a link that somebody else laid in a directory that both may write to, so it is
/// not opened.
fn create_beside(
    path: &Path,
    mut random: impl FnMut() -> io::Result<[u8; SUFFIX]>,
) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..ATTEMPTS {
        let suffix: String = random()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{suffix}.part"));
        let temporary = path.with_file_name(hidden);
        match File::create_new(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

fn random() -> io::Result<[u8; SUFFIX]> {
    let mut bytes = [0; SUFFIX];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_follows_a_piece_that_was_written_in_part() {
        let directory = Directory::new("full");
        let path = directory.0.join("a.mp4");
        let mut file = WholeFile::create(&path).unwrap();
        file.append(b"one").unwrap();
        // A disk that is full takes a part of a piece, and has room again for a small one.
        file.file.write_all(b"tw").unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let disk = std::mem::replace(&mut file.file, full);
        assert_eq!(file.append(b"two").unwrap_err().kind(), io::ErrorKind::StorageFull);
        file.file = disk;
        assert!(file.append(b"3").is_err());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(directory.names(), ["a.mp4"]);
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
    fn what_lies_at_the_temporary_name_is_left_as_it_is() {
        let directory = Directory::new("link");
        let (path, other) = (directory.0.join("a.jpg"), directory.0.join("other"));
        fs::write(&other, "other's").unwrap();
        std::os::unix::fs::symlink(&other, directory.0.join(".a.jpg.000000000000.part")).unwrap();
        std::os::unix::fs::symlink("nowhere", directory.0.join(".a.jpg.010101010101.part")).unwrap();
        let mut next = 0;
        let counting = || {
            next += 1;
            Ok([next - 1; SUFFIX])
        };
        let (mut file, temporary) = create_beside(&path, counting).unwrap();
        assert!(temporary.ends_with(".a.jpg.020202020202.part"), "{temporary:?}");
        file.write_all(b"mine").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other's");
        assert!(!directory.0.join("nowhere").exists());
        let always = create_beside(&path, || Ok([0; SUFFIX])).unwrap_err();
        assert_eq!(always.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn two_writers_of_one_name_do_not_meet() {
        let directory = Directory::new("two");
        let path = directory.0.join("a.jpg");
        let (mut one, mut two) = (WholeFile::create(&path).unwrap(), WholeFile::create(&path).unwrap());
        one.append(b"one").unwrap();
        two.append(b"2").unwrap();
        one.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        two.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(directory.names(), ["a.jpg"]);
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
