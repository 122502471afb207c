//! Video usability information (ITU-T H.264 annex E.1): colour and the order of the pictures.

use crate::codec::bits::{BitReader, OutOfBits};
use crate::unit::{Colour, Matrix};

/// Most pictures that can be held back for their order: the largest decoded picture buffer (A.3.1).
const MAX_REORDER: u32 = 16;

/// `aspect_ratio_idc` that is followed by the ratio itself (table E-1).
const EXTENDED_SAR: u32 = 255;

/// What is used of the information.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Vui {
    pub(super) colour: Colour,
    /// `max_num_reorder_frames`, where it is said.
    pub(super) max_num_reorder_frames: Option<u8>,
    /// `num_units_in_tick` and `time_scale`, where they are said.
    pub(super) timing: Option<(u32, u32)>,
}

impl Vui {
    /// Reads as much as there is.
    pub(super) fn read(bits: &mut BitReader<'_>) -> Vui {
        let mut vui = Vui::default();
        // What comes before the end, or before an element that makes no sense, counts.
        let _ = vui.read_all(bits);
        vui
    }

    fn read_all(&mut self, bits: &mut BitReader<'_>) -> Result<(), OutOfBits> {
        if bits.flag()? && bits.bits(8)? == EXTENDED_SAR {
            bits.bits(32)?;
        }
        if bits.flag()? {
            bits.flag()?; // overscan_appropriate_flag
        }
        if bits.flag()? {
            self.colour = signal_type(bits)?;
        }
        if bits.flag()? {
            bits.ue()?; // chroma_sample_loc_type_top_field
            bits.ue()?; // chroma_sample_loc_type_bottom_field
        }
        if bits.flag()? {
            self.timing = Some((bits.bits(32)?, bits.bits(32)?));
            bits.flag()?; // fixed_frame_rate_flag
        }
        let (nal_hrd, vcl_hrd) = (skip_hrd(bits)?, skip_hrd(bits)?);
        if nal_hrd || vcl_hrd {
            bits.flag()?; // low_delay_hrd_flag
        }
        bits.flag()?; // pic_struct_present_flag
        if bits.flag()? {
            bits.flag()?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                // max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_horizontal and _vertical
                bits.ue()?;
            }
            let frames = bits.ue()?;
            if frames <= MAX_REORDER {
                self.max_num_reorder_frames = Some(frames as u8);
            }
        }
        Ok(())
    }
}

/// Range and matrix, after `video_signal_type_present_flag`.
fn signal_type(bits: &mut BitReader<'_>) -> Result<Colour, OutOfBits> {
    bits.bits(3)?; // video_format
    let mut colour = Colour { full_range: bits.flag()?, ..Colour::default() };
    if bits.flag()? {
        bits.bits(16)?; // colour_primaries, transfer_characteristics
        colour.matrix = match bits.bits(8)? {
            // BT.2020 (9, 10) is much nearer to BT.709 than to BT.601.
            1 | 9 | 10 => Matrix::Bt709,
            _ => Matrix::Bt601,
        };
    }
    Ok(colour)
}

/// A present flag and the parameters of a hypothetical reference decoder (E.1.2) after it.
fn skip_hrd(bits: &mut BitReader<'_>) -> Result<bool, OutOfBits> {
    if !bits.flag()? {
        return Ok(false);
    }
    let count = bits.ue()?;
    // cpb_cnt_minus1 is 0 to 31 (E.2.2).
    if count > 31 {
        return Err(OutOfBits);
    }
    bits.bits(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=count {
        bits.ue()?; // bit_rate_value_minus1
        bits.ue()?; // cpb_size_value_minus1
        bits.flag()?; // cbr_flag
    }
    bits.bits(20)?; // lengths of the delays
    Ok(true)
}
