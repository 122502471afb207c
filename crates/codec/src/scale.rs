//! Changes the size of pictures.

use crate::picture::{Picture, Plane, PlaneMut};
use crate::view::I420View;
use fast_image_resize::images::{CroppedImage, CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// The scaler failed, which no picture should make it do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot scale a {from_width}x{from_height} plane to {to_width}x{to_height}: {reason}")]
pub struct Error {
    from_width: usize,
    from_height: usize,
    to_width: usize,
    to_height: usize,
    reason: String,
}

/// Scales pictures with a triangle filter that widens as the picture shrinks: no aliasing, and a quarter of
/// the work of a sharper one. Keeps its buffers between pictures; one per stream.
pub struct Scaler {
    resizer: Resizer,
    options: ResizeOptions,
}

impl Default for Scaler {
    fn default() -> Scaler {
        Scaler::new()
    }
}

impl Scaler {
    /// A scaler for any sizes.
    #[must_use]
    pub fn new() -> Scaler {
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            // One sample per pixel: there is no alpha to look for.
            .use_alpha(false);
        Scaler { resizer: Resizer::new(), options }
    }

    /// Scales all of `source` to the size that `target` has. The aspect ratio is the caller's affair. The
    /// target takes the colours of the source.
    ///
    /// # Errors
    /// [`Error`] when the scaler fails.
    pub fn scale(&mut self, source: &Picture, target: &mut Picture) -> Result<(), Error> {
        self.scale_view(&I420View::from(source), target)
    }

    /// [`Scaler::scale`] of a picture that lies anywhere.
    ///
    /// # Errors
    /// [`Error`] when the scaler fails.
    pub fn scale_view(&mut self, source: &I420View<'_>, target: &mut Picture) -> Result<(), Error> {
        target.set_colour(source.colour());
        for (from, mut to) in source.planes().into_iter().zip(target.planes_mut()) {
            if (from.width, from.height) == (to.width, to.height) {
                to.rows_mut().zip(from.rows()).for_each(|(to, from)| to.copy_from_slice(from));
                continue;
            }
            let (to_width, to_height) = (to.width, to.height);
            self.scale_plane(from, &mut to).map_err(|reason| Error {
                from_width: from.width,
                from_height: from.height,
                to_width,
                to_height,
                reason,
            })?;
        }
        Ok(())
    }

    fn scale_plane(&mut self, from: Plane<'_>, to: &mut PlaneMut<'_>) -> Result<(), String> {
        // Strides and sizes are below 2 * MAX_DIMENSION. The images are as wide as the stride; the views cut
        // the padding off.
        let source = ImageRef::new(from.stride as u32, from.height as u32, from.data, PixelType::U8);
        let source = source.map_err(|error| error.to_string())?;
        let source = CroppedImage::new(&source, 0, 0, from.width as u32, from.height as u32);
        let source = source.map_err(|error| error.to_string())?;
        let target = Image::from_slice_u8(to.stride as u32, to.height as u32, to.data, PixelType::U8);
        let mut target = target.map_err(|error| error.to_string())?;
        let target = CroppedImageMut::new(&mut target, 0, 0, to.width as u32, to.height as u32);
        let mut target = target.map_err(|error| error.to_string())?;
        self.resizer.resize(&source, &mut target, &self.options).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Range;

    /// A ramp from left to right in luma, from top to bottom in chroma.
    fn ramps(width: u32, height: u32) -> Picture {
        let mut picture = Picture::new(width, height).unwrap();
        let [mut y, u, v] = picture.planes_mut();
        let last = y.width.max(2) - 1;
        y.rows_mut()
            .for_each(|row| row.iter_mut().enumerate().for_each(|(x, s)| *s = (x * 255 / last) as u8));
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
            scaler.scale(&source, &mut scaled).unwrap();
            for (a, b) in [(scaled.y(), expected.y()), (scaled.u(), expected.u()), (scaled.v(), expected.v())]
            {
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
        Scaler::new().scale(&source, &mut small).unwrap();
        assert!(small.y().rows().flatten().all(|s| (90..=110).contains(s)));
    }

    #[test]
    fn the_smallest_sizes_and_the_range_survive() {
        let mut source = Picture::new(1, 1).unwrap();
        source.fill(50, 60, 70);
        source.set_range(Range::Limited);
        for (width, height) in [(1, 1), (2, 1), (3, 5), (33, 17)] {
            let mut out = Picture::new(width, height).unwrap();
            Scaler::new().scale(&source, &mut out).unwrap();
            assert_eq!(out.range(), Range::Limited);
            for (plane, value) in [(out.y(), 50), (out.u(), 60), (out.v(), 70)] {
                assert!(plane.rows().flatten().all(|s| *s == value));
            }
        }
    }
}
