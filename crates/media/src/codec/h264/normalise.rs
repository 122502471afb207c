//! Access units as a camera sends them become units that any consumer can begin with.

use super::nal::{NalKind, nal_units};
use super::sps::{MAX_PARAMETER_SET, Sps, SpsError};
use crate::codec::annexb::{Role, reframe};
use crate::codec::bits::{BitReader, OutOfBits};
use crate::unit::H264Parameters;
use bytes::Bytes;
use std::collections::BTreeMap;

/// A picture that may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// One access unit: Annex B with four-byte start codes, without delimiters and filler. An IDR picture begins
    /// with the sequence parameter set and all picture parameter sets that go with it.
    pub data: Bytes,
    /// Whether it is an IDR picture.
    pub keyframe: bool,
    /// What the stream is from here on, where that is new. Only an IDR picture has it.
    pub changed: Option<Parameters>,
}

/// What the stream is: its parameter sets and the size of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The parameter sets that the first slice of the IDR picture refers to.
    pub sets: H264Parameters,
    /// What the sequence parameter set says.
    pub sps: Sps,
}

/// Why an access unit is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NormaliseError {
    /// The IDR picture refers to a picture parameter set that was not sent.
    #[error("IDR picture refers to picture parameter set {id}, which was never sent")]
    MissingPps {
        /// `pic_parameter_set_id`.
        id: u8,
    },
    /// The picture parameter set refers to a sequence parameter set that was not sent.
    #[error("IDR picture refers to sequence parameter set {id}, which was never sent")]
    MissingSps {
        /// `seq_parameter_set_id`.
        id: u8,
    },
    /// The sequence parameter set of the IDR picture cannot be used.
    #[error("IDR picture with an unusable sequence parameter set")]
    Sps(#[from] SpsError),
    /// A slice header or picture parameter set ends before its identifiers, or they are out of range.
    #[error("broken {what}")]
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
            NormaliseError::MissingPps { .. } | NormaliseError::MissingSps { .. } => "missing_parameters",
            NormaliseError::Sps(SpsError::BadDimensions { .. }) => "bad_dimensions",
            NormaliseError::Sps(_) | NormaliseError::Broken { .. } => "malformed",
            NormaliseError::TooLarge { .. } => "too_large",
        }
    }
}

/// A picture parameter set and the sequence parameter set that it refers to.
#[derive(Clone, Debug)]
struct Pps {
    nal: Bytes,
    sps_id: u8,
}

/// Learns parameter sets, puts them before every IDR picture, and drops what comes before the first.
///
/// Parameter sets are kept by their identifiers (at most 32 and 256 of them, each up to
/// [`MAX_PARAMETER_SET`] bytes); what a stream is called is what its IDR pictures refer to.
#[derive(Debug, Default)]
pub struct Normaliser {
    sps: BTreeMap<u8, Bytes>,
    pps: BTreeMap<u8, Pps>,
    current: Option<Parameters>,
    /// Whether every picture since the last IDR picture was passed on.
    running: bool,
}

/// What one access unit is made of.
#[derive(Default)]
struct Survey {
    /// Identifier of the picture parameter set of the first IDR slice.
    idr_pps: Option<u8>,
    has_vcl: bool,
}

impl Normaliser {
    /// A normaliser that knows no parameter sets yet.
    #[must_use]
    pub fn new() -> Normaliser {
        Normaliser::default()
    }

    /// What the stream is, once an IDR picture was passed on.
    #[must_use]
    pub fn parameters(&self) -> Option<&Parameters> {
        self.current.as_ref()
    }

    /// Learns parameter sets that arrive outside the stream (SDP `sprop-parameter-sets`, `avcC`), each as one NAL
    /// unit without start code. Other NAL units are passed over.
    ///
    /// # Errors
    ///
    /// [`NormaliseError::Broken`] and [`NormaliseError::TooLarge`].
    pub fn learn(&mut self, nal: &[u8]) -> Result<(), NormaliseError> {
        let broken = |what| move |OutOfBits| NormaliseError::Broken { what };
        let kind = NalKind::of(nal);
        if matches!(kind, Some(NalKind::Sps | NalKind::Pps)) && nal.len() > MAX_PARAMETER_SET {
            return Err(NormaliseError::TooLarge { len: nal.len() });
        }
        match kind {
            Some(NalKind::Sps) => {
                let what = "sequence parameter set";
                let id = sps_id(nal).map_err(broken(what))?;
                if id > 31 {
                    return Err(NormaliseError::Broken { what });
                }
                let known = self.sps.get(&id);
                if known.is_some_and(|known| known != nal) {
                    // The picture parameter sets of the old sequence mean nothing in the new one.
                    self.pps.retain(|_, pps| pps.sps_id != id);
                }
                if known.is_none_or(|known| known != nal) {
                    self.sps.insert(id, Bytes::copy_from_slice(nal));
                }
            }
            Some(NalKind::Pps) => {
                let what = "picture parameter set";
                let (id, sps_id) = pps_ids(nal).map_err(broken(what))?;
                if sps_id > 31 {
                    return Err(NormaliseError::Broken { what });
                }
                if self.pps.get(&id).is_none_or(|known| known.nal != nal) {
                    self.pps.insert(id, Pps { nal: Bytes::copy_from_slice(nal), sps_id });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Drops everything up to the next IDR picture: the caller knows that a picture is missing.
    pub fn wait_for_keyframe(&mut self) {
        self.running = false;
    }

    /// Takes one access unit in Annex B, with start codes of any length.
    ///
    /// `None` for what must not be passed on: pictures before the first IDR picture or after a loss, and units
    /// without picture. The bytes are not copied when they already have the form that is wanted, or only
    /// begin with a delimiter that is not.
    ///
    /// # Errors
    ///
    /// [`NormaliseError`] says why the unit is dropped. Everything up to the next IDR picture is dropped too.
    pub fn push(&mut self, annex_b: &Bytes) -> Result<Option<Normalised>, NormaliseError> {
        let result = self.take(annex_b);
        if result.is_err() {
            self.running = false;
        }
        result
    }

    fn take(&mut self, annex_b: &Bytes) -> Result<Option<Normalised>, NormaliseError> {
        let survey = self.survey(annex_b)?;
        let Some(pps_id) = survey.idr_pps else {
            let passes = survey.has_vcl && self.running;
            return Ok(passes.then(|| Normalised {
                data: reframe(annex_b, &[], role),
                keyframe: false,
                changed: None,
            }));
        };
        let active = self.pps.get(&pps_id).ok_or(NormaliseError::MissingPps { id: pps_id })?;
        let sps_nal = self.sps.get(&active.sps_id).ok_or(NormaliseError::MissingSps { id: active.sps_id })?;
        let sets = H264Parameters { sps: sps_nal.clone(), pps: active.nal.clone() };
        let changed = match &self.current {
            Some(current) if current.sets == sets => None,
            _ => {
                let sps = Sps::parse(&sets.sps)?;
                Some(Parameters { sets, sps })
            }
        };
        // The active set first: it is the one that `sets` names. The others that belong to the same sequence
        // follow, because later pictures may refer to them.
        let mut first = vec![sps_nal, &active.nal];
        first.extend(
            self.pps
                .iter()
                .filter(|(id, pps)| **id != pps_id && pps.sps_id == active.sps_id)
                .map(|(_, pps)| &pps.nal),
        );
        let data = reframe(annex_b, &first, role);
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
            survey.has_vcl |= kind.is_vcl();
            if kind == NalKind::IdrSlice && survey.idr_pps.is_none() {
                let id =
                    slice_pps_id(nal).map_err(|OutOfBits| NormaliseError::Broken { what: "slice header" })?;
                survey.idr_pps = Some(id);
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
        Some(NalKind::Sps | NalKind::Pps) => Role::ParameterSet,
        Some(_) => Role::Content,
    }
}

/// `seq_parameter_set_id` of a sequence parameter set (7.3.2.1.1), after profile, flags and level.
fn sps_id(nal: &[u8]) -> Result<u8, OutOfBits> {
    let bits = &mut BitReader::new(nal.get(1..).ok_or(OutOfBits)?);
    bits.bits(24)?;
    identifier(bits)
}

/// `pic_parameter_set_id` and `seq_parameter_set_id` of a picture parameter set (7.3.2.2).
fn pps_ids(nal: &[u8]) -> Result<(u8, u8), OutOfBits> {
    let bits = &mut BitReader::new(nal.get(1..).ok_or(OutOfBits)?);
    Ok((identifier(bits)?, identifier(bits)?))
}

/// `pic_parameter_set_id` of a slice (7.3.3), after `first_mb_in_slice` and `slice_type`.
fn slice_pps_id(nal: &[u8]) -> Result<u8, OutOfBits> {
    let bits = &mut BitReader::new(nal.get(1..).ok_or(OutOfBits)?);
    bits.ue()?;
    bits.ue()?;
    identifier(bits)
}

fn identifier(bits: &mut BitReader<'_>) -> Result<u8, OutOfBits> {
    u8::try_from(bits.ue()?).map_err(|_| OutOfBits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::annexb::START_CODE;
    use crate::codec::h264::split::AccessUnitSplitter;

    const SLICES: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");
    const AUD: &[u8] = include_bytes!("../../../../../testdata/h264/high_cropped_70x50_aud.h264");

    fn units(stream: &[u8]) -> Vec<Bytes> {
        let units = AccessUnitSplitter::new().push_complete(stream);
        units.into_iter().map(|unit| unit.data).collect()
    }

    fn kinds(data: &[u8]) -> Vec<NalKind> {
        nal_units(data).filter_map(NalKind::of).collect()
    }

    fn annex_b(nals: &[&[u8]]) -> Bytes {
        nals.iter().flat_map(|nal| START_CODE.iter().chain(*nal)).copied().collect()
    }

    /// SPS and PPS of `SLICES` with its first IDR slice.
    fn parts() -> (Bytes, Bytes, Bytes) {
        let stream = Bytes::from_static(SLICES);
        let mut nals = nal_units(&stream).map(|nal| stream.slice_ref(nal));
        (nals.next().unwrap(), nals.next().unwrap(), nals.next().unwrap())
    }

    #[test]
    fn units_in_the_wanted_form_are_passed_on_without_a_copy() {
        let mut normaliser = Normaliser::new();
        for (index, unit) in units(SLICES).iter().enumerate() {
            let picture = normaliser.push(unit).unwrap().unwrap();
            assert_eq!((picture.data.as_ptr(), picture.data.len()), (unit.as_ptr(), unit.len()));
            assert_eq!(picture.keyframe, index % 5 == 0);
            assert_eq!(picture.changed.is_some(), index == 0);
        }
        let Parameters { sets, sps } = normaliser.parameters().unwrap();
        assert_eq!((sps.width, sps.height), (64, 64));
        assert_eq!((&sets.sps, &sets.pps), (&parts().0, &parts().1));
    }

    #[test]
    fn a_leading_delimiter_is_cut_without_a_copy() {
        let mut normaliser = Normaliser::new();
        for unit in units(AUD) {
            let picture = normaliser.push(&unit).unwrap().unwrap();
            assert_eq!(kinds(&unit)[1..], kinds(&picture.data));
            assert_eq!(picture.data.as_ptr(), unit[6..].as_ptr());
        }
    }

    #[test]
    fn pictures_before_the_first_idr_and_after_a_loss_are_dropped() {
        let all = units(SLICES);
        let mut normaliser = Normaliser::new();
        assert_eq!(normaliser.push(&all[1]), Ok(None));
        assert!(normaliser.push(&all[0]).unwrap().is_some());
        normaliser.wait_for_keyframe();
        assert_eq!(normaliser.push(&all[1]), Ok(None));
        assert!(normaliser.push(&all[5]).unwrap().unwrap().keyframe);
        assert!(normaliser.push(&all[6]).unwrap().is_some());
    }

    #[test]
    fn sets_sent_once_come_before_every_idr_picture() {
        let (sps, pps, slice) = parts();
        let mut normaliser = Normaliser::new();
        assert_eq!(normaliser.push(&annex_b(&[&sps, &pps])), Ok(None));
        for changed in [true, false] {
            let picture = normaliser.push(&annex_b(&[&slice])).unwrap().unwrap();
            assert_eq!(picture.data, annex_b(&[&sps, &pps, &slice]));
            assert_eq!(picture.changed.is_some(), changed);
        }
        let mut apart = Normaliser::new();
        apart.learn(&pps).unwrap();
        apart.learn(&sps).unwrap();
        assert!(apart.push(&annex_b(&[&slice])).unwrap().unwrap().keyframe);
    }

    #[test]
    fn start_codes_order_delimiters_and_filler_are_put_right() {
        let (sps, pps, slice) = parts();
        let (aud, sei) = (&[9u8, 0x10][..], &[6u8, 5, 1, 7, 0x80][..]);
        let unit = annex_b(&[aud, sei, &sps, &[12, 0xff, 0x80], &pps, &slice]);
        let expected = annex_b(&[&sps, &pps, sei, &slice]);
        assert_eq!(Normaliser::new().push(&unit).unwrap().unwrap().data, expected);
        let mut short = Vec::new();
        for nal in [&sps[..], &pps, sei, &slice] {
            short.extend([&[0, 0, 1], nal, &[0, 0]].concat());
        }
        assert_eq!(Normaliser::new().push(&short.into()).unwrap().unwrap().data, expected);
        let mut stray = expected.to_vec();
        stray[0] = 7;
        assert_eq!(Normaliser::new().push(&stray.into()).unwrap().unwrap().data, expected);
    }

    #[test]
    fn only_the_sets_in_use_name_the_stream() {
        let (sps, pps, slice) = parts();
        // pic_parameter_set_id 1, seq_parameter_set_id 0; and one of another sequence: 2, 1.
        let (other, foreign) = (&[0x68, 0b0101_1111][..], &[0x68, 0b0110_1011][..]);
        let unit = annex_b(&[foreign, other, &sps, &pps, &slice]);
        let picture = Normaliser::new().push(&unit).unwrap().unwrap();
        assert_eq!(picture.data, annex_b(&[&sps, &pps, other, &slice]));
        assert_eq!(picture.changed.unwrap().sets, H264Parameters { sps, pps });
    }

    #[test]
    fn a_new_sequence_is_reported_and_forgets_the_old_picture_sets() {
        let (sps, pps, slice) = parts();
        let larger = &units(AUD)[0];
        let mut normaliser = Normaliser::new();
        normaliser.push(&annex_b(&[&sps, &pps, &[0x68, 0b0101_1111], &slice])).unwrap().unwrap();
        let picture = normaliser.push(larger).unwrap().unwrap();
        let changed = picture.changed.unwrap();
        assert_eq!((changed.sps.width, changed.sps.height), (70, 50));
        assert_eq!(kinds(&picture.data), [NalKind::Sps, NalKind::Pps, NalKind::IdrSlice]);
    }

    #[test]
    fn says_what_is_missing_or_broken_and_waits_for_the_next_idr() {
        let (sps, pps, slice) = parts();
        let all = units(SLICES);
        let mut normaliser = Normaliser::new();
        let mut fails = |unit: Bytes, error: NormaliseError, label: &str| {
            assert_eq!(normaliser.push(&unit), Err(error));
            assert_eq!(error.label(), label);
            assert_eq!(normaliser.push(&all[1]), Ok(None));
        };
        fails(annex_b(&[&slice]), NormaliseError::MissingPps { id: 0 }, "missing_parameters");
        fails(annex_b(&[&pps, &slice]), NormaliseError::MissingSps { id: 0 }, "missing_parameters");
        fails(annex_b(&[&[0x65]]), NormaliseError::Broken { what: "slice header" }, "malformed");
        let what = "picture parameter set";
        fails(annex_b(&[&[0x68]]), NormaliseError::Broken { what }, "malformed");
        let huge = [&[0x67][..], &[9; MAX_PARAMETER_SET]].concat();
        let len = huge.len();
        fails(annex_b(&[&huge]), NormaliseError::TooLarge { len }, "too_large");
        let unit = annex_b(&[&sps[..6], &pps, &slice]);
        fails(unit, NormaliseError::Sps(SpsError::Truncated), "malformed");
        // Once a picture was passed on, a broken unit stops the ones that refer to it.
        assert!(normaliser.push(&all[0]).unwrap().is_some());
        assert!(normaliser.push(&annex_b(&[&[0x68], &[0x41, 0x9a]])).is_err());
        assert_eq!(normaliser.push(&all[1]), Ok(None));
        assert!(normaliser.push(&all[5]).unwrap().is_some());
    }
}
