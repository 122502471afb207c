//! NAL units: their kinds, and the way over an Annex-B buffer.

pub use crate::codec::annexb::{NalUnits, nal_units};
use crate::codec::bits::BitReader;

/// Kind of a NAL unit (ITU-T H.264 Table 7-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NalKind {
    /// 1: slice of a picture that is not IDR.
    Slice,
    /// 2: slice data partition A.
    PartitionA,
    /// 3: slice data partition B.
    PartitionB,
    /// 4: slice data partition C.
    PartitionC,
    /// 5: slice of an IDR picture.
    IdrSlice,
    /// 6: supplemental enhancement information.
    Sei,
    /// 7: sequence parameter set.
    Sps,
    /// 8: picture parameter set.
    Pps,
    /// 9: access unit delimiter.
    AccessUnitDelimiter,
    /// 10: end of sequence.
    EndOfSequence,
    /// 11: end of stream.
    EndOfStream,
    /// 12: filler data.
    Filler,
    /// 0 and 13 to 31: everything else.
    Other(u8),
}

impl NalKind {
    /// The kind that the header (first byte) of `nal` says. `None` when `nal` is empty.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<NalKind> {
        nal.first().map(|header| match header & 0x1f {
            1 => NalKind::Slice,
            2 => NalKind::PartitionA,
            3 => NalKind::PartitionB,
            4 => NalKind::PartitionC,
            5 => NalKind::IdrSlice,
            6 => NalKind::Sei,
            7 => NalKind::Sps,
            8 => NalKind::Pps,
            9 => NalKind::AccessUnitDelimiter,
            10 => NalKind::EndOfSequence,
            11 => NalKind::EndOfStream,
            12 => NalKind::Filler,
            other => NalKind::Other(other),
        })
    }

    /// Whether it carries picture data (video coding layer, types 1 to 5).
    #[must_use]
    pub fn is_vcl(self) -> bool {
        matches!(
            self,
            NalKind::Slice
                | NalKind::PartitionA
                | NalKind::PartitionB
                | NalKind::PartitionC
                | NalKind::IdrSlice
        )
    }
}

/// Type of a slice (ITU-T H.264 Table 7-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SliceType {
    /// Predicted from one picture.
    P,
    /// Predicted from two pictures, of which one may come later.
    B,
    /// Intra: predicted from no other picture.
    I,
    /// Switching P.
    Sp,
    /// Switching I.
    Si,
}

impl SliceType {
    /// The type of the slice in `nal`; `None` for other NAL units and for a slice that ends before its type.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<SliceType> {
        let Some(NalKind::Slice | NalKind::PartitionA | NalKind::IdrSlice) = NalKind::of(nal) else {
            return None;
        };
        let bits = &mut BitReader::new(&nal[1..]);
        bits.ue().ok()?; // first_mb_in_slice
        match bits.ue().ok()? {
            0 | 5 => Some(SliceType::P),
            1 | 6 => Some(SliceType::B),
            2 | 7 => Some(SliceType::I),
            3 | 8 => Some(SliceType::Sp),
            4 | 9 => Some(SliceType::Si),
            _ => None,
        }
    }
}

/// Whether a picture in Annex B has a B slice: the stream may have to be shown in another order than it is decoded.
#[must_use]
pub fn has_b_slices(annex_b: &[u8]) -> bool {
    nal_units(annex_b).any(|nal| SliceType::of(nal) == Some(SliceType::B))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_header() {
        assert_eq!(NalKind::of(&[]), None);
        assert_eq!(NalKind::of(&[0x67]), Some(NalKind::Sps));
        assert_eq!(NalKind::of(&[0x65]), Some(NalKind::IdrSlice));
        assert_eq!(NalKind::of(&[0x01]), Some(NalKind::Slice));
        assert_eq!(NalKind::of(&[0x14]), Some(NalKind::Other(20)));
        let vcl: Vec<u8> = (0..32).filter(|&t| NalKind::of(&[t]).is_some_and(NalKind::is_vcl)).collect();
        assert_eq!(vcl, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn slice_types_are_read_from_the_header_and_nowhere_else() {
        // first_mb_in_slice 0 (1), slice_type 5 to 9 and 0 to 4, then anything.
        let types = [(0b1100_0000, SliceType::P), (0b1010_0000, SliceType::B), (0b1011_0000, SliceType::I)];
        for (bits, wanted) in types {
            assert_eq!(SliceType::of(&[0x41, bits, 0xff]), Some(wanted));
        }
        assert_eq!(SliceType::of(&[0x65, 0b1000_1000]), Some(SliceType::I), "slice_type 7");
        assert_eq!(SliceType::of(&[0x41, 0b1001_1100]), Some(SliceType::B), "slice_type 6");
        assert_eq!(SliceType::of(&[0x41, 0b1000_1011]), None, "slice_type 10");
        assert_eq!(SliceType::of(&[0x67, 0b1010_0000]), None);
        assert_eq!(SliceType::of(&[0x41]), None);
        assert!(has_b_slices(&[0, 0, 1, 0x41, 0xc0, 0, 0, 1, 0x41, 0xa0]));
        assert!(!has_b_slices(&[0, 0, 1, 0x41, 0xc0, 0, 0, 1, 0x06, 0xa0]));
    }
}
