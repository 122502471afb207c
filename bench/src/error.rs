//! What can go wrong while measuring. A missed target is not an error, it is a result.

use std::io;

/// Why a figure could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that does not exist.
    #[error("{0}; see --help")]
    Usage(String),
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was attempted, with the file, address or program.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program gave something that its contract excludes.
    #[error("{peer}: {what}")]
    Protocol {
        /// Who broke the contract.
        peer: &'static str,
        /// What was wrong, and where.
        what: String,
    },
    /// Nothing came within the time that any healthy run needs many times over.
    #[error("{peer}: no {what} within {seconds} s")]
    Timeout {
        /// Who was silent.
        peer: &'static str,
        /// What was awaited.
        what: &'static str,
        /// How long it was awaited.
        seconds: u64,
    },
    /// This machine or user cannot measure it, which is no fault of what is measured.
    #[error("{0}")]
    NotHere(String),
    /// A thread of the bench itself panicked.
    #[error("the {0} thread panicked")]
    Panicked(&'static str),
}

/// Names what was being done when the system refused it.
pub trait Doing<T> {
    /// Turns a system error into [`Error::Io`]; the text is made only when there is one.
    fn doing(self, text: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, text: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|e| Error::Io { doing: text(), source: e.into() })
    }
}

/// An [`Error::Protocol`].
pub fn protocol(peer: &'static str, what: impl Into<String>) -> Error {
    Error::Protocol { peer, what: what.into() }
}
