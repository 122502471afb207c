//! Tests of the picture: sizes, motion, and that the strip is there.

use super::*;
use camherd_codec::picture::{Picture, Plane};

fn frame(painter: &Painter, sequence: u32, captured_ms: u64) -> Picture {
    let (width, height) = (painter.width as u32, painter.height as u32);
    let mut picture = Picture::new(width, height).expect("size");
    painter.draw(Code { sequence, captured_ms }, picture.planes_mut());
    picture
}

fn read(picture: &Picture) -> Result<Code, code::ReadError> {
    let Plane { data, stride, width, height } = picture.y();
    code::read(code::Luma { data, width, height, stride })
}

fn samples(plane: Plane<'_>) -> Vec<u8> {
    plane.rows().flatten().copied().collect()
}

#[test]
fn sizes_are_checked() {
    for (width, height) in [(158, 120), (160, 118), (0, 0), (8194, 120), (160, u32::MAX)] {
        assert_eq!(check_size(width, height), Err(SizeError::Range(width, height)));
    }
    assert_eq!(check_size(161, 120), Err(SizeError::Odd(161, 120)));
    assert_eq!(check_size(160, 121), Err(SizeError::Odd(160, 121)));
    assert_eq!(check_size(160, 120), Ok(()));
    assert_eq!(check_size(8192, 8192), Ok(()));
}

#[test]
fn the_code_is_in_the_picture_at_every_size() {
    for (width, height) in [(160, 120), (162, 122), (320, 240), (640, 480), (800, 600), (1280, 720)] {
        let painter = Painter::new(width, height, "front-door", 50).expect("size");
        for (sequence, captured_ms) in [(0, 0), (7, 1_700_000_000_123), (u32::MAX, (1 << 48) - 1)] {
            let frame = frame(&painter, sequence, captured_ms);
            assert_eq!(read(&frame), Ok(Code { sequence, captured_ms }), "{width}x{height}");
        }
    }
}

#[test]
fn strange_shapes_and_names_are_drawn() {
    for (width, height) in [(160, 1080), (1920, 120)] {
        let painter = Painter::new(width, height, &"long näme ".repeat(30), 100).expect("size");
        assert!(read(&frame(&painter, 1, u64::MAX)).is_ok());
    }
}

#[test]
fn the_same_frame_is_drawn_twice_and_the_next_differs() {
    let painter = Painter::new(320, 240, "a", 30).expect("size");
    let [first, again, later] = [1000, 1000, 1100].map(|ms| frame(&painter, 5, ms));
    for plane in [Picture::y, Picture::u, Picture::v] {
        assert_eq!(samples(plane(&first)), samples(plane(&again)));
        let pairs = samples(plane(&first)).into_iter().zip(samples(plane(&later)));
        assert!(pairs.filter(|(a, b)| a != b).count() > 320 * 240 / 40);
    }
}

#[test]
fn rows_beyond_the_stride_are_left_alone() {
    let painter = Painter::new(160, 120, "a", 30).expect("size");
    let (mut y, mut u, mut v) = (vec![1; 192 * 120], vec![1; 96 * 60], vec![1; 96 * 60]);
    let chroma = |data| PlaneMut { data, width: 80, height: 60, stride: 96 };
    let luma = PlaneMut { data: &mut y, width: 160, height: 120, stride: 192 };
    painter.draw(Code::default(), [luma, chroma(&mut u), chroma(&mut v)]);
    assert!(y.chunks(192).all(|row| row[160..].iter().all(|sample| *sample == 1)));
    assert!(u.chunks(96).chain(v.chunks(96)).all(|row| row[80..].iter().all(|sample| *sample == 1)));
}

#[test]
fn detail_makes_texture() {
    let roughness = |detail| {
        let painter = Painter::new(320, 240, "a", detail).expect("size");
        let frame = frame(&painter, 0, 0);
        let row = samples(frame.y())[150 * 320..151 * 320].to_vec();
        row.windows(2).map(|pair| u32::from(pair[0].abs_diff(pair[1]))).sum::<u32>()
    };
    assert!(roughness(100) > 2 * roughness(20));
    assert!(roughness(20) > roughness(0));
}

#[test]
fn shapes_stay_between_the_edges() {
    for ms in 0..20_000 {
        assert!(bounce(ms, 3_700, 100) <= 100);
    }
    assert_eq!((bounce(0, 4000, 100), bounce(1000, 4000, 100), bounce(2000, 4000, 100)), (0, 50, 100));
    assert_eq!(bounce(3000, 4000, 100), 50);
}

#[test]
fn clock_shows_known_times() {
    assert_eq!(clock(0), "1970-01-01 00:00:00.000");
    assert_eq!(clock(1_700_000_000_123), "2023-11-14 22:13:20.123");
    assert_eq!(clock(951_782_400_000), "2000-02-29 00:00:00.000");
    assert_eq!(clock(951_868_799_999), "2000-02-29 23:59:59.999");
    assert_eq!(clock(4_107_542_400_000), "2100-03-01 00:00:00.000");
    assert_eq!(clock(1_735_689_599_999), "2024-12-31 23:59:59.999");
}
