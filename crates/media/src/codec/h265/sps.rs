//! The sequence parameter set: profile, level, size and order of the pictures (ITU-T H.265 7.3.2.2).

use super::nal::{HEADER_BYTES, NalKind};
use crate::codec::bits::{BitReader, OutOfBits};
use crate::codec::jpeg::MAX_DIMENSION;

/// Largest parameter set that is kept, in bytes. Encoders write 20 to 100; the largest possible sets, with all
/// scaling lists and reference picture sets, have some thousand.
pub const MAX_PARAMETER_SET: usize = 4096;

/// Profile, tier and level (7.3.3), as `hvcC` and the codec string repeat them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileTierLevel {
    /// `general_profile_space`, 0 to 3; 0 for all profiles so far.
    pub profile_space: u8,
    /// `general_tier_flag`: high tier.
    pub high_tier: bool,
    /// `general_profile_idc`: 1 Main, 2 Main 10, 3 Main Still Picture, 4 range extensions.
    pub profile_idc: u8,
    /// `general_profile_compatibility_flag`, flag 0 in the most significant bit.
    pub compatibility: u32,
    /// The 48 bits from `general_progressive_source_flag` on.
    pub constraints: [u8; 6],
    /// `general_level_idc`: thirty times the level.
    pub level_idc: u8,
}

/// What a sequence parameter set says, up to the order of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `sps_video_parameter_set_id`, 0 to 15.
    pub vps_id: u8,
    /// `sps_seq_parameter_set_id`, 0 to 15.
    pub id: u8,
    /// Number of temporal sub-layers, 1 to 7.
    pub temporal_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nesting: bool,
    /// Profile, tier and level.
    pub profile: ProfileTierLevel,
    /// `chroma_format_idc`: 0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits per luma sample, 8 to 16.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample, 8 to 16.
    pub bit_depth_chroma: u8,
    /// Width of the conformance window in pixels, 1 to 8192.
    pub width: u32,
    /// Height of the conformance window in pixels, 1 to 8192.
    pub height: u32,
    /// How many pictures may come before one in decoding order and after it in output order, 0 to 15
    /// (`sps_max_num_reorder_pics` of the highest sub-layer).
    pub reorder_frames: u8,
}

/// Why a NAL unit is not a usable sequence parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpsError {
    /// The NAL unit has another type, or is shorter than its header.
    #[error("the NAL unit is not an H.265 sequence parameter set")]
    NotSps,
    /// The bits end before the order of the pictures is known.
    #[error("the H.265 sequence parameter set ends too early")]
    Truncated,
    /// A syntax element is outside its range.
    #[error("the H.265 sequence parameter set has {element} = {value}, which is out of range")]
    OutOfRange {
        /// Name of the element in ITU-T H.265.
        element: &'static str,
        /// What it is.
        value: u32,
    },
    /// A side of the picture is zero, negative after cropping, or more than [`MAX_DIMENSION`].
    #[error("H.265 picture of {width}x{height} pixels: each side must have 1 to {MAX_DIMENSION}")]
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
    /// Reads a NAL unit of type 33 without start code. What follows the order of the pictures is not looked at.
    ///
    /// # Errors
    ///
    /// [`SpsError`] says which element is wrong.
    pub fn parse(nal: &[u8]) -> Result<Sps, SpsError> {
        if NalKind::of(nal) != Some(NalKind::Sps) {
            return Err(SpsError::NotSps);
        }
        let bits = &mut BitReader::new(&nal[HEADER_BYTES..]);
        // A field of three or four bits fits in a byte.
        let vps_id = bits.bits(4)? as u8;
        let sub_layers = bits.bits(3)? as u8;
        if sub_layers > 6 {
            let element = "sps_max_sub_layers_minus1";
            return Err(SpsError::OutOfRange { element, value: sub_layers.into() });
        }
        let temporal_id_nesting = bits.flag()?;
        let profile = profile_tier_level(bits, sub_layers)?;
        let id = ue_up_to(bits, "sps_seq_parameter_set_id", 15)?;
        let chroma_format_idc = ue_up_to(bits, "chroma_format_idc", 3)?;
        let separate_planes = chroma_format_idc == 3 && bits.flag()?;
        let (width, height) = dimensions(bits, if separate_planes { 0 } else { chroma_format_idc })?;
        let bit_depth_luma = 8 + ue_up_to(bits, "bit_depth_luma_minus8", 8)?;
        let bit_depth_chroma = 8 + ue_up_to(bits, "bit_depth_chroma_minus8", 8)?;
        ue_up_to(bits, "log2_max_pic_order_cnt_lsb_minus4", 12)?;
        // Each sub-layer has its own values, or the highest one has them for all.
        let layers = if bits.flag()? { sub_layers + 1 } else { 1 };
        let mut reorder_frames = 0;
        for _ in 0..layers {
            ue_up_to(bits, "sps_max_dec_pic_buffering_minus1", 15)?;
            reorder_frames = ue_up_to(bits, "sps_max_num_reorder_pics", 15)?;
            bits.ue()?; // sps_max_latency_increase_plus1
        }
        Ok(Sps {
            vps_id,
            id,
            temporal_layers: sub_layers + 1,
            temporal_id_nesting,
            profile,
            chroma_format_idc,
            bit_depth_luma,
            bit_depth_chroma,
            width,
            height,
            reorder_frames,
        })
    }
}

/// profile_tier_level( 1, `sub_layers` ) (7.3.3).
fn profile_tier_level(bits: &mut BitReader<'_>, sub_layers: u8) -> Result<ProfileTierLevel, SpsError> {
    let mut profile = ProfileTierLevel {
        profile_space: bits.bits(2)? as u8,
        high_tier: bits.flag()?,
        profile_idc: bits.bits(5)? as u8,
        compatibility: bits.bits(32)?,
        ..ProfileTierLevel::default()
    };
    for byte in &mut profile.constraints {
        *byte = bits.bits(8)? as u8;
    }
    profile.level_idc = bits.bits(8)? as u8;
    let mut present = [(false, false); 8];
    if sub_layers > 0 {
        // Flags of the sub-layers, then filled up to eight.
        for layer in &mut present {
            *layer = (bits.flag()?, bits.flag()?);
        }
    }
    for (profile_present, level_present) in present.into_iter().take(sub_layers.into()) {
        if profile_present {
            for _ in 0..11 {
                bits.bits(8)?;
            }
        }
        if level_present {
            bits.bits(8)?;
        }
    }
    Ok(profile)
}

/// Width and height of the conformance window (7.4.3.2.1).
fn dimensions(bits: &mut BitReader<'_>, chroma_array_type: u8) -> Result<(u32, u32), SpsError> {
    let (coded_width, coded_height) = (i64::from(bits.ue()?), i64::from(bits.ue()?));
    let (unit_x, unit_y) = match chroma_array_type {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let window = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
    let [left, right, top, bottom] = window.map(i64::from);
    let (width, height) = (coded_width - unit_x * (left + right), coded_height - unit_y * (top + bottom));
    let side = |pixels| u32::try_from(pixels).ok().filter(|side| (1..=MAX_DIMENSION).contains(side));
    side(width).zip(side(height)).ok_or(SpsError::BadDimensions { width, height })
}

/// ue(v) of at most `max`.
fn ue_up_to(bits: &mut BitReader<'_>, element: &'static str, max: u8) -> Result<u8, SpsError> {
    let value = bits.ue()?;
    u8::try_from(value).ok().filter(|small| *small <= max).ok_or(SpsError::OutOfRange { element, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::h265::nal::nal_units;

    const STREAM: &[u8] = include_bytes!("../../../../../testdata/h265/main_bframes_70x50.h265");
    /// The beginnings of what x265 writes for `-pix_fmt yuv420p10le`, and for `yuv444p` with two temporal layers.
    const MAIN10: &[u8] = &[
        0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
        0x1e, 0xa0, 0x52, 0x08, 0x75, 0x4d, 0x96, 0x56, 0x6a, 0xbc, 0xaf,
    ];
    const TEMPORAL444: &[u8] = &[
        0x42, 0x01, 0x02, 0x04, 0x08, 0x00, 0x00, 0x03, 0x00, 0x9e, 0x08, 0x00, 0x00, 0x03, 0x00, 0x00, 0x1e,
        0x00, 0x00, 0x90, 0x0a, 0x41, 0x0e, 0x49, 0x32, 0xca, 0xcc, 0x56, 0x6a, 0xbc, 0xaf,
    ];

    fn first_sps(stream: &[u8]) -> &[u8] {
        nal_units(stream).find(|nal| NalKind::of(nal) == Some(NalKind::Sps)).unwrap()
    }

    #[test]
    fn reads_real_streams() {
        let sps = Sps::parse(first_sps(STREAM)).unwrap();
        assert_eq!((sps.width, sps.height, sps.reorder_frames), (70, 50, 2));
        assert_eq!((sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma), (1, 8, 8));
        assert_eq!((sps.vps_id, sps.id, sps.temporal_layers, sps.temporal_id_nesting), (0, 0, 1, true));
        let profile = sps.profile;
        assert_eq!((profile.profile_idc, profile.compatibility), (1, 0x6000_0000));
        assert_eq!((profile.high_tier, profile.level_idc), (false, 30));
        let sps = Sps::parse(MAIN10).unwrap();
        assert_eq!((sps.width, sps.height, sps.bit_depth_luma, sps.profile.profile_idc), (38, 30, 10, 2));
        let sps = Sps::parse(TEMPORAL444).unwrap();
        assert_eq!((sps.width, sps.height, sps.chroma_format_idc, sps.profile.profile_idc), (37, 29, 3, 4));
        assert_eq!((sps.temporal_layers, sps.temporal_id_nesting), (2, false));
    }

    #[test]
    fn every_truncation_is_an_error_until_all_is_known() {
        let sps = first_sps(STREAM);
        let whole = Sps::parse(sps).unwrap();
        let enough = (0..=sps.len()).find(|cut| Sps::parse(&sps[..*cut]).is_ok()).unwrap();
        assert!((20..sps.len()).contains(&enough), "{enough}");
        for cut in 2..enough {
            assert_eq!(Sps::parse(&sps[..cut]), Err(SpsError::Truncated), "cut at {cut}");
        }
        for cut in enough..=sps.len() {
            assert_eq!(Sps::parse(&sps[..cut]), Ok(whole), "cut at {cut}");
        }
        assert_eq!(Sps::parse(&sps[..1]), Err(SpsError::NotSps));
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        let sps = first_sps(STREAM);
        let mut layers = sps.to_vec();
        layers[2] |= 0x0e;
        let error = SpsError::OutOfRange { element: "sps_max_sub_layers_minus1", value: 7 };
        assert_eq!(Sps::parse(&layers), Err(error));
        assert_eq!(Sps::parse(&[0x40, 1, 2]), Err(SpsError::NotSps));
    }

    /// A set of Main profile, up to the window, whose sides are `width` and `height` and whose window takes away
    /// `crop` units at the right.
    fn sized(width: u32, height: u32, crop: u32) -> Vec<u8> {
        let ue = |value: u32| {
            let code = format!("{:b}", u64::from(value) + 1);
            format!("{}{code}", "0".repeat(code.len() - 1))
        };
        let mut bits = ["1".to_owned(), ue(1), ue(width), ue(height), "1".into(), ue(0), ue(crop)].concat();
        bits += &[ue(0), ue(0), ue(0), ue(0), ue(4), "1".into(), ue(4), ue(2), ue(0)].concat();
        bits += "10000000";
        let head = [0x42, 1, 1, 1, 0x60, 1, 1, 1, 0x90, 1, 1, 1, 1, 1, 30];
        let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
        head.into_iter().chain(bits.as_bytes().chunks_exact(8).map(byte)).collect()
    }

    #[test]
    fn refuses_sizes_that_no_picture_has() {
        let sps = Sps::parse(&sized(8192, 64, 4)).unwrap();
        assert_eq!((sps.width, sps.height), (8184, 64));
        let error = |width, height| Err(SpsError::BadDimensions { width, height });
        assert_eq!(Sps::parse(&sized(8193, 64, 0)), error(8193, 64));
        assert_eq!(Sps::parse(&sized(64, 8200, 0)), error(64, 8200));
        assert_eq!(Sps::parse(&sized(64, 64, 32)), error(0, 64));
        assert_eq!(Sps::parse(&sized(64, 64, u32::MAX - 1)), error(64 - 2 * i64::from(u32::MAX - 1), 64));
    }
}
