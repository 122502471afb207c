//! Fragmented MP4 (ISO/IEC 14496-12) with H.264 or H.265 (ISO/IEC 14496-15), one access unit per fragment.
//!
//! Made for Media Source Extensions: the first buffer is the initialisation segment from the format of
//! the output unit, then every output unit is one media segment, `prft` + `moof` + `mdat`.
//!
//! Decode times are the stream's own. A viewer's first fragment is therefore at an
//! arbitrary time, and a player seeks to the start of what it has buffered. In return all viewers share
//! the fragments, and a viewer that missed some needs no new time line.

mod duration;
mod init;

use super::annexb::first_nal;
use super::relabel::{Relabel, Video, video};
use super::timeline::{TIMESCALE, Timeline};
use super::{MuxError, WallClock};
use crate::codec::h264::avcc;
use crate::codec::h265::hvcc;
use crate::time::MediaTime;
use crate::unit::{Codec, Format, Packaging, Unit};
use bytes::{BufMut, Bytes, BytesMut};
use duration::DurationEstimate;
use std::time::Duration;

/// The only track's number.
const TRACK_ID: u32 = 1;
/// Size of a `prft` box of version 1, with a 64-bit media time.
const PRFT_SIZE: u32 = 32;
/// Size of the `moof` box without composition time offset: its boxes are the same for every fragment.
const MOOF_SIZE: u32 = 100;
/// Size of the composition time offset, which pictures have that are not shown when they are decoded.
const OFFSET_SIZE: u32 = 4;
/// Size of a box header.
const BOX_HEADER: u32 = 8;
/// Start codes may be a byte shorter than the NAL lengths that replace them. With this much room, units
/// as they should be (four-byte start codes) and those with a few short ones need one allocation.
const SHORT_START_CODES: usize = 16;

/// `prft`: the time is when the picture came to the server (14496-12, 8.16.5, flags 0).
const PRFT_INPUT: u32 = 0;
/// `prft`: the time is when the camera took the picture (14496-12, 8.16.5, flags 24).
const PRFT_CAPTURED: u32 = 24;

/// Sample flags of a keyframe: depends on no other sample (14496-12, 8.8.3.1).
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// Sample flags of any other picture: depends on others, is no sync sample.
const NON_SYNC_SAMPLE: u32 = 0x0101_0000;

/// Wraps H.264 or H.265 units into fragments.
#[derive(Clone, Debug, Default)]
pub struct Fmp4Muxer {
    relabel: Relabel,
    timeline: Timeline,
    duration: DurationEstimate,
    sequence: u32,
}

/// What the boxes before the sample say.
struct Fragment {
    sequence: u32,
    decode_time: u64,
    /// Ticks from decode time to presentation time.
    composition_offset: u32,
    duration: u32,
    keyframe: bool,
    /// NTP time and the flags that say what it is the time of.
    produced: Option<(u64, u32)>,
}

impl Fmp4Muxer {
    /// A muxer that waits for its first keyframe.
    #[must_use]
    pub fn new() -> Fmp4Muxer {
        Fmp4Muxer::default()
    }

    /// `unit` as one fragment. Times, keyframe flag and stamps are kept.
    ///
    /// `wall` is the wall-clock time of `unit.stamps.taken()`; a player takes the picture's age from it.
    /// Without it the fragment has no `prft` box. The sample is the access unit without delimiters and
    /// filler and without the parameter sets that the initialisation segment has; others stay.
    ///
    /// Units at equal times are placed one tick (11 us) apart. The sample's duration is an estimate, as
    /// the next unit is not known: long enough that a player accepts the next one after a stall, so the
    /// end of what a player has buffered is *later* than the last picture.
    ///
    /// # Errors
    /// See [`MuxError`]; the muxer is then as it was.
    pub fn push(&mut self, unit: &Unit, wall: Option<WallClock>) -> Result<Unit, MuxError> {
        self.mux(unit, wall, None)
    }

    /// As [`push`](Self::push), for a file: the sample lasts for `duration`, which is known where the next unit is.
    /// No wall-clock time is written.
    ///
    /// # Errors
    /// See [`MuxError`]; the muxer is then as it was.
    pub fn push_lasting(&mut self, unit: &Unit, duration: Duration) -> Result<Unit, MuxError> {
        let ticks = MediaTime(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)).ticks(TIMESCALE);
        self.mux(unit, None, Some(u32::try_from(ticks).unwrap_or(u32::MAX)))
    }

    fn mux(&mut self, unit: &Unit, wall: Option<WallClock>, lasting: Option<u32>) -> Result<Unit, MuxError> {
        let parameters = video(&unit.format)?;
        let labels = self
            .relabel
            .prepare(unit, || Ok(Packaging::Fmp4 { init: init::segment(&unit.format, parameters)? }))?;
        let point = self.timeline.place(unit)?;
        let decode_time = u64::try_from(point.ticks).map_err(|_| MuxError::NegativeTime { dts: unit.dts })?;
        let composition_offset = u32::try_from(point.shown.abs_diff(point.ticks))
            .map_err(|_| MuxError::ShownTooLate { delay_us: unit.pts.0.abs_diff(unit.dts.0) })?;
        let mut duration = self.duration.clone();
        if let Some(interval) = point.interval {
            duration.observe(interval);
        }
        let captured = if unit.stamps.captured.is_some() { PRFT_CAPTURED } else { PRFT_INPUT };
        let fragment = Fragment {
            // The first fragment has number 1; after 2^32 of them the count goes on at 0.
            sequence: self.sequence.wrapping_add(1),
            decode_time,
            composition_offset,
            duration: lasting.unwrap_or_else(|| duration.ticks()),
            keyframe: unit.keyframe,
            produced: wall.map(|wall| (wall.ntp(), captured)),
        };
        let payload = fragment.write(&unit.payload, parameters)?;
        let format = labels.output.clone();
        self.relabel.commit(labels);
        self.timeline.commit(point);
        self.duration = duration;
        self.sequence = fragment.sequence;
        Ok(Unit { payload, format, ..*unit })
    }
}

impl Fragment {
    /// The whole fragment, in one buffer.
    fn write(&self, access_unit: &Bytes, parameters: Video<'_>) -> Result<Bytes, MuxError> {
        let length = access_unit.len();
        let too_large = || MuxError::TooLarge { length };
        first_nal(access_unit)?;
        let prft = if self.produced.is_some() { PRFT_SIZE } else { 0 };
        let head = (prft + self.moof_size() + BOX_HEADER) as usize;
        let mut out = BytesMut::with_capacity(head + length + SHORT_START_CODES);
        // The sizes in the head depend on the sample, which is found in the same pass that copies it.
        out.put_bytes(0, head);
        let fits = match parameters {
            Video::H264(sets) => put_sample(&mut out, avcc::sample_nal_units(access_unit, Some(sets))),
            Video::H265(sets) => put_sample(&mut out, hvcc::sample_nal_units(access_unit, Some(sets))),
        };
        fits.ok_or_else(too_large)?;
        let sample = out.len() - head;
        if sample == 0 {
            return Err(MuxError::NoPicture { length });
        }
        let sample = u32::try_from(sample).map_err(|_| too_large())?;
        let mdat = sample.checked_add(BOX_HEADER).ok_or_else(too_large)?;
        let mut head = &mut out[..head];
        if let Some((ntp, flags)) = self.produced {
            self.put_prft(&mut head, ntp, flags);
        }
        self.put_moof(&mut head, sample);
        head.put_u32(mdat);
        head.put_slice(b"mdat");
        Ok(out.freeze())
    }

    /// ProducerReferenceTimeBox, 14496-12, 8.16.5.
    fn put_prft(&self, out: &mut impl BufMut, ntp: u64, flags: u32) {
        put_full_box(out, PRFT_SIZE, b"prft", 1, flags);
        out.put_u32(TRACK_ID);
        out.put_u64(ntp);
        out.put_u64(self.decode_time.saturating_add(self.composition_offset.into()));
    }

    /// Size of the `moof` box.
    fn moof_size(&self) -> u32 {
        MOOF_SIZE + if self.composition_offset == 0 { 0 } else { OFFSET_SIZE }
    }

    /// MovieFragmentBox with one run of one sample, 14496-12, 8.8.4 to 8.8.8 and 8.8.12.
    fn put_moof(&self, out: &mut impl BufMut, sample: u32) {
        let size = self.moof_size();
        out.put_u32(size);
        out.put_slice(b"moof");
        put_full_box(out, 16, b"mfhd", 0, 0);
        out.put_u32(self.sequence);
        out.put_u32(size - BOX_HEADER - 16);
        out.put_slice(b"traf");
        // default-base-is-moof, which MSE requires (byte stream format registry, ISO BMFF, 4).
        put_full_box(out, 16, b"tfhd", 0, 0x02_0000);
        out.put_u32(TRACK_ID);
        put_full_box(out, 20, b"tfdt", 1, 0);
        out.put_u64(self.decode_time);
        // Data offset, and per sample: duration, size, flags and, where there is one, composition time offset.
        // None is negative, so version 0 does.
        let offset = if self.composition_offset == 0 { 0 } else { 0x00_0800 };
        put_full_box(out, 32 + size - MOOF_SIZE, b"trun", 0, 0x00_0701 | offset);
        out.put_u32(1);
        out.put_u32(size + BOX_HEADER);
        out.put_u32(self.duration);
        out.put_u32(sample);
        out.put_u32(if self.keyframe { SYNC_SAMPLE } else { NON_SYNC_SAMPLE });
        if offset != 0 {
            out.put_u32(self.composition_offset);
        }
    }
}

/// Appends NAL units, each after its length. `None` when one is too long for that.
fn put_sample<'a>(out: &mut BytesMut, nals: impl Iterator<Item = &'a [u8]>) -> Option<()> {
    for nal in nals {
        out.put_u32(u32::try_from(nal.len()).ok()?);
        out.put_slice(nal);
    }
    Some(())
}

/// The header of a FullBox (14496-12, 4.2).
fn put_full_box(out: &mut impl BufMut, size: u32, kind: &[u8; 4], version: u8, flags: u32) {
    out.put_u32(size);
    out.put_slice(kind);
    out.put_u32(u32::from(version) << 24 | flags);
}

/// The MIME type with codec string (RFC 6381, 3.3) of an H.264 or H.265 format, bare or in fMP4, as
/// `MediaSource.isTypeSupported` takes it: `video/mp4; codecs="avc1.42C01F"`.
///
/// `None` for other codecs and packagings, and for a sequence parameter set too short to tell.
#[must_use]
pub fn mime(format: &Format) -> Option<String> {
    if !matches!(format.packaging, Packaging::Bare | Packaging::Fmp4 { .. }) {
        return None;
    }
    let codec = match &format.codec {
        Codec::H264(parameters) => avcc::codec_string(parameters).ok()?,
        Codec::H265(parameters) => hvcc::codec_string(parameters).ok()?,
        Codec::Jpeg | Codec::Raw(_) => return None,
    };
    Some(format!("video/mp4; codecs=\"{codec}\""))
}

#[cfg(test)]
mod tests;
