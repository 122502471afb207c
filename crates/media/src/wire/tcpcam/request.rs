//! What a client asks of a camera: PIN and count, joined or cut anywhere.

use super::{Count, MAX_PIN, Pin};
use std::num::NonZeroU32;

/// Most bytes of a count: those of the smallest int32, `-2147483648`.
pub const MAX_COUNT: usize = 11;

/// Bytes that mean nothing behind a PIN and end a count.
const ENDS: [u8; 3] = [b'\r', b'\n', 0];

/// Most of [`ENDS`] between PIN and count: CR, LF and NUL after each of two sends, and some more.
const MAX_ENDS: usize = 16;

/// Most bytes of a request whose PIN is not right. More than any request has, and the same whatever the PIN is.
const MAX_WRONG: usize = 64;

/// Why a request is refused. It repeats nothing of what was sent for the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not this camera's PIN.
    #[error("the PIN is wrong")]
    WrongPin,
    /// Nothing came.
    #[error("no PIN came")]
    NoPin,
    /// The PIN is right and no count came.
    #[error("no count came after the PIN")]
    NoCount,
    /// The count is no number.
    #[error("byte {at}: 0x{byte:02x} is not part of a count")]
    BadCount {
        /// Where, in bytes from the beginning of the connection.
        at: usize,
        /// What is there.
        byte: u8,
    },
    /// The count has more digits than an int32, or means more than it can.
    #[error("byte {at}: the count is no 32-bit number")]
    CountRange {
        /// Where it ends, in bytes from the beginning of the connection.
        at: usize,
    },
}

/// Reads the request of one client, for a camera that knows its PIN.
///
/// The first bytes, as many as the PIN has, are the PIN. What follows is the count, which ends at a carriage
/// return, a line feed or a NUL, or where nothing more comes: that the caller sees, and says with
/// [`finish`](Self::finish).
///
/// How long the PIN is shows nowhere: whether a request is refused for its PIN, and after which byte, depends on what
/// was sent alone, and is the same for too few, too many and other digits. So a wrong PIN is refused where its
/// sender ends it or says no more, not where the right one would have ended.
#[derive(Debug)]
pub struct RequestReader {
    pin: Pin,
    got: [u8; MAX_PIN],
    /// Bytes that came until the PIN was right.
    have: usize,
    /// The PIN has come.
    right: bool,
    /// Bytes without meaning between PIN and count.
    ends: usize,
    count: [u8; MAX_COUNT],
    /// Bytes of the count that came.
    digits: usize,
}

impl RequestReader {
    /// For a camera with this PIN.
    #[must_use]
    pub fn new(pin: Pin) -> RequestReader {
        RequestReader {
            pin,
            got: [0; MAX_PIN],
            have: 0,
            right: false,
            ends: 0,
            count: [0; MAX_COUNT],
            digits: 0,
        }
    }

    /// Takes the next bytes; gives the count where they end it. What comes after that is of no meaning.
    ///
    /// # Errors
    /// [`RequestError`]: the client is to be hung up on.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Count>, RequestError> {
        for &byte in bytes {
            if !self.right {
                self.pin_byte(byte)?;
                continue;
            }
            match byte {
                byte if ENDS.contains(&byte) && self.digits > 0 => return self.parse().map(Some),
                byte if ENDS.contains(&byte) && self.ends < MAX_ENDS => self.ends += 1,
                b'0'..=b'9' => self.digit(byte)?,
                b'-' if self.digits == 0 => self.digit(byte)?,
                _ => return Err(RequestError::BadCount { at: self.at(), byte }),
            }
        }
        Ok(None)
    }

    /// Whether what came is not the PIN, nor begins with it. Silence then ends the request, and it is one more wrong PIN
    /// however the connection ends.
    #[must_use]
    pub fn has_wrong_pin(&self) -> bool {
        self.have > 0 && !self.right
    }

    /// Whether silence now ends the count.
    #[must_use]
    pub fn has_count(&self) -> bool {
        self.digits > 0
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// [`RequestError`] when something is missing.
    pub fn finish(&self) -> Result<Count, RequestError> {
        if self.has_wrong_pin() {
            return Err(RequestError::WrongPin);
        }
        if !self.right {
            return Err(RequestError::NoPin);
        }
        if !self.has_count() {
            return Err(RequestError::NoCount);
        }
        self.parse()
    }

    /// Takes a byte while the PIN has not come.
    fn pin_byte(&mut self, byte: u8) -> Result<(), RequestError> {
        if let Some(place) = self.got.get_mut(self.have) {
            *place = byte;
        }
        self.have += 1;
        if ENDS.contains(&byte) || self.have >= MAX_WRONG {
            return Err(RequestError::WrongPin);
        }
        let length = self.pin.expose().len();
        self.right = self.have == length && self.pin.is(&self.got[..length]);
        Ok(())
    }

    fn at(&self) -> usize {
        self.have + self.ends + self.digits
    }

    fn digit(&mut self, byte: u8) -> Result<(), RequestError> {
        let at = self.at();
        let place = self.count.get_mut(self.digits).ok_or(RequestError::CountRange { at })?;
        *place = byte;
        self.digits += 1;
        Ok(())
    }

    fn parse(&self) -> Result<Count, RequestError> {
        let at = self.at();
        let text = std::str::from_utf8(&self.count[..self.digits]).unwrap_or_default();
        if text == "-" {
            return Err(RequestError::BadCount { at: at - 1, byte: b'-' });
        }
        let number: i32 = text.parse().map_err(|_| RequestError::CountRange { at })?;
        let frames = u32::try_from(number).ok().and_then(NonZeroU32::new);
        Ok(frames.map_or(Count::Endless, Count::Frames))
    }
}
