//! Notices where reference pictures of an H.264 stream are missing, by the numbers of its pictures.

use super::bits::Bits;
use super::sps::has_chroma;
use camherd_media::codec::h264::nal::{NalKind, nal_units};

/// What the next access unit must follow. Streams whose numbers may have gaps, and sequence parameter sets that
/// cannot be read, are taken as they come.
#[derive(Debug, Default)]
pub(super) struct Continuity {
    /// Bits of `frame_num`, where it has no gaps.
    number_bits: Option<u32>,
    /// `frame_num` of the last reference picture.
    last: Option<u32>,
}

impl Continuity {
    /// Whether no reference picture is missing between the last access unit and this one.
    pub(super) fn follows(&mut self, access_unit: &[u8]) -> bool {
        for nal in nal_units(access_unit) {
            match NalKind::of(nal) {
                Some(NalKind::Sps) => self.number_bits = number_bits(nal),
                Some(NalKind::IdrSlice) => {
                    // frame_num of an IDR picture is 0 (ITU-T H.264 7.4.3).
                    self.last = Some(0);
                    return true;
                }
                Some(NalKind::Slice) => return self.slice_follows(nal),
                _ => {}
            }
        }
        true
    }

    fn slice_follows(&mut self, nal: &[u8]) -> bool {
        let (Some(count), Some(last)) = (self.number_bits, self.last) else { return true };
        let Some(number) = frame_num(nal, count) else { return false };
        let next = (last + 1) & ((1 << count) - 1);
        // nal_ref_idc: not 0 in a reference picture.
        if nal.first().is_some_and(|header| header & 0x60 != 0) {
            self.last = Some(number);
        }
        number == last || number == next
    }
}

/// Bits of `frame_num` (7.4.2.1.1); `None` where gaps are allowed, or the set cannot be read.
fn number_bits(nal: &[u8]) -> Option<u32> {
    let (&[_, profile_idc, _, _], rest) = nal.split_first_chunk()?;
    let bits = &mut Bits::new(rest);
    bits.ue()?; // seq_parameter_set_id
    if has_chroma(profile_idc) {
        let chroma_format_idc = bits.ue()?;
        if chroma_format_idc == 3 {
            // separate_colour_plane_flag puts an element before frame_num, and 4:4:4 is not decoded anyway.
            return None;
        }
        bits.ue()?; // bit_depth_luma_minus8
        bits.ue()?; // bit_depth_chroma_minus8
        bits.bit()?; // qpprime_y_zero_transform_bypass_flag
        if bits.bit()? == 1 {
            for list in 0..8 {
                if bits.bit()? == 1 {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let count = bits.ue()?.checked_add(4).filter(|count| *count <= 16)?;
    match bits.ue()? {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.bit()?; // delta_pic_order_always_zero_flag
            bits.ue()?; // offset_for_non_ref_pic
            bits.ue()?; // offset_for_top_to_bottom_field
            for _ in 0..bits.ue()?.min(255) {
                bits.ue()?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    bits.ue()?; // max_num_ref_frames
    (bits.bit()? == 0).then_some(count)
}

/// scaling_list (7.3.2.1.1.1): it ends where the next scale would be zero.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let mut scale = 8_i64;
    for _ in 0..size {
        let code = i64::from(bits.ue()?);
        let delta = if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 };
        scale = (scale + delta).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

/// `frame_num` of a slice (7.3.3).
fn frame_num(nal: &[u8], count: u32) -> Option<u32> {
    let bits = &mut Bits::new(nal.get(1..)?);
    bits.ue()?; // first_mb_in_slice
    bits.ue()?; // slice_type
    bits.ue()?; // pic_parameter_set_id
    bits.u(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::bits::Writer;

    const START: [u8; 4] = [0, 0, 0, 1];

    /// A baseline sequence parameter set with four bits of `frame_num`.
    fn sps(gaps: u32) -> Vec<u8> {
        let mut writer = Writer::default();
        // id, log2_max_frame_num_minus4, pic_order_cnt_type, max_num_ref_frames
        [0, 0, 2, 1].into_iter().for_each(|value| writer.ue(value));
        writer.bits(&[gaps, 1]);
        let mut nal = [&START[..], &[0x67, 66, 0, 30]].concat();
        writer.append_escaped(&mut nal);
        nal
    }

    /// A slice of a picture with that number; `header` tells reference (0x61) from other (0x01).
    fn slice(header: u8, number: u32) -> Vec<u8> {
        let mut writer = Writer::default();
        [0, 5, 0].into_iter().for_each(|value| writer.ue(value));
        (0..4).rev().for_each(|bit| writer.bits(&[number >> bit & 1]));
        writer.bits(&[1]);
        let mut nal = [&START[..], &[header]].concat();
        writer.append_escaped(&mut nal);
        nal
    }

    fn after_keyframe(gaps: u32) -> Continuity {
        let mut continuity = Continuity::default();
        assert!(continuity.follows(&[sps(gaps), slice(0x65, 0)].concat()));
        continuity
    }

    #[test]
    fn numbers_that_count_on_and_wrap_follow() {
        let mut continuity = after_keyframe(0);
        assert!((1..40).all(|number| continuity.follows(&slice(0x61, number % 16))));
        // Pictures that are no references count no further, and the second field has the number of the first.
        for (header, number) in [(0x01, 8), (0x01, 8), (0x61, 8), (0x61, 8), (0x61, 9)] {
            assert!(continuity.follows(&slice(header, number)), "{number}");
        }
    }

    #[test]
    fn a_number_left_out_is_noticed_unless_gaps_are_allowed() {
        for missing in [2, 5, 15] {
            assert!(!after_keyframe(0).follows(&slice(0x61, missing)), "{missing}");
            assert!(after_keyframe(1).follows(&slice(0x61, missing)), "{missing}");
        }
        assert!(!after_keyframe(0).follows(&[&START[..], &[0x61]].concat()), "a slice without a number");
    }
}
