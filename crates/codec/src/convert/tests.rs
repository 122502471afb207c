use super::*;
use crate::picture::Picture;
use proptest::prelude::*;

const COLOURS: [Colour; 4] = [
    Colour { full_range: false, matrix: Matrix::Bt601 },
    Colour { full_range: true, matrix: Matrix::Bt601 },
    Colour { full_range: false, matrix: Matrix::Bt709 },
    Colour { full_range: true, matrix: Matrix::Bt709 },
];

/// Blue, green and red of one pixel by the definition (ITU-T H.273, 8.3).
fn reference(y: u8, cb: u8, cr: u8, colour: Colour) -> [f64; 3] {
    let (kr, kb) = match colour.matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
    };
    let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
    let (y, cb, cr) = if colour.full_range {
        (y / 255.0, cb / 255.0, cr / 255.0)
    } else {
        // What is below black is black.
        ((y - 16.0).max(0.0) / 219.0, cb / 224.0, cr / 224.0)
    };
    let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
    let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
    [b, g, r].map(|value| (value * 255.0).clamp(0.0, 255.0))
}

/// A picture of samples that have nothing to do with each other.
fn noise(width: u32, height: u32, seed: u64, colour: Colour) -> Picture {
    let mut picture = Picture::new(width, height).unwrap();
    let mut state = seed | 1;
    for plane in picture.planes_mut() {
        for sample in plane.data {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *sample = (state >> 32) as u8;
        }
    }
    picture.set_colour(colour);
    picture
}

fn converted(picture: &Picture, format: PixelFormat) -> Vec<u8> {
    let mut out = vec![77; format.frame_bytes(picture.width(), picture.height())];
    convert(&I420View::from(picture), format, &mut out).unwrap();
    out
}

fn assert_bgr(picture: &Picture) {
    let (width, colour) = (picture.width() as usize, picture.colour());
    let bgr = converted(picture, PixelFormat::Bgr24);
    let (y, u, v) = (picture.y(), picture.u(), picture.v());
    for (at, pixel) in bgr.chunks_exact(3).enumerate() {
        let (row, column) = (at / width, at % width);
        let chroma = |plane: Plane<'_>| plane.data[row / 2 * plane.stride + column / 2];
        let expected = reference(y.data[row * y.stride + column], chroma(u), chroma(v), colour);
        for (is, should) in pixel.iter().zip(expected) {
            let difference = (f64::from(*is) - should).abs();
            assert!(difference <= 1.5, "{colour:?}, row {row}, column {column}: {is} for {should:.2}");
        }
    }
}

#[test]
fn bgr_is_what_the_definition_says_at_any_size() {
    for colour in COLOURS {
        for (width, height) in [(1, 1), (2, 1), (1, 2), (3, 3), (17, 5), (63, 33), (64, 64), (321, 243)] {
            assert_bgr(&noise(width, height, u64::from(width * 7919 + height), colour));
        }
    }
}

#[test]
fn gray_is_luma_in_full_range() {
    for colour in COLOURS {
        let mut picture = noise(256, 3, 9, colour);
        let [mut y, ..] = picture.planes_mut();
        y.rows_mut().for_each(|row| row.iter_mut().enumerate().for_each(|(x, sample)| *sample = x as u8));
        for (at, gray) in converted(&picture, PixelFormat::Gray8).into_iter().enumerate() {
            let [_, expected, _] = reference((at % 256) as u8, 128, 128, colour);
            assert!((f64::from(gray) - expected).abs() <= 0.6, "{colour:?}: {gray} for {}", at % 256);
        }
    }
}

#[test]
fn packed_planes_give_the_same_picture_again() {
    for (width, height) in [(1, 1), (5, 3), (32, 2), (67, 41)] {
        let picture = noise(width, height, 3, COLOURS[2]);
        let packed = converted(&picture, PixelFormat::I420(COLOURS[2]));
        let view = I420View::from_packed(&packed, width, height, COLOURS[2]).unwrap();
        for (a, b) in view.planes().into_iter().zip([picture.y(), picture.u(), picture.v()]) {
            assert!(a.rows().eq(b.rows()));
        }
        let mut bgr = vec![0; (width * height * 3) as usize];
        convert(&view, PixelFormat::Bgr24, &mut bgr).unwrap();
        assert_eq!(bgr, converted(&picture, PixelFormat::Bgr24));
    }
}

#[test]
fn an_output_of_another_size_or_other_colours_are_refused() {
    let picture = noise(5, 3, 1, COLOURS[0]);
    for format in [PixelFormat::Bgr24, PixelFormat::Gray8, PixelFormat::I420(COLOURS[0])] {
        let expected = format.frame_bytes(5, 3);
        for bytes in [0, expected - 1, expected + 1] {
            let result = convert(&I420View::from(&picture), format, &mut vec![0; bytes]);
            let format = format.name();
            assert_eq!(result, Err(Error::Length { bytes, format, width: 5, height: 3, expected }));
        }
    }
    let mut out = vec![0; 27];
    let result = convert(&I420View::from(&picture), PixelFormat::I420(COLOURS[1]), &mut out);
    assert_eq!(result, Err(Error::Colour { from: COLOURS[0], to: COLOURS[1] }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bgr_holds_for_any_picture(width in 1_u32..200, height in 1_u32..60, seed: u64, colour in 0_usize..4) {
        assert_bgr(&noise(width, height, seed, COLOURS[colour]));
    }
}
