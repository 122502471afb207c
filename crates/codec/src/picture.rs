//! The picture that all codecs share: planar I420 with 8 bits per sample, in buffers that are reused.

use camherd_media::unit::{Colour, Matrix};
use std::num::NonZeroU16;

/// Largest width and height, in pixels. Twice 4K; a frame of that size is 100 MB, which bounds what a
/// header of a few bytes can make anyone allocate.
pub const MAX_DIMENSION: u32 = 8192;

/// Rows begin at multiples of this many bytes, so that vector code has no ragged ends. It also covers the
/// two to four samples by which libjpeg-turbo pads a row of odd width.
const ROW_ALIGNMENT: usize = 32;

/// Planes have a multiple of this many luma rows, because libjpeg-turbo pads the height of subsampled
/// pictures to the subsampling factor, at most four.
const HEIGHT_ALIGNMENT: usize = 4;

/// A width or height outside 1 to [`MAX_DIMENSION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("picture of {width}x{height} pixels: width and height must be 1 to {MAX_DIMENSION}")]
pub struct SizeError {
    /// The width asked for.
    pub width: u32,
    /// The height asked for.
    pub height: u32,
}

/// Which sample values stand for black and white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// 0 to 255, as JPEG has it (ITU-T T.871, 6.2).
    #[default]
    Full,
    /// 16 to 235 for luma, 16 to 240 for chroma, as video has it (ITU-R BT.601).
    Limited,
}

/// One plane of a picture, to read.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// The samples, row after row; the last row is as long as the others.
    pub data: &'a [u8],
    /// Distance from row to row in bytes, at least `width`.
    pub stride: usize,
    /// Samples per row that belong to the picture.
    pub width: usize,
    /// Rows that belong to the picture; `data` may hold more.
    pub height: usize,
}

impl<'a> Plane<'a> {
    /// The rows from top to bottom, without padding.
    pub fn rows(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let width = self.width;
        self.data.chunks_exact(self.stride).take(self.height).filter_map(move |row| row.get(..width))
    }
}

/// One plane of a picture, to write. The fields are those of [`Plane`].
#[derive(Debug)]
pub struct PlaneMut<'a> {
    /// The samples, row after row; the last row is as long as the others.
    pub data: &'a mut [u8],
    /// Distance from row to row in bytes, at least `width`.
    pub stride: usize,
    /// Samples per row that belong to the picture.
    pub width: usize,
    /// Rows that belong to the picture; `data` may hold more.
    pub height: usize,
}

impl PlaneMut<'_> {
    /// The rows from top to bottom, without padding.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let width = self.width;
        self.data.chunks_exact_mut(self.stride).take(self.height).filter_map(move |row| row.get_mut(..width))
    }

    /// The same plane, to read.
    #[must_use]
    pub fn as_plane(&self) -> Plane<'_> {
        Plane { data: self.data, stride: self.stride, width: self.width, height: self.height }
    }
}

/// Where a plane lies in the buffer of its picture.
#[derive(Clone, Copy, Debug)]
struct Layout {
    start: usize,
    end: usize,
    stride: usize,
    width: usize,
    height: usize,
}

/// A picture in planar I420 (4:2:0): luma at full size, two chroma planes of half the width and height,
/// both rounded up.
///
/// Invariants: width and height are 1 to [`MAX_DIMENSION`]; each plane's data is a whole number of rows.
#[derive(Clone, Debug)]
pub struct Picture {
    data: Vec<u8>,
    width: NonZeroU16,
    height: NonZeroU16,
    planes: [Layout; 3],
    colour: Colour,
}

/// What the samples of a JPEG mean (ITU-T T.871, 6.2 and 7).
pub(crate) const JPEG_COLOUR: Colour = Colour { full_range: true, matrix: Matrix::Bt601 };

impl Default for Picture {
    /// A picture of one black pixel in the colours of JPEG, for use as a reusable output.
    fn default() -> Picture {
        let one = NonZeroU16::MIN;
        let mut picture =
            Picture { data: Vec::new(), width: one, height: one, planes: layout(1, 1), colour: JPEG_COLOUR };
        picture.set_layout(one, one);
        picture.fill(0, 128, 128);
        picture
    }
}

impl Picture {
    /// A picture of that size in the colours of JPEG (full range, BT.601), all samples zero.
    ///
    /// # Errors
    /// [`SizeError`] unless both are 1 to [`MAX_DIMENSION`].
    pub fn new(width: u32, height: u32) -> Result<Picture, SizeError> {
        let mut picture = Picture::default();
        picture.resize(width, height)?;
        picture.fill(0, 0, 0);
        Ok(picture)
    }

    /// Changes the size and keeps the allocation where it is large enough. The samples are unspecified
    /// afterwards unless the size is as it was.
    ///
    /// # Errors
    /// [`SizeError`] unless both are 1 to [`MAX_DIMENSION`]; the picture is unchanged then.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<(), SizeError> {
        let checked = |n: u32| {
            let n = if n <= MAX_DIMENSION { u16::try_from(n).ok() } else { None };
            n.and_then(NonZeroU16::new).ok_or(SizeError { width, height })
        };
        let (w, h) = (checked(width)?, checked(height)?);
        if (w, h) != (self.width, self.height) {
            self.set_layout(w, h);
        }
        Ok(())
    }

    fn set_layout(&mut self, width: NonZeroU16, height: NonZeroU16) {
        (self.width, self.height) = (width, height);
        self.planes = layout(usize::from(width.get()), usize::from(height.get()));
        let size = self.planes[2].end;
        if size > self.data.len() {
            // A fresh zeroed allocation costs nothing until it is touched; growing would touch all of it.
            self.data = vec![0; size];
        }
    }

    /// Sets every sample of the picture to the given luma and chroma.
    pub fn fill(&mut self, y: u8, u: u8, v: u8) {
        let [luma, cb, cr] = self.planes_mut();
        luma.data.fill(y);
        cb.data.fill(u);
        cr.data.fill(v);
    }

    /// Width in pixels, 1 to [`MAX_DIMENSION`].
    #[must_use]
    pub fn width(&self) -> u32 {
        u32::from(self.width.get())
    }

    /// Height in pixels, 1 to [`MAX_DIMENSION`].
    #[must_use]
    pub fn height(&self) -> u32 {
        u32::from(self.height.get())
    }

    /// Which sample values stand for black and white.
    #[must_use]
    pub fn range(&self) -> Range {
        if self.colour.full_range { Range::Full } else { Range::Limited }
    }

    /// Declares which sample values stand for black and white; converts nothing.
    pub fn set_range(&mut self, range: Range) {
        self.colour.full_range = range == Range::Full;
    }

    /// What the samples mean.
    #[must_use]
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// Declares what the samples mean; converts nothing.
    pub fn set_colour(&mut self, colour: Colour) {
        self.colour = colour;
    }

    fn plane(&self, index: usize) -> Plane<'_> {
        let Layout { start, end, stride, width, height } = self.planes[index];
        Plane { data: &self.data[start..end], stride, width, height }
    }

    /// The luma plane.
    #[must_use]
    pub fn y(&self) -> Plane<'_> {
        self.plane(0)
    }

    /// The Cb plane.
    #[must_use]
    pub fn u(&self) -> Plane<'_> {
        self.plane(1)
    }

    /// The Cr plane.
    #[must_use]
    pub fn v(&self) -> Plane<'_> {
        self.plane(2)
    }

    /// The planes Y, Cb and Cr, to write.
    pub fn planes_mut(&mut self) -> [PlaneMut<'_>; 3] {
        let [y, u, v] = self.planes;
        let (luma, rest) = self.data.split_at_mut(y.end);
        let (cb, rest) = rest.split_at_mut(u.end - u.start);
        let cr = &mut rest[..v.end - v.start];
        let plane =
            |data, at: Layout| PlaneMut { data, stride: at.stride, width: at.width, height: at.height };
        [plane(luma, y), plane(cb, u), plane(cr, v)]
    }
}

/// Lays the three planes of a picture out one after the other.
fn layout(width: usize, height: usize) -> [Layout; 3] {
    let rows = height.next_multiple_of(HEIGHT_ALIGNMENT);
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    let stride = width.next_multiple_of(ROW_ALIGNMENT);
    let chroma_stride = chroma_width.next_multiple_of(ROW_ALIGNMENT);
    let (luma_size, chroma_size) = (stride * rows, chroma_stride * (rows / 2));
    let chroma = |start| Layout {
        start,
        end: start + chroma_size,
        stride: chroma_stride,
        width: chroma_width,
        height: chroma_height,
    };
    let luma = Layout { start: 0, end: luma_size, stride, width, height };
    [luma, chroma(luma_size), chroma(luma_size + chroma_size)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_outside_the_documented_range_are_refused_and_change_nothing() {
        let mut picture = Picture::new(7, 5).unwrap();
        for (width, height) in
            [(0, 5), (7, 0), (MAX_DIMENSION + 1, 5), (7, MAX_DIMENSION + 1), (u32::MAX, 65536)]
        {
            assert_eq!(picture.resize(width, height), Err(SizeError { width, height }));
            assert_eq!((picture.width(), picture.height()), (7, 5));
        }
        assert!(Picture::new(MAX_DIMENSION, 1).is_ok());
        assert!(Picture::new(1, MAX_DIMENSION).is_ok());
        assert_eq!(
            SizeError { width: 0, height: 9 }.to_string(),
            "picture of 0x9 pixels: width and height must be 1 to 8192"
        );
    }

    #[test]
    fn chroma_is_half_the_size_rounded_up() {
        for (size, chroma) in [((1, 1), (1, 1)), ((2, 2), (1, 1)), ((7, 5), (4, 3)), ((640, 480), (320, 240))]
        {
            let picture = Picture::new(size.0, size.1).unwrap();
            assert_eq!((picture.y().width, picture.y().height), (size.0 as usize, size.1 as usize));
            for plane in [picture.u(), picture.v()] {
                assert_eq!((plane.width, plane.height), chroma);
                assert_eq!(plane.rows().count(), chroma.1);
            }
        }
    }

    #[test]
    fn planes_do_not_overlap_and_rows_have_no_padding() {
        let mut picture = Picture::new(33, 3).unwrap();
        for (value, mut plane) in (1..).zip(picture.planes_mut()) {
            plane.rows_mut().for_each(|row| row.fill(value));
        }
        for (value, plane) in (1..).zip([picture.y(), picture.u(), picture.v()]) {
            assert!(plane.rows().all(|row| row.len() == plane.width && row.iter().all(|s| *s == value)));
            assert_eq!(plane.data.len() % plane.stride, 0);
        }
    }

    #[test]
    fn shrinking_and_growing_back_keeps_the_allocation() {
        let mut picture = Picture::new(640, 480).unwrap();
        let before = picture.y().data.as_ptr();
        picture.resize(320, 240).unwrap();
        picture.resize(640, 480).unwrap();
        assert_eq!(picture.y().data.as_ptr(), before);
    }
}
