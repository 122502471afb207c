//! A byte stream of Annex B, cut anywhere, becomes access units.

use super::START_CODE;
use super::nal::NalKind;
use crate::codec::annexb::{find_nal_end, find_start_code, without_trailing_zeros};
use bytes::Bytes;
use std::ops::Range;

/// Length of 00 00 01, which every start code ends with.
const START_CODE_PREFIX: usize = 3;

/// Largest access unit in bytes. An IDR picture in 4K at a high rate has 1 to 2 MB, so only a stream that is not
/// H.264, or never has a start code, comes here.
pub const MAX_ACCESS_UNIT: usize = 4 * 1024 * 1024;

/// One access unit: the NAL units of one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// Annex B with four-byte start codes and nothing between the NAL units.
    pub data: Bytes,
    /// Whether it has an IDR slice.
    pub idr: bool,
    /// Whether the access unit before this one was too large and is missing. What follows, up to the next IDR
    /// picture, refers to a picture that the decoder does not have.
    pub after_loss: bool,
}

/// Splits a byte stream into access units.
///
/// A NAL unit begins a new access unit after ITU-T H.264 7.4.1.2.3 when picture data was seen and it is an access
/// unit delimiter, a parameter set, SEI, of type 14 to 18, or the first slice of a picture. The first slice is
/// the one with `first_mb_in_slice` 0: this holds for all encoders in cameras, but not for arbitrary slice
/// order and redundant pictures (extended features of the baseline profile that none of them uses). The two
/// fields of an interlaced frame are two access units, as in the standard.
///
/// Only the next picture shows that one has ended, so a unit comes out when the header of the next one is
/// pushed; a caller that knows where pictures end calls [`push_complete`](Self::push_complete).
///
/// Where the stream is cut makes no difference to what comes out. Memory is bounded by the size limit and the
/// length of the chunk.
#[derive(Debug)]
pub struct AccessUnitSplitter {
    limit: usize,
    /// The finished NAL units of the unit in the making, with start codes. Copied out when complete, so that a
    /// unit keeps exactly its own bytes alive and this buffer is used again.
    unit: Vec<u8>,
    /// What is known of the unit in the making, its unfinished NAL unit included.
    has_vcl: bool,
    has_idr: bool,
    /// What was pushed and not yet used: the NAL unit in the making, or what may begin a start code.
    pending: Vec<u8>,
    state: State,
    /// The unit in the making is too large: forget it up to the beginning of the next.
    discarding: bool,
    after_loss: bool,
    dropped: u64,
}

/// What `pending` begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of use: a start code must come.
    Between,
    /// A NAL unit of which too little is there to say whether it begins an access unit.
    Undecided,
    /// A NAL unit that belongs to `unit`.
    Inside,
}

impl Default for AccessUnitSplitter {
    fn default() -> Self {
        Self::new()
    }
}

impl AccessUnitSplitter {
    /// A splitter for units of up to [`MAX_ACCESS_UNIT`] bytes.
    #[must_use]
    pub fn new() -> AccessUnitSplitter {
        AccessUnitSplitter::with_limit(MAX_ACCESS_UNIT)
    }

    /// A splitter for units of up to `limit` bytes, start codes included.
    #[must_use]
    pub fn with_limit(limit: usize) -> AccessUnitSplitter {
        AccessUnitSplitter {
            limit,
            unit: Vec::new(),
            has_vcl: false,
            has_idr: false,
            pending: Vec::new(),
            state: State::Between,
            discarding: false,
            after_loss: false,
            dropped: 0,
        }
    }

    /// How many access units were larger than the limit and are gone.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Takes the next bytes of the stream and returns the access units that they complete.
    #[must_use]
    pub fn push(&mut self, chunk: &[u8]) -> Vec<AccessUnit> {
        let mut done = Vec::new();
        // A start code that is cut has up to two of its bytes in what came before.
        let mut search = self.pending.len().saturating_sub(2);
        self.pending.extend_from_slice(chunk);
        let mut begin = 0;
        loop {
            if self.state == State::Between {
                let Some(start_code) = find_start_code(&self.pending, search) else {
                    begin = begin.max(self.pending.len().saturating_sub(2));
                    break;
                };
                begin = start_code + START_CODE_PREFIX;
                search = begin;
                self.state = State::Undecided;
            }
            let end = find_nal_end(&self.pending, search);
            let nal = begin..end.unwrap_or_else(|| without_trailing_zeros(&self.pending, begin));
            self.grow_nal(nal.clone(), &mut done);
            let Some(end) = end else { break };
            self.finish_nal(nal);
            begin = end;
            search = end;
        }
        if self.discarding && self.state == State::Inside {
            // Nothing of this NAL unit is wanted but its end, which may be cut.
            begin = begin.max(self.pending.len().saturating_sub(2));
        }
        self.pending.drain(..begin);
        done
    }

    /// Takes bytes that end where an access unit ends, and returns all units that are complete with them.
    #[must_use]
    pub fn push_complete(&mut self, chunk: &[u8]) -> Vec<AccessUnit> {
        let mut done = self.push(chunk);
        done.extend(self.flush());
        done
    }

    /// The caller knows that the access unit, or the stream, has ended: returns what is there.
    ///
    /// Called in the middle of a picture it gives a part of it, and the rest comes out as a unit of its own.
    #[must_use]
    pub fn flush(&mut self) -> Option<AccessUnit> {
        if self.state != State::Between {
            self.finish_nal(0..without_trailing_zeros(&self.pending, 0));
        }
        self.pending.clear();
        self.take_unit()
    }

    /// Whether the access unit in the making has picture data: without any, there is nothing to [`flush`](Self::flush).
    #[must_use]
    pub fn has_picture(&self) -> bool {
        self.has_vcl
    }

    /// Looks at what there is of the NAL unit in `pending[nal]`: it may begin an access unit, and it may be
    /// too large. Both are decided on the bytes alone, however they are cut, and as early as possible.
    fn grow_nal(&mut self, nal: Range<usize>, done: &mut Vec<AccessUnit>) {
        if self.state == State::Undecided {
            let Some((kind, may_begin_unit)) = classify(&self.pending[nal.clone()]) else { return };
            if self.has_vcl && may_begin_unit {
                done.extend(self.take_unit());
            }
            self.has_vcl |= kind.is_vcl();
            self.has_idr |= kind == NalKind::IdrSlice;
            self.state = State::Inside;
        }
        if !self.discarding && self.unit.len() + START_CODE.len() + nal.len() > self.limit {
            self.unit.clear();
            self.discarding = true;
            self.after_loss = true;
            self.dropped += 1;
        }
    }

    /// The NAL unit in `pending[nal]` is complete. One that is still undecided is empty, or a slice that ends
    /// after its first byte, and of no use.
    fn finish_nal(&mut self, nal: Range<usize>) {
        if self.state == State::Inside && !self.discarding {
            self.unit.extend_from_slice(&START_CODE);
            self.unit.extend_from_slice(&self.pending[nal]);
        }
        self.state = State::Between;
    }

    /// The unit in the making is complete. `None` when there is none or it was too large.
    fn take_unit(&mut self) -> Option<AccessUnit> {
        let idr = std::mem::take(&mut self.has_idr);
        self.has_vcl = false;
        if std::mem::take(&mut self.discarding) || self.unit.is_empty() {
            return None;
        }
        let data = Bytes::copy_from_slice(&self.unit);
        self.unit.clear();
        Some(AccessUnit { data, idr, after_loss: std::mem::take(&mut self.after_loss) })
    }
}

/// Whether `chunk` begins with the start code and header of a NAL unit that begins an access unit when it follows
/// picture data.
#[must_use]
pub fn begins_access_unit(chunk: &[u8]) -> bool {
    let zeros = chunk.iter().take(START_CODE.len()).take_while(|byte| **byte == 0).count();
    let nal = chunk.get(zeros..).and_then(|rest| rest.strip_prefix(&[1]));
    zeros >= 2 && nal.and_then(classify).is_some_and(|(_, begins)| begins)
}

/// The kind of a NAL unit and whether it begins an access unit when it follows picture data. `None` when too
/// few of its bytes are there.
fn classify(nal: &[u8]) -> Option<(NalKind, bool)> {
    let kind = NalKind::of(nal)?;
    let begins = match kind {
        // first_mb_in_slice comes first in the slice header; 0 is the code word `1`.
        NalKind::Slice | NalKind::PartitionA | NalKind::IdrSlice => nal.get(1)? & 0x80 != 0,
        NalKind::AccessUnitDelimiter | NalKind::Sps | NalKind::Pps | NalKind::Sei => true,
        NalKind::Other(number) => (14..=18).contains(&number),
        _ => false,
    };
    Some((kind, begins))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::h264::nal::nal_units;

    const SLICES: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");
    const AUD: &[u8] = include_bytes!("../../../../../testdata/h264/high_cropped_70x50_aud.h264");
    const FIELDS: &[u8] = include_bytes!("../../../../../testdata/h264/high_interlaced_64x72.h264");

    fn split(stream: &[u8]) -> Vec<AccessUnit> {
        AccessUnitSplitter::new().push_complete(stream)
    }

    fn kinds(unit: &AccessUnit) -> Vec<NalKind> {
        nal_units(&unit.data).filter_map(NalKind::of).collect()
    }

    #[test]
    fn slices_stay_together() {
        let units = split(SLICES);
        assert_eq!(units.len(), 10);
        for (index, unit) in units.iter().enumerate() {
            assert_eq!(unit.idr, index % 5 == 0);
            assert!(!unit.after_loss);
            let expected = if unit.idr {
                [&[NalKind::Sps, NalKind::Pps][..], &[NalKind::IdrSlice; 4]].concat()
            } else {
                vec![NalKind::Slice; 4]
            };
            assert_eq!(kinds(unit), expected, "unit {index}");
        }
    }

    #[test]
    fn delimiters_begin_units() {
        let units = split(AUD);
        assert_eq!(units.iter().map(|unit| unit.idr).collect::<Vec<_>>(), [true, false, false].repeat(2));
        assert!(units.iter().all(|unit| kinds(unit)[0] == NalKind::AccessUnitDelimiter));
    }

    #[test]
    fn nothing_but_start_codes_and_zeros_is_lost() {
        for stream in [SLICES, AUD, FIELDS] {
            let units = split(stream);
            let all: Vec<u8> = units.iter().flat_map(|unit| unit.data.to_vec()).collect();
            assert!(nal_units(&all).eq(nal_units(stream)));
        }
    }

    #[test]
    fn the_place_of_the_cut_makes_no_difference() {
        for stream in [SLICES, AUD, FIELDS] {
            let whole = split(stream);
            for cut in 0..=stream.len() {
                let mut splitter = AccessUnitSplitter::new();
                let mut units = splitter.push(&stream[..cut]);
                units.extend(splitter.push_complete(&stream[cut..]));
                assert_eq!(units, whole, "cut at {cut}");
            }
            let mut splitter = AccessUnitSplitter::new();
            let mut units: Vec<_> = stream.iter().flat_map(|&byte| splitter.push(&[byte])).collect();
            units.extend(splitter.flush());
            assert_eq!(units, whole);
        }
    }

    #[test]
    fn a_unit_comes_out_with_the_header_of_the_next() {
        let mut splitter = AccessUnitSplitter::new();
        assert!(splitter.push(&[0, 0, 1, 0x65, 0x88, 1, 0, 0, 1, 0x41]).is_empty());
        let units = splitter.push(&[0x9a]);
        assert_eq!(units.len(), 1);
        assert_eq!(units[0].data[..], [0, 0, 0, 1, 0x65, 0x88, 1]);
        assert_eq!(splitter.flush().unwrap().data[..], [0, 0, 0, 1, 0x41, 0x9a]);
        assert_eq!(splitter.flush(), None);
    }

    #[test]
    fn a_unit_that_is_too_large_is_dropped_up_to_the_next_one() {
        let mut stream = vec![0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x65, 0x88];
        stream.extend([7; 40]);
        // Another slice of the same picture, then the next picture with two slices, then the last.
        stream.extend([0, 0, 1, 0x65, 0x40, 1, 0, 0, 1, 0x41, 0x9a, 2, 0, 0, 1, 0x41, 0x40, 3]);
        stream.extend([0, 0, 0, 1, 0x41, 0x9b, 4, 0, 0, 0]);
        for size in 1..=stream.len() {
            let mut splitter = AccessUnitSplitter::with_limit(24);
            let mut units: Vec<_> = stream.chunks(size).flat_map(|chunk| splitter.push(chunk)).collect();
            assert!(splitter.pending.len() <= 24 + size);
            units.extend(splitter.flush());
            let lost: Vec<_> = units.iter().map(|unit| unit.after_loss).collect();
            assert_eq!((splitter.dropped(), lost), (1, vec![true, false]), "chunks of {size}");
            assert_eq!(units[0].data[..], [0, 0, 0, 1, 0x41, 0x9a, 2, 0, 0, 0, 1, 0x41, 0x40, 3]);
            assert_eq!(units[1].data[..], [0, 0, 0, 1, 0x41, 0x9b, 4]);
        }
    }

    #[test]
    fn memory_stays_bounded_whatever_comes() {
        let mut splitter = AccessUnitSplitter::with_limit(100);
        for fill in [0u8, 1, 7] {
            assert!(splitter.push(&[0, 0, 1, 0x41, 0x9a]).len() <= 1);
            for _ in 0..1000 {
                assert!(splitter.push(&[fill; 10]).is_empty());
                assert!(splitter.pending.len() <= 110 && splitter.unit.len() <= 100, "fill {fill}");
            }
        }
        // The run of zeros ended its NAL unit; the other two made theirs too large.
        assert_eq!(splitter.dropped(), 2);
    }

    #[test]
    fn the_beginning_of_a_unit_is_told_from_other_bytes() {
        for begins in
            [&[0, 0, 1, 0x65, 0x88][..], &[0, 0, 0, 1, 0x67], &[0, 0, 1, 0x09], &[0, 0, 1, 0x41, 0x9a]]
        {
            assert!(begins_access_unit(begins), "{begins:?}");
        }
        // The second slice of a picture, start codes that are cut, and the middle of something.
        for other in
            [&[0, 0, 1, 0x65, 0x40][..], &[0, 0, 1, 0x65], &[0, 1, 0x65, 0x88], &[0, 0, 1], &[7, 7], &[]]
        {
            assert!(!begins_access_unit(other), "{other:?}");
        }
        let mut splitter = AccessUnitSplitter::new();
        assert!(splitter.push(&[0, 0, 1, 0x67, 0x42, 0]).is_empty() && !splitter.has_picture());
        assert!(splitter.push(&[0, 0, 1, 0x65, 0x88]).is_empty() && splitter.has_picture());
        assert!(splitter.flush().is_some() && !splitter.has_picture());
    }

    #[test]
    fn a_slice_without_content_is_not_a_picture() {
        assert!(split(&[0, 0, 1, 0x65, 0, 0, 1, 0x41]).is_empty());
        assert!(split(&[1, 2, 3]).is_empty());
        assert!(split(&[]).is_empty());
    }
}
