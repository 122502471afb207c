//! Brings chroma planes of any JPEG subsampling to that of 4:2:0.

use crate::picture::{Plane, PlaneMut};

/// Resamples `source` into `target`. Along each axis the source has twice, once or half as many samples,
/// give or take the rounding of odd sizes; the sizes of the planes tell which, because sampling factors in
/// JPEG headers are relative and written in several ways. Denser samples are averaged, sparser repeated.
pub(crate) fn resample(source: Plane<'_>, target: &mut PlaneMut<'_>) {
    let Some(last_row) = source.height.checked_sub(1) else { return };
    let (height, width) = (target.height, target.width);
    let row = |y: usize| {
        let start = y.min(last_row) * source.stride;
        source.data.get(start..start + source.width).unwrap_or(&[])
    };
    for (y, out) in target.rows_mut().enumerate() {
        let (top, bottom) = match () {
            () if source.height > height => (row(2 * y), row(2 * y + 1)),
            () if source.height < height => (row(y / 2), row(y / 2)),
            () => (row(y), row(y)),
        };
        if source.width > width {
            average_quads(top, bottom, out);
        } else if source.width < width {
            average_and_repeat(top, bottom, out);
        } else {
            average(top, bottom, out);
        }
    }
}

/// Each output sample is the mean of the two above each other.
fn average(top: &[u8], bottom: &[u8], out: &mut [u8]) {
    for ((out, a), b) in out.iter_mut().zip(top).zip(bottom) {
        // The mean of two bytes, rounded, is a byte.
        *out = ((u16::from(*a) + u16::from(*b) + 1) >> 1) as u8;
    }
}

/// Each output sample is the mean of a square of four; at an odd right edge, of two.
fn average_quads(top: &[u8], bottom: &[u8], out: &mut [u8]) {
    for ((out, a), b) in out.iter_mut().zip(top.chunks_exact(2)).zip(bottom.chunks_exact(2)) {
        let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
        // The mean of four bytes, rounded, is a byte.
        *out = ((sum + 2) >> 2) as u8;
    }
    if top.len() % 2 == 1
        && let (Some(a), Some(b), Some(out)) = (top.last(), bottom.last(), out.get_mut(top.len() / 2))
    {
        *out = ((u16::from(*a) + u16::from(*b) + 1) >> 1) as u8;
    }
}

/// Each pair of output samples is the mean of the two above each other.
fn average_and_repeat(top: &[u8], bottom: &[u8], out: &mut [u8]) {
    for ((out, a), b) in out.chunks_mut(2).zip(top).zip(bottom) {
        out.fill(((u16::from(*a) + u16::from(*b) + 1) >> 1) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(source: &[&[u8]], width: usize, height: usize) -> Vec<Vec<u8>> {
        let (w, stride) = (source[0].len(), source[0].len() + 3);
        let mut data = vec![99; stride * source.len()];
        for (row, from) in data.chunks_mut(stride).zip(source) {
            row[..w].copy_from_slice(from);
        }
        let mut out = vec![77; (width + 1) * height];
        let mut target = PlaneMut { data: &mut out, stride: width + 1, width, height };
        resample(Plane { data: &data, stride, width: w, height: source.len() }, &mut target);
        assert!(out.chunks(width + 1).all(|row| row[width] == 77), "wrote past the row");
        out.chunks(width + 1).map(|row| row[..width].to_vec()).collect()
    }

    #[test]
    fn full_chroma_averages_squares_and_keeps_odd_edges() {
        let source: &[&[u8]] = &[&[0, 2, 10], &[4, 6, 20], &[255, 255, 40]];
        assert_eq!(resampled(source, 2, 2), [[3, 15], [255, 40]]);
    }

    #[test]
    fn chroma_of_422_averages_rows() {
        assert_eq!(resampled(&[&[0, 9], &[4, 10], &[7, 8]], 2, 2), [[2, 10], [7, 8]]);
    }

    #[test]
    fn chroma_of_440_averages_columns() {
        assert_eq!(resampled(&[&[0, 4, 7], &[10, 20, 30]], 2, 2), [[2, 7], [15, 30]]);
    }

    #[test]
    fn chroma_of_411_repeats_columns_and_averages_rows() {
        assert_eq!(resampled(&[&[0, 10], &[4, 20]], 3, 1), [[2, 2, 15]]);
    }

    #[test]
    fn chroma_of_441_averages_columns_and_repeats_rows() {
        assert_eq!(resampled(&[&[0, 4], &[10, 20]], 1, 3), [[2], [2], [15]]);
    }

    #[test]
    fn equal_sizes_are_a_copy_and_one_sample_survives() {
        assert_eq!(resampled(&[&[1, 2], &[3, 4]], 2, 2), [[1, 2], [3, 4]]);
        assert_eq!(resampled(&[&[200]], 1, 1), [[200]]);
    }
}
