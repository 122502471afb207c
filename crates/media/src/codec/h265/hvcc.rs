//! The forms of MP4 (ISO/IEC 14496-15): decoder configuration, codec string, the NAL units of a sample.

use super::nal::{NalKind, nal_units};
use super::sps::{Sps, SpsError};
use crate::unit::H265Parameters;
use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of the length before each NAL unit of a sample; `hvcC` says the same.
pub const LENGTH_SIZE: usize = 4;

/// Why there is no decoder configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HvccError {
    /// The sequence parameter set cannot be read.
    #[error("no decoder configuration")]
    Sps(#[from] SpsError),
    /// A parameter set is longer than its 16-bit length field can say.
    #[error("a parameter set of {len} bytes does not fit into a decoder configuration")]
    TooLarge {
        /// Length in bytes.
        len: usize,
    },
}

/// The `HEVCDecoderConfigurationRecord` (8.3.3.1), the content of an `hvcC` box, with four-byte lengths.
///
/// # Errors
///
/// [`HvccError`] when the sequence parameter set cannot be read or a set is longer than 65 535 bytes.
pub fn decoder_configuration(parameters: &H265Parameters) -> Result<Bytes, HvccError> {
    let H265Parameters { vps, sps, pps } = parameters;
    let read = Sps::parse(sps)?;
    let profile = read.profile;
    let mut record = BytesMut::with_capacity(38 + vps.len() + sps.len() + pps.len());
    record.put_u8(1); // configurationVersion
    record.put_u8(profile.profile_space << 6 | u8::from(profile.high_tier) << 5 | profile.profile_idc);
    record.put_u32(profile.compatibility);
    record.put_slice(&profile.constraints);
    record.put_u8(profile.level_idc);
    // min_spatial_segmentation_idc and parallelismType 0: nothing is promised.
    record.put_u16(0xf000);
    record.put_u8(0xfc);
    record.put_u8(0xfc | read.chroma_format_idc);
    record.put_u8(0xf8 | (read.bit_depth_luma - 8));
    record.put_u8(0xf8 | (read.bit_depth_chroma - 8));
    record.put_u16(0); // avgFrameRate unknown
    // constantFrameRate 0: it may vary.
    record.put_u8(
        read.temporal_layers << 3 | u8::from(read.temporal_id_nesting) << 2 | (LENGTH_SIZE as u8 - 1),
    );
    record.put_u8(3); // numOfArrays
    for (kind, set) in [(32, vps), (33, sps), (34, pps)] {
        // array_completeness is required for the sample entry `hvc1` (8.4.1.1).
        record.put_u8(0x80 | kind);
        record.put_u16(1);
        record.put_u16(u16::try_from(set.len()).map_err(|_| HvccError::TooLarge { len: set.len() })?);
        record.put_slice(set);
    }
    Ok(record.freeze())
}

/// The value of the `codecs` parameter (14496-15 annex E.3), such as `hvc1.1.6.L93.B0`.
///
/// # Errors
///
/// [`SpsError`] when `parameters.sps` cannot be read.
pub fn codec_string(parameters: &H265Parameters) -> Result<String, SpsError> {
    let profile = Sps::parse(&parameters.sps)?.profile;
    let space = ["", "A", "B", "C"][usize::from(profile.profile_space & 3)];
    let tier = if profile.high_tier { 'H' } else { 'L' };
    let mut text = format!(
        "hvc1.{space}{}.{:X}.{tier}{}",
        profile.profile_idc,
        profile.compatibility.reverse_bits(),
        profile.level_idc
    );
    let used = profile.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &profile.constraints[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    Ok(text)
}

/// The NAL units of an access unit that belong into a sample of MP4.
///
/// Delimiters and filler are always left out (14496-15 8.3.2). With `parameters`, so are the parameter sets that
/// are equal to them, because `hvcC` has them; others stay, because a picture may refer to them.
pub fn sample_nal_units<'a>(
    annex_b: &'a [u8],
    parameters: Option<&'a H265Parameters>,
) -> impl Iterator<Item = &'a [u8]> {
    nal_units(annex_b).filter(move |nal| match NalKind::of(nal) {
        Some(NalKind::AccessUnitDelimiter | NalKind::Filler) | None => false,
        Some(NalKind::Vps) => parameters.is_none_or(|known| known.vps != *nal),
        Some(NalKind::Sps) => parameters.is_none_or(|known| known.sps != *nal),
        Some(NalKind::Pps) => parameters.is_none_or(|known| known.pps != *nal),
        Some(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = include_bytes!("../../../../../testdata/h265/main_bframes_70x50.h265");

    fn parameters() -> H265Parameters {
        let find = |kind| nal_units(STREAM).find(|nal| NalKind::of(nal) == Some(kind)).unwrap();
        let set = |kind| Bytes::copy_from_slice(find(kind));
        H265Parameters { vps: set(NalKind::Vps), sps: set(NalKind::Sps), pps: set(NalKind::Pps) }
    }

    /// A copy of `sps` with another profile space, tier, profile and level.
    fn with_profile(sps: &[u8], first: u8, compatibility: [u8; 4], constraints: [u8; 6], level: u8) -> Bytes {
        // The bytes from profile to level have no emulation prevention here, as the sets of this test show.
        [&sps[..3], &[first], &compatibility, &constraints, &[level], &sps[15 + emulation(sps)..]]
            .concat()
            .into()
    }

    /// How many emulation prevention bytes are among the first bytes of the set.
    fn emulation(sps: &[u8]) -> usize {
        sps[..20].windows(3).filter(|bytes| *bytes == [0, 0, 3]).count()
    }

    #[test]
    fn the_configuration_has_the_sets_and_what_the_sequence_says() {
        let params = parameters();
        let record = decoder_configuration(&params).unwrap();
        let mut expected =
            vec![1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 30, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0];
        expected.extend([0b0000_1111, 3]);
        for (kind, set) in [(0xa0, &params.vps), (0xa1, &params.sps), (0xa2, &params.pps)] {
            expected.extend([kind, 0, 1, 0, set.len() as u8]);
            expected.extend(set);
        }
        assert_eq!(record, expected);
        let large = H265Parameters { pps: Bytes::from(vec![0x44; 65_536]), ..params.clone() };
        assert_eq!(decoder_configuration(&large), Err(HvccError::TooLarge { len: 65_536 }));
        let none = H265Parameters { sps: params.pps.clone(), ..params };
        assert_eq!(decoder_configuration(&none), Err(HvccError::Sps(SpsError::NotSps)));
    }

    #[test]
    fn codec_strings_leave_out_zeros_at_the_end() {
        let mut params = parameters();
        assert_eq!(codec_string(&params).unwrap(), "hvc1.1.6.L30.90");
        let sps = params.sps.clone();
        params.sps = with_profile(&sps, 0x21, [0x60, 0, 4, 0], [0xb0, 1, 2, 3, 4, 5], 93);
        assert_eq!(codec_string(&params).unwrap(), "hvc1.1.200006.H93.B0.1.2.3.4.5");
        params.sps = with_profile(&sps, 0x82, [1, 2, 3, 4], [1, 0, 2, 0, 1, 0], 120);
        assert_eq!(codec_string(&params).unwrap(), "hvc1.B2.20C04080.L120.1.0.2.0.1");
    }

    #[test]
    fn samples_leave_out_what_the_configuration_has() {
        let params = parameters();
        let other = [&[0x44, 1, 7][..], &[0x26, 1, 9]];
        let nals: [&[u8]; 6] = [&[0x46, 1, 0x50], &params.vps, &params.sps, &params.pps, other[0], other[1]];
        let unit: Vec<u8> = nals.iter().flat_map(|nal| [&[0, 0, 1], *nal].concat()).collect();
        assert!(sample_nal_units(&unit, Some(&params)).eq(other));
        assert!(sample_nal_units(&unit, None).eq(nals[1..].iter().copied()));
    }
}
