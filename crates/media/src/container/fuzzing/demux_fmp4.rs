//! An fMP4 demuxer for checking: it takes one segment and refuses anything odd.

use super::Fault;

/// What an initialisation segment says.
#[derive(Debug, PartialEq, Eq)]
pub struct Init {
    /// Track number.
    pub track: u32,
    /// Ticks per second of the track.
    pub timescale: u32,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Parameter sets: SPS and PPS of H.264, VPS, SPS and PPS of H.265.
    pub sets: Vec<Vec<u8>>,
}

/// What a fragment of one sample says.
#[derive(Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Sequence number of the fragment.
    pub sequence: u32,
    /// Track number.
    pub track: u32,
    /// Decode time in ticks.
    pub decode_time: u64,
    /// Ticks from decode time to presentation time.
    pub composition_offset: u32,
    /// Duration of the sample in ticks.
    pub duration: u32,
    /// Flags of the sample.
    pub flags: u32,
    /// NTP time, media time and flags of the `prft` box.
    pub produced: Option<(u64, u64, u32)>,
    /// The sample, found by data offset and size.
    pub sample: &'a [u8],
}

/// A box: its type, its contents and where it begins.
#[derive(Clone, Copy)]
struct Atom<'a> {
    kind: [u8; 4],
    body: &'a [u8],
    at: usize,
}

impl<'a> Atom<'a> {
    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { what, at: self.at })
    }

    /// The boxes in the contents after `skip` bytes, which have to be of these types in this order.
    fn children<const N: usize>(&self, skip: usize, kinds: [&[u8; 4]; N]) -> Result<[Atom<'a>; N], Fault> {
        let body = self.body.get(skip..).ok_or(Fault { what: "the box is too short", at: self.at })?;
        let found = atoms(body, self.at + 8 + skip)?;
        if !found.iter().map(|atom| &atom.kind).eq(kinds) {
            return self.fault("the boxes in here are not the expected ones");
        }
        found.try_into().or_else(|_| self.fault("the boxes in here are not the expected ones"))
    }

    fn u32(&self, offset: usize) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(self.bytes(offset)?))
    }

    fn u64(&self, offset: usize) -> Result<u64, Fault> {
        Ok(u64::from_be_bytes(self.bytes(offset)?))
    }

    fn u16(&self, offset: usize) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes(self.bytes(offset)?))
    }

    fn bytes<const N: usize>(&self, offset: usize) -> Result<[u8; N], Fault> {
        let bytes = self.body.get(offset..).and_then(|rest| rest.first_chunk());
        bytes.copied().ok_or(Fault { what: "the box is too short", at: self.at })
    }

    /// Checks the length of the contents, and version and flags.
    fn full(&self, length: usize, version_and_flags: u32) -> Result<(), Fault> {
        if self.body.len() != length {
            return self.fault("the box has the wrong length");
        }
        if self.u32(0)? != version_and_flags {
            return self.fault("version or flags of the box are wrong");
        }
        Ok(())
    }
}

/// The boxes that `data` is made of; `base` is where it begins.
fn atoms(data: &[u8], base: usize) -> Result<Vec<Atom<'_>>, Fault> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let fault = |what| Fault { what, at: base + at };
        let header = data[at..].first_chunk::<8>().ok_or(fault("a box header is cut off"))?;
        let [a, b, c, d, kind @ ..] = *header;
        let size = u32::from_be_bytes([a, b, c, d]) as usize;
        let body = data[at..].get(8..size).ok_or(fault("a box exceeds what holds it"))?;
        found.push(Atom { kind, body, at: base + at });
        at += size;
    }
    Ok(found)
}

impl<'a> Fragment<'a> {
    /// Reads `prft` (or not), `moof` with one sample, and `mdat`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(data: &'a [u8]) -> Result<Fragment<'a>, Fault> {
        let whole = Atom { kind: *b"file", body: data, at: 0 };
        let first = atoms(data, 0)?.first().map(|atom| atom.kind);
        let (produced, moof, mdat) = if first == Some(*b"prft") {
            let [prft, moof, mdat] = whole.children(0, [b"prft", b"moof", b"mdat"])?;
            (Some(prft), moof, mdat)
        } else {
            let [moof, mdat] = whole.children(0, [b"moof", b"mdat"])?;
            (None, moof, mdat)
        };
        // `children` counts a header that the file does not have.
        let moof_start = data.len() - (8 + mdat.body.len()) - (8 + moof.body.len());
        let [mfhd, traf] = moof.children(0, [b"mfhd", b"traf"])?;
        let [tfhd, tfdt, trun] = traf.children(0, [b"tfhd", b"tfdt", b"trun"])?;
        mfhd.full(8, 0)?;
        tfhd.full(8, 0x02_0000)?;
        tfdt.full(12, 0x0100_0000)?;
        let has_offset = trun.u32(0)? & 0x800 != 0;
        trun.full(if has_offset { 28 } else { 24 }, if has_offset { 0xf01 } else { 0x701 })?;
        if has_offset && trun.u32(24)? == 0 {
            return trun.fault("a composition time offset of nothing");
        }
        if trun.u32(4)? != 1 {
            return trun.fault("not exactly one sample");
        }
        let (offset, size) = (trun.u32(8)? as usize, trun.u32(16)? as usize);
        let sample = data[moof_start..].get(offset..).and_then(|rest| rest.get(..size));
        let sample = sample.ok_or(Fault { what: "the sample exceeds the fragment", at: trun.at })?;
        if sample.as_ptr() != mdat.body.as_ptr() || sample.len() != mdat.body.len() {
            return trun.fault("the sample is not what the mdat box holds");
        }
        let track = tfhd.u32(4)?;
        Ok(Fragment {
            sequence: mfhd.u32(4)?,
            track,
            decode_time: tfdt.u64(4)?,
            composition_offset: if has_offset { trun.u32(24)? } else { 0 },
            duration: trun.u32(12)?,
            flags: trun.u32(20)?,
            produced: produced.map(|prft| reference_time(&prft, track)).transpose()?,
            sample,
        })
    }
}

fn reference_time(prft: &Atom<'_>, track: u32) -> Result<(u64, u64, u32), Fault> {
    let version_and_flags = prft.u32(0)?;
    prft.full(24, 0x0100_0000 | version_and_flags & 24)?;
    if prft.u32(4)? != track {
        return prft.fault("the reference time is for another track");
    }
    Ok((prft.u64(8)?, prft.u64(16)?, version_and_flags & 0xff_ffff))
}

impl Init {
    /// Reads `ftyp` and `moov` of one video track without samples.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(data: &[u8]) -> Result<Init, Fault> {
        let whole = Atom { kind: *b"file", body: data, at: 0 };
        let [_ftyp, moov] = whole.children(0, [b"ftyp", b"moov"])?;
        let [mvhd, trak, mvex] = moov.children(0, [b"mvhd", b"trak", b"mvex"])?;
        let [tkhd, mdia] = trak.children(0, [b"tkhd", b"mdia"])?;
        let [mdhd, hdlr, minf] = mdia.children(0, [b"mdhd", b"hdlr", b"minf"])?;
        let [vmhd, dinf, stbl] = minf.children(0, [b"vmhd", b"dinf", b"stbl"])?;
        let [stsd, stts, stsc, stco, stsz] =
            stbl.children(0, [b"stsd", b"stts", b"stsc", b"stco", b"stsz"])?;
        let [trex] = mvex.children(0, [b"trex"])?;
        mvhd.full(100, 0)?;
        tkhd.full(84, 3)?;
        mdhd.full(24, 0)?;
        vmhd.full(12, 1)?;
        trex.full(24, 0)?;
        let [dref] = dinf.children(0, [b"dref"])?;
        let [url] = dref.children(8, [b"url "])?;
        url.full(4, 1)?;
        for empty in [stts, stsc, stco] {
            empty.full(8, 0)?;
        }
        stsz.full(12, 0)?;
        if hdlr.bytes(8)? != *b"vide" {
            return hdlr.fault("not a video track");
        }
        if (mvhd.u32(16)?, tkhd.u32(20)?, mdhd.u32(16)?) != (0, 0, 0) {
            return moov.fault("a live stream has no duration");
        }
        let track = tkhd.u32(12)?;
        if trex.u32(4)? != track || trex.u32(8)? != 1 {
            return trex.fault("the track's defaults are for another track");
        }
        let h265 = stsd.body.get(12..16) == Some(b"hvc1");
        let [entry] = stsd.children(8, [if h265 { b"hvc1" } else { b"avc1" }])?;
        let (width, height) = (entry.u16(24)?, entry.u16(26)?);
        if tkhd.u32(76)? >> 16 != u32::from(width) || tkhd.u32(80)? >> 16 != u32::from(height) {
            return tkhd.fault("the track and its sample entry differ in size");
        }
        let [record] = entry.children(78, [if h265 { b"hvcC" } else { b"avcC" }])?;
        let sets = if h265 { h265_parameter_sets(&record)? } else { parameter_sets(&record)? };
        Ok(Init { track, timescale: mdhd.u32(12)?, width, height, sets })
    }
}

/// SPS and PPS of a decoder configuration record that has one of each.
fn parameter_sets(record: &Atom<'_>) -> Result<Vec<Vec<u8>>, Fault> {
    let [version, profile, constraints, level, 0xff, 0xe1] = record.bytes(0)? else {
        return record.fault("not four-byte lengths and one SPS");
    };
    let cut_off = Fault { what: "a parameter set is cut off", at: record.at };
    let sps_end = 8 + usize::from(record.u16(6)?);
    let sps = record.body.get(8..sps_end).ok_or(cut_off)?;
    let [1] = record.bytes(sps_end)? else { return record.fault("not one PPS") };
    let pps_start = sps_end + 3;
    let pps_end = pps_start + usize::from(record.u16(sps_end + 1)?);
    let pps = record.body.get(pps_start..pps_end).ok_or(cut_off)?;
    if version != 1 || sps.get(1..4) != Some(&[profile, constraints, level]) {
        return record.fault("profile and level are not those of the SPS");
    }
    Ok(vec![sps.to_vec(), pps.to_vec()])
}

/// VPS, SPS and PPS of an H.265 decoder configuration record that has one of each.
fn h265_parameter_sets(record: &Atom<'_>) -> Result<Vec<Vec<u8>>, Fault> {
    if record.bytes(0)? != [1] || record.bytes::<1>(21)?[0] & 3 != 3 || record.bytes(22)? != [3] {
        return record.fault("not four-byte lengths and three arrays");
    }
    if record.u16(13)? != 0xf000 || record.bytes(15)? != [0xfc] || record.u16(19)? != 0 {
        return record.fault("segmentation, parallelism or frame rate is stated");
    }
    let (mut sets, mut at) = (Vec::new(), 23);
    for kind in [32, 33, 34] {
        if record.bytes(at)? != [0x80 | kind, 0, 1] {
            return record.fault("not one complete set of each kind in order");
        }
        let end = at + 5 + usize::from(record.u16(at + 3)?);
        let set = record
            .body
            .get(at + 5..end)
            .ok_or(Fault { what: "a parameter set is cut off", at: record.at })?;
        if set.first().is_none_or(|header| header >> 1 != kind) {
            return record.fault("a set in the array of another kind");
        }
        sets.push(set.to_vec());
        at = end;
    }
    if at != record.body.len() {
        return record.fault("the record goes on after its sets");
    }
    Ok(sets)
}
