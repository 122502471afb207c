//! WebSocket frames (RFC 6455), server side: client frames in, server frames out.
//!
//! Why not a library: an oversize message must be skipped without being held and without ending the
//! connection, and a server frame must be header plus shared payload, so that a thousand viewers share
//! one buffer. What is here is the framing; the handshake stays with the HTTP layer.

use bytes::{Bytes, BytesMut};

/// Most that is reserved for a message before its bytes are there. A typical JPEG fits, so it is held
/// without slack; a longer message grows with what really arrives.
const MAX_RESERVE: usize = 256 * 1024;

/// Longest payload of a control frame (RFC 6455, 5.5).
pub const MAX_CONTROL: usize = 125;

/// What arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole binary message.
    Binary(Bytes),
    /// A whole text message; the bytes are not checked to be UTF-8.
    Text(Bytes),
    /// A message longer than the limit was skipped; this is its length as far as it was counted.
    Oversize {
        /// Payload bytes of the message.
        bytes: u64,
    },
    /// A ping; to be answered with a pong of the same payload.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// The peer closes, with its code (1005 if it gave none) and reason.
    Close {
        /// Status code (RFC 6455, 7.4).
        code: u16,
        /// Reason as the peer wrote it, invalid UTF-8 replaced.
        reason: String,
    },
}

/// Why the bytes are no WebSocket stream of a client. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebSocketError {
    /// RFC 6455, 5.2: reserved bits without a negotiated extension.
    #[error("a frame has reserved bits set (0x{0:02x}), but no extension was agreed")]
    ReservedBits(u8),
    /// RFC 6455, 5.1: a client must mask.
    #[error("a frame is not masked, as a client's must be")]
    NotMasked,
    /// RFC 6455, 5.2: opcodes 3 to 7 and 11 to 15 are reserved.
    #[error("unknown opcode {0}")]
    Opcode(u8),
    /// RFC 6455, 5.5: control frames are short and whole.
    #[error("a control frame is fragmented or longer than {MAX_CONTROL} bytes")]
    Control,
    /// RFC 6455, 5.4: a continuation without a beginning, or a beginning within a message.
    #[error("a fragment is out of order")]
    Fragment,
    /// RFC 6455, 5.2: the top bit of a 64-bit length is zero.
    #[error("a frame's length is out of range")]
    Length,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    Binary,
}

/// The frame whose payload is arriving.
#[derive(Clone, Copy)]
struct Payload {
    remaining: u64,
    mask: [u8; 4],
    /// How many of its bytes have been unmasked, modulo four.
    phase: usize,
    fin: bool,
    control: Option<u8>,
}

/// Turns the bytes of a client into [`Item`]s, wherever they are cut.
pub struct Decoder {
    limit: usize,
    frame: Option<Payload>,
    message: Option<Kind>,
    data: BytesMut,
    total: u64,
    control: BytesMut,
}

impl Decoder {
    /// A decoder that skips messages longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Decoder {
        Decoder {
            limit,
            frame: None,
            message: None,
            data: BytesMut::new(),
            total: 0,
            control: BytesMut::new(),
        }
    }

    /// Takes what it can from `input` and gives the next item; `None` when more input is needed.
    ///
    /// # Errors
    /// [`WebSocketError`] when the peer breaks the protocol; the decoder is of no use after that.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Item>, WebSocketError> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let take = usize::try_from(frame.remaining).unwrap_or(usize::MAX).min(input.len());
            if take > 0 {
                let mut chunk = input.split_to(take);
                unmask(&mut chunk, frame.mask, frame.phase);
                frame.phase = (frame.phase + take) % 4;
                frame.remaining -= take as u64;
                self.store(&frame, &chunk);
            }
            if frame.remaining > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(item) = self.finish(&frame) {
                return Ok(Some(item));
            }
        }
    }

    fn header(&mut self, input: &mut BytesMut) -> Result<Option<Payload>, WebSocketError> {
        let &[first, second, ..] = &input[..] else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(WebSocketError::ReservedBits(first & 0x70));
        }
        if second & 0x80 == 0 {
            return Err(WebSocketError::NotMasked);
        }
        let (extra, short) = match second & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u64::from(short)),
        };
        let Some(rest) = input.get(2..2 + extra + 4) else { return Ok(None) };
        let (length, mask) = rest.split_at(extra);
        let length = length.iter().fold(short, |n, byte| n << 8 | u64::from(*byte));
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        let control = self.begin(fin, opcode, length)?;
        let _ = input.split_to(2 + extra + 4);
        Ok(Some(Payload { remaining: length, mask, phase: 0, fin, control }))
    }

    /// Checks the frame against the message so far; gives the opcode if it is a control frame.
    fn begin(&mut self, fin: bool, opcode: u8, length: u64) -> Result<Option<u8>, WebSocketError> {
        if length >> 63 != 0 {
            return Err(WebSocketError::Length);
        }
        match (opcode, self.message) {
            (0, Some(_)) => {}
            (1 | 2, None) => {
                self.message = Some(if opcode == 1 { Kind::Text } else { Kind::Binary });
                self.data = BytesMut::new();
                self.total = 0;
            }
            (0..=2, _) => return Err(WebSocketError::Fragment),
            (8..=10, _) if fin && length <= MAX_CONTROL as u64 => {
                self.control.clear();
                return Ok(Some(opcode));
            }
            (8..=10, _) => return Err(WebSocketError::Control),
            _ => return Err(WebSocketError::Opcode(opcode)),
        }
        self.total = self.total.saturating_add(length);
        if self.total > self.limit as u64 {
            self.data = BytesMut::new();
        } else {
            self.data.reserve(usize::try_from(length).unwrap_or(MAX_RESERVE).min(MAX_RESERVE));
        }
        Ok(None)
    }

    fn store(&mut self, frame: &Payload, chunk: &[u8]) {
        if frame.control.is_some() {
            self.control.extend_from_slice(chunk);
        } else if self.total <= self.limit as u64 {
            self.data.extend_from_slice(chunk);
        }
    }

    fn finish(&mut self, frame: &Payload) -> Option<Item> {
        match frame.control {
            Some(8) => return Some(self.close()),
            Some(9) => return Some(Item::Ping(self.control.split().freeze())),
            Some(_) => return Some(Item::Pong),
            None if !frame.fin => return None,
            None => {}
        }
        let kind = self.message.take()?;
        if self.total > self.limit as u64 {
            return Some(Item::Oversize { bytes: self.total });
        }
        let data = std::mem::take(&mut self.data).freeze();
        Some(if kind == Kind::Text { Item::Text(data) } else { Item::Binary(data) })
    }

    fn close(&mut self) -> Item {
        let data = self.control.split();
        match data.split_first_chunk::<2>() {
            Some((code, reason)) => Item::Close {
                code: u16::from_be_bytes(*code),
                reason: String::from_utf8_lossy(reason).into_owned(),
            },
            None => Item::Close { code: 1005, reason: String::new() },
        }
    }
}

/// Applies the mask (RFC 6455, 5.3), beginning at byte `phase` of it.
fn unmask(data: &mut [u8], mask: [u8; 4], phase: usize) {
    let mut key = [0u8; 4];
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = mask[(i + phase) % 4];
    }
    let wide = u64::from(u32::from_ne_bytes(key));
    let wide = wide << 32 | wide;
    let mut chunks = data.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0u8; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (i, byte) in chunks.into_remainder().iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
}

/// Kind of a frame that the server sends. All are whole messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8 text.
    Text = 1,
    /// Bytes.
    Binary = 2,
    /// The end of the connection.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping.
    Pong = 10,
}

/// The header of an unmasked, unfragmented frame: at most ten bytes, and how many of them count.
#[must_use]
pub fn header(opcode: Opcode, length: usize) -> ([u8; 10], usize) {
    let mut bytes = [0u8; 10];
    bytes[0] = 0x80 | opcode as u8;
    match length {
        0..=125 => {
            bytes[1] = length as u8;
            (bytes, 2)
        }
        126..=0xffff => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            (bytes, 4)
        }
        _ => {
            bytes[1] = 127;
            bytes[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (bytes, 10)
        }
    }
}

/// The payload of a close frame; a reason that does not fit is cut at a character boundary.
#[must_use]
pub fn close_payload(code: u16, reason: &str) -> Bytes {
    let end = reason.floor_char_boundary(MAX_CONTROL - 2);
    let mut payload = BytesMut::with_capacity(2 + end);
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    payload.freeze()
}

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod tests;
