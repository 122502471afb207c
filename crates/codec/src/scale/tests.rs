use super::*;
use crate::picture::Range;

/// A ramp from left to right in luma, from top to bottom in chroma.
fn ramps(width: u32, height: u32) -> Picture {
    let mut picture = Picture::new(width, height).unwrap();
    let [mut y, u, v] = picture.planes_mut();
    let last = y.width.max(2) - 1;
    y.rows_mut().for_each(|row| row.iter_mut().enumerate().for_each(|(x, s)| *s = (x * 255 / last) as u8));
    for mut plane in [u, v] {
        let last = plane.height.max(2) - 1;
        plane.rows_mut().enumerate().for_each(|(y, row)| row.fill((y * 255 / last) as u8));
    }
    picture
}

fn worst_difference(a: Plane<'_>, b: Plane<'_>) -> u8 {
    let samples = a.rows().flatten().zip(b.rows().flatten());
    samples.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(255)
}

#[test]
fn a_ramp_stays_a_ramp_at_any_size() {
    let source = ramps(640, 480);
    let mut scaler = Scaler::new();
    for (width, height) in [(320, 240), (321, 179), (1280, 720), (64, 481), (640, 480)] {
        let (mut scaled, expected) = (Picture::new(width, height).unwrap(), ramps(width, height));
        scaler.scale(&source, &mut scaled);
        for (a, b) in [(scaled.y(), expected.y()), (scaled.u(), expected.u()), (scaled.v(), expected.v())] {
            let worst = worst_difference(a, b);
            // Half a source step at the coarsest, where edges are replicated.
            assert!(worst <= 4, "{width}x{height}: {worst}");
        }
    }
}

#[test]
fn shrinking_averages_instead_of_picking_samples() {
    let mut source = Picture::new(64, 64).unwrap();
    let [mut y, _, _] = source.planes_mut();
    y.rows_mut().for_each(|row| row.iter_mut().step_by(2).for_each(|s| *s = 200));
    let mut small = Picture::new(16, 16).unwrap();
    Scaler::new().scale(&source, &mut small);
    assert!(small.y().rows().flatten().all(|s| (90..=110).contains(s)));
}

#[test]
fn the_smallest_sizes_and_the_range_survive() {
    let mut source = Picture::new(1, 1).unwrap();
    source.fill(50, 60, 70);
    source.set_range(Range::Limited);
    for (width, height) in [(1, 1), (2, 1), (3, 5), (33, 17)] {
        let mut out = Picture::new(width, height).unwrap();
        Scaler::new().scale(&source, &mut out);
        assert_eq!(out.range(), Range::Limited);
        for (plane, value) in [(out.y(), 50), (out.u(), 60), (out.v(), 70)] {
            assert!(plane.rows().flatten().all(|s| *s == value));
        }
    }
}

/// Something of every frequency, also in the corners.
fn texture(width: u32, height: u32) -> Picture {
    let mut picture = Picture::new(width, height).unwrap();
    let mut state = 1u32;
    for mut plane in picture.planes_mut() {
        for (y, row) in plane.rows_mut().enumerate() {
            for (x, sample) in row.iter_mut().enumerate() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 24) as usize;
                *sample =
                    [noise, (x * 3 + y) & 255, 255 * ((x / 8 + y / 8) & 1)][(x / 16 + y / 16) % 3] as u8;
            }
        }
    }
    picture
}

/// One output sample by the definition of the filter.
fn sample(plane: Plane<'_>, size: (usize, usize), (x, y): (usize, usize)) -> f64 {
    let weights = |at: usize, from: usize, to: usize| -> Vec<f64> {
        let scale = from as f64 / to as f64;
        let centre = (at as f64 + 0.5) * scale - 0.5;
        (0..from).map(|n| (1.0 - (n as f64 - centre).abs() / scale.max(1.0)).max(0.0)).collect()
    };
    let (columns, rows) = (weights(x, plane.width, size.0), weights(y, plane.height, size.1));
    let mean = |row: &[u8]| row.iter().zip(&columns).map(|(s, w)| f64::from(*s) * w).sum::<f64>();
    let sum: f64 = plane.rows().zip(&rows).filter(|(_, w)| **w > 0.0).map(|(row, w)| w * mean(row)).sum();
    sum / (columns.iter().sum::<f64>() * rows.iter().sum::<f64>())
}

#[test]
fn every_sample_is_the_mean_that_the_filter_says() {
    let source = texture(96, 70);
    let mut scaler = Scaler::new();
    for (width, height) in
        [(48, 47), (64, 35), (95, 69), (131, 70), (96, 71), (200, 150), (31, 16), (9, 5), (1, 1)]
    {
        let mut scaled = Picture::new(width, height).unwrap();
        scaler.scale(&source, &mut scaled);
        for (from, to) in [(source.y(), scaled.y()), (source.u(), scaled.u()), (source.v(), scaled.v())] {
            let size = (to.width, to.height);
            for (y, row) in to.rows().enumerate() {
                for (x, actual) in row.iter().enumerate() {
                    let expected = sample(from, size, (x, y));
                    let difference = (f64::from(*actual) - expected).abs();
                    // Half a step for the result, and half of one for weights in parts of 256 on an edge.
                    assert!(difference <= 1.5, "{width}x{height} at {x}, {y}: {actual}, not {expected:.2}");
                }
            }
        }
    }
}

#[test]
fn a_picture_with_a_stride_is_scaled_without_its_padding() {
    let source = texture(33, 20);
    let (mut tight, planes) = (Vec::new(), [source.y(), source.u(), source.v()]);
    planes.iter().for_each(|plane| plane.rows().for_each(|row| tight.extend_from_slice(row)));
    let packed = I420View::from_packed(&tight, 33, 20, source.colour()).unwrap();
    let [mut a, mut b] = [Picture::new(20, 13).unwrap(), Picture::new(20, 13).unwrap()];
    Scaler::new().scale(&source, &mut a);
    Scaler::new().scale_view(&packed, &mut b);
    for (a, b) in [(a.y(), b.y()), (a.u(), b.u()), (a.v(), b.v())] {
        assert_eq!(worst_difference(a, b), 0);
    }
}
