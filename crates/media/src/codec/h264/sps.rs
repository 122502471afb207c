//! The sequence parameter set: profile, level, size and order of the pictures (ITU-T H.264 7.3.2.1.1).

use super::nal::NalKind;
use super::vui::Vui;
use crate::codec::bits::{BitReader, OutOfBits};
use crate::codec::jpeg::MAX_DIMENSION;
use crate::unit::Colour;

/// Largest parameter set that is kept, in bytes. The largest possible sequence parameter set (twelve scaling
/// lists, 255 reference offsets, two HRD descriptions) has less; `avcC` could hold 65 535.
pub const MAX_PARAMETER_SET: usize = 4096;

/// What a sequence parameter set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc` (A.2): 66 baseline, 77 main, 100 high.
    pub profile_idc: u8,
    /// The byte after `profile_idc`: `constraint_set0_flag` in the most significant bit.
    pub constraint_flags: u8,
    /// `level_idc` (A.3): ten times the level.
    pub level_idc: u8,
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// `chroma_format_idc`: 0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits per luma sample, 8 to 14.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample, 8 to 14.
    pub bit_depth_chroma: u8,
    /// Whether the stream has frames only, no fields.
    pub frame_mbs_only: bool,
    /// Width after cropping in pixels, 1 to 8192.
    pub width: u32,
    /// Height after cropping in pixels, 1 to 8192.
    pub height: u32,
    /// `pic_order_cnt_type`; with 2, pictures are shown in the order in which they are decoded.
    pub pic_order_cnt_type: u8,
    vui: Vui,
}

/// Why a NAL unit is not a usable sequence parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpsError {
    /// The NAL unit has another type, or is empty.
    #[error("the NAL unit is not a sequence parameter set")]
    NotSps,
    /// The bits end before the size of the picture is known.
    #[error("the sequence parameter set ends too early")]
    Truncated,
    /// A syntax element is outside its range.
    #[error("the sequence parameter set has {element} = {value}, which is out of range")]
    OutOfRange {
        /// Name of the element in ITU-T H.264.
        element: &'static str,
        /// What it is.
        value: i64,
    },
    /// A side of the picture is zero, negative after cropping, or more than [`MAX_DIMENSION`].
    #[error("H.264 picture of {width}x{height} pixels: each side must have 1 to {MAX_DIMENSION}")]
    BadDimensions {
        /// Pixels per line.
        width: i64,
        /// Lines.
        height: i64,
    },
}

impl From<OutOfBits> for SpsError {
    fn from(_: OutOfBits) -> SpsError {
        SpsError::Truncated
    }
}

impl Sps {
    /// Reads a NAL unit of type 7 without start code. What cannot be read of the usability information (VUI) counts
    /// as not said: cameras are careless there, and their pictures can be decoded nevertheless.
    ///
    /// # Errors
    ///
    /// [`SpsError`] says which element is wrong.
    pub fn parse(nal: &[u8]) -> Result<Sps, SpsError> {
        if NalKind::of(nal) != Some(NalKind::Sps) {
            return Err(SpsError::NotSps);
        }
        let bits = &mut BitReader::new(&nal[1..]);
        let profile_idc = octet(bits)?;
        let constraint_flags = octet(bits)?;
        let level_idc = octet(bits)?;
        let id = ue_up_to(bits, "seq_parameter_set_id", 31)?;
        let colour = if has_colour(profile_idc) { Sampling::read(bits)? } else { Sampling::DEFAULT };
        ue_up_to(bits, "log2_max_frame_num_minus4", 12)?;
        let pic_order_cnt_type = picture_order(bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag
        let columns = u64::from(bits.ue()?) + 1;
        let map_units = u64::from(bits.ue()?) + 1;
        let frame_mbs_only = bits.flag()?;
        if !frame_mbs_only {
            bits.flag()?; // mb_adaptive_frame_field_flag
        }
        bits.flag()?; // direct_8x8_inference_flag
        let crop = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
        let (width, height) = colour.cropped(columns, map_units, frame_mbs_only, crop)?;
        let vui = if bits.flag().unwrap_or(false) { Vui::read(bits) } else { Vui::default() };
        Ok(Sps {
            profile_idc,
            constraint_flags,
            level_idc,
            id,
            chroma_format_idc: colour.chroma_format_idc,
            bit_depth_luma: colour.bit_depth_luma,
            bit_depth_chroma: colour.bit_depth_chroma,
            frame_mbs_only,
            width,
            height,
            pic_order_cnt_type,
            vui,
        })
    }

    /// What the samples of the decoded pictures mean; limited range and BT.601 where the set does not say.
    #[must_use]
    pub fn colour(&self) -> Colour {
        self.vui.colour
    }

    /// Frames per second, where the set says so (E.2.1): two fields, each a tick, make one. `None` also for what is
    /// no rate at all. Many encoders write one that their pictures do not keep to.
    #[must_use]
    pub fn frame_rate(&self) -> Option<f64> {
        let (units_in_tick, time_scale) = self.vui.timing?;
        let known = units_in_tick > 0 && time_scale > 0;
        known.then(|| f64::from(time_scale) / (2.0 * f64::from(units_in_tick)))
    }

    /// How many pictures may come before one in decoding order and after it in output order, 0 to 16: 0 where
    /// pictures are shown in the order in which they are decoded. `None` when the set does not bound it by less
    /// than the size of the decoder's memory (E.2.1, `max_num_reorder_frames`).
    #[must_use]
    pub fn reorder_frames(&self) -> Option<u8> {
        // Profiles that are intra only with constraint_set3_flag (A.2.8 to A.2.11, E.2.1), and those without B slices.
        let intra_only =
            matches!(self.profile_idc, 44 | 86 | 100 | 110 | 122 | 244) && self.constraint_flags & 0x10 != 0;
        if self.pic_order_cnt_type == 2 || self.profile_idc == 66 || intra_only {
            return Some(0);
        }
        self.vui.max_num_reorder_frames
    }
}

/// Whether the set of this profile has the elements of [`Sampling`] (7.3.2.1.1).
pub(super) fn has_colour(profile_idc: u8) -> bool {
    matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

/// The elements that the high profiles add.
struct Sampling {
    chroma_format_idc: u8,
    separate_planes: bool,
    bit_depth_luma: u8,
    bit_depth_chroma: u8,
}

impl Sampling {
    /// What is inferred where the elements are absent (7.4.2.1.1).
    const DEFAULT: Sampling =
        Sampling { chroma_format_idc: 1, separate_planes: false, bit_depth_luma: 8, bit_depth_chroma: 8 };

    fn read(bits: &mut BitReader<'_>) -> Result<Sampling, SpsError> {
        let chroma_format_idc = ue_up_to(bits, "chroma_format_idc", 3)?;
        let separate_planes = chroma_format_idc == 3 && bits.flag()?;
        let bit_depth_luma = 8 + ue_up_to(bits, "bit_depth_luma_minus8", 6)?;
        let bit_depth_chroma = 8 + ue_up_to(bits, "bit_depth_chroma_minus8", 6)?;
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            let lists = if chroma_format_idc == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Ok(Sampling { chroma_format_idc, separate_planes, bit_depth_luma, bit_depth_chroma })
    }

    /// Width and height after cropping; `crop` is left, right, top, bottom in units of 7.4.2.1.1 (7-19 to 7-22).
    fn cropped(
        &self,
        columns: u64,
        map_units: u64,
        frame_mbs_only: bool,
        crop: [u32; 4],
    ) -> Result<(u32, u32), SpsError> {
        let chroma_array_type = if self.separate_planes { 0 } else { self.chroma_format_idc };
        let (unit_x, unit_y) = match chroma_array_type {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let fields = if frame_mbs_only { 1 } else { 2 };
        let [left, right, top, bottom] = crop.map(i64::from);
        // All factors are below 2^33: no product comes near the ends of i64.
        let width = columns as i64 * 16 - unit_x * (left + right);
        let height = map_units as i64 * 16 * fields - unit_y * fields * (top + bottom);
        let side = |pixels| u32::try_from(pixels).ok().filter(|side| (1..=MAX_DIMENSION).contains(side));
        side(width).zip(side(height)).ok_or(SpsError::BadDimensions { width, height })
    }
}

/// scaling_list (7.3.2.1.1.1).
fn skip_scaling_list(bits: &mut BitReader<'_>, size: u32) -> Result<(), SpsError> {
    let mut last = 8i64;
    for _ in 0..size {
        let delta = bits.se()?;
        if !(-128..=127).contains(&delta) {
            return Err(SpsError::OutOfRange { element: "delta_scale", value: delta });
        }
        let next = (last + delta + 256) % 256;
        if next == 0 {
            // The rest of the list repeats its last value and is not sent.
            return Ok(());
        }
        last = next;
    }
    Ok(())
}

/// `pic_order_cnt_type`, and past what belongs to it.
fn picture_order(bits: &mut BitReader<'_>) -> Result<u8, SpsError> {
    let kind = ue_up_to(bits, "pic_order_cnt_type", 2)?;
    match kind {
        0 => {
            ue_up_to(bits, "log2_max_pic_order_cnt_lsb_minus4", 12)?;
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            for _ in 0..ue_up_to(bits, "num_ref_frames_in_pic_order_cnt_cycle", 255)? {
                bits.se()?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    Ok(kind)
}

fn octet(bits: &mut BitReader<'_>) -> Result<u8, SpsError> {
    Ok(bits.bits(8)? as u8)
}

/// ue(v) of at most `max`, which fits in a byte.
fn ue_up_to(bits: &mut BitReader<'_>, element: &'static str, max: u8) -> Result<u8, SpsError> {
    let value = bits.ue()?;
    u8::try_from(value)
        .ok()
        .filter(|&small| small <= max)
        .ok_or(SpsError::OutOfRange { element, value: value.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::h264::nal::nal_units;
    use crate::unit::Matrix;

    fn first_sps(stream: &[u8]) -> &[u8] {
        nal_units(stream).find(|nal| NalKind::of(nal) == Some(NalKind::Sps)).unwrap()
    }

    #[test]
    fn says_the_frame_rate_where_the_set_does() {
        let stream = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");
        let mut sps = Sps::parse(first_sps(stream)).unwrap();
        assert_eq!(sps.frame_rate(), Some(10.0));
        for timing in [None, Some((0, 60)), Some((1, 0))] {
            sps.vui.timing = timing;
            assert_eq!(sps.frame_rate(), None, "{timing:?}");
        }
    }

    /// Bits of a set in the making; the same codes as [`BitReader`], written.
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn bits(mut self, value: u64, count: u32) -> Bits {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }
        fn ue(self, value: u32) -> Bits {
            let code = u64::from(value) + 1;
            self.bits(code, 2 * code.ilog2() + 1)
        }
        fn se(self, value: i32) -> Bits {
            let code = if value > 0 { 2 * value - 1 } else { -2 * value };
            self.ue(code as u32)
        }
        fn sps(self) -> Vec<u8> {
            let mut nal = vec![0x67];
            let mut zeros = 0;
            for bits in self.bits(1, 1).0.chunks(8) {
                let byte = (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&true)));
                if zeros == 2 && byte <= 3 {
                    nal.push(3);
                    zeros = 0;
                }
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                nal.push(byte);
            }
            nal
        }
        /// From log2_max_frame_num to the cropping window, for a set of 4x3 macroblocks.
        fn tail(self, crop: [u32; 4]) -> Bits {
            let bits = self.ue(0).ue(2).ue(1).bits(0, 1).ue(3).ue(2).bits(0b111, 3);
            crop.into_iter().fold(bits, Bits::ue)
        }
    }

    fn header(profile: u64) -> Bits {
        Bits::default().bits(profile, 8).bits(0xc0, 8).bits(31, 8).ue(7)
    }

    #[test]
    fn reads_real_streams() {
        macro_rules! check {
            ($file:literal, $profile:expr, $chroma:expr, $depth:expr, $frames:expr, $size:expr) => {
                let sps =
                    Sps::parse(first_sps(include_bytes!(concat!("../../../../../testdata/h264/", $file))));
                let sps = sps.unwrap();
                assert_eq!((sps.profile_idc, sps.chroma_format_idc), ($profile, $chroma), $file);
                assert_eq!((sps.bit_depth_luma, sps.bit_depth_chroma), ($depth, $depth), $file);
                assert_eq!((sps.frame_mbs_only, (sps.width, sps.height)), ($frames, $size), $file);
            };
        }
        check!("baseline_4slices_64x64.h264", 66, 1, 8, true, (64, 64));
        check!("high_cropped_70x50_aud.h264", 100, 1, 8, true, (70, 50));
        check!("high_interlaced_64x72.h264", 100, 1, 8, false, (64, 72));
        check!("high422_38x30.h264", 122, 2, 8, true, (38, 30));
        check!("high444_37x29.h264", 244, 3, 8, true, (37, 29));
        check!("high10_38x30.h264", 110, 1, 10, true, (38, 30));
        check!("high_gray_38x30.h264", 100, 0, 8, true, (38, 30));
    }

    #[test]
    fn order_and_colour_are_read_from_real_streams() {
        macro_rules! sps {
            ($file:literal) => {
                Sps::parse(first_sps(include_bytes!(concat!("../../../../../testdata/h264/", $file))))
                    .unwrap()
            };
        }
        let baseline = sps!("baseline_4slices_64x64.h264");
        assert_eq!((baseline.reorder_frames(), baseline.colour()), (Some(0), Colour::default()));
        assert_eq!(sps!("high_cropped_70x50_aud.h264").reorder_frames(), Some(0));
        let pyramid = sps!("main_bpyramid_fullrange_64x64.h264");
        assert_eq!(pyramid.reorder_frames(), Some(2));
        assert_eq!(pyramid.colour(), Colour { full_range: true, matrix: Matrix::Bt709 });
    }

    /// A set of 4x3 macroblocks with order type 0 and this usability information.
    fn with_vui(profile: u64, vui: impl FnOnce(Bits) -> Bits) -> Sps {
        let bits = header(profile);
        let bits = if has_colour(profile as u8) { bits.ue(1).ue(0).ue(0).bits(0, 2) } else { bits };
        let bits = bits.ue(0).ue(0).ue(2).ue(1).bits(0, 1).ue(3).ue(2).bits(0b110, 3);
        Sps::parse(&vui(bits).sps()).unwrap()
    }

    #[test]
    fn usability_information_counts_as_far_as_it_can_be_read() {
        let silent = with_vui(77, |bits| bits.bits(0, 1));
        assert_eq!((silent.reorder_frames(), silent.colour()), (None, Colour::default()));
        // Aspect ratio 255 with its ratio, overscan, range and matrix, chroma location, timing.
        let begin = |bits: Bits| {
            let bits = bits.bits(1, 1).bits(1, 1).bits(255, 8).bits(1, 16).bits(1, 16).bits(0b11, 2);
            let bits = bits.bits(1, 1).bits(5, 3).bits(0b11, 2).bits(1, 8).bits(1, 8).bits(9, 8);
            bits.bits(1, 1).ue(2).ue(3).bits(1, 1).bits(1, 32).bits(50, 32).bits(1, 1)
        };
        // Two HRD descriptions and low delay, then the restriction.
        let hrd = |bits: Bits| {
            bits.bits(1, 1).ue(1).bits(0, 8).ue(5).ue(6).bits(0, 1).ue(7).ue(8).bits(1, 1).bits(0, 20)
        };
        let end = |bits: Bits, frames| {
            let bits = hrd(hrd(begin(bits))).bits(0b0111, 3).bits(0, 1);
            bits.ue(2).ue(1).ue(9).ue(9).ue(frames).ue(4)
        };
        let colour = Colour { full_range: true, matrix: Matrix::Bt709 };
        let whole = with_vui(77, |bits| end(bits, 3));
        assert_eq!((whole.reorder_frames(), whole.colour()), (Some(3), colour));
        let wild = with_vui(77, |bits| end(bits, 17));
        assert_eq!((wild.reorder_frames(), wild.colour()), (None, colour));
        let cut = with_vui(77, begin);
        assert_eq!((cut.reorder_frames(), cut.colour()), (None, colour));
    }

    #[test]
    fn profiles_and_order_types_without_reordering_need_no_word() {
        assert_eq!(with_vui(66, |bits| bits.bits(0, 1)).reorder_frames(), Some(0));
        assert_eq!(with_vui(100, |bits| bits.bits(0, 1)).reorder_frames(), None);
        // Order type 2.
        assert_eq!(Sps::parse(&header(77).tail([0; 4]).sps()).unwrap().reorder_frames(), Some(0));
    }

    #[test]
    fn passes_over_scaling_lists() {
        // One list ends at once, one is sent in full, one ends in the middle, five are absent.
        let lists = header(100).ue(1).ue(0).ue(0).bits(0, 1).bits(1, 1);
        let lists = lists.bits(1, 1).se(-8).bits(0, 4).bits(1, 1);
        let lists = (0..16).fold(lists, |bits, _| bits.se(3)).bits(1, 1);
        let lists = (0..20).fold(lists, |bits, _| bits.se(1)).se(-28).bits(0, 1);
        let sps = Sps::parse(&lists.tail([0, 1, 0, 2]).sps()).unwrap();
        assert_eq!((sps.id, sps.width, sps.height), (7, 62, 44));
        let wild = header(100).ue(1).ue(0).ue(0).bits(0, 1).bits(3, 2).se(128);
        let error = SpsError::OutOfRange { element: "delta_scale", value: 128 };
        assert_eq!(Sps::parse(&wild.sps()), Err(error));
    }

    #[test]
    fn separate_planes_crop_in_single_pixels() {
        let planes = header(244).ue(3).bits(1, 1).ue(0).ue(0).bits(0, 2);
        let sps = Sps::parse(&planes.tail([1, 0, 0, 3]).sps()).unwrap();
        assert_eq!((sps.width, sps.height), (63, 45));
    }

    #[test]
    fn picture_order_type_1_is_passed_over() {
        let bits = header(66).ue(0).ue(1).bits(0, 1).se(-1).se(2).ue(3).se(1).se(-4).se(900);
        let sps = Sps::parse(&bits.ue(1).bits(0, 1).ue(3).ue(2).bits(0b110, 3).sps()).unwrap();
        assert_eq!((sps.width, sps.height), (64, 48));
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        let id = Bits::default().bits(66, 8).bits(0, 8).bits(31, 8).ue(32);
        let error = SpsError::OutOfRange { element: "seq_parameter_set_id", value: 32 };
        assert_eq!(Sps::parse(&id.sps()), Err(error));
        let huge = header(66).ue(0).ue(2).ue(1).bits(0, 1).ue(512).ue(2).bits(0b110, 3);
        let error = SpsError::BadDimensions { width: 8208, height: 48 };
        assert_eq!(Sps::parse(&huge.sps()), Err(error));
        let widest = u32::MAX - 1;
        let huge = header(66).ue(0).ue(2).ue(1).bits(0, 1).ue(widest).ue(widest).bits(0b0010, 4);
        assert!(matches!(Sps::parse(&huge.sps()), Err(SpsError::BadDimensions { .. })));
        let gone = header(66).tail([widest, widest, 16, 8]);
        let error = SpsError::BadDimensions { width: 64 - 4 * i64::from(widest), height: 0 };
        assert_eq!(Sps::parse(&gone.sps()), Err(error));
        assert_eq!(Sps::parse(&[0x68, 1, 2, 3]), Err(SpsError::NotSps));
        assert_eq!(Sps::parse(&[]), Err(SpsError::NotSps));
    }

    #[test]
    fn every_truncation_before_the_size_is_an_error() {
        let sps = header(66).tail([0; 4]).sps();
        assert!(Sps::parse(&sps).is_ok());
        for cut in 1..sps.len() - 1 {
            assert_eq!(Sps::parse(&sps[..cut]), Err(SpsError::Truncated), "cut at {cut}");
        }
    }
}
