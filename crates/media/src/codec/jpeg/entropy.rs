//! The way through entropy-coded data: where it ends, and nothing of what it means.

/// How many bytes are looked at in one step. Two SSE or NEON registers: the step has no early exit, so the
/// compiler turns it into vector compares, and an 0xFF comes only every hundred bytes or more.
const STEP: usize = 32;

/// Finds the marker that ends the entropy-coded data which starts at `from`.
///
/// Returns the offset of the 0xFF directly before the marker's code. Stuffed bytes (FF 00) and restart
/// markers (RST0 to RST7) belong to the data, and 0xFF before 0xFF is fill (ITU-T T.81 B.1.1.2, B.1.1.5).
/// `None` when the data runs to the end of `data` without a marker.
pub(super) fn end_of_entropy(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = find_ff(data, at)?;
        match data.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

/// The offset of the first 0xFF at or after `from`.
fn find_ff(data: &[u8], from: usize) -> Option<usize> {
    let rest = data.get(from..)?;
    let mut skipped = 0;
    for step in rest.chunks_exact(STEP) {
        if step.iter().fold(false, |found, &byte| found | (byte == 0xff)) {
            break;
        }
        skipped += STEP;
    }
    rest[skipped..].iter().position(|&byte| byte == 0xff).map(|offset| from + skipped + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_an_ff_at_every_offset() {
        for len in 1..=2 * STEP + 3 {
            for place in 0..len {
                let mut data = vec![0xfe; len];
                data[place] = 0xff;
                for from in 0..=place {
                    assert_eq!(find_ff(&data, from), Some(place));
                }
                assert_eq!(find_ff(&data, place + 1), None);
            }
        }
        assert_eq!(find_ff(&[0xff], 2), None);
    }

    #[test]
    fn stuffing_restarts_and_fill_belong_to_the_data() {
        let data = [1, 0xff, 0x00, 0xff, 0xd0, 2, 0xff, 0xd7, 0xff, 0xff, 0xff, 0xd9, 0xff, 0xd9];
        assert_eq!(end_of_entropy(&data, 0), Some(10));
    }

    #[test]
    fn data_without_a_marker_has_no_end() {
        for data in [&[][..], &[1, 2], &[1, 0xff], &[0xff, 0x00], &[0xff, 0xff, 0xff], &[0xff, 0xd3]] {
            assert_eq!(end_of_entropy(data, 0), None);
        }
    }
}
