//! What the muxers ask of a payload beyond what [`codec::h264`](crate::codec::h264) knows.

use super::MuxError;
use crate::codec::h264::nal::NalKind;

/// What the first NAL unit of an access unit is; `None` where nothing follows the start code.
///
/// An error when the payload does not begin with a start code: then it is in another form, and what looks
/// like start codes in it are none.
pub(super) fn first_nal_kind(payload: &[u8]) -> Result<Option<NalKind>, MuxError> {
    let zeros = payload.iter().take_while(|byte| **byte == 0).count();
    match payload[zeros..] {
        [1, ref nal @ ..] if zeros >= 2 => Ok(NalKind::of(nal)),
        _ => Err(MuxError::NotAnnexB { length: payload.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_start_codes_of_any_length() {
        for good in [&[0, 0, 1, 9][..], &[0, 0, 0, 1, 9], &[0, 0, 0, 0, 0, 1, 9, 0, 0, 1, 5]] {
            assert_eq!(first_nal_kind(good), Ok(Some(NalKind::AccessUnitDelimiter)), "{good:?}");
        }
        assert_eq!(first_nal_kind(&[0, 0, 1]), Ok(None));
    }

    #[test]
    fn refuses_what_does_not_begin_with_a_start_code() {
        for bad in [&[][..], &[0], &[0, 0], &[0, 1, 9], &[9, 0, 0, 1], &[0, 0, 2], &[0, 0, 0]] {
            assert_eq!(first_nal_kind(bad), Err(MuxError::NotAnnexB { length: bad.len() }), "{bad:?}");
        }
    }
}
