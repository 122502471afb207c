//! What goes over a push connection: a header of three numbers, then chunks, each behind its size. All numbers are
//! 32-bit, signed, little-endian.

use super::target::Quality;

/// What the chunks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Each one JPEG.
    Jpeg,
    /// Each an access unit of H.264 in Annex B. The protocol would let them be cut anywhere.
    H264,
}

/// Bytes of the header.
pub(super) const HEADER: usize = 12;

/// Size 0: the sender is done.
pub(super) const DONE: [u8; 4] = [0; 4];

/// The header: stream number, kind, quality.
pub(super) fn header(number: i32, kind: Kind, quality: Quality) -> [u8; HEADER] {
    let kind: i32 = match kind {
        Kind::Jpeg => 0,
        Kind::H264 => 1,
    };
    let quality: i32 = match quality {
        Quality::Low => 0,
        Quality::High => 1,
    };
    let mut bytes = [0; HEADER];
    for (place, value) in bytes.chunks_exact_mut(4).zip([number, kind, quality]) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// What precedes a chunk of so many bytes. `None` for one that the field cannot say, or that would mean the end.
pub(super) fn chunk_head(length: usize) -> Option<[u8; 4]> {
    i32::try_from(length).ok().filter(|length| *length > 0).map(i32::to_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian() {
        assert_eq!(header(258, Kind::H264, Quality::Low), [2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(header(1, Kind::Jpeg, Quality::High), [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(chunk_head(0x0001_0203), Some([3, 2, 1, 0]));
        assert_eq!((chunk_head(0), chunk_head(1 << 31)), (None, None));
    }
}
