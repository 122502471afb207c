//! JPEG at the door: one message of a camera in, one complete picture out, or a reason why not.
//!
//! [`normalise`] walks the segments of ITU-T T.81 Annex B. It checks what a decoder and a browser rely on
//! (size, tables, every component coded, EOI), cuts what follows EOI, and adds the standard Huffman tables
//! where the camera leaves them out. Entropy-coded data is passed over, not decoded: a picture with flipped
//! bits inside a scan is still accepted.

mod entropy;
mod error;
pub mod extent;
mod huffman;
mod parse;
#[cfg(test)]
mod tests;

pub use error::{Beginning, JpegError, JpegErrorKind, Unsupported};

use bytes::{Bytes, BytesMut};
use huffman::{STANDARD_TABLES, STANDARD_TABLES_LEN};

/// Largest message that is looked at, and largest picture that comes out, in bytes. The protocol of the
/// WebSocket cameras allows 10 MiB; their pictures have 10 to 500 KB.
pub const MAX_JPEG: usize = 10 * 1024 * 1024;

/// Most pixels on a side. Above the largest sensors in use (5120), and what H.264 level 6 can still carry.
pub const MAX_DIMENSION: u32 = 8192;

/// Most bytes after EOI that a picture may keep alive. Camera drivers pad the frame buffer up to a DMA block,
/// a few KB; a longer tail is left behind by copying the picture, because the hub counts the bytes of the
/// picture and not those of the message that a slice keeps.
const MAX_KEPT_PADDING: usize = 16 * 1024;

/// A complete JPEG, from SOI to EOI, with the Huffman tables that its scans use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jpeg {
    /// The picture. A slice of the message unless `huffman_added` or the message had a long tail.
    pub data: Bytes,
    /// Pixels per line, 1 to [`MAX_DIMENSION`].
    pub width: u32,
    /// Lines, 1 to [`MAX_DIMENSION`].
    pub height: u32,
    /// How the coefficients are sent.
    pub coding: Coding,
    /// The resolution of the colour components.
    pub chroma: Chroma,
    /// Whether the camera left out Huffman tables and `data` is a copy with the standard ones.
    pub huffman_added: bool,
}

/// How the coefficients are sent (T.81 Table B.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Baseline or extended sequential (SOF0, SOF1).
    Sequential,
    /// Progressive (SOF2).
    Progressive,
}

/// The resolution of the colour components relative to luma.
///
/// Taken from the ratio of the sampling factors (T.81 A.1.1), not from their values: some cameras write 1x2
/// for all three components, or 2x2 over 1x2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// No colour: one component.
    Gray,
    /// Full resolution.
    Yuv444,
    /// Half the columns.
    Yuv422,
    /// Half the lines.
    Yuv440,
    /// Half the columns and half the lines.
    Yuv420,
    /// A quarter of the columns.
    Yuv411,
    /// Any other ratio, or two colour components that differ.
    Other,
}

/// Checks that `message` is a JPEG and makes it complete.
///
/// Bytes after EOI are cut, whatever they are: drivers pad with zeros, with 0xFF or with the remains of an
/// earlier frame. The message is not copied unless Huffman tables are missing or more than 16 KiB follow EOI.
/// Applied to its own result it changes nothing.
///
/// # Errors
///
/// [`JpegError`] says what is wrong and at which byte. A message that was cut anywhere after SOI gives
/// [`JpegError::Truncated`].
pub fn normalise(message: &Bytes) -> Result<Jpeg, JpegError> {
    if message.len() > MAX_JPEG {
        return Err(JpegError::TooLarge { len: message.len() });
    }
    let layout = parse::parse(message)?;
    let data = match layout.tables_at {
        Some(at) => with_tables(&message[..layout.len], at)?,
        None if message.len() - layout.len > MAX_KEPT_PADDING => {
            Bytes::copy_from_slice(&message[..layout.len])
        }
        None => message.slice(..layout.len),
    };
    Ok(Jpeg {
        data,
        width: layout.width,
        height: layout.height,
        coding: layout.coding,
        chroma: layout.chroma,
        huffman_added: layout.tables_at.is_some(),
    })
}

/// A copy of `picture` with the standard Huffman tables put in at offset `at`.
fn with_tables(picture: &[u8], at: usize) -> Result<Bytes, JpegError> {
    let len = picture.len() + STANDARD_TABLES_LEN;
    if len > MAX_JPEG {
        return Err(JpegError::TooLarge { len });
    }
    let (before, after) = picture.split_at(at);
    let mut data = BytesMut::with_capacity(len);
    data.extend_from_slice(before);
    data.extend_from_slice(&STANDARD_TABLES);
    data.extend_from_slice(after);
    Ok(data.freeze())
}
