//! TCPCam: a camera that serves pictures over plain TCP on request, usually on port 3333. Both sides of it.
//!
//! The client sends a PIN as ASCII digits and then a count as ASCII, in two sends and without anything between
//! them; carriage returns, line feeds and NULs behind either mean nothing. Nothing is acknowledged; after a wrong PIN
//! the camera hangs up. Then pictures come: a length as unsigned 32-bit big-endian number, and a JPEG of that length.
//! A count above zero asks for so many pictures, after which the camera hangs up; any other for pictures without end.
//!
//! TCP joins and cuts what is sent as it likes, so `12350` is PIN 1235 and count 0. A camera tells them apart as it
//! knows its PIN ([`RequestReader`]); the end of a count only shows in that nothing follows.

mod request;

use super::sized::Field;
use crate::codec::jpeg::MAX_JPEG;
use bytes::Bytes;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

pub use request::{MAX_COUNT, RequestError, RequestReader};

/// The port that the cameras listen on.
pub const PORT: u16 = 3333;

/// The PIN of a camera whose owner has not set another.
pub const DEFAULT_PIN: &str = "1235";

/// Most digits of a PIN.
pub const MAX_PIN: usize = 16;

/// Bytes of the length in front of a picture.
pub const LENGTH: usize = 4;

/// Largest picture in bytes.
pub const MAX_FRAME: usize = MAX_JPEG;

/// What opens a camera: 1 to [`MAX_PIN`] digits. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

/// Why a text is no PIN. The text is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has 1 to {MAX_PIN} digits and nothing else")]
pub struct PinError;

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Pin, PinError> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && (1..=MAX_PIN).contains(&text.len()) { Ok(Pin(text.to_owned())) } else { Err(PinError) }
    }
}

impl Pin {
    /// What a client sends, for the camera only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `bytes` are this PIN. Takes the same time wherever they differ, so that it does not tell how many
    /// digits were right.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        let differences = self.0.bytes().zip(bytes).fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
        std::hint::black_box(differences) == 0 && bytes.len() == self.0.len()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(***)")
    }
}

/// How many pictures a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// As many as come until it hangs up.
    Endless,
    /// So many.
    Frames(NonZeroU32),
}

impl Count {
    /// What a client sends.
    #[must_use]
    pub fn encode(self) -> String {
        match self {
            Count::Endless => "0".to_owned(),
            Count::Frames(count) => count.to_string(),
        }
    }
}

/// What goes in front of a picture of `length` bytes; `None` for what no camera sends: nothing, and more than
/// [`MAX_FRAME`] bytes.
#[must_use]
pub fn frame_length(length: usize) -> Option<[u8; LENGTH]> {
    let bytes = u32::try_from(length).ok().filter(|_| (1..=MAX_FRAME).contains(&length));
    bytes.map(u32::to_be_bytes)
}

/// Why the bytes of a camera are not this protocol. The connection cannot go on: where the next picture begins is not
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: a picture of {length} bytes is not one of 1 to {limit}")]
pub struct LengthError {
    /// Where the length is, in bytes from the first that the camera sent.
    pub at: u64,
    /// What it says.
    pub length: u32,
    /// The limit in bytes.
    pub limit: usize,
}

/// Turns the bytes of a camera into payloads, wherever they are cut.
#[derive(Debug)]
pub struct FrameReader {
    limit: usize,
    offset: u64,
    field: Field,
    /// Whether `field` is a payload, not a length.
    payload: bool,
    broken: bool,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameReader {
    /// A reader for pictures of up to [`MAX_FRAME`] bytes.
    #[must_use]
    pub fn new() -> FrameReader {
        FrameReader::with_limit(MAX_FRAME)
    }

    /// A reader for pictures of up to `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> FrameReader {
        FrameReader { limit, offset: 0, field: Field::new(LENGTH), payload: false, broken: false }
    }

    /// Takes what it needs from the front of `input` and gives the next payload, which is never empty; `None` when
    /// more input is needed.
    ///
    /// # Errors
    /// [`LengthError`] when the camera breaks the protocol; the reader gives nothing more after that.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, LengthError> {
        loop {
            if self.broken {
                *input = &[];
                return Ok(None);
            }
            let Some(field) = self.field.fill(input) else { return Ok(None) };
            let at = self.offset;
            self.offset += field.len() as u64;
            if self.payload {
                (self.payload, self.field) = (false, Field::new(LENGTH));
                return Ok(Some(field));
            }
            let length = field.first_chunk().copied().map_or(0, u32::from_be_bytes);
            let bytes = usize::try_from(length).unwrap_or(usize::MAX);
            if !(1..=self.limit).contains(&bytes) {
                self.broken = true;
                return Err(LengthError { at, length, limit: self.limit });
            }
            (self.payload, self.field) = (true, Field::new(bytes));
        }
    }

    /// Whether the bytes so far end in the middle of a picture or its length.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        !self.broken && (self.payload || self.field.have() > 0)
    }
}

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod tests;
