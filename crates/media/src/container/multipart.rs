//! `multipart/x-mixed-replace`: MJPEG over HTTP, one part per JPEG (RFC 2046, 5.1).

use super::relabel::{Relabel, wrong};
use super::{MuxError, WallClock};
use crate::unit::{Codec, Packaging, Unit};
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt::Write;

/// Longest boundary, in characters (RFC 2046, 5.1.1).
pub const MAX_BOUNDARY: usize = 70;

/// Room for a part's headers: the fixed text has 61 bytes, each of the two numbers at most 21.
const HEADER_CAPACITY: usize = 112;

/// The boundary when nothing else is asked for.
const DEFAULT_BOUNDARY: &str = "camherd";

/// Why a text is not a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundaryError {
    /// The text is empty or longer than [`MAX_BOUNDARY`].
    #[error("a multipart boundary has 1 to {MAX_BOUNDARY} characters, not {0}")]
    Length(usize),
    /// A character is outside the set that needs no quotes in `Content-Type`.
    #[error("a multipart boundary has only letters, digits and '+', '-', '.', '_', not {0:?}")]
    BadCharacter(char),
}

/// Wraps JPEG units into parts.
///
/// Readers that look for the boundary know a part only when they see the boundary that ends it. Every part
/// therefore carries its closing boundary, which is the opening one of the next part; the response begins
/// with [`preamble`](Multipart::preamble), and a viewer may begin with any part.
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: Box<str>,
    dashes_declared: bool,
    relabel: Relabel,
}

impl Default for Multipart {
    fn default() -> Multipart {
        Multipart { boundary: DEFAULT_BOUNDARY.into(), dashes_declared: false, relabel: Relabel::default() }
    }
}

impl Multipart {
    /// A packager whose delimiter lines are `--` and `boundary`.
    ///
    /// # Errors
    /// When `boundary` is not 1 to [`MAX_BOUNDARY`] characters of those that need no quotes in a header.
    pub fn new(boundary: &str) -> Result<Multipart, BoundaryError> {
        let length = boundary.chars().count();
        if !(1..=MAX_BOUNDARY).contains(&length) {
            return Err(BoundaryError::Length(length));
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
        match boundary.chars().find(|c| !allowed(c)) {
            Some(bad) => Err(BoundaryError::BadCharacter(bad)),
            None => Ok(Multipart { boundary: boundary.into(), ..Multipart::default() }),
        }
    }

    /// Declares the boundary in [`content_type`](Multipart::content_type) with the two dashes of the
    /// delimiter line, as many older servers do. The body is the same; lenient clients take both forms.
    #[must_use]
    pub fn with_dashes_declared(mut self) -> Multipart {
        self.dashes_declared = true;
        self
    }

    /// The value of the response's `Content-Type` header.
    #[must_use]
    pub fn content_type(&self) -> String {
        let dashes = if self.dashes_declared { "--" } else { "" };
        format!("multipart/x-mixed-replace;boundary={dashes}{}", self.boundary)
    }

    /// What the response begins with: the first delimiter line.
    #[must_use]
    pub fn preamble(&self) -> Bytes {
        Bytes::from(format!("--{}\r\n", self.boundary))
    }

    /// One part: headers, the payload of `unit` and the delimiter line that ends the part.
    #[must_use]
    pub fn part(&self, unit: &Unit, timestamp: WallClock) -> Bytes {
        let jpeg = &unit.payload;
        let mut out = BytesMut::with_capacity(HEADER_CAPACITY + jpeg.len() + self.boundary.len() + 6);
        // Writing to a BytesMut does not fail.
        let _ = write!(
            out,
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {timestamp}\r\n\r\n",
            jpeg.len()
        );
        out.put_slice(jpeg);
        out.put_slice(b"\r\n--");
        out.put_slice(self.boundary.as_bytes());
        out.put_slice(b"\r\n");
        out.freeze()
    }

    /// `unit` as a unit that holds one [`part`](Multipart::part); times and stamps are kept.
    ///
    /// # Errors
    /// [`MuxError::WrongFormat`] unless the unit is a bare JPEG, [`MuxError::NeedsKeyframe`] for a first
    /// unit that is not marked as a keyframe, which every JPEG is.
    pub fn push(&mut self, unit: &Unit, timestamp: WallClock) -> Result<Unit, MuxError> {
        if unit.format.codec != Codec::Jpeg || unit.format.packaging != Packaging::Bare {
            return Err(wrong("jpeg", &unit.format));
        }
        let labels = self.relabel.prepare(unit, || Ok(Packaging::Multipart))?;
        let format = labels.output.clone();
        self.relabel.commit(labels);
        Ok(Unit { payload: self.part(unit, timestamp), format, ..*unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{MediaTime, Monotonic};
    use crate::unit::{Format, Stamps};
    use std::sync::Arc;

    fn jpeg(payload: &'static [u8]) -> Unit {
        let format = Format { codec: Codec::Jpeg, width: 640, height: 480, packaging: Packaging::Bare };
        Unit {
            payload: Bytes::from_static(payload),
            pts: MediaTime(40_000),
            dts: MediaTime(40_000),
            keyframe: true,
            format: Arc::new(format),
            stamps: Stamps::received(Monotonic(7)),
        }
    }

    #[test]
    fn a_part_ends_with_the_boundary_that_closes_it() {
        let multipart = Multipart::new("B").unwrap();
        assert_eq!(multipart.preamble(), "--B\r\n");
        assert_eq!(
            multipart.part(&jpeg(b"\xff\xd8\xff\xd9"), WallClock(1_700_000_000_123_456)),
            &b"Content-Type: image/jpeg\r\nContent-Length: 4\r\nX-Timestamp: 1700000000.123456\r\n\r\n\
               \xff\xd8\xff\xd9\r\n--B\r\n"[..]
        );
    }

    #[test]
    fn the_headers_fit_the_room_that_is_kept_for_them() {
        let part = Multipart::default().part(&jpeg(b""), WallClock(u64::MAX));
        let fixed = part.len() - "0".len() - "\r\n--camherd\r\n".len();
        assert!(fixed + "18446744073709551615".len() <= HEADER_CAPACITY);
    }

    #[test]
    fn units_of_one_format_share_one_output_format() {
        let mut multipart = Multipart::default();
        let unit = jpeg(b"\xff\xd8");
        let first = multipart.push(&unit, WallClock(0)).unwrap();
        let second = multipart.push(&jpeg(b"\xff\xd8"), WallClock(1)).unwrap();
        assert!(Arc::ptr_eq(&first.format, &second.format));
        assert_eq!(first.format.packaging, Packaging::Multipart);
        assert_eq!((first.pts, first.keyframe, first.stamps), (unit.pts, true, unit.stamps));
        let wrong = MuxError::WrongFormat { expected: "jpeg", codec: "jpeg", packaging: "multipart" };
        assert_eq!(multipart.push(&first, WallClock(0)).map(|_| ()), Err(wrong));
    }

    #[test]
    fn the_boundary_is_declared_as_asked() {
        let plain = Multipart::new("BOUNDARY").unwrap();
        assert_eq!(plain.content_type(), "multipart/x-mixed-replace;boundary=BOUNDARY");
        let dashed = plain.clone().with_dashes_declared();
        assert_eq!(dashed.content_type(), "multipart/x-mixed-replace;boundary=--BOUNDARY");
        assert_eq!(dashed.preamble(), plain.preamble());
    }

    #[test]
    fn refuses_boundaries_that_need_quotes_or_break_the_header() {
        for bad in ['"', '\r', '\n', ' ', ';', 'é'] {
            let error = Multipart::new(&format!("a{bad}")).map(|_| ());
            assert_eq!(error, Err(BoundaryError::BadCharacter(bad)));
        }
        assert_eq!(Multipart::new("").map(|_| ()), Err(BoundaryError::Length(0)));
        assert_eq!(Multipart::new(&"x".repeat(71)).map(|_| ()), Err(BoundaryError::Length(71)));
        assert!(Multipart::new(&"x".repeat(MAX_BOUNDARY)).is_ok());
    }
}
