//! What the muxers ask of a payload beyond what [`codec`](crate::codec) knows.

use super::MuxError;

/// An access unit from the header of its first NAL unit on; empty where nothing follows the start code.
///
/// An error when the payload does not begin with a start code: then it is in another form, and what looks
/// like start codes in it are none.
pub(super) fn first_nal(payload: &[u8]) -> Result<&[u8], MuxError> {
    let zeros = payload.iter().take_while(|byte| **byte == 0).count();
    match payload[zeros..] {
        [1, ref nal @ ..] if zeros >= 2 => Ok(nal),
        _ => Err(MuxError::NotAnnexB { length: payload.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_start_codes_of_any_length() {
        for good in [&[0, 0, 1, 9][..], &[0, 0, 0, 1, 9], &[0, 0, 0, 0, 0, 1, 9, 0, 0, 1, 5]] {
            assert_eq!(first_nal(good).map(|nal| nal[0]), Ok(9), "{good:?}");
        }
        assert_eq!(first_nal(&[0, 0, 1]), Ok(&[][..]));
    }

    #[test]
    fn refuses_what_does_not_begin_with_a_start_code() {
        for bad in [&[][..], &[0], &[0, 0], &[0, 1, 9], &[9, 0, 0, 1], &[0, 0, 2], &[0, 0, 0]] {
            assert_eq!(first_nal(bad), Err(MuxError::NotAnnexB { length: bad.len() }), "{bad:?}");
        }
    }
}
