//! NAL units: their kinds, and the way over an Annex-B buffer.

use std::ops::Range;

/// Kind of a NAL unit (ITU-T H.264 Table 7-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NalKind {
    /// 1: slice of a picture that is not IDR.
    Slice,
    /// 2: slice data partition A.
    PartitionA,
    /// 3: slice data partition B.
    PartitionB,
    /// 4: slice data partition C.
    PartitionC,
    /// 5: slice of an IDR picture.
    IdrSlice,
    /// 6: supplemental enhancement information.
    Sei,
    /// 7: sequence parameter set.
    Sps,
    /// 8: picture parameter set.
    Pps,
    /// 9: access unit delimiter.
    AccessUnitDelimiter,
    /// 10: end of sequence.
    EndOfSequence,
    /// 11: end of stream.
    EndOfStream,
    /// 12: filler data.
    Filler,
    /// 0 and 13 to 31: everything else.
    Other(u8),
}

impl NalKind {
    /// The kind that the header (first byte) of `nal` says. `None` when `nal` is empty.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<NalKind> {
        nal.first().map(|header| match header & 0x1f {
            1 => NalKind::Slice,
            2 => NalKind::PartitionA,
            3 => NalKind::PartitionB,
            4 => NalKind::PartitionC,
            5 => NalKind::IdrSlice,
            6 => NalKind::Sei,
            7 => NalKind::Sps,
            8 => NalKind::Pps,
            9 => NalKind::AccessUnitDelimiter,
            10 => NalKind::EndOfSequence,
            11 => NalKind::EndOfStream,
            12 => NalKind::Filler,
            other => NalKind::Other(other),
        })
    }

    /// Whether it carries picture data (video coding layer, types 1 to 5).
    #[must_use]
    pub fn is_vcl(self) -> bool {
        matches!(
            self,
            NalKind::Slice
                | NalKind::PartitionA
                | NalKind::PartitionB
                | NalKind::PartitionC
                | NalKind::IdrSlice
        )
    }
}

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
pub(super) struct NalRanges<'a> {
    data: &'a [u8],
    pos: usize,
}

pub(super) fn nal_ranges(annex_b: &[u8]) -> NalRanges<'_> {
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
pub(super) fn find_start_code(data: &[u8], from: usize) -> Option<usize> {
    find_zeros_then(data, from, 1..=1)
}

/// The offset of the first 00 00 00 or 00 00 01 at or after `from`: neither can be inside a NAL unit (7.4.1).
pub(super) fn find_nal_end(data: &[u8], from: usize) -> Option<usize> {
    find_zeros_then(data, from, 0..=1)
}

/// The end of `data` without the zeros at its end, but not before `from`.
pub(super) fn without_trailing_zeros(data: &[u8], from: usize) -> usize {
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

    #[test]
    fn kinds_follow_the_header() {
        assert_eq!(NalKind::of(&[]), None);
        assert_eq!(NalKind::of(&[0x67]), Some(NalKind::Sps));
        assert_eq!(NalKind::of(&[0x65]), Some(NalKind::IdrSlice));
        assert_eq!(NalKind::of(&[0x01]), Some(NalKind::Slice));
        assert_eq!(NalKind::of(&[0x14]), Some(NalKind::Other(20)));
        let vcl: Vec<u8> = (0..32).filter(|&t| NalKind::of(&[t]).is_some_and(NalKind::is_vcl)).collect();
        assert_eq!(vcl, [1, 2, 3, 4, 5]);
    }
}
