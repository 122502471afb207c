//! Brings pictures to the colours of JPEG: full range and BT.601.

use crate::convert::expand_luma;
use crate::picture::{JPEG_COLOUR, Picture, SizeError};
use crate::view::I420View;
use camherd_media::unit::Matrix;

/// Writes `source` to `target` in the colours of JPEG.
pub(crate) fn to_jpeg(source: &I420View<'_>, target: &mut Picture) -> Result<(), SizeError> {
    target.resize(source.width(), source.height())?;
    target.set_colour(JPEG_COLOUR);
    for (at, (from, mut to)) in source.planes().into_iter().zip(target.planes_mut()).enumerate() {
        for (from, to) in from.rows().zip(to.rows_mut()) {
            match (source.colour().full_range, at) {
                (true, _) => to.copy_from_slice(from),
                (false, 0) => expand_luma(from, to),
                (false, _) => expand_chroma(from, to),
            }
        }
    }
    if source.colour().matrix == Matrix::Bt709 {
        bt709_to_bt601(target);
    }
    Ok(())
}

/// Brings chroma from limited to full range.
fn expand_chroma(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        // 146/128 is 255/224 but for 3e-3; the product fits 16 bits, so that it takes one vector instruction.
        let full = ((i16::from(*from) - 128) * 146 + 64) >> 7;
        *to = byte(i32::from(full) + 128);
    }
}

/// Goes from the matrix of BT.709 to that of BT.601, in full range. The factors are those of the one matrix
/// times the inverse of the other (ITU-T H.273, 8.3), in 256ths.
fn bt709_to_bt601(picture: &mut Picture) {
    let [mut luma, mut cb, mut cr] = picture.planes_mut();
    for (at, row) in luma.rows_mut().enumerate() {
        let (cb, cr) = (&cb.data[at / 2 * cb.stride..], &cr.data[at / 2 * cr.stride..]);
        for ((pair, cb), cr) in row.chunks_mut(2).zip(cb).zip(cr) {
            let (cb, cr) = (i32::from(*cb) - 128, i32::from(*cr) - 128);
            let difference = (26 * cb + 50 * cr + 128) >> 8;
            pair.iter_mut().for_each(|y| *y = byte(i32::from(*y) + difference));
        }
    }
    for (cb, cr) in cb.rows_mut().zip(cr.rows_mut()) {
        for (cb, cr) in cb.iter_mut().zip(cr) {
            let (b, r) = (i32::from(*cb) - 128, i32::from(*cr) - 128);
            *cb = byte(((253 * b - 28 * r + 128) >> 8) + 128);
            *cr = byte(((252 * r - 19 * b + 128) >> 8) + 128);
        }
    }
}

fn byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}
