//! What is wrong with a configuration, and where.

use super::MAX_FILE;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from. Displays as the person finds it: `camherd.yaml:3:9`, the variable or the flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A place in the file; line and column count from 1.
    File {
        /// The file.
        path: PathBuf,
        /// Line.
        line: u64,
        /// Column, in characters.
        column: u64,
    },
    /// An environment variable, by its name.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Source::Variable(name) => write!(f, "environment variable {name}"),
            Source::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// The known name nearest to a misspelt one. Displays as the end of a sentence, or as nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint(pub Option<String>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

/// Why there is no configuration. The first fault; `source()` holds the cause where the system gave one.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was named does not exist.
    #[error("{}: no such configuration file; correct --config (or CAMHERD_CONFIG)", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read, or is not UTF-8.
    #[error("{}: cannot read the configuration file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is longer than [`MAX_FILE`].
    #[error("{}: longer than {MAX_FILE} bytes, which is no configuration file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not YAML, or has a key twice.
    #[error("{location}: {message}")]
    Syntax {
        /// The place.
        location: Source,
        /// What the parser says.
        message: String,
    },
    /// A key in the file (or in `--streams`) that does not exist.
    #[error("{location}: unknown key `{key}`{hint}")]
    UnknownKey {
        /// The place.
        location: Source,
        /// The key with its sections, joined by dots.
        key: String,
        /// The nearest key that exists.
        hint: Hint,
    },
    /// An environment variable that begins with `CAMHERD_` and means nothing.
    #[error("unknown environment variable {name}{hint}")]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The nearest variable that exists.
        hint: Hint,
    },
    /// A value that its key does not take.
    #[error("{location}: {key}: {problem}; expected {expected}")]
    Value {
        /// The place.
        location: Source,
        /// The key with its sections, joined by dots.
        key: String,
        /// What is wrong with the value.
        problem: String,
        /// What the key takes.
        expected: &'static str,
    },
    /// A key that is set and means nothing without another.
    #[error("{key} is set, which needs {missing} as well")]
    Needs {
        /// The key that is set.
        key: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// More streams in `streams` than `limits.streams` allows.
    #[error(
        "streams: {configured} streams are configured but limits.streams is {limit}; raise limits.streams"
    )]
    TooManyStreams {
        /// How many the configuration names.
        configured: usize,
        /// The limit.
        limit: usize,
    },
}
