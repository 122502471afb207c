//! A picture that lies somewhere else: in a decoder, in a [`Picture`], or tightly packed in a buffer.

use crate::picture::{MAX_DIMENSION, Picture, Plane, SizeError};
use camherd_media::unit::{Colour, PixelFormat};

/// Why planes or bytes are not a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The size is out of range.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// The bytes are not those of a packed picture of that size.
    #[error("{bytes} bytes for an I420 picture of {width}x{height} pixels, which has {expected}")]
    Length {
        /// How many there are.
        bytes: usize,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// How many there should be.
        expected: usize,
    },
    /// A plane is too short for its rows, or is not half the size of luma where it should be.
    #[error("plane {name} with {bytes} bytes, stride {stride}, for {width}x{height} samples")]
    Plane {
        /// Y, Cb or Cr.
        name: &'static str,
        /// Bytes of the plane.
        bytes: usize,
        /// Distance of its rows.
        stride: usize,
        /// Width that it should have.
        width: usize,
        /// Height that it should have.
        height: usize,
    },
}

/// A borrowed picture in planar 4:2:0 with 8 bits per sample. Copying it copies no samples.
///
/// Invariants: width and height are 1 to [`MAX_DIMENSION`]; chroma has half of both, rounded up; each plane
/// holds all its rows with their stride.
#[derive(Clone, Copy, Debug)]
pub struct I420View<'a> {
    planes: [Plane<'a>; 3],
    colour: Colour,
}

impl<'a> I420View<'a> {
    /// A picture of the planes Y, Cb and Cr; the size of the first is that of the picture.
    ///
    /// # Errors
    /// [`Error::Size`] or [`Error::Plane`] when the planes break an invariant of the type.
    pub fn new(planes: [Plane<'a>; 3], colour: Colour) -> Result<I420View<'a>, Error> {
        let (width, height) = (planes[0].width, planes[0].height);
        let side = |samples: usize| u32::try_from(samples).unwrap_or(u32::MAX);
        check_size(side(width), side(height))?;
        let chroma = (width.div_ceil(2), height.div_ceil(2));
        for ((plane, (width, height)), name) in
            planes.iter().zip([(width, height), chroma, chroma]).zip(["Y", "Cb", "Cr"])
        {
            let rows = plane.stride.checked_mul(plane.height);
            let fits = plane.stride >= width && rows.is_some_and(|rows| rows <= plane.data.len());
            if (plane.width, plane.height) != (width, height) || !fits {
                let (bytes, stride) = (plane.data.len(), plane.stride);
                return Err(Error::Plane { name, bytes, stride, width, height });
            }
        }
        Ok(I420View { planes, colour })
    }

    /// A picture that lies tightly packed in `bytes`: Y, then Cb, then Cr, no padding.
    ///
    /// # Errors
    /// [`Error::Size`] or [`Error::Length`] unless the bytes are exactly those of such a picture.
    pub fn from_packed(bytes: &'a [u8], width: u32, height: u32, colour: Colour) -> Result<Self, Error> {
        check_size(width, height)?;
        let expected = PixelFormat::I420(colour).frame_bytes(width, height);
        let (w, h) = (width as usize, height as usize);
        let (chroma_w, chroma_h) = (w.div_ceil(2), h.div_ceil(2));
        let parts = bytes.split_at_checked(w * h).and_then(|(y, chroma)| {
            let (u, v) = chroma.split_at_checked(chroma_w * chroma_h)?;
            (v.len() == u.len()).then_some((y, u, v))
        });
        let Some((y, u, v)) = parts else {
            return Err(Error::Length { bytes: bytes.len(), width, height, expected });
        };
        let chroma = |data| Plane { data, stride: chroma_w, width: chroma_w, height: chroma_h };
        let luma = Plane { data: y, stride: w, width: w, height: h };
        Ok(I420View { planes: [luma, chroma(u), chroma(v)], colour })
    }

    /// Width in pixels, 1 to [`MAX_DIMENSION`].
    #[must_use]
    pub fn width(&self) -> u32 {
        // In range by the invariant.
        self.planes[0].width as u32
    }

    /// Height in pixels, 1 to [`MAX_DIMENSION`].
    #[must_use]
    pub fn height(&self) -> u32 {
        self.planes[0].height as u32
    }

    /// What the samples mean.
    #[must_use]
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// Some rows of it, as a picture of their own: `count` from row `first` on, as far as there are. What has chroma
    /// in common with a row outside has that chroma too, so `first` should be even.
    ///
    /// `None` when there are none.
    #[must_use]
    pub fn band(&self, first: u32, count: u32) -> Option<I420View<'a>> {
        let [y, u, v] = self.planes;
        let (first, end) = (first as usize, (first as usize).saturating_add(count as usize).min(y.height));
        if first >= end {
            return None;
        }
        let part = |plane: Plane<'a>, first: usize, end: usize| Plane {
            data: &plane.data[first * plane.stride..end * plane.stride],
            height: end - first,
            ..plane
        };
        let chroma = |plane| part(plane, first / 2, first / 2 + (end - first).div_ceil(2));
        Some(I420View { planes: [part(y, first, end), chroma(u), chroma(v)], colour: self.colour })
    }

    /// The planes Y, Cb and Cr.
    #[must_use]
    pub fn planes(&self) -> [Plane<'a>; 3] {
        self.planes
    }
}

impl<'a> From<&'a Picture> for I420View<'a> {
    fn from(picture: &'a Picture) -> I420View<'a> {
        // A picture has the same invariants.
        I420View { planes: [picture.y(), picture.u(), picture.v()], colour: picture.colour() }
    }
}

fn check_size(width: u32, height: u32) -> Result<(), SizeError> {
    let good = 1..=MAX_DIMENSION;
    if good.contains(&width) && good.contains(&height) { Ok(()) } else { Err(SizeError { width, height }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bytes_are_split_where_the_planes_meet() {
        let bytes: Vec<u8> = (0..15 + 6 + 6).collect();
        let view = I420View::from_packed(&bytes, 5, 3, Colour::default()).unwrap();
        assert_eq!((view.width(), view.height()), (5, 3));
        let [y, u, v] = view.planes();
        assert_eq!(y.rows().nth(2).unwrap(), [10, 11, 12, 13, 14]);
        assert_eq!(u.rows().collect::<Vec<_>>(), [[15, 16, 17], [18, 19, 20]]);
        assert_eq!(v.rows().collect::<Vec<_>>(), [[21, 22, 23], [24, 25, 26]]);
    }

    #[test]
    fn every_other_length_is_refused() {
        let bytes = [0; 40];
        for length in (0..40).filter(|length| *length != 27) {
            let error = Error::Length { bytes: length, width: 5, height: 3, expected: 27 };
            let view = I420View::from_packed(&bytes[..length], 5, 3, Colour::default());
            assert_eq!(view.err(), Some(error));
        }
        for (width, height) in [(0, 1), (1, 0), (8193, 1), (u32::MAX, u32::MAX)] {
            let view = I420View::from_packed(&bytes, width, height, Colour::default());
            assert_eq!(view.err(), Some(Error::Size(SizeError { width, height })));
        }
    }

    #[test]
    fn a_band_has_its_own_rows_and_the_bands_are_the_whole() {
        let bytes: Vec<u8> = (0..15 + 6 + 6).collect();
        let whole = I420View::from_packed(&bytes, 5, 3, Colour::default()).unwrap();
        let band = whole.band(0, 2).unwrap();
        assert_eq!((band.width(), band.height()), (5, 2));
        let [y, u, v] = band.planes();
        assert_eq!(y.rows().nth(1).unwrap(), [5, 6, 7, 8, 9]);
        assert_eq!((u.rows().collect::<Vec<_>>(), v.height), (vec![&[15, 16, 17][..]], 1));
        let last = whole.band(2, 1000).unwrap();
        assert_eq!(last.height(), 1);
        assert_eq!(last.planes()[2].rows().collect::<Vec<_>>(), [[24, 25, 26]]);
        assert!(whole.band(3, 1).is_none() && whole.band(0, 0).is_none());
    }

    #[test]
    fn planes_that_do_not_fit_together_are_refused() {
        let data = [0; 64];
        let plane =
            |width, height, stride, bytes: usize| Plane { data: &data[..bytes], stride, width, height };
        let good = [plane(5, 4, 8, 32), plane(3, 2, 4, 8), plane(3, 2, 4, 8)];
        assert!(I420View::new(good, Colour::default()).is_ok());
        for (at, bad) in [
            (0, plane(5, 4, 8, 31)),
            (0, plane(9, 4, 8, 32)),
            (0, plane(5, 4, usize::MAX, 32)),
            (0, plane(0, 4, 8, 32)),
            (1, plane(2, 2, 4, 8)),
            (2, plane(3, 1, 4, 8)),
            (2, plane(3, 2, 4, 7)),
        ] {
            let mut planes = good;
            planes[at] = bad;
            assert!(I420View::new(planes, Colour::default()).is_err(), "{bad:?}");
        }
    }
}
