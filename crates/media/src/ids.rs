//! Names: what a stream may be called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest stream name, in bytes. Long enough for `cam-` and an IPv6 address, short enough for a label.
pub const MAX_STREAM_NAME: usize = 64;

/// The name of a stream: 1 to 64 characters of `a-z`, `0-9`, `_` and `-`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Why a text is not a stream name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a stream name must not be empty")]
    Empty,
    /// The text is longer than [`MAX_STREAM_NAME`] bytes.
    #[error("a stream name has at most {MAX_STREAM_NAME} characters")]
    TooLong,
    /// A character is outside the allowed set.
    #[error("a stream name has only a-z, 0-9, '_' and '-', not {0:?}")]
    BadCharacter(char),
}

impl StreamName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_STREAM_NAME {
            return Err(NameError::TooLong);
        }
        match text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '-')) {
            Some(bad) => Err(NameError::BadCharacter(bad)),
            None => Ok(StreamName(Arc::from(text))),
        }
    }
}

impl AsRef<str> for StreamName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_documented_alphabet_and_lengths() {
        for good in ["a", "front-door_2", &"x".repeat(MAX_STREAM_NAME)] {
            assert_eq!(good.parse::<StreamName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!("".parse::<StreamName>(), Err(NameError::Empty));
        assert_eq!("Door".parse::<StreamName>(), Err(NameError::BadCharacter('D')));
        assert_eq!("a/b".parse::<StreamName>(), Err(NameError::BadCharacter('/')));
        assert_eq!("ü".parse::<StreamName>(), Err(NameError::BadCharacter('ü')));
        assert_eq!("x".repeat(65).parse::<StreamName>(), Err(NameError::TooLong));
    }
}
