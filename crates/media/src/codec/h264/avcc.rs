//! The forms of MP4 (ISO/IEC 14496-15): decoder configuration, codec string, length-prefixed NAL units.

use super::nal::{NalKind, nal_units};
use super::sps::{Sps, SpsError, has_colour};
use crate::unit::H264Parameters;
use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of the length before each NAL unit in [`put_length_prefixed`]; `avcC` says the same.
pub const LENGTH_SIZE: usize = 4;

/// Why there is no decoder configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvccError {
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

/// The `AVCDecoderConfigurationRecord` (5.3.3.1), the content of an `avcC` box, with four-byte lengths.
///
/// # Errors
///
/// [`AvccError`] when the sequence parameter set cannot be read or a set is longer than 65 535 bytes.
pub fn decoder_configuration(parameters: &H264Parameters) -> Result<Bytes, AvccError> {
    let H264Parameters { sps, pps } = parameters;
    let read = Sps::parse(sps)?;
    let length = |set: &Bytes| u16::try_from(set.len()).map_err(|_| AvccError::TooLarge { len: set.len() });
    let mut record = BytesMut::with_capacity(15 + sps.len() + pps.len());
    record.put_u8(1); // configurationVersion
    record.put_slice(&[read.profile_idc, read.constraint_flags, read.level_idc]);
    record.put_u8(0xfc | (LENGTH_SIZE as u8 - 1));
    record.put_u8(0xe0 | 1); // numOfSequenceParameterSets
    record.put_u16(length(sps)?);
    record.put_slice(sps);
    record.put_u8(1); // numOfPictureParameterSets
    record.put_u16(length(pps)?);
    record.put_slice(pps);
    if has_colour(read.profile_idc) {
        record.put_u8(0xfc | read.chroma_format_idc);
        record.put_u8(0xf8 | (read.bit_depth_luma - 8));
        record.put_u8(0xf8 | (read.bit_depth_chroma - 8));
        record.put_u8(0); // numOfSequenceParameterSetExt
    }
    Ok(record.freeze())
}

/// The value of the `codecs` parameter (RFC 6381 3.3), such as `avc1.42C01F`.
///
/// # Errors
///
/// [`SpsError`] when `parameters.sps` is not a sequence parameter set or ends before the level.
pub fn codec_string(parameters: &H264Parameters) -> Result<String, SpsError> {
    if NalKind::of(&parameters.sps) != Some(NalKind::Sps) {
        return Err(SpsError::NotSps);
    }
    match parameters.sps[..] {
        [_, profile, constraints, level, ..] => Ok(format!("avc1.{profile:02X}{constraints:02X}{level:02X}")),
        _ => Err(SpsError::Truncated),
    }
}

/// The NAL units of an access unit that belong into a sample of MP4.
///
/// Delimiters and filler are always left out (14496-15 5.3.2). With `parameters`, so are the parameter sets that
/// are equal to them, because `avcC` has them; others stay, because a picture may refer to them.
pub fn sample_nal_units<'a>(
    annex_b: &'a [u8],
    parameters: Option<&'a H264Parameters>,
) -> impl Iterator<Item = &'a [u8]> {
    nal_units(annex_b).filter(move |nal| match NalKind::of(nal) {
        Some(NalKind::AccessUnitDelimiter | NalKind::Filler) | None => false,
        Some(NalKind::Sps) => parameters.is_none_or(|known| known.sps != *nal),
        Some(NalKind::Pps) => parameters.is_none_or(|known| known.pps != *nal),
        Some(_) => true,
    })
}

/// How many bytes [`put_length_prefixed`] writes.
#[must_use]
pub fn length_prefixed_len(annex_b: &[u8], parameters: Option<&H264Parameters>) -> usize {
    sample_nal_units(annex_b, parameters).map(|nal| LENGTH_SIZE + nal.len()).sum()
}

/// Appends the access unit `annex_b` to `out` in the form of MP4: each of its [`sample_nal_units`] after its
/// length in four bytes, big-endian.
///
/// `out` must grow as needed, as `Vec` and `BytesMut` do.
pub fn put_length_prefixed(annex_b: &[u8], parameters: Option<&H264Parameters>, out: &mut impl BufMut) {
    for nal in sample_nal_units(annex_b, parameters) {
        // A NAL unit of 4 GiB is a thousand times the limit on access units.
        let Ok(length) = u32::try_from(nal.len()) else { continue };
        out.put_u32(length);
        out.put_slice(nal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(stream: &[u8]) -> H264Parameters {
        let find = |kind| nal_units(stream).find(|nal| NalKind::of(nal) == Some(kind)).unwrap();
        H264Parameters {
            sps: Bytes::copy_from_slice(find(NalKind::Sps)),
            pps: Bytes::copy_from_slice(find(NalKind::Pps)),
        }
    }

    const BASELINE: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");
    const HIGH10: &[u8] = include_bytes!("../../../../../testdata/h264/high10_38x30.h264");

    #[test]
    fn baseline_configuration_has_the_sets_and_nothing_more() {
        let params = parameters(BASELINE);
        let record = decoder_configuration(&params).unwrap();
        let mut expected = vec![1, 0x42, 0xc0, 0x0a, 0xff, 0xe1, 0, params.sps.len() as u8];
        expected.extend(&params.sps);
        expected.extend([1, 0, params.pps.len() as u8]);
        expected.extend(&params.pps);
        assert_eq!(record, expected);
    }

    #[test]
    fn high_profiles_say_their_colour_format() {
        let record = decoder_configuration(&parameters(HIGH10)).unwrap();
        assert_eq!(record[record.len() - 4..], [0xfd, 0xfa, 0xfa, 0]);
    }

    #[test]
    fn codec_strings() {
        assert_eq!(codec_string(&parameters(BASELINE)).unwrap(), "avc1.42C00A");
        assert_eq!(codec_string(&parameters(HIGH10)).unwrap(), "avc1.6E000A");
        let with = |sps: &'static [u8]| H264Parameters { sps: Bytes::from_static(sps), pps: Bytes::new() };
        assert_eq!(codec_string(&with(&[0x67, 66, 0])), Err(SpsError::Truncated));
        assert_eq!(codec_string(&with(&[0x68, 66, 0, 31])), Err(SpsError::NotSps));
        assert_eq!(codec_string(&with(&[])), Err(SpsError::NotSps));
    }

    #[test]
    fn a_set_that_does_not_fit_is_an_error() {
        let mut params = parameters(BASELINE);
        params.pps = Bytes::from(vec![0x68; 65_536]);
        assert_eq!(decoder_configuration(&params), Err(AvccError::TooLarge { len: 65_536 }));
        params.sps = params.pps.clone();
        assert_eq!(decoder_configuration(&params), Err(AvccError::Sps(SpsError::NotSps)));
    }

    #[test]
    fn samples_leave_out_what_the_configuration_has() {
        let unit = [
            &[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 1][..],
            &[0, 0, 1, 0x68, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 4, 5, 0, 0, 0, 1, 12, 0xff],
        ]
        .concat();
        let known =
            H264Parameters { sps: Bytes::from_static(&[0x67, 1]), pps: Bytes::from_static(&[0x68, 2]) };
        let mut out = vec![0xaa];
        put_length_prefixed(&unit, Some(&known), &mut out);
        assert_eq!(out, [0xaa, 0, 0, 0, 2, 0x68, 3, 0, 0, 0, 3, 0x65, 4, 5]);
        assert_eq!(length_prefixed_len(&unit, Some(&known)), out.len() - 1);
        let mut out = BytesMut::new();
        put_length_prefixed(&unit, None, &mut out);
        assert_eq!(out[..16], [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x68, 2, 0, 0, 0, 2]);
        assert_eq!(length_prefixed_len(&unit, None), out.len());
    }
}
