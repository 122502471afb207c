//! NAL units: their kinds.

pub use crate::codec::annexb::{NalUnits, nal_units};

/// Size of a NAL unit's header in bytes (7.3.1.2).
pub const HEADER_BYTES: usize = 2;

/// Kind of a NAL unit of the base layer (ITU-T H.265 Table 7-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NalKind {
    /// 0 to 5: slice of a picture that follows its random access point in both orders.
    TrailingSlice,
    /// 6 and 7: slice of a leading picture that can be decoded when decoding begins at its random access point.
    RadlSlice,
    /// 8 and 9: slice of a leading picture that cannot, as it refers to pictures before.
    RaslSlice,
    /// 16 to 18: slice of a random access picture after which pictures are missing (BLA).
    BlaSlice,
    /// 19 and 20: slice of an instantaneous decoding refresh picture (IDR).
    IdrSlice,
    /// 21: slice of a clean random access picture (CRA).
    CraSlice,
    /// 32: video parameter set.
    Vps,
    /// 33: sequence parameter set.
    Sps,
    /// 34: picture parameter set.
    Pps,
    /// 35: access unit delimiter.
    AccessUnitDelimiter,
    /// 36: end of sequence.
    EndOfSequence,
    /// 37: end of bitstream.
    EndOfBitstream,
    /// 38: filler data.
    Filler,
    /// 39 and 40: supplemental enhancement information.
    Sei,
    /// Everything else: reserved types, and all of other layers.
    Other(u8),
}

impl NalKind {
    /// The kind that the header of `nal` says. `None` when `nal` is shorter than a header.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<NalKind> {
        let &[first, second, ..] = nal else { return None };
        let number = first >> 1 & 0x3f;
        let layer = (first & 1) << 5 | second >> 3;
        Some(match number {
            _ if layer != 0 => NalKind::Other(number),
            0..=5 => NalKind::TrailingSlice,
            6 | 7 => NalKind::RadlSlice,
            8 | 9 => NalKind::RaslSlice,
            16..=18 => NalKind::BlaSlice,
            19 | 20 => NalKind::IdrSlice,
            21 => NalKind::CraSlice,
            32 => NalKind::Vps,
            33 => NalKind::Sps,
            34 => NalKind::Pps,
            35 => NalKind::AccessUnitDelimiter,
            36 => NalKind::EndOfSequence,
            37 => NalKind::EndOfBitstream,
            38 => NalKind::Filler,
            39 | 40 => NalKind::Sei,
            other => NalKind::Other(other),
        })
    }

    /// Whether it carries picture data of the base layer.
    #[must_use]
    pub fn is_vcl(self) -> bool {
        matches!(self, NalKind::TrailingSlice | NalKind::RadlSlice | NalKind::RaslSlice) || self.is_irap()
    }

    /// Whether it is a slice of an intra random access point (IRAP): decoding can begin here.
    #[must_use]
    pub fn is_irap(self) -> bool {
        matches!(self, NalKind::BlaSlice | NalKind::IdrSlice | NalKind::CraSlice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_header() {
        let of = |number: u8| NalKind::of(&[number << 1, 1]).unwrap();
        let all =
            |wanted: fn(NalKind) -> bool| (0..64).filter(|number| wanted(of(*number))).collect::<Vec<_>>();
        assert_eq!(all(NalKind::is_irap), [16, 17, 18, 19, 20, 21]);
        assert_eq!(all(NalKind::is_vcl), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19, 20, 21]);
        assert_eq!((of(32), of(33), of(34)), (NalKind::Vps, NalKind::Sps, NalKind::Pps));
        assert_eq!((of(8), of(48)), (NalKind::RaslSlice, NalKind::Other(48)));
    }

    #[test]
    fn other_layers_and_short_units_are_nothing_of_use() {
        assert_eq!(NalKind::of(&[19 << 1, 1 << 3 | 1]), Some(NalKind::Other(19)));
        assert_eq!(NalKind::of(&[33 << 1 | 1, 1]), Some(NalKind::Other(33)));
        assert_eq!(NalKind::of(&[19 << 1]), None);
        assert_eq!(NalKind::of(&[]), None);
    }
}
