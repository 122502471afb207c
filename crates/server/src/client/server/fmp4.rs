//! Reads the fragments that a camherd server sends: one picture each, with what precedes the first.
//!
//! Boxes that are not needed are passed over, so that a server of another version may add some
//! (ISO/IEC 14496-12, 4.2).

use bytes::{Bytes, BytesMut};
use camherd_media::codec::h264::START_CODE;

/// Ticks per second that are taken where a file says 0.
const DEFAULT_TIMESCALE: u32 = 90_000;
/// Bytes of a VisualSampleEntry before its boxes (14496-12, 12.1.3.2).
const SAMPLE_ENTRY: usize = 78;
/// Bytes of an `hvcC` record before its arrays (14496-15, 8.3.3.1.2).
const HVCC_HEAD: usize = 22;
/// Seconds from the origin of NTP, 1900, to that of Unix, 1970 (RFC 5905, figure 4).
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// `trun`: a data offset and the flags of the first sample are there (14496-12, 8.8.8).
const TRUN_OFFSET: u32 = 0x1;
const TRUN_FIRST_FLAGS: u32 = 0x4;
/// `trun`: each sample has duration, size, flags, composition time offset.
const TRUN_DURATION: u32 = 0x100;
const TRUN_SIZE: u32 = 0x200;
const TRUN_FLAGS: u32 = 0x400;
const TRUN_COMPOSITION: u32 = 0x800;

/// What is wrong with the bytes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the fragmented MP4 of a camherd server: {0}")]
pub(crate) struct Fault(&'static str);

/// The codec of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    H264,
    H265,
}

/// What an initialisation segment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) coding: Coding,
    /// Ticks per second.
    pub(crate) timescale: u32,
    /// The parameter sets, without start codes.
    pub(crate) sets: Vec<Bytes>,
}

/// One picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// When to decode it, in ticks.
    pub(crate) decode_time: u64,
    /// Ticks from there to when it is shown.
    pub(crate) composition_offset: u32,
    /// When it came to the server or was taken, in microseconds since 1970.
    pub(crate) taken_unix: Option<u64>,
    /// The access unit in Annex B.
    pub(crate) access_unit: Bytes,
}

/// Whether a message is an initialisation segment.
pub(crate) fn is_init(data: &[u8]) -> bool {
    data.get(4..8) == Some(b"ftyp")
}

/// Big-endian numbers one after another.
struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Fault("a box is too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn uint(&mut self, length: usize) -> Result<u64, Fault> {
        Ok(self.take(length)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        // Four bytes.
        Ok(self.uint(4)? as u32)
    }
}

/// The contents of the first box of that type among those that `data` is made of.
fn find<'a>(data: &'a [u8], kind: &[u8; 4]) -> Result<Option<&'a [u8]>, Fault> {
    let mut rest = Numbers(data);
    while !rest.0.is_empty() {
        let (size, found) = (rest.uint(4)? as usize, rest.take(4)?);
        let body = rest.take(size.checked_sub(8).ok_or(Fault("a box without size"))?)?;
        if found == kind {
            return Ok(Some(body));
        }
    }
    Ok(None)
}

fn inner<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Result<&'a [u8], Fault> {
    path.iter().try_fold(data, |body, kind| find(body, kind)?.ok_or(Fault("a box is missing")))
}

impl Init {
    /// Reads `ftyp` and `moov`.
    pub(crate) fn parse(data: &[u8]) -> Result<Init, Fault> {
        let media = inner(data, &[b"moov", b"trak", b"mdia"])?;
        let mut header = Numbers(inner(media, &[b"mdhd"])?);
        // Version 1 has times of 64 bits (14496-12, 8.4.2).
        let times = if header.u32()? >> 24 == 1 { 16 } else { 8 };
        header.take(times)?;
        let timescale = match header.u32()? {
            0 => DEFAULT_TIMESCALE,
            timescale => timescale,
        };
        let mut entries = Numbers(inner(media, &[b"minf", b"stbl", b"stsd"])?);
        entries.take(8)?;
        let (coding, sets) = if let Some(entry) = find(entries.0, b"avc1")? {
            (Coding::H264, avc_sets(config(entry, b"avcC")?)?)
        } else if let Some(entry) = find(entries.0, b"hvc1")? {
            (Coding::H265, hevc_sets(config(entry, b"hvcC")?)?)
        } else {
            return Err(Fault("neither H.264 nor H.265"));
        };
        Ok(Init { coding, timescale, sets })
    }
}

fn config<'a>(entry: &'a [u8], kind: &[u8; 4]) -> Result<&'a [u8], Fault> {
    let mut entry = Numbers(entry);
    entry.take(SAMPLE_ENTRY)?;
    inner(entry.0, &[kind])
}

fn sets(record: &mut Numbers<'_>, count: u64, into: &mut Vec<Bytes>) -> Result<(), Fault> {
    for _ in 0..count {
        let length = record.uint(2)? as usize;
        into.push(Bytes::copy_from_slice(record.take(length)?));
    }
    Ok(())
}

/// AVCDecoderConfigurationRecord (14496-15, 5.3.3.1.2).
fn avc_sets(record: &[u8]) -> Result<Vec<Bytes>, Fault> {
    let (mut record, mut found) = (Numbers(record), Vec::new());
    record.take(4)?;
    if record.uint(1)? & 3 != 3 {
        return Err(Fault("NAL units whose lengths have not four bytes"));
    }
    let count = record.uint(1)? & 0x1f;
    sets(&mut record, count, &mut found)?;
    let count = record.uint(1)?;
    sets(&mut record, count, &mut found)?;
    Ok(found)
}

/// HEVCDecoderConfigurationRecord (14496-15, 8.3.3.1.2).
fn hevc_sets(record: &[u8]) -> Result<Vec<Bytes>, Fault> {
    let (mut record, mut found) = (Numbers(record), Vec::new());
    if record.take(HVCC_HEAD)?[HVCC_HEAD - 1] & 3 != 3 {
        return Err(Fault("NAL units whose lengths have not four bytes"));
    }
    for _ in 0..record.uint(1)? {
        record.take(1)?;
        let count = record.uint(2)?;
        sets(&mut record, count, &mut found)?;
    }
    Ok(found)
}

impl Fragment {
    /// Reads `moof` and `mdat` with one sample, and `prft` where there is one.
    pub(crate) fn parse(data: &[u8]) -> Result<Fragment, Fault> {
        let track = inner(data, &[b"moof", b"traf"])?;
        let mut time = Numbers(inner(track, &[b"tfdt"])?);
        let wide = time.u32()? >> 24 == 1;
        let decode_time = time.uint(if wide { 8 } else { 4 })?;
        let mut run = Numbers(inner(track, &[b"trun"])?);
        let flags = run.u32()? & 0xff_ffff;
        if run.u32()? != 1 {
            return Err(Fault("not one picture in a fragment"));
        }
        for _ in [TRUN_OFFSET, TRUN_FIRST_FLAGS, TRUN_DURATION, TRUN_SIZE, TRUN_FLAGS]
            .into_iter()
            .filter(|flag| flags & flag != 0)
        {
            run.u32()?;
        }
        let composition_offset = if flags & TRUN_COMPOSITION != 0 { run.u32()? } else { 0 };
        let taken_unix = find(data, b"prft")?.map(reference_time).transpose()?.flatten();
        let access_unit = annex_b(inner(data, &[b"mdat"])?)?;
        Ok(Fragment { decode_time, composition_offset, taken_unix, access_unit })
    }
}

/// ProducerReferenceTimeBox (14496-12, 8.16.5), in microseconds since 1970.
fn reference_time(body: &[u8]) -> Result<Option<u64>, Fault> {
    let mut body = Numbers(body);
    body.take(8)?;
    let (seconds, fraction) = (body.uint(4)?, body.uint(4)?);
    // The fraction is in units of 2^-32 s.
    Ok(seconds.checked_sub(NTP_TO_UNIX).map(|seconds| seconds * 1_000_000 + ((fraction * 1_000_000) >> 32)))
}

/// NAL units behind their lengths, as Annex B.
fn annex_b(sample: &[u8]) -> Result<Bytes, Fault> {
    let mut out = BytesMut::with_capacity(sample.len());
    let mut rest = Numbers(sample);
    while !rest.0.is_empty() {
        let length = rest.u32()? as usize;
        out.extend_from_slice(&START_CODE);
        out.extend_from_slice(rest.take(length)?);
    }
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::video_units::VideoUnits;
    use camherd_media::codec::h264::split::AccessUnitSplitter;
    use camherd_media::container::{Fmp4Muxer, WallClock};
    use camherd_media::time::MediaTime;
    use camherd_media::unit::{Packaging, Stamps, Unit};

    const SLICES: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");

    /// The first two units of a stream, at 1 s and at 2 s, the second to be shown at 2.5 s.
    fn units() -> Vec<Unit> {
        let mut made = VideoUnits::h264();
        let all = AccessUnitSplitter::new().push_complete(SLICES);
        all.iter()
            .take(2)
            .zip([(1_000_000, 1_000_000), (2_000_000, 2_500_000)])
            .map(|(unit, (dts, pts))| {
                let (pts, dts) = (MediaTime(pts), MediaTime(dts));
                made.unit(&unit.data, pts, dts, Stamps::default()).unwrap().unwrap()
            })
            .collect()
    }

    #[test]
    fn what_the_muxer_writes_is_read_back() {
        let mut muxer = Fmp4Muxer::new();
        let wall = WallClock(1_795_000_000_250_000);
        let units = units();
        let packed: Vec<_> = units.iter().map(|unit| muxer.push(unit, Some(wall)).unwrap()).collect();
        let Packaging::Fmp4 { init } = &packed[0].format.packaging else { panic!("not packaged") };
        assert!(is_init(init) && !is_init(&packed[0].payload));
        let init = Init::parse(init).unwrap();
        assert_eq!((init.coding, init.timescale, init.sets.len()), (Coding::H264, 90_000, 2));

        let mut again = VideoUnits::h264();
        init.sets.iter().for_each(|set| again.learn(set).unwrap());
        for (unit, packed) in units.iter().zip(&packed) {
            let fragment = Fragment::parse(&packed.payload).unwrap();
            let shown = fragment.decode_time + u64::from(fragment.composition_offset);
            assert_eq!(shown as i64, unit.pts.ticks(90_000));
            assert_eq!(fragment.decode_time as i64, unit.dts.ticks(90_000));
            assert!(fragment.taken_unix.unwrap().abs_diff(wall.0) <= 1);
            let (pts, dts) = (unit.pts, unit.dts);
            let back = again.unit(&fragment.access_unit, pts, dts, Stamps::default()).unwrap().unwrap();
            assert_eq!((&back.payload, back.keyframe), (&unit.payload, unit.keyframe));
            assert_eq!(back.format, unit.format);
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let unit = Fmp4Muxer::new().push(&units()[0], Some(WallClock(0))).unwrap();
        let Packaging::Fmp4 { init } = &unit.format.packaging else { panic!("not packaged") };
        for end in 0..init.len() {
            assert!(Init::parse(&init[..end]).is_err(), "cut at {end}");
        }
        for end in 0..unit.payload.len() {
            assert!(Fragment::parse(&unit.payload[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn no_byte_makes_it_panic() {
        let unit = Fmp4Muxer::new().push(&units()[0], Some(WallClock(0))).unwrap();
        let Packaging::Fmp4 { init } = &unit.format.packaging else { panic!("not packaged") };
        for at in 0..init.len().min(unit.payload.len()) {
            for value in [0, 1, 0x7f, 0xff] {
                let (mut init, mut fragment) = (init.to_vec(), unit.payload.to_vec());
                (init[at], fragment[at]) = (value, value);
                let _ = (Init::parse(&init), Fragment::parse(&fragment));
            }
        }
    }
}
