//! Pictures that a device pushes over plain TCP, usually to port 12345: both sides of the protocol.
//!
//! ```text
//! connection = header message*
//! header     = number kind quality      three int32, little-endian, 12 bytes
//! message    = size payload             size: int32, little-endian; 0 says that the sender is done
//! ```
//!
//! `number` says which stream, `kind` is 0 for JPEG (a picture a message) and 1 for H.264 (Annex B, cut into
//! messages anywhere), `quality` is 0 for low and 1 for high. Nothing ever goes back to the sender.
//!
//! What the payload holds is not looked at here.

use super::sized::Field;
use crate::codec::jpeg::MAX_JPEG;
use bytes::Bytes;

/// Bytes of the header.
pub const HEADER: usize = 12;

/// Bytes of the size in front of a payload.
pub const SIZE: usize = 4;

/// Largest payload in bytes: that of the largest picture that is taken. H.264 comes in smaller pieces, and is
/// bounded alike.
pub const MAX_PAYLOAD: usize = MAX_JPEG;

/// Largest stream number. The field could hold 2^31, but senders count cameras: what is beyond is a sign that
/// something else is talking to this port.
pub const MAX_NUMBER: i32 = 65_535;

/// What the sender writes last.
pub const DONE: [u8; SIZE] = [0; SIZE];

/// What the payloads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each is a JPEG.
    Jpeg,
    /// Together they are H.264 in Annex B.
    H264,
}

/// Which of the two forms of a stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// The small one.
    Low,
    /// The good one.
    High,
}

impl Quality {
    /// `low` or `high`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Quality::Low => "low",
            Quality::High => "high",
        }
    }
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which stream, 0 to [`MAX_NUMBER`].
    pub number: u16,
    /// What comes.
    pub kind: Kind,
    /// In which form.
    pub quality: Quality,
}

/// Why the bytes are not this protocol. The connection cannot go on: where the next message begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TcpPushError {
    /// A stream number out of range.
    #[error("byte 0: stream number {0} is not from 0 to {MAX_NUMBER}")]
    Number(i32),
    /// No known kind.
    #[error("byte 4: type {0} is neither 0 (JPEG) nor 1 (H.264)")]
    Kind(i32),
    /// No known quality.
    #[error("byte 8: quality {0} is neither 0 (low) nor 1 (high)")]
    Quality(i32),
    /// A size below zero.
    #[error("byte {at}: size {size} is negative")]
    Negative {
        /// Where the size is, in bytes from the beginning of the connection.
        at: u64,
        /// What it says.
        size: i32,
    },
    /// A size above the limit.
    #[error("byte {at}: size {size} is more than {limit} bytes")]
    TooLarge {
        /// Where the size is, in bytes from the beginning of the connection.
        at: u64,
        /// What it says.
        size: i32,
        /// The limit in bytes.
        limit: usize,
    },
}

impl TcpPushError {
    /// The name of the kind of error in counters. It never changes.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            TcpPushError::Number(_) | TcpPushError::Kind(_) | TcpPushError::Quality(_) => "bad_header",
            TcpPushError::Negative { .. } => "bad_size",
            TcpPushError::TooLarge { .. } => "too_large",
        }
    }
}

/// What arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The first thing.
    Header(Header),
    /// A whole payload; never empty.
    Payload(Bytes),
    /// The sender has said that it is done: nothing after this counts.
    Done,
}

/// Turns the bytes of a sender into [`Item`]s, wherever they are cut.
#[derive(Debug)]
pub struct Reader {
    limit: usize,
    /// Bytes of all items that are complete.
    offset: u64,
    field: Field,
    next: Next,
}

/// What `field` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Header,
    Size,
    Payload,
    /// Nothing is read any more.
    End,
}

/// What there is of something that did not arrive as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// Part of the header, perhaps nothing.
    #[error("{have} of the {HEADER} bytes of the header")]
    Header {
        /// Bytes that came.
        have: usize,
    },
    /// Part of a size.
    #[error("{have} of the {SIZE} bytes of a size at byte {at}")]
    Size {
        /// Bytes that came.
        have: usize,
        /// Where it begins, in bytes from the beginning of the connection.
        at: u64,
    },
    /// Part of a payload.
    #[error("{have} of the {of} bytes of a payload at byte {at}")]
    Payload {
        /// Bytes that came.
        have: usize,
        /// Bytes that its size says.
        of: usize,
        /// Where it begins, in bytes from the beginning of the connection.
        at: u64,
    },
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader for payloads of up to [`MAX_PAYLOAD`] bytes.
    #[must_use]
    pub fn new() -> Reader {
        Reader::with_limit(MAX_PAYLOAD)
    }

    /// A reader for payloads of up to `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Reader {
        Reader { limit, offset: 0, field: Field::new(HEADER), next: Next::Header }
    }

    /// Takes what it needs from the front of `input` and gives the next item; `None` when more input is needed,
    /// and for ever after [`Item::Done`].
    ///
    /// # Errors
    /// [`TcpPushError`] when the sender breaks the protocol; the reader gives nothing more after that.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Item>, TcpPushError> {
        loop {
            if self.next == Next::End {
                *input = &[];
                return Ok(None);
            }
            let Some(field) = self.field.fill(input) else { return Ok(None) };
            let at = self.offset;
            self.offset += field.len() as u64;
            match self.next {
                Next::Header => {
                    let header = parse_header(&field).inspect_err(|_| self.next = Next::End)?;
                    self.expect(Next::Size, SIZE);
                    return Ok(Some(Item::Header(header)));
                }
                Next::Size => match self.size(&field, at).inspect_err(|_| self.next = Next::End)? {
                    0 => {
                        self.next = Next::End;
                        return Ok(Some(Item::Done));
                    }
                    size => self.expect(Next::Payload, size),
                },
                Next::Payload | Next::End => {
                    self.expect(Next::Size, SIZE);
                    return Ok(Some(Item::Payload(field)));
                }
            }
        }
    }

    /// What is incomplete where the bytes end now; `None` between two messages and after the end.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        let (have, at) = (self.field.have(), self.offset);
        match self.next {
            Next::Header => Some(Unfinished::Header { have }),
            Next::Size => (have > 0).then_some(Unfinished::Size { have, at }),
            Next::Payload => Some(Unfinished::Payload { have, of: self.field.length(), at }),
            Next::End => None,
        }
    }

    fn expect(&mut self, next: Next, length: usize) {
        (self.next, self.field) = (next, Field::new(length));
    }

    fn size(&self, field: &[u8], at: u64) -> Result<usize, TcpPushError> {
        let size = int32(field, 0);
        let bytes = usize::try_from(size).map_err(|_| TcpPushError::Negative { at, size })?;
        if bytes > self.limit {
            return Err(TcpPushError::TooLarge { at, size, limit: self.limit });
        }
        Ok(bytes)
    }
}

/// The `index`-th little-endian int32 of `field`, which has it.
fn int32(field: &[u8], index: usize) -> i32 {
    let bytes = field.get(4 * index..).and_then(<[u8]>::first_chunk).copied();
    i32::from_le_bytes(bytes.unwrap_or_default())
}

fn parse_header(field: &[u8]) -> Result<Header, TcpPushError> {
    let number = int32(field, 0);
    let number = u16::try_from(number).map_err(|_| TcpPushError::Number(number))?;
    let kind = match int32(field, 1) {
        0 => Kind::Jpeg,
        1 => Kind::H264,
        other => return Err(TcpPushError::Kind(other)),
    };
    let quality = match int32(field, 2) {
        0 => Quality::Low,
        1 => Quality::High,
        other => return Err(TcpPushError::Quality(other)),
    };
    Ok(Header { number, kind, quality })
}

impl Header {
    /// As it goes over the wire.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER] {
        let kind = i32::from(self.kind == Kind::H264);
        let quality = i32::from(self.quality == Quality::High);
        let mut bytes = [0; HEADER];
        for (to, value) in bytes.chunks_exact_mut(4).zip([i32::from(self.number), kind, quality]) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}

/// What goes in front of a payload of `length` bytes; `None` for what no message can hold: nothing, and more than
/// [`MAX_PAYLOAD`] bytes.
#[must_use]
pub fn size(length: usize) -> Option<[u8; SIZE]> {
    let bytes = i32::try_from(length).ok().filter(|_| (1..=MAX_PAYLOAD).contains(&length));
    bytes.map(i32::to_le_bytes)
}

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod tests;
