//! Why a message is not a picture, for people and for counters.

use super::{MAX_DIMENSION, MAX_JPEG};
use std::fmt;

/// Why a message is not a JPEG that camherd passes on. Offsets count bytes from the start of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// The message does not begin with SOI.
    #[error("not a JPEG: {begins}")]
    NotJpeg {
        /// The first bytes of the message.
        begins: Beginning,
    },
    /// The message ends, or another picture begins, before EOI.
    #[error("JPEG cut off after {at} bytes")]
    Truncated {
        /// How many bytes of the picture are there.
        at: usize,
    },
    /// The message, or the picture with its Huffman tables added, is larger than [`MAX_JPEG`].
    #[error("JPEG of {len} bytes is larger than the limit of {MAX_JPEG} bytes")]
    TooLarge {
        /// Length in bytes.
        len: usize,
    },
    /// A side of the picture is zero or more than [`MAX_DIMENSION`].
    #[error("JPEG of {width}x{height} pixels: each side must have 1 to {MAX_DIMENSION}")]
    BadDimensions {
        /// Pixels per line.
        width: u32,
        /// Lines.
        height: u32,
    },
    /// A form of JPEG that the decoders in use cannot show.
    #[error("unsupported JPEG: {what}")]
    Unsupported {
        /// Which form.
        what: Unsupported,
    },
    /// The structure breaks the rules of ITU-T T.81.
    #[error("malformed JPEG at byte {at}: {what}")]
    Malformed {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
}

/// The forms of JPEG that are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// SOF3, 7, 11 and 15.
    #[error("lossless coding")]
    Lossless,
    /// SOF9, 10, 13 and 14.
    #[error("arithmetic coding")]
    Arithmetic,
    /// SOF5 and 6, DHP and EXP.
    #[error("hierarchical coding")]
    Hierarchical,
    /// Sample precision other than 8.
    #[error("{0} bits per sample, only 8 are")]
    Precision(u8),
    /// A number of components other than 1 and 3.
    #[error("{0} colour components, only 1 and 3 are")]
    Components(u8),
}

/// The kinds of [`JpegError`], for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JpegErrorKind {
    /// See [`JpegError::NotJpeg`].
    NotJpeg,
    /// See [`JpegError::Truncated`].
    Truncated,
    /// See [`JpegError::TooLarge`].
    TooLarge,
    /// See [`JpegError::BadDimensions`].
    BadDimensions,
    /// See [`JpegError::Unsupported`].
    Unsupported,
    /// See [`JpegError::Malformed`].
    Malformed,
}

impl JpegErrorKind {
    /// Every kind, so that counters can exist before the first error.
    pub const ALL: [JpegErrorKind; 6] = [
        JpegErrorKind::NotJpeg,
        JpegErrorKind::Truncated,
        JpegErrorKind::TooLarge,
        JpegErrorKind::BadDimensions,
        JpegErrorKind::Unsupported,
        JpegErrorKind::Malformed,
    ];

    /// The name of the kind in metrics and in the API. It never changes.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            JpegErrorKind::NotJpeg => "not_jpeg",
            JpegErrorKind::Truncated => "truncated",
            JpegErrorKind::TooLarge => "too_large",
            JpegErrorKind::BadDimensions => "bad_dimensions",
            JpegErrorKind::Unsupported => "unsupported",
            JpegErrorKind::Malformed => "malformed",
        }
    }
}

impl JpegError {
    /// Which kind of error this is.
    #[must_use]
    pub fn kind(&self) -> JpegErrorKind {
        match self {
            JpegError::NotJpeg { .. } => JpegErrorKind::NotJpeg,
            JpegError::Truncated { .. } => JpegErrorKind::Truncated,
            JpegError::TooLarge { .. } => JpegErrorKind::TooLarge,
            JpegError::BadDimensions { .. } => JpegErrorKind::BadDimensions,
            JpegError::Unsupported { .. } => JpegErrorKind::Unsupported,
            JpegError::Malformed { .. } => JpegErrorKind::Malformed,
        }
    }
}

/// How many bytes of a message that is not a JPEG are shown: enough to recognise `Hello World`.
const SHOWN: usize = 11;

/// The first bytes of a message, shown as text where they are text, else in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    bytes: [u8; SHOWN],
    /// Length of the whole message in bytes.
    len: usize,
}

impl Beginning {
    pub(super) fn of(message: &[u8]) -> Beginning {
        let mut bytes = [0; SHOWN];
        for (to, from) in bytes.iter_mut().zip(message) {
            *to = *from;
        }
        Beginning { bytes, len: message.len() }
    }
}

impl fmt::Display for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.bytes[..self.len.min(SHOWN)];
        let more = if self.len > SHOWN { "..." } else { "" };
        if shown.is_empty() {
            return f.write_str("empty message");
        }
        match std::str::from_utf8(shown) {
            Ok(text) if shown.iter().all(|byte| matches!(byte, b' '..=b'~')) => write!(f, "'{text}{more}'"),
            _ => {
                for (index, byte) in shown.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if index == 0 { "" } else { " " })?;
                }
                f.write_str(more)
            }
        }
    }
}
