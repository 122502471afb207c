//! What a client asks of a camera: PIN and count, joined or cut anywhere.

use super::{Count, MAX_PIN, Pin};
use std::num::NonZeroU32;

/// Most bytes of a count: those of the smallest int32, `-2147483648`.
pub const MAX_COUNT: usize = 11;

/// Bytes that mean nothing behind a PIN and end a count.
const ENDS: [u8; 3] = [b'\r', b'\n', 0];

/// Most of [`ENDS`] between PIN and count: CR, LF and NUL after each of two sends, and some more.
const MAX_ENDS: usize = 16;

/// Why a request is refused. It repeats nothing of what was sent for the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not this camera's PIN.
    #[error("the PIN is wrong")]
    WrongPin,
    /// The PIN is not complete.
    #[error("the PIN is incomplete: {have} bytes came")]
    NoPin {
        /// Bytes that came.
        have: usize,
    },
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
#[derive(Debug)]
pub struct RequestReader {
    pin: Pin,
    got: [u8; MAX_PIN],
    /// Bytes of the PIN that came.
    have: usize,
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
        RequestReader { pin, got: [0; MAX_PIN], have: 0, ends: 0, count: [0; MAX_COUNT], digits: 0 }
    }

    /// Takes the next bytes; gives the count where they end it. What comes after that is of no meaning.
    ///
    /// # Errors
    /// [`RequestError`]: the client is to be hung up on.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Count>, RequestError> {
        let length = self.pin.expose().len();
        for &byte in bytes {
            if self.have < length {
                if ENDS.contains(&byte) {
                    // It was a PIN of another length, and is complete.
                    return Err(RequestError::WrongPin);
                }
                self.got[self.have] = byte;
                self.have += 1;
                if self.have == length && !self.pin.is(&self.got[..length]) {
                    return Err(RequestError::WrongPin);
                }
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

    /// Whether the PIN has come, and was right.
    #[must_use]
    pub fn has_pin(&self) -> bool {
        self.have == self.pin.expose().len()
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
        if !self.has_pin() {
            return Err(RequestError::NoPin { have: self.have });
        }
        if !self.has_count() {
            return Err(RequestError::NoCount);
        }
        self.parse()
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
