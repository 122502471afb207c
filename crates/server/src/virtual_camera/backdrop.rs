//! The static part of the test picture, rendered once: a gradient with the texture of a camera's picture.
//!
//! It repeats horizontally, so the picture moves by copying it rotated.

use super::canvas::{Canvas, copy_rotated};
use crate::random::Random;

/// Steps of `detail`, from no texture to the roughest.
pub(super) const MAX_DETAIL: u8 = 100;
/// The texture's structure: lattice distance in samples at [`REFERENCE_WIDTH`] and weight.
///
/// Large, strong waves with small, weak ones on them is what pictures of things look like.
const OCTAVES: [(f64, f64); 4] = [(48.0, 1.0), (20.0, 0.7), (9.0, 0.5), (4.0, 0.35)];
/// Width at which the lattice distances hold; structure grows with the picture, as that of a scene does.
const REFERENCE_WIDTH: f64 = 640.0;
/// Amplitude of the texture in luma steps at the highest detail.
const TEXTURE: f64 = 80.0;
/// Amplitude of the grain of single samples, as of a small sensor, in luma steps at the highest detail.
const GRAIN: f64 = 16.0;

/// The rendered planes, rows without gaps.
pub(super) struct Backdrop {
    width: usize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Backdrop {
    /// Renders a backdrop of even width and height. `detail` is 0 to [`MAX_DETAIL`].
    pub(super) fn new(width: usize, height: usize, detail: u8) -> Backdrop {
        let mut random = Random::new(1);
        let strength = f64::from(detail.min(MAX_DETAIL)) / f64::from(MAX_DETAIL);
        let lattices = OCTAVES.map(|(step, weight)| {
            let step = step * (width as f64 / REFERENCE_WIDTH).max(0.5);
            Lattice::new(width, height, step, weight * strength * TEXTURE, &mut random)
        });
        let mut y = Vec::with_capacity(width * height);
        let mut row = vec![0.0f32; width];
        for line in 0..height {
            let base = 70.0 + 90.0 * line as f32 / height as f32;
            row.iter_mut().enumerate().for_each(|(x, sample)| *sample = base + 25.0 * wave(x, width));
            lattices.iter().for_each(|lattice| lattice.add(line, &mut row));
            y.extend(row.iter().map(|sample| {
                let grain = (random.fraction() - 0.5) * GRAIN * strength;
                // A cast from float saturates.
                (*sample + grain as f32) as u8
            }));
        }
        let (columns, rows) = (width / 2, height / 2);
        let chroma = |tint: fn(f32, f32) -> f32| -> Vec<u8> {
            let samples = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
            let tint = |(x, y)| 128.0 + 40.0 * tint(wave(x, columns), y as f32 / rows as f32);
            samples.map(|position| tint(position) as u8).collect()
        };
        Backdrop { width, y, u: chroma(|x, y| x * (1.0 - y)), v: chroma(|x, y| y - 0.5 - 0.4 * x) }
    }

    /// Covers the canvas, moved to the left by `shift` samples (its odd bit is left out, for the chroma).
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, shift: usize) {
        let shift = (shift % self.width.max(1)) & !1;
        copy_rotated(&mut canvas.y, &self.y, shift);
        copy_rotated(&mut canvas.u, &self.u, shift / 2);
        copy_rotated(&mut canvas.v, &self.v, shift / 2);
    }
}

/// One period of a cosine over `length`, from 1 to -1 and back.
fn wave(x: usize, length: usize) -> f32 {
    (x as f32 / length as f32 * std::f32::consts::TAU).cos()
}

/// Value noise: random values on a coarse lattice, interpolated between.
struct Lattice {
    columns: usize,
    /// Lattice cells per sample.
    scale_x: f32,
    scale_y: f32,
    values: Vec<f32>,
}

impl Lattice {
    fn new(width: usize, height: usize, step: f64, amplitude: f64, random: &mut Random) -> Lattice {
        // A whole number of cells over the width, so that the right edge meets the left one.
        let columns = ((width as f64 / step) as usize).max(2);
        let rows = (height as f64 / step) as usize + 2;
        let value = |_| ((random.fraction() - 0.5) * amplitude) as f32;
        Lattice {
            columns,
            scale_x: columns as f32 / width as f32,
            scale_y: (1.0 / step) as f32,
            values: (0..columns * rows).map(value).collect(),
        }
    }

    /// Adds line `y` of the noise to a row of samples.
    fn add(&self, y: usize, row: &mut [f32]) {
        let (line, below) = split(y as f32 * self.scale_y);
        let at = |line: usize, column: usize| {
            self.values.get(line * self.columns + column % self.columns).copied().unwrap_or(0.0)
        };
        let mut cell = (usize::MAX, 0.0, 0.0);
        for (x, sample) in row.iter_mut().enumerate() {
            let (column, right) = split(x as f32 * self.scale_x);
            if column != cell.0 {
                let mix = |column| at(line, column) + (at(line + 1, column) - at(line, column)) * below;
                cell = (column, mix(column), mix(column + 1));
            }
            *sample += cell.1 + (cell.2 - cell.1) * right;
        }
    }
}

/// The whole part, and the fraction eased at both ends so that the lattice does not show.
fn split(position: f32) -> (usize, f32) {
    let fraction = position.fract();
    (position as usize, fraction * fraction * (3.0 - 2.0 * fraction))
}
