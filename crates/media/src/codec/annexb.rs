//! Annex B, the byte stream form that H.264 and H.265 share: NAL units between start codes.

use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// What precedes every NAL unit in the buffers that are made here.
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The NAL units of an Annex-B buffer, without start codes.
///
/// A NAL unit begins after 00 00 01 and ends before the next 00 00 00 or 00 00 01 (Annex B.1, B.2) or, at the
/// end of the buffer, before trailing zeros. Bytes before the first start code and empty NAL units are passed over.
#[derive(Clone, Debug)]
pub struct NalUnits<'a> {
    data: &'a [u8],
    ranges: NalRanges<'a>,
}

/// Iterates over the NAL units of `annex_b`.
#[must_use]
pub fn nal_units(annex_b: &[u8]) -> NalUnits<'_> {
    NalUnits { data: annex_b, ranges: nal_ranges(annex_b) }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        self.ranges.next().map(|range| &self.data[range])
    }
}

/// Where the NAL units of an Annex-B buffer are.
#[derive(Clone, Debug)]
pub(in crate::codec) struct NalRanges<'a> {
    data: &'a [u8],
    pos: usize,
}

pub(in crate::codec) fn nal_ranges(annex_b: &[u8]) -> NalRanges<'_> {
    NalRanges { data: annex_b, pos: 0 }
}

impl Iterator for NalRanges<'_> {
    type Item = Range<usize>;
    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let begin = find_start_code(self.data, self.pos)? + 3;
            let end = match find_nal_end(self.data, begin) {
                Some(end) => end,
                None => without_trailing_zeros(self.data, begin),
            };
            self.pos = end;
            if begin < end {
                return Some(begin..end);
            }
        }
    }
}

/// The offset of the first 00 00 01 at or after `from`.
pub(in crate::codec) fn find_start_code(data: &[u8], from: usize) -> Option<usize> {
    find_zeros_then(data, from, 1..=1)
}

/// The offset of the first 00 00 00 or 00 00 01 at or after `from`: neither can be inside a NAL unit (7.4.1).
pub(in crate::codec) fn find_nal_end(data: &[u8], from: usize) -> Option<usize> {
    find_zeros_then(data, from, 0..=1)
}

/// The end of `data` without the zeros at its end, but not before `from`.
pub(in crate::codec) fn without_trailing_zeros(data: &[u8], from: usize) -> usize {
    let mut end = data.len();
    while end > from && data[end - 1] == 0 {
        end -= 1;
    }
    end
}

fn find_zeros_then(data: &[u8], from: usize, third: std::ops::RangeInclusive<u8>) -> Option<usize> {
    let mut at = from;
    while let Some(&byte) = data.get(at.checked_add(2)?) {
        if byte > 1 {
            // No pattern has it, so none can begin at this byte or at the two before it.
            at += 3;
        } else if data[at] == 0 && data[at + 1] == 0 && third.contains(&byte) {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

/// What [`reframe`] does with a NAL unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum Role {
    /// Left out: a delimiter.
    Delimiter,
    /// Left out: filler, or nothing of use.
    Filler,
    /// Left out where others take its place.
    ParameterSet,
    /// Kept.
    Content,
}

/// `annex_b` with four-byte start codes, without delimiters and filler. Where `sets` has parameter sets, they
/// come first and those of the unit are left out.
///
/// The bytes are not copied when they already have this form, or only begin with a delimiter.
pub(in crate::codec) fn reframe(annex_b: &Bytes, sets: &[&Bytes], role: impl Fn(&[u8]) -> Role) -> Bytes {
    let keep = |nal: &[u8]| match role(nal) {
        Role::Delimiter | Role::Filler => false,
        Role::ParameterSet => sets.is_empty(),
        Role::Content => true,
    };
    if let Some(begin) = framed_from(annex_b, sets, keep, |nal| role(nal) == Role::Delimiter) {
        return annex_b.slice(begin..);
    }
    let kept = || nal_units(annex_b).filter(|nal| keep(nal));
    let all = || sets.iter().map(|set| &set[..]).chain(kept());
    let mut data = BytesMut::with_capacity(all().map(|nal| START_CODE.len() + nal.len()).sum());
    for nal in all() {
        data.extend_from_slice(&START_CODE);
        data.extend_from_slice(nal);
    }
    data.freeze()
}

/// The offset from which on `annex_b` already is what [`reframe`] makes of it, if there is one.
fn framed_from(
    annex_b: &[u8],
    sets: &[&Bytes],
    keep: impl Fn(&[u8]) -> bool,
    is_delimiter: impl Fn(&[u8]) -> bool,
) -> Option<usize> {
    let mut ranges = nal_ranges(annex_b).peekable();
    while ranges.next_if(|range| is_delimiter(&annex_b[range.clone()])).is_some() {}
    let begin = ranges.peek()?.start.checked_sub(START_CODE.len())?;
    let mut end = begin;
    let mut sets = sets.iter();
    for range in ranges {
        let nal = &annex_b[range.clone()];
        let expected = match sets.next() {
            Some(set) => *set == nal,
            None => keep(nal),
        };
        if !expected || range.start != end + START_CODE.len() || annex_b[end] != 0 {
            return None;
        }
        end = range.end;
    }
    (end == annex_b.len() && sets.next().is_none()).then_some(begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(data: &[u8]) -> Vec<&[u8]> {
        nal_units(data).collect()
    }

    #[test]
    fn takes_start_codes_of_three_and_four_bytes() {
        let data = [0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 3];
        assert_eq!(units(&data), [&[0x67, 1][..], &[0x68, 2], &[0x65, 3]]);
    }

    #[test]
    fn strips_zeros_and_passes_over_what_is_no_nal_unit() {
        let data = [9, 9, 0, 0, 0, 0, 1, 0x65, 3, 0, 0, 0, 0, 7, 0, 0, 1, 0, 0, 1, 0x41, 0, 5, 0, 0];
        assert_eq!(units(&data), [&[0x65, 3][..], &[0x41, 0, 5]]);
    }

    #[test]
    fn every_truncation_gives_a_prefix() {
        let data = [0, 0, 0, 1, 0x67, 1, 0, 0, 3, 2, 0, 0, 1, 0x68, 0, 2];
        let whole = [&[0x67, 1, 0, 0, 3, 2][..], &[0x68, 0, 2]];
        assert_eq!(units(&data), whole);
        for cut in 0..data.len() {
            for (part, full) in units(&data[..cut]).iter().zip(whole) {
                assert!(full.starts_with(part), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_buffer_without_start_code_has_none() {
        assert!(units(&[]).is_empty());
        assert!(units(&[0, 0, 1]).is_empty());
        assert!(units(&[0x65, 1, 2, 3]).is_empty());
    }

    #[test]
    fn the_search_agrees_with_a_plain_one() {
        // Every sequence of six bytes from {0, 1, 2}.
        for number in 0..3u32.pow(6) {
            let data: Vec<u8> = (0..6).map(|digit| (number / 3u32.pow(digit) % 3) as u8).collect();
            for from in 0..=6 {
                let plain = |last: &[u8]| {
                    (from..4).find(|&at| data[at..at + 2] == [0, 0] && last.contains(&data[at + 2]))
                };
                assert_eq!(find_start_code(&data, from), plain(&[1]));
                assert_eq!(find_nal_end(&data, from), plain(&[0, 1]));
            }
        }
    }
}
