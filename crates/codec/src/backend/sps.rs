//! The sequence parameter set that makes OpenH264 give out pictures at once.

use super::bits::{Bits, Writer};

/// `profile_idc` of baseline (ITU-T H.264 A.2.1).
const BASELINE: u8 = 66;
/// `profile_idc` of scalable baseline (F.3).
const SCALABLE_BASELINE: u8 = 83;

/// The same parameter set in a profile of which OpenH264 believes that it has no B-frames. Of others it keeps
/// the last picture back, and those that are not references it never frees again when they are demanded.
/// `None` where the bits end.
pub(super) fn without_reordering(nal: &[u8]) -> Option<Vec<u8>> {
    let (&[header, profile_idc, constraints, level_idc], rest) = nal.split_first_chunk()?;
    if profile_idc == BASELINE {
        return Some(nal.to_vec());
    }
    let mut out = vec![header, SCALABLE_BASELINE, constraints, level_idc];
    if has_chroma(profile_idc) {
        out.extend_from_slice(rest);
        return Some(out);
    }
    // Scalable baseline has the elements of high, where main has none: 4:2:0, 8 bits, no scaling lists.
    let mut bits = Bits::new(rest);
    let mut writer = Writer::default();
    writer.ue(bits.ue()?);
    writer.bits(&[0, 1, 0, 1, 1, 0, 0]);
    while let Some(bit) = bits.bit() {
        writer.bits(&[bit]);
    }
    writer.append_escaped(&mut out);
    Some(out)
}

/// Whether the sequence parameter set of this profile has chroma_format_idc and what follows (7.3.2.1.1).
pub(super) fn has_chroma(profile_idc: u8) -> bool {
    matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

#[cfg(test)]
mod tests {
    use super::*;
    use camherd_media::codec::h264::sps::Sps;

    /// What libx264 writes for main, 640x480, with VUI.
    const MAIN: &[u8] = &[
        0x67, 0x4d, 0x40, 0x1e, 0xe8, 0x80, 0x50, 0x1e, 0xd0, 0x0f, 0x10, 0x00, 0x00, 0x3e, 0x80, 0x00, 0x0b,
        0xb8, 0x00, 0xf1, 0x62, 0xe4, 0x80,
    ];

    #[test]
    fn nothing_but_the_profile_changes() {
        let before = Sps::parse(MAIN).unwrap();
        let mut after = Sps::parse(&without_reordering(MAIN).unwrap()).unwrap();
        assert_eq!((before.profile_idc, after.profile_idc), (77, SCALABLE_BASELINE));
        after.profile_idc = before.profile_idc;
        assert_eq!(after, before);
    }

    #[test]
    fn baseline_stays_and_high_needs_no_more_than_another_profile() {
        let baseline = [0x67, BASELINE, 0xc0, 30, 0xda, 1, 2, 3];
        assert_eq!(without_reordering(&baseline).unwrap(), baseline);
        assert_eq!(without_reordering(&[0x67, 100, 0, 30, 0xac, 1]).unwrap(), [0x67, 83, 0, 30, 0xac, 1]);
    }

    #[test]
    fn every_truncation_is_answered() {
        for cut in 0..=4 {
            assert!(without_reordering(&MAIN[..cut]).is_none(), "cut at {cut}");
        }
        for cut in 5..MAIN.len() {
            assert!(without_reordering(&MAIN[..cut]).is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn start_codes_do_not_come_into_being() {
        let main = [0x67, 77, 0, 30, 0b1000_0000, 0, 0, 0x80, 0, 0, 3, 0, 0x80];
        let out = without_reordering(&main).unwrap();
        assert!(out.windows(3).all(|bytes| bytes[..2] != [0, 0] || bytes[2] == 3), "{out:x?}");
        // The bits behind the inserted ones, without emulation prevention.
        let mut bits = Bits::new(&out[4..]);
        (0..8).for_each(|_| assert!(bits.bit().is_some()));
        let mut rest = Bits::new(&main[4..]);
        rest.bit();
        std::iter::from_fn(|| rest.bit()).zip(0..).for_each(|(bit, at)| {
            assert_eq!(bits.bit().unwrap_or(0), bit, "bit {at}");
        });
    }
}
