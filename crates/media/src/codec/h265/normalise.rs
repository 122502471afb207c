//! Access units as a camera sends them become units that any consumer can begin with.

use super::nal::{HEADER_BYTES, NalKind, nal_units};
use super::sps::{MAX_PARAMETER_SET, Sps, SpsError};
use crate::codec::annexb::{Role, reframe};
use crate::codec::bits::{BitReader, OutOfBits};
use crate::unit::H265Parameters;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Highest identifier of a picture parameter set (7.4.3.3.1).
const MAX_PPS: u8 = 63;
/// Highest identifier of a sequence parameter set (7.4.3.2.1).
const MAX_SPS: u8 = 15;

/// A picture that may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// One access unit: Annex B with four-byte start codes, without delimiters and filler. A random access picture
    /// begins with the video and sequence parameter sets and all picture parameter sets that go with it.
    pub data: Bytes,
    /// Whether it is a random access picture (IDR, CRA or BLA).
    pub keyframe: bool,
    /// What the stream is from here on, where that is new. Only a random access picture has it.
    pub changed: Option<Parameters>,
}

/// What the stream is: its parameter sets and what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The parameter sets that the first slice of the random access picture refers to.
    pub sets: H265Parameters,
    /// What the sequence parameter set says.
    pub sps: Sps,
}

/// Why an access unit is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NormaliseError {
    /// A parameter set that the random access picture refers to was not sent.
    #[error("random access picture refers to {kind} parameter set {id}, which was never sent")]
    MissingSet {
        /// `video`, `sequence` or `picture`.
        kind: &'static str,
        /// Its identifier.
        id: u8,
    },
    /// The sequence parameter set cannot be used.
    #[error("unusable H.265 sequence parameter set")]
    Sps(#[from] SpsError),
    /// A slice header or parameter set ends before its identifiers, or they are out of range.
    #[error("broken H.265 {what}")]
    Broken {
        /// What cannot be read.
        what: &'static str,
    },
    /// A parameter set is larger than [`MAX_PARAMETER_SET`].
    #[error("parameter set of {len} bytes is larger than the limit of {MAX_PARAMETER_SET} bytes")]
    TooLarge {
        /// Length in bytes.
        len: usize,
    },
}

impl NormaliseError {
    /// The name of the kind of error in metrics and in the API. It never changes.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            NormaliseError::MissingSet { .. } => "missing_parameters",
            NormaliseError::Sps(SpsError::BadDimensions { .. }) => "bad_dimensions",
            NormaliseError::Sps(_) | NormaliseError::Broken { .. } => "malformed",
            NormaliseError::TooLarge { .. } => "too_large",
        }
    }
}

/// A parameter set and the identifier of the one that it refers to.
#[derive(Clone, Debug)]
struct Set {
    nal: Bytes,
    refers_to: u8,
}

/// Learns parameter sets, puts them before every random access picture, and drops what comes before the first and
/// what cannot be decoded after it.
///
/// Parameter sets are kept by their identifiers, each up to [`MAX_PARAMETER_SET`] bytes; what a stream is called is
/// what its random access pictures refer to.
#[derive(Debug, Default)]
pub struct Normaliser {
    vps: BTreeMap<u8, Bytes>,
    sps: BTreeMap<u8, Set>,
    pps: BTreeMap<u8, Set>,
    current: Option<Parameters>,
    /// Whether every picture since the last random access picture was passed on.
    running: bool,
    /// Whether leading pictures that refer to what came before the last random access picture are dropped:
    /// decoding began there (8.1.3, NoRaslOutputFlag).
    drop_rasl: bool,
}

/// What one access unit is made of.
#[derive(Default)]
struct Survey {
    /// Kind of the first slice, and the identifier of its picture parameter set if it is a random access picture.
    slice: Option<(NalKind, u8)>,
}

impl Normaliser {
    /// A normaliser that knows no parameter sets yet.
    #[must_use]
    pub fn new() -> Normaliser {
        Normaliser::default()
    }

    /// What the stream is, once a random access picture was passed on.
    #[must_use]
    pub fn parameters(&self) -> Option<&Parameters> {
        self.current.as_ref()
    }

    /// Learns parameter sets that arrive outside the stream (SDP `sprop-vps`, `sprop-sps`, `sprop-pps`, `hvcC`), each
    /// as one NAL unit without start code. Other NAL units are passed over.
    ///
    /// # Errors
    ///
    /// [`NormaliseError::Broken`], [`NormaliseError::Sps`] and [`NormaliseError::TooLarge`].
    pub fn learn(&mut self, nal: &[u8]) -> Result<(), NormaliseError> {
        let kind = NalKind::of(nal);
        if !matches!(kind, Some(NalKind::Vps | NalKind::Sps | NalKind::Pps)) {
            return Ok(());
        }
        if nal.len() > MAX_PARAMETER_SET {
            return Err(NormaliseError::TooLarge { len: nal.len() });
        }
        let broken = |what| NormaliseError::Broken { what };
        match kind {
            Some(NalKind::Vps) => {
                let id = vps_id(nal).map_err(|OutOfBits| broken("video parameter set"))?;
                if self.vps.get(&id).is_none_or(|known| known != nal) {
                    self.vps.insert(id, Bytes::copy_from_slice(nal));
                }
            }
            Some(NalKind::Sps) => {
                if self.sps.values().any(|known| known.nal == nal) {
                    return Ok(());
                }
                let sps = Sps::parse(nal)?;
                let set = Set { nal: Bytes::copy_from_slice(nal), refers_to: sps.vps_id };
                if self.sps.insert(sps.id, set).is_some() {
                    // The picture parameter sets of the old sequence mean nothing in the new one.
                    self.pps.retain(|_, pps| pps.refers_to != sps.id);
                }
            }
            _ => {
                let (id, sps_id) = pps_ids(nal).map_err(|OutOfBits| broken("picture parameter set"))?;
                if self.pps.get(&id).is_none_or(|known| known.nal != nal) {
                    self.pps.insert(id, Set { nal: Bytes::copy_from_slice(nal), refers_to: sps_id });
                }
            }
        }
        Ok(())
    }

    /// Drops everything up to the next random access picture: the caller knows that a picture is missing.
    pub fn wait_for_keyframe(&mut self) {
        self.running = false;
    }

    /// Takes one access unit in Annex B, with start codes of any length.
    ///
    /// `None` for what must not be passed on: pictures before the first random access picture or after a loss,
    /// leading pictures that cannot be decoded because decoding began after what they refer to, and units without
    /// picture. The bytes are not copied when they already have the form that is wanted, or only begin with a
    /// delimiter that is not.
    ///
    /// # Errors
    ///
    /// [`NormaliseError`] says why the unit is dropped. Everything up to the next random access picture is dropped
    /// too.
    pub fn push(&mut self, annex_b: &Bytes) -> Result<Option<Normalised>, NormaliseError> {
        let result = self.take(annex_b);
        if result.is_err() {
            self.running = false;
        }
        result
    }

    fn take(&mut self, annex_b: &Bytes) -> Result<Option<Normalised>, NormaliseError> {
        let Some((kind, pps_id)) = self.survey(annex_b)?.slice else { return Ok(None) };
        if !kind.is_irap() {
            let passes = self.running && !(kind == NalKind::RaslSlice && self.drop_rasl);
            let data = || reframe(annex_b, &[], role);
            return Ok(passes.then(|| Normalised { data: data(), keyframe: false, changed: None }));
        }
        let missing = |kind, id| NormaliseError::MissingSet { kind, id };
        let pps = self.pps.get(&pps_id).ok_or(missing("picture", pps_id))?;
        let sps = self.sps.get(&pps.refers_to).ok_or(missing("sequence", pps.refers_to))?;
        let vps = self.vps.get(&sps.refers_to).ok_or(missing("video", sps.refers_to))?;
        let sets = H265Parameters { vps: vps.clone(), sps: sps.nal.clone(), pps: pps.nal.clone() };
        let changed = match &self.current {
            Some(current) if current.sets == sets => None,
            _ => Some(Parameters { sps: Sps::parse(&sets.sps)?, sets }),
        };
        // The active set first: it is the one that `sets` names. The others that belong to the same sequence
        // follow, because later pictures may refer to them.
        let mut first = vec![vps, &sps.nal, &pps.nal];
        let others = self.pps.iter().filter(|(id, other)| **id != pps_id && other.refers_to == pps.refers_to);
        first.extend(others.map(|(_, other)| &other.nal));
        let data = reframe(annex_b, &first, role);
        self.drop_rasl = !self.running || kind != NalKind::CraSlice;
        self.running = true;
        if changed.is_some() {
            self.current.clone_from(&changed);
        }
        Ok(Some(Normalised { data, keyframe: true, changed }))
    }

    /// Learns the parameter sets of the unit and finds out what it is.
    fn survey(&mut self, annex_b: &[u8]) -> Result<Survey, NormaliseError> {
        let mut survey = Survey::default();
        for nal in nal_units(annex_b) {
            let Some(kind) = NalKind::of(nal) else { continue };
            if kind.is_vcl() && survey.slice.is_none() {
                let broken = |OutOfBits| NormaliseError::Broken { what: "slice header" };
                let pps_id = if kind.is_irap() { slice_pps_id(nal).map_err(broken)? } else { 0 };
                survey.slice = Some((kind, pps_id));
            }
            self.learn(nal)?;
        }
        Ok(survey)
    }
}

fn role(nal: &[u8]) -> Role {
    match NalKind::of(nal) {
        Some(NalKind::AccessUnitDelimiter) => Role::Delimiter,
        Some(NalKind::Filler) | None => Role::Filler,
        Some(NalKind::Vps | NalKind::Sps | NalKind::Pps) => Role::ParameterSet,
        Some(_) => Role::Content,
    }
}

/// The bits after the header of a NAL unit.
fn payload(nal: &[u8]) -> Result<BitReader<'_>, OutOfBits> {
    nal.get(HEADER_BYTES..).map(BitReader::new).ok_or(OutOfBits)
}

/// `vps_video_parameter_set_id` (7.3.2.1).
fn vps_id(nal: &[u8]) -> Result<u8, OutOfBits> {
    payload(nal)?.bits(4).map(|id| id as u8)
}

/// `pps_pic_parameter_set_id` and `pps_seq_parameter_set_id` (7.3.2.3.1).
fn pps_ids(nal: &[u8]) -> Result<(u8, u8), OutOfBits> {
    let mut bits = payload(nal)?;
    Ok((identifier(&mut bits, MAX_PPS)?, identifier(&mut bits, MAX_SPS)?))
}

/// `slice_pic_parameter_set_id` of a random access picture (7.3.6.1).
fn slice_pps_id(nal: &[u8]) -> Result<u8, OutOfBits> {
    let mut bits = payload(nal)?;
    bits.flag()?; // first_slice_segment_in_pic_flag
    bits.flag()?; // no_output_of_prior_pics_flag
    identifier(&mut bits, MAX_PPS)
}

fn identifier(bits: &mut BitReader<'_>, max: u8) -> Result<u8, OutOfBits> {
    u8::try_from(bits.ue()?).ok().filter(|id| *id <= max).ok_or(OutOfBits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = include_bytes!("../../../../../testdata/h265/main_bframes_70x50.h265");

    /// The access units of the stream, which has delimiters.
    fn units() -> Vec<Bytes> {
        let mut units: Vec<Vec<&[u8]>> = Vec::new();
        for nal in nal_units(STREAM) {
            if NalKind::of(nal) == Some(NalKind::AccessUnitDelimiter) {
                units.push(Vec::new());
            }
            units.last_mut().unwrap().push(nal);
        }
        units.iter().map(|nals| annex_b(nals)).collect()
    }

    fn annex_b(nals: &[&[u8]]) -> Bytes {
        nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect()
    }

    fn kinds(data: &[u8]) -> Vec<NalKind> {
        nal_units(data).filter_map(NalKind::of).collect()
    }

    #[test]
    fn keyframes_begin_with_the_sets_and_nothing_comes_before_the_first() {
        let mut normaliser = Normaliser::new();
        let units = units();
        assert_eq!(normaliser.push(&units[1]), Ok(None));
        let mut keyframes = 0;
        for unit in &units {
            let Some(picture) = normaliser.push(unit).unwrap() else { continue };
            let kinds = kinds(&picture.data);
            assert!(!kinds.contains(&NalKind::AccessUnitDelimiter));
            assert_eq!(picture.changed.is_some(), picture.keyframe && keyframes == 0);
            if picture.keyframe {
                keyframes += 1;
                assert_eq!(kinds[..3], [NalKind::Vps, NalKind::Sps, NalKind::Pps]);
                let again = Normaliser::new().push(&picture.data).unwrap().unwrap();
                assert_eq!((again.data.as_ptr(), again.keyframe), (picture.data.as_ptr(), true));
            }
        }
        assert_eq!(keyframes, 2);
        assert_eq!(normaliser.parameters().map(|known| (known.sps.width, known.sps.height)), Some((70, 50)));
    }

    #[test]
    fn sets_that_come_once_stand_before_every_keyframe() {
        let mut normaliser = Normaliser::new();
        let units = units();
        let sets: Vec<&[u8]> = nal_units(&units[0]).skip(1).take(3).collect();
        for set in &sets {
            normaliser.learn(set).unwrap();
        }
        let slice: &[u8] = &[19 << 1, 1, 0b1010_0000, 7];
        for _ in 0..2 {
            let picture = normaliser.push(&annex_b(&[slice])).unwrap().unwrap();
            assert!(nal_units(&picture.data).eq(sets.iter().copied().chain([slice])));
        }
    }

    #[test]
    fn leading_pictures_follow_only_where_what_they_refer_to_was_sent() {
        let mut normaliser = Normaliser::new();
        let sets: Vec<Bytes> = nal_units(&units()[0]).skip(1).take(3).map(Bytes::copy_from_slice).collect();
        for set in &sets {
            normaliser.learn(set).unwrap();
        }
        let slice = |kind: u8| annex_b(&[&[kind << 1, 1, 0b1010_0000, 7]]);
        let mut passes = |kind| normaliser.push(&slice(kind)).unwrap().is_some();
        // CRA, RASL, RADL, trailing: decoding begins here.
        assert_eq!([21, 8, 9, 6, 1].map(&mut passes), [true, false, false, true, true]);
        // It goes on, so that the leading pictures can be decoded.
        assert_eq!([21, 8, 9, 6, 1].map(&mut passes), [true; 5]);
        // After BLA they cannot.
        assert_eq!([16, 8, 6, 1].map(&mut passes), [true, false, true, true]);
        normaliser.wait_for_keyframe();
        let mut passes = |kind| normaliser.push(&slice(kind)).unwrap().is_some();
        assert_eq!([1, 8, 21, 8, 1].map(&mut passes), [false, false, true, false, true]);
    }

    #[test]
    fn a_keyframe_without_its_sets_is_refused_and_so_is_what_follows() {
        let units = units();
        let sets: Vec<&[u8]> = nal_units(&units[0]).skip(1).take(3).collect();
        let slice = annex_b(&[&[19 << 1, 1, 0b1010_0000, 7]]);
        for (known, kind) in [(&[][..], "picture"), (&[2], "sequence"), (&[1, 2], "video")] {
            let mut normaliser = Normaliser::new();
            for index in known {
                normaliser.learn(sets[*index]).unwrap();
            }
            assert_eq!(normaliser.push(&slice), Err(NormaliseError::MissingSet { kind, id: 0 }));
            assert_eq!(normaliser.push(&units[1]), Ok(None));
        }
        let large = [&[34 << 1, 1][..], &[0x80; MAX_PARAMETER_SET]].concat();
        let error = NormaliseError::TooLarge { len: MAX_PARAMETER_SET + 2 };
        assert_eq!(Normaliser::new().learn(&large), Err(error));
        let broken = NormaliseError::Broken { what: "slice header" };
        assert_eq!(Normaliser::new().push(&annex_b(&[&[19 << 1, 1]])), Err(broken));
    }

    #[test]
    fn every_truncation_of_a_unit_is_a_picture_or_refused() {
        let whole = &units()[0];
        for cut in 0..whole.len() {
            if let Ok(Some(picture)) = Normaliser::new().push(&whole.slice(..cut)) {
                assert!(picture.keyframe && picture.changed.is_some(), "cut at {cut}");
            }
        }
    }
}
