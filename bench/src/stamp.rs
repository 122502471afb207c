//! The stamp that says which frame a JPEG is and when it was sent: a comment segment (ITU-T T.81 B.2.4.5) right after
//! SOI. Servers pass it on untouched, so a viewer knows the age of a frame without any other channel.

/// Marks our comment among others.
const MAGIC: &[u8; 8] = b"CAMBENCH";
/// SOI, COM marker, segment length, magic.
const FIXED: usize = 2 + 2 + 2 + MAGIC.len();
/// Sequence number and time, sixteen hexadecimal digits each: text, so that no byte looks like a marker.
const FIELDS: usize = 32;
/// Length of the segment as T.81 counts it: with its own two bytes, without the marker.
const SEGMENT: usize = 2 + MAGIC.len() + FIELDS;

/// Where the changing part lies in a stamped JPEG.
pub const FIELDS_AT: std::ops::Range<usize> = FIXED..FIXED + FIELDS;
/// How many leading bytes of a JPEG [`parse`] needs.
pub const PREFIX: usize = FIXED + FIELDS;

/// The fields for one sending: sequence number and send time in nanoseconds of [`crate::clock`].
pub fn fields(seq: u64, sent: u64) -> [u8; FIELDS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; FIELDS];
    for (i, digit) in out.iter_mut().enumerate() {
        let (value, place) = if i < 16 { (seq, i) } else { (sent, i - 16) };
        *digit = HEX[(value >> (60 - 4 * place)) as usize & 15];
    }
    out
}

/// The JPEG with an empty stamp put in; `None` when it does not begin with SOI.
pub fn insert(jpeg: &[u8]) -> Option<Vec<u8>> {
    let rest = jpeg.strip_prefix(&[0xFF, 0xD8])?;
    let mut out = Vec::with_capacity(jpeg.len() + PREFIX);
    out.extend_from_slice(&[0xFF, 0xD8, 0xFF, 0xFE, 0, SEGMENT as u8]);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&fields(0, 0));
    out.extend_from_slice(rest);
    Some(out)
}

/// Sequence number and send time from the first [`PREFIX`] bytes of a JPEG; `None` when it carries no stamp.
pub fn parse(prefix: &[u8]) -> Option<(u64, u64)> {
    if prefix.get(FIXED - MAGIC.len()..FIXED)? != MAGIC {
        return None;
    }
    let text = std::str::from_utf8(prefix.get(FIELDS_AT)?).ok()?;
    Some((u64::from_str_radix(text.get(..16)?, 16).ok()?, u64::from_str_radix(text.get(16..)?, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stamped_is_read_back() {
        let mut jpeg = insert(&[0xFF, 0xD8, 0xFF, 0xD9]).unwrap();
        assert_eq!(jpeg.len(), PREFIX + 2);
        assert_eq!(usize::from(jpeg[4]) * 256 + usize::from(jpeg[5]) + 4, PREFIX);
        jpeg[FIELDS_AT].copy_from_slice(&fields(7, u64::MAX - 1));
        assert_eq!(parse(&jpeg), Some((7, u64::MAX - 1)));
        for cut in 0..PREFIX {
            assert_eq!(parse(&jpeg[..cut]), None, "cut at {cut}");
        }
        assert_eq!(parse(&[0; PREFIX]), None);
        assert_eq!(insert(b"GIF"), None);
    }
}
