use super::*;
use crate::picture::{MAX_DIMENSION, Plane, Range};
use crate::scene::{Motion, paint};
use ::turbojpeg::{Compressor, Image, PixelFormat, Subsamp, YuvPlanesImage};
use proptest::prelude::*;

/// 4:2:2 as ffmpeg writes it: luma 2x2, chroma 1x2, where others write 2x1 and 1x1 for the same.
const FFMPEG_422: &[u8] = include_bytes!("../../testdata/ffmpeg_yuvj422p.jpg");
/// 4:4:4 as ffmpeg writes it: all components 1x2.
const FFMPEG_444: &[u8] = include_bytes!("../../testdata/ffmpeg_yuvj444p.jpg");

fn scene(width: u32, height: u32) -> Picture {
    let mut picture = Picture::new(width, height).unwrap();
    paint(&mut picture, 7, Motion::Moving, 2);
    picture
}

fn encoded(picture: &Picture) -> Bytes {
    Encoder::new(90).unwrap().encode(picture).unwrap()
}

fn decoded(jpeg: &[u8]) -> Result<Picture, Error> {
    let mut picture = Picture::default();
    Decoder::new()?.decode(jpeg, &mut picture)?;
    Ok(picture)
}

fn mean_difference(a: Plane<'_>, b: Plane<'_>) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let sum: u64 = a.rows().flatten().zip(b.rows().flatten()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / (a.width * a.height) as f64
}

fn assert_alike(a: &Picture, b: &Picture, limit: f64) {
    for (name, a, b) in [("Y", a.y(), b.y()), ("Cb", a.u(), b.u()), ("Cr", a.v(), b.v())] {
        let difference = mean_difference(a, b);
        assert!(difference <= limit, "{name}: {difference}");
    }
}

/// A JPEG with smooth colours at that subsampling.
fn jpeg_with(width: usize, height: usize, subsampling: Subsamp, progressive: bool) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            pixels.extend([
                (x * 255 / width) as u8,
                (y * 255 / height) as u8,
                ((x + y) * 255 / (width + height)) as u8,
            ]);
        }
    }
    let image = Image { pixels: &pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(97).unwrap();
    compressor.set_subsamp(subsampling).unwrap();
    compressor.set_progressive(progressive).unwrap();
    compressor.compress_to_vec(image).unwrap()
}

#[test]
fn what_is_encoded_decodes_to_the_same_picture_at_odd_and_even_sizes() {
    for (width, height) in [(640, 480), (48, 32), (1, 1), (17, 33), (161, 121), (100, 1)] {
        let picture = scene(width, height);
        let back = decoded(&encoded(&picture)).unwrap();
        assert_eq!((back.width(), back.height(), back.range()), (width, height, Range::Full));
        assert_alike(&picture, &back, 4.0);
    }
}

#[test]
fn a_file_has_a_jfif_header_and_better_quality_costs_more() {
    let picture = scene(320, 240);
    let [small, large] = [20, 95].map(|quality| Encoder::new(quality).unwrap().encode(&picture).unwrap());
    assert!(small.len() * 2 < large.len(), "{} and {} bytes", small.len(), large.len());
    assert_eq!(&small[..4], [0xff, 0xd8, 0xff, 0xe0]);
    assert_eq!(&small[6..11], b"JFIF\0");
    assert_eq!(&small[small.len() - 2..], [0xff, 0xd9]);
}

#[test]
fn every_subsampling_becomes_the_same_420() {
    let sizes = [(640, 480), (50, 38), (33, 17), (19, 8), (5, 3), (1, 1)];
    for ((width, height), progressive) in sizes.into_iter().zip([false, true].into_iter().cycle()) {
        let reference = decoded(&jpeg_with(width, height, Subsamp::Sub2x2, progressive)).unwrap();
        for subsampling in [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub1x2, Subsamp::Sub4x1, Subsamp::Sub1x4]
        {
            let picture = decoded(&jpeg_with(width, height, subsampling, progressive)).unwrap();
            assert_eq!((picture.width() as usize, picture.height() as usize), (width, height));
            // Repeating sparse chroma on a steep ramp of a tiny picture is off by half a step of it.
            assert_alike(
                &reference,
                &picture,
                if width < 64 { 160.0 / width.min(height) as f64 } else { 1.5 },
            );
        }
    }
}

#[test]
fn sampling_factors_in_unusual_notation_are_read_right() {
    // The same picture through ffmpeg with chroma at different densities: what is left is rounding.
    let (a, b) = (decoded(FFMPEG_422).unwrap(), decoded(FFMPEG_444).unwrap());
    assert_eq!((a.width(), a.height()), (50, 38));
    assert_alike(&a, &b, 4.0);
    // It is colourful, so that swapped or shifted planes would show.
    let spread = |plane: Plane<'_>| {
        plane.rows().flatten().fold((255, 0), |(low, high), s| (low.min(*s), high.max(*s)))
    };
    for plane in [a.u(), a.v()] {
        let (low, high) = spread(plane);
        assert!(high - low > 120, "{low} to {high}");
    }
}

#[test]
fn gray_has_neutral_chroma_whatever_was_there_before() {
    let jpeg = jpeg_with(33, 17, Subsamp::Gray, false);
    let mut picture = scene(33, 17);
    Decoder::new().unwrap().decode(&jpeg, &mut picture).unwrap();
    assert!(picture.u().rows().chain(picture.v().rows()).flatten().all(|s| *s == 128));
    assert!(picture.y().rows().flatten().any(|s| *s > 150));
}

#[test]
fn one_decoder_takes_sizes_and_subsamplings_in_any_order_and_survives_errors() {
    let mut decoder = Decoder::new().unwrap();
    let mut out = Picture::default();
    let files = [
        jpeg_with(64, 48, Subsamp::None, false),
        jpeg_with(320, 240, Subsamp::Sub2x2, false),
        jpeg_with(64, 48, Subsamp::Sub2x1, true),
        jpeg_with(16, 16, Subsamp::Gray, false),
    ];
    for file in files.iter().chain(files.iter().rev()) {
        assert!(decoder.decode(&file[..file.len() / 2], &mut out).is_err());
        decoder.decode(file, &mut out).unwrap();
        assert_alike(&out, &decoded(file).unwrap(), 0.0);
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = encoded(&scene(80, 48));
    let mut decoder = Decoder::new().unwrap();
    let mut out = Picture::default();
    for length in 0..whole.len() {
        let cut = &whole[..length];
        match decoder.decode(cut, &mut out) {
            Err(Error::Header(_) | Error::Corrupt(_)) => {}
            other => panic!("cut to {length} of {} bytes: {other:?}", whole.len()),
        }
    }
    decoder.decode(&whole, &mut out).unwrap();
}

#[test]
fn damage_in_the_picture_data_is_an_error() {
    let mut jpeg = encoded(&scene(160, 120)).to_vec();
    let middle = jpeg.len() / 2;
    jpeg.splice(middle..middle + 4, [0xff, 0xd9, 0x00, 0x00]);
    assert!(matches!(decoded(&jpeg), Err(Error::Corrupt(_))));
}

#[test]
fn padding_before_the_end_marker_is_harmless() {
    for padding in [&[0_u8; 1][..], &[0; 300], &[0xa5; 16]] {
        let whole = encoded(&scene(80, 48));
        let (data, end) = whole.split_at(whole.len() - 2);
        let padded = [data, padding, end].concat();
        assert_alike(&decoded(&padded).unwrap(), &decoded(&whole).unwrap(), 0.0);
    }
}

/// `jpeg` with another size in its frame header (ITU-T T.81 B.2.2).
fn with_size(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn a_claimed_size_is_checked_before_anything_is_allocated() {
    let jpeg = encoded(&scene(64, 64));
    let mut out = Picture::default();
    let mut decoder = Decoder::new().unwrap();
    for (width, height) in [(8193, 16), (16, 8193), (65500, 65500)] {
        let (w, h) = (u32::from(width), u32::from(height));
        let result = decoder.decode(&with_size(&jpeg, width, height), &mut out);
        assert_eq!(result, Err(SizeError { width: w, height: h }.into()));
    }
    let most = MAX_DIMENSION as u16;
    assert!(matches!(decoder.decode(&with_size(&jpeg, most, most), &mut out), Err(Error::Corrupt(_))));
    assert_eq!((out.width(), out.height()), (1, 1), "a few bytes have made a picture of 100 MB");
    assert!(matches!(decoder.decode(&with_size(&jpeg, 0, 16), &mut out), Err(Error::Header(_))));
}

#[test]
fn kinds_that_no_camera_sends_are_refused_by_name() {
    let (rgb, cmyk) = ([9_u8; 16 * 16 * 3], [9_u8; 16 * 16 * 4]);
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(90).unwrap();
    compressor.set_subsamp(Subsamp::None).unwrap();
    let image = Image { pixels: &cmyk[..], width: 16, pitch: 64, height: 16, format: PixelFormat::CMYK };
    let unsupported = decoded(&compressor.compress_to_vec(image).unwrap()).unwrap_err();
    assert_eq!(
        unsupported.to_string(),
        "JPEG with a colour space other than YCbCr and gray is not supported"
    );
    compressor.set_arithmetic(true).unwrap();
    let image = Image { pixels: &rgb[..], width: 16, pitch: 48, height: 16, format: PixelFormat::RGB };
    let unsupported = decoded(&compressor.compress_to_vec(image).unwrap()).unwrap_err();
    assert_eq!(unsupported, Error::Unsupported("arithmetic coding"));
    compressor.set_arithmetic(false).unwrap();
    compressor.set_lossless(true).unwrap();
    let unsupported = decoded(&compressor.compress_to_vec(image).unwrap()).unwrap_err();
    assert_eq!(unsupported, Error::Unsupported("lossless coding"));
}

#[test]
fn chroma_is_taken_as_it_is_from_420() {
    let (y, u, v) = ([100_u8; 32 * 32], [60_u8; 16 * 16], [190_u8; 16 * 16]);
    let image = YuvPlanesImage {
        y_plane: &y[..],
        u_plane: &u[..],
        v_plane: &v[..],
        width: 32,
        height: 32,
        y_stride: 32,
        u_stride: 16,
        v_stride: 16,
        subsamp: Subsamp::Sub2x2,
    };
    let jpeg = ::turbojpeg::compress_yuv_planes(&image, 100).unwrap();
    let picture = decoded(&jpeg).unwrap();
    for (plane, value) in [(picture.y(), 100), (picture.u(), 60), (picture.v(), 190)] {
        assert!(plane.rows().flatten().all(|s| s.abs_diff(value) <= 1));
    }
}

#[test]
fn encoder_limits() {
    assert_eq!(Encoder::new(0).err(), Some(Error::Quality(0)));
    assert_eq!(Encoder::new(101).err(), Some(Error::Quality(101)));
}

#[test]
fn pictures_in_other_colours_look_the_same_as_a_jpeg() {
    use camherd_media::unit::{Colour, Matrix, PixelFormat};
    // Smooth, so that the coarser chroma and the compression change little.
    let mut picture = Picture::new(96, 64).unwrap();
    let [mut y, mut u, mut v] = picture.planes_mut();
    y.rows_mut().for_each(|row| row.iter_mut().enumerate().for_each(|(x, s)| *s = 70 + x as u8));
    u.rows_mut().enumerate().for_each(|(y, row)| row.fill(110 + y as u8));
    v.rows_mut().enumerate().for_each(|(y, row)| row.fill(150 - y as u8));
    let bgr = |picture: &Picture| {
        let mut out = vec![0; 96 * 64 * 3];
        crate::convert::convert(&I420View::from(picture), PixelFormat::Bgr24, &mut out).unwrap();
        out
    };
    for matrix in [Matrix::Bt601, Matrix::Bt709] {
        for full_range in [true, false] {
            picture.set_colour(Colour { full_range, matrix });
            let file = Encoder::new(98).unwrap().encode(&picture).unwrap();
            let (should, is) = (bgr(&picture), bgr(&decoded(&file).unwrap()));
            let worst = should.iter().zip(&is).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(worst <= 6, "{matrix:?}, full range {full_range}: {worst}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a line does to a file, the decoder answers, and goes on to decode a good one.
    #[test]
    fn no_damage_breaks_the_decoder(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..20), progressive: bool) {
        let good = jpeg_with(48, 40, Subsamp::Sub2x1, progressive);
        let mut bad = good.clone();
        for (place, value) in changes {
            let place = usize::from(place) % bad.len();
            bad[place] = value;
        }
        let mut decoder = Decoder::new().unwrap();
        let mut out = Picture::default();
        let _ = decoder.decode(&bad, &mut out);
        prop_assert!((1..=MAX_DIMENSION).contains(&out.width()) && (1..=MAX_DIMENSION).contains(&out.height()));
        prop_assert_eq!(decoder.decode(&good, &mut out), Ok(()));
        prop_assert_eq!((out.width(), out.height()), (48, 40));
    }
}
