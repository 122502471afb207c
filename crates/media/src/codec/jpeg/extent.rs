//! Where a picture ends, found while its bytes arrive.

use super::entropy::end_of_entropy;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

/// What is known of the end of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// More bytes are needed.
    Open,
    /// The picture is its first `len` bytes.
    Complete {
        /// Bytes from SOI to EOI inclusive.
        len: usize,
    },
    /// Another picture begins at offset `at`, before this one has ended.
    CutOff {
        /// Offset of the other picture's SOI.
        at: usize,
    },
    /// At offset `at` is something that cannot be in a JPEG, and where it ends cannot be told.
    Broken {
        /// Offset of the fault.
        at: usize,
    },
}

/// Longest segment of marker `code` in bytes, its length field included, where the standard bounds it (B.2).
///
/// A picture that is cut here is followed by text, which read as a length would lead far into later pictures.
fn longest(code: u8) -> usize {
    match code {
        // Four components at most in what decoders take.
        0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => 8 + 3 * 4,
        SOS => 6 + 2 * 4,
        // Four tables of 16-bit values; DC and AC tables for four destinations.
        0xdb => 2 + 4 * 129,
        0xc4 => 2 + 8 * (17 + 256),
        0xdc | 0xdd => 4,
        _ => usize::MAX,
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Marker,
    Entropy,
}

/// Walks over the markers of a JPEG whose bytes arrive bit by bit.
///
/// The lengths of the segments are obeyed, so that the EOI of a thumbnail inside of one does not end the
/// picture (ITU-T T.81 Annex B). Nothing else is checked: that is for [`normalise`](super::normalise).
#[derive(Clone, Debug)]
pub struct ExtentFinder {
    pos: usize,
    state: State,
}

impl Default for ExtentFinder {
    fn default() -> ExtentFinder {
        ExtentFinder { pos: 0, state: State::Marker }
    }
}

impl ExtentFinder {
    /// Looks at what there is of the picture: `data` is what the last call saw, and what came since. It begins
    /// with SOI. What was walked over is not looked at again.
    ///
    /// The answer other than [`Extent::Open`] is the last one.
    pub fn advance(&mut self, data: &[u8]) -> Extent {
        loop {
            if self.state == State::Entropy {
                let Some(end) = end_of_entropy(data, self.pos) else {
                    // A last FF may belong to a marker that is cut.
                    let cut = usize::from(data.last() == Some(&0xff));
                    self.pos = self.pos.max(data.len() - cut);
                    return Extent::Open;
                };
                self.pos = end;
                self.state = State::Marker;
            }
            if let Err(extent) = self.marker(data) {
                return extent;
            }
        }
    }

    /// Walks over a marker and its segment. `Err` is the answer when it cannot.
    fn marker(&mut self, data: &[u8]) -> Result<(), Extent> {
        let at = self.pos;
        // The last of the fill bytes (B.1.1.2) and the code.
        let rest = data.get(at..).unwrap_or_default();
        let fill = rest.iter().take_while(|byte| **byte == 0xff).count();
        let Some(&code) = rest.get(fill) else { return Err(Extent::Open) };
        if fill == 0 {
            return Err(Extent::Broken { at });
        }
        let end = at + fill + 1;
        match code {
            SOI if at == 0 => self.pos = end,
            SOI => return Err(Extent::CutOff { at: end - 2 }),
            EOI => return Err(Extent::Complete { len: end }),
            // TEM and restart markers stand alone.
            0x01 | 0xd0..=0xd7 => self.pos = end,
            0x00 | 0x02..=0xbf => return Err(Extent::Broken { at }),
            _ => {
                let Some(&length) = data.get(end..).and_then(|rest| rest.first_chunk()) else {
                    return Err(Extent::Open);
                };
                let length = usize::from(u16::from_be_bytes(length));
                if !(2..=longest(code)).contains(&length) {
                    return Err(Extent::Broken { at });
                }
                self.pos = end + length;
                if code == SOS {
                    self.state = State::Entropy;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURES: [&[u8]; 4] = [
        include_bytes!("../../../../../testdata/jpeg/baseline_420.jpg"),
        include_bytes!("../../../../../testdata/jpeg/progressive_420.jpg"),
        include_bytes!("../../../../../testdata/jpeg/restart_422.jpg"),
        include_bytes!("../../../../../testdata/jpeg/thumbnail_420.jpg"),
    ];

    #[test]
    fn the_end_is_seen_with_the_last_byte_and_not_before() {
        for picture in PICTURES {
            let followed = [picture, &[0xff, 0xd8, 0xff]].concat();
            let mut finder = ExtentFinder::default();
            for end in 0..picture.len() {
                assert_eq!(finder.advance(&picture[..end]), Extent::Open, "{end} bytes");
            }
            assert_eq!(finder.advance(&followed), Extent::Complete { len: picture.len() });
            assert_eq!(ExtentFinder::default().advance(&followed), Extent::Complete { len: picture.len() });
        }
    }

    #[test]
    fn a_picture_that_follows_a_cut_one_is_found_at_every_cut_in_a_scan() {
        let picture = PICTURES[0];
        let scan = picture.windows(2).position(|pair| pair == [0xff, SOS]).unwrap() + 2;
        let scan = scan + usize::from(picture[scan + 1]);
        for cut in scan + 1..picture.len() - 2 {
            let data = [&picture[..cut], b"\r\n--B\r\nA: b\r\n\r\n", picture].concat();
            // A cut after the first byte of a stuffed FF leaves FF 0D, which is a marker that cannot be.
            if picture[cut - 1] != 0xff {
                let at = data.len() - picture.len();
                assert_eq!(ExtentFinder::default().advance(&data), Extent::CutOff { at }, "cut at {cut}");
            }
        }
    }

    #[test]
    fn says_where_it_is_no_jpeg() {
        let extent = |data: &[u8]| ExtentFinder::default().advance(data);
        assert_eq!(extent(&[0xff, 0xd8, 7]), Extent::Broken { at: 2 });
        assert_eq!(extent(&[0xff, 0xd8, 0xff, 0xff, 0x00]), Extent::Broken { at: 2 });
        assert_eq!(extent(&[0xff, 0xd8, 0xff, 0xdb, 0, 1]), Extent::Broken { at: 2 });
        assert_eq!(extent(b"\xff\xd8\xff\xda\r\n--B\r\n"), Extent::Broken { at: 2 });
        assert_eq!(extent(&[0xff, 0xd8, 0xff, 0xd3, 0xff, 0xd9]), Extent::Complete { len: 6 });
        assert_eq!(extent(&[0xff, 0xd8, 0xff, 0xff, 0xd8]), Extent::CutOff { at: 3 });
        assert_eq!(extent(&[]), Extent::Open);
    }
}
