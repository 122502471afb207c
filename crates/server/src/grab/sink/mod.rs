//! What becomes of the pictures: files, one file, or bytes on standard output. Writes wait for the disk or the
//! reader, so they run where waiting is allowed.

mod mp4;

use super::format::{Destination, Format};
use super::pattern::Pattern;
use super::whole_file::WholeFile;
use camherd_media::container::MuxError;
use camherd_media::unit::{Codec, Unit};
use mp4::Mp4;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a picture is not written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file.
    #[error("cannot write {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Stdout(#[source] io::Error),
    /// Nobody reads standard output any more.
    #[error("nobody reads standard output any more")]
    Unread,
    /// The camera sends something that the format cannot hold.
    #[error("the camera sends {0}, which a .h264 file cannot hold; write an .mp4")]
    Codec(&'static str),
    /// The picture changed its size or its parameters, and a file has one.
    #[error("the camera has changed its picture, which an .mp4 has one of")]
    Changed,
    /// A picture that cannot be packaged.
    #[error("a picture cannot be packaged: {0}")]
    Mux(#[from] MuxError),
}

/// Where bytes go that follow each other.
enum Output {
    File { path: PathBuf, file: WholeFile },
    Stdout,
}

impl Output {
    fn open(destination: &Destination) -> Result<Output, SinkError> {
        match destination {
            Destination::File(path) => Ok(Output::File { path: path.clone(), file: create(path)? }),
            // A number in the name is for JPEGs, one a file; the options have been checked for it.
            Destination::Stdout | Destination::Numbered(_) => Ok(Output::Stdout),
        }
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), SinkError> {
        match self {
            Output::File { path, file } => {
                file.append(piece).map_err(|error| SinkError::File { path: path.clone(), error })
            }
            Output::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(piece).and_then(|()| out.flush()).map_err(|error| match error.kind() {
                    io::ErrorKind::BrokenPipe => SinkError::Unread,
                    _ => SinkError::Stdout(error),
                })
            }
        }
    }

    fn finish(self) -> Result<(), SinkError> {
        match self {
            Output::File { path, file } => file.finish().map_err(|error| SinkError::File { path, error }),
            Output::Stdout => Ok(()),
        }
    }
}

fn create(path: &Path) -> Result<WholeFile, SinkError> {
    WholeFile::create(path).map_err(|error| SinkError::File { path: path.to_owned(), error })
}

/// Takes the pictures.
pub(super) struct Sink(Inner);

enum Inner {
    /// A file for each.
    Numbered { pattern: Pattern, next: u64 },
    /// One behind the other.
    Pieces { output: Output, format: Format },
    /// In fragments.
    Mp4 { output: Output, mp4: Box<Mp4> },
}

impl Sink {
    /// Opens what is written to, so that a directory that is not there is said at once.
    ///
    /// # Errors
    /// [`SinkError::File`].
    pub(super) fn open(destination: &Destination, format: Format) -> Result<Sink, SinkError> {
        if let Destination::Numbered(pattern) = destination {
            // The first name shows whether files can be made where they are to be.
            drop(create(&pattern.path(1))?);
            return Ok(Sink(Inner::Numbered { pattern: pattern.clone(), next: 1 }));
        }
        let output = Output::open(destination)?;
        Ok(Sink(match format {
            Format::Mp4 => Inner::Mp4 { output, mp4: Box::default() },
            Format::Jpg | Format::Mjpeg | Format::H264 => Inner::Pieces { output, format },
        }))
    }

    /// Writes a picture.
    ///
    /// # Errors
    /// [`SinkError`]; what was written before is whole.
    pub(super) fn write(&mut self, unit: &Unit) -> Result<(), SinkError> {
        match &mut self.0 {
            Inner::Numbered { pattern, next } => {
                let path = pattern.path(*next);
                let mut file = create(&path)?;
                let written = file.append(&unit.payload).and_then(|()| file.finish());
                written.map_err(|error| SinkError::File { path, error })?;
                *next += 1;
                Ok(())
            }
            Inner::Pieces { output, format } => {
                if *format == Format::H264 && !matches!(unit.format.codec, Codec::H264(_)) {
                    return Err(SinkError::Codec(unit.format.codec.name()));
                }
                output.append(&unit.payload)
            }
            Inner::Mp4 { output, mp4 } => match mp4.push(unit)? {
                Some(piece) => output.append(&piece),
                None => Ok(()),
            },
        }
    }

    /// Writes what was held back, and gives the file its name.
    ///
    /// # Errors
    /// [`SinkError`].
    pub(super) fn finish(self) -> Result<(), SinkError> {
        match self.0 {
            Inner::Numbered { .. } => Ok(()),
            Inner::Pieces { output, .. } => output.finish(),
            Inner::Mp4 { mut output, mp4 } => {
                let last = match mp4.finish() {
                    Ok(Some(piece)) => output.append(&piece),
                    Ok(None) => Ok(()),
                    Err(error) => Err(error),
                };
                // Without its last picture the file is a good one still. After an error it has room for none.
                output.finish()?;
                last
            }
        }
    }
}
