//! Raw pictures for programs: planar 4:2:0 to BGR, to gray, and to tightly packed planes.

use crate::picture::Plane;
use crate::view::I420View;
use camherd_media::unit::{Colour, Matrix, PixelFormat};

/// Why a picture cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The output has not exactly the bytes of the picture.
    #[error("{bytes} bytes for a {format} picture of {width}x{height} pixels, which has {expected}")]
    Length {
        /// Bytes of the output.
        bytes: usize,
        /// Name of the format.
        format: &'static str,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// Bytes that it should have.
        expected: usize,
    },
    /// The planes asked for mean something else than those of the picture.
    #[error("I420 in {to:?} from a picture in {from:?}: only BGR and gray are converted")]
    Colour {
        /// What the picture has.
        from: Colour,
        /// What is asked for.
        to: Colour,
    },
    /// The library failed, which no picture should make it do.
    #[error("cannot convert to BGR: {0}")]
    Library(String),
}

/// Writes `picture` to `out`, which has exactly the [`PixelFormat::frame_bytes`] of its size.
///
/// BGR follows range and matrix of the picture; chroma is repeated, not interpolated, and luma below black
/// is black. Gray is luma in full range. The planes of I420 are copied as they are.
///
/// # Errors
/// [`Error::Length`] when `out` has another size; [`Error::Colour`] when I420 is asked for in colours that
/// are not those of the picture; [`Error::Library`] when the library fails.
pub fn convert(picture: &I420View<'_>, format: PixelFormat, out: &mut [u8]) -> Result<(), Error> {
    let (width, height) = (picture.width(), picture.height());
    let expected = format.frame_bytes(width, height);
    if out.len() != expected {
        return Err(Error::Length { bytes: out.len(), format: format.name(), width, height, expected });
    }
    match format {
        PixelFormat::Bgr24 => to_bgr(picture, out),
        PixelFormat::Gray8 => {
            to_gray(picture, out);
            Ok(())
        }
        PixelFormat::I420(colour) if colour != picture.colour() => {
            Err(Error::Colour { from: picture.colour(), to: colour })
        }
        PixelFormat::I420(_) => {
            pack(picture, out);
            Ok(())
        }
    }
}

fn to_bgr(picture: &I420View<'_>, out: &mut [u8]) -> Result<(), Error> {
    let (width, height) = (picture.width(), picture.height());
    // The library takes the last row of a plane for the last row of the picture.
    let [y, u, v] = picture.planes().map(|plane| &plane.data[..plane.stride * plane.height]);
    // Below 2 * MAX_DIMENSION, or the data would not be there.
    let [y_stride, u_stride, v_stride] = picture.planes().map(|plane| plane.stride as u32);
    let image = yuv::YuvPlanarImage {
        y_plane: y,
        y_stride,
        u_plane: u,
        u_stride,
        v_plane: v,
        v_stride,
        width,
        height,
    };
    let range = if picture.colour().full_range { yuv::YuvRange::Full } else { yuv::YuvRange::Limited };
    let matrix = match picture.colour().matrix {
        Matrix::Bt601 => yuv::YuvStandardMatrix::Bt601,
        Matrix::Bt709 => yuv::YuvStandardMatrix::Bt709,
    };
    yuv::yuv420_to_bgr(&image, out, width * 3, range, matrix)
        .map_err(|error| Error::Library(error.to_string()))
}

fn to_gray(picture: &I420View<'_>, out: &mut [u8]) {
    let [y, ..] = picture.planes();
    for (to, from) in out.chunks_exact_mut(y.width).zip(y.rows()) {
        if picture.colour().full_range {
            to.copy_from_slice(from);
        } else {
            expand_luma(from, to);
        }
    }
}

/// Brings luma from limited to full range. What is below black or above white is cut off.
pub(crate) fn expand_luma(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        // 149/128 is 255/219 but for 3e-4; the product fits 16 bits, so that it takes one vector instruction.
        let full = (u16::from(from.saturating_sub(16)) * 149 + 64) >> 7;
        *to = full.min(255) as u8;
    }
}

fn pack(picture: &I420View<'_>, out: &mut [u8]) {
    let mut rest = out;
    for plane in picture.planes() {
        let (to, after) = rest.split_at_mut(plane.width * plane.height);
        copy_plane(plane, to);
        rest = after;
    }
}

fn copy_plane(plane: Plane<'_>, to: &mut [u8]) {
    if plane.stride == plane.width {
        to.copy_from_slice(&plane.data[..to.len()]);
        return;
    }
    for (to, from) in to.chunks_exact_mut(plane.width).zip(plane.rows()) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests;
