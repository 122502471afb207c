//! A bitmap font of 5x7 pixels for the text over the test picture: digits, capitals and a few signs.

/// Width of a glyph in font pixels.
pub const WIDTH: usize = 5;
/// Height of a glyph in font pixels.
pub const HEIGHT: usize = 7;
/// Distance between the left edges of two glyphs in font pixels.
pub const ADVANCE: usize = WIDTH + 1;

/// Rows of a glyph from the top; bit 4 is the leftmost pixel.
pub type Glyph = [u8; HEIGHT];

/// Drawn in place of a character that the font does not have.
const UNKNOWN: Glyph = [0b11111, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11111];

/// The glyph of a character. Small letters look like capitals; what is not in the font is a box.
#[must_use]
pub fn glyph(character: char) -> Glyph {
    let wanted = u8::try_from(character.to_ascii_uppercase()).ok();
    GLYPHS.iter().find(|(have, _)| Some(*have) == wanted).map_or(UNKNOWN, |(_, glyph)| *glyph)
}

/// Width of `text` in font pixels, without the gap after its last glyph.
#[must_use]
pub fn text_width(text: &str) -> usize {
    (text.chars().count() * ADVANCE).saturating_sub(ADVANCE - WIDTH)
}

/// The horizontal runs of set pixels of a glyph, as (left, row, length) in font pixels.
pub fn runs(glyph: Glyph) -> impl Iterator<Item = (usize, usize, usize)> {
    glyph.into_iter().enumerate().flat_map(|(row, bits)| {
        let set = move |x: usize| bits >> (WIDTH - 1 - x) & 1 == 1;
        (0..WIDTH).filter(move |x| set(*x) && (*x == 0 || !set(*x - 1))).map(move |left| {
            let length = (left..WIDTH).take_while(|x| set(*x)).count();
            (left, row, length)
        })
    })
}

#[rustfmt::skip]
const GLYPHS: &[(u8, Glyph)] = &[
    (b' ', [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b00000]),
    (b'#', [0b01010, 0b01010, 0b11111, 0b01010, 0b11111, 0b01010, 0b01010]),
    (b'+', [0b00000, 0b00100, 0b00100, 0b11111, 0b00100, 0b00100, 0b00000]),
    (b'-', [0b00000, 0b00000, 0b00000, 0b11111, 0b00000, 0b00000, 0b00000]),
    (b'.', [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100]),
    (b'/', [0b00000, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b00000]),
    (b'0', [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110]),
    (b'1', [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    (b'2', [0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111]),
    (b'3', [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110]),
    (b'4', [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010]),
    (b'5', [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110]),
    (b'6', [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110]),
    (b'7', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000]),
    (b'8', [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110]),
    (b'9', [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100]),
    (b':', [0b00000, 0b01100, 0b01100, 0b00000, 0b01100, 0b01100, 0b00000]),
    (b'A', [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    (b'B', [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110]),
    (b'C', [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110]),
    (b'D', [0b11100, 0b10010, 0b10001, 0b10001, 0b10001, 0b10010, 0b11100]),
    (b'E', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111]),
    (b'F', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000]),
    (b'G', [0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01111]),
    (b'H', [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    (b'I', [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    (b'J', [0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100]),
    (b'K', [0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001]),
    (b'L', [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111]),
    (b'M', [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001]),
    (b'N', [0b10001, 0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001]),
    (b'O', [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    (b'P', [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000]),
    (b'Q', [0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101]),
    (b'R', [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001]),
    (b'S', [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110]),
    (b'T', [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
    (b'U', [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    (b'V', [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100]),
    (b'W', [0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b10101, 0b01010]),
    (b'X', [0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001]),
    (b'Y', [0b10001, 0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100]),
    (b'Z', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111]),
    (b'_', [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b11111]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_glyph_has_its_own_shape_inside_the_box() {
        let shapes: HashSet<Glyph> = GLYPHS.iter().map(|(_, glyph)| *glyph).chain([UNKNOWN]).collect();
        assert_eq!(shapes.len(), GLYPHS.len() + 1);
        assert!(GLYPHS.iter().all(|(_, glyph)| glyph.iter().all(|row| *row < 1 << WIDTH)));
    }

    #[test]
    fn has_all_that_names_frame_numbers_and_times_need() {
        for c in ('0'..='9').chain('a'..='z').chain('A'..='Z').chain("_-.: #/+".chars()) {
            assert_ne!(glyph(c), UNKNOWN, "{c:?}");
        }
        assert_eq!(glyph('é'), UNKNOWN);
        assert_eq!(glyph('a'), glyph('A'));
    }

    #[test]
    fn runs_cover_the_set_pixels() {
        let h: Vec<_> = runs(glyph('H')).take(3).collect();
        assert_eq!(h, [(0, 0, 1), (4, 0, 1), (0, 1, 1)]);
        assert!(runs(glyph('H')).any(|run| run == (0, 3, 5)));
        for (_, shape) in GLYPHS {
            let set: u32 = shape.iter().map(|row| row.count_ones()).sum();
            assert_eq!(runs(*shape).map(|(_, _, length)| length as u32).sum::<u32>(), set);
        }
    }

    #[test]
    fn width_of_text() {
        assert_eq!(text_width(""), 0);
        assert_eq!(text_width("A"), 5);
        assert_eq!(text_width("AB"), 11);
    }
}
