//! Raw pictures of a camera, brought to planar 4:2:0.

use camherd_codec::Picture;
use camherd_codec::picture::{PlaneMut, SizeError};
use camherd_media::unit::Colour;

/// How the samples lie (the V4L2 format of that name).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// 4:2:2, packed: Y, Cb, Y, Cr.
    Yuyv,
    /// 4:2:0: a plane of Y, then one of Cb and Cr in turn.
    Nv12,
    /// 4:2:0: planes of Y, Cb and Cr.
    Yu12,
}

impl Layout {
    /// The format's four characters.
    pub(super) fn fourcc(self) -> [u8; 4] {
        match self {
            Layout::Yuyv => *b"YUYV",
            Layout::Nv12 => *b"NV12",
            Layout::Yu12 => *b"YU12",
        }
    }

    /// Bytes of a row of `width` pixels in the first plane.
    fn row(self, width: usize) -> usize {
        match self {
            Layout::Yuyv => width.div_ceil(2) * 4,
            Layout::Nv12 | Layout::Yu12 => width,
        }
    }
}

/// Why a buffer of the camera is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RawError {
    #[error("the camera gave {got} bytes where a picture has {wanted}")]
    Short { got: usize, wanted: usize },
    #[error(transparent)]
    Size(#[from] SizeError),
}

/// Fills `out` with the picture in `data`, whose rows are `stride` bytes apart; 0 stands for rows without padding.
pub(super) fn to_picture(
    layout: Layout,
    data: &[u8],
    stride: usize,
    size: (u32, u32),
    out: &mut Picture,
) -> Result<(), RawError> {
    out.resize(size.0, size.1)?;
    // What cameras give without a word about it: BT.601 in the range of video.
    out.set_colour(Colour::default());
    let (width, height) = (size.0 as usize, size.1 as usize);
    let stride = stride.max(layout.row(width));
    let luma = stride * height;
    let chroma_rows = height.div_ceil(2);
    let wanted = match layout {
        Layout::Yuyv => luma,
        Layout::Nv12 => luma + stride * chroma_rows,
        Layout::Yu12 => luma + 2 * stride.div_ceil(2) * chroma_rows,
    };
    let Some(data) = data.get(..wanted) else { return Err(RawError::Short { got: data.len(), wanted }) };
    let [mut y, mut cb, mut cr] = out.planes_mut();
    match layout {
        Layout::Yuyv => {
            let rows = || data.chunks_exact(stride);
            rows().zip(y.rows_mut()).for_each(|(from, to)| pick(from, 0, 2, to));
            // Every second row's chroma: what 4:2:0 leaves out.
            rows().step_by(2).zip(cb.rows_mut()).for_each(|(from, to)| pick(from, 1, 4, to));
            rows().step_by(2).zip(cr.rows_mut()).for_each(|(from, to)| pick(from, 3, 4, to));
        }
        Layout::Nv12 => {
            let (luma, chroma) = data.split_at(luma);
            copy(luma, stride, &mut y);
            let rows = || chroma.chunks_exact(stride);
            rows().zip(cb.rows_mut()).for_each(|(from, to)| pick(from, 0, 2, to));
            rows().zip(cr.rows_mut()).for_each(|(from, to)| pick(from, 1, 2, to));
        }
        Layout::Yu12 => {
            let (luma, chroma) = data.split_at(luma);
            copy(luma, stride, &mut y);
            let (first, second) = chroma.split_at(chroma.len() / 2);
            copy(first, stride.div_ceil(2), &mut cb);
            copy(second, stride.div_ceil(2), &mut cr);
        }
    }
    Ok(())
}

fn pick(from: &[u8], first: usize, step: usize, to: &mut [u8]) {
    let samples = from.iter().skip(first).step_by(step);
    to.iter_mut().zip(samples).for_each(|(to, from)| *to = *from);
}

fn copy(from: &[u8], stride: usize, to: &mut PlaneMut<'_>) {
    for (from, to) in from.chunks_exact(stride).zip(to.rows_mut()) {
        let length = to.len().min(from.len());
        to[..length].copy_from_slice(&from[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The planes without padding.
    fn planes(picture: &Picture) -> [Vec<u8>; 3] {
        [picture.y(), picture.u(), picture.v()].map(|plane| plane.rows().flatten().copied().collect())
    }

    /// A picture of 4x2: luma 0 to 7, Cb 10 and 11, Cr 20 and 21.
    fn expected() -> [Vec<u8>; 3] {
        [(0..8).collect(), vec![10, 11], vec![20, 21]]
    }

    #[test]
    fn every_layout_with_and_without_padding() {
        let yuyv: [&[u8]; 2] = [&[0, 10, 1, 20, 2, 11, 3, 21], &[4, 99, 5, 99, 6, 99, 7, 99]];
        let nv12: [&[u8]; 3] = [&[0, 1, 2, 3], &[4, 5, 6, 7], &[10, 20, 11, 21]];
        let yu12: [&[u8]; 3] = [&[0, 1, 2, 3], &[4, 5, 6, 7], &[10, 11, 20, 21]];
        let mut picture = Picture::default();
        let mut check = |layout, data: &[u8], stride| {
            to_picture(layout, data, stride, (4, 2), &mut picture).unwrap();
            assert_eq!(planes(&picture), expected(), "{layout:?} {stride}");
        };
        check(Layout::Yuyv, &yuyv.concat(), 8);
        check(Layout::Nv12, &nv12.concat(), 4);
        check(Layout::Yu12, &yu12.concat(), 0);
        let padded = |rows: &[&[u8]], by: usize| -> Vec<u8> {
            rows.iter().flat_map(|row| [*row, &vec![77; by]].concat()).collect()
        };
        check(Layout::Yuyv, &padded(&yuyv, 4), 12);
        check(Layout::Nv12, &padded(&nv12, 2), 6);
        let split: [&[u8]; 4] = [&[0, 1, 2, 3, 7, 7], &[4, 5, 6, 7, 7, 7], &[10, 11, 7], &[20, 21, 7]];
        check(Layout::Yu12, &split.concat(), 6);
    }

    #[test]
    fn what_is_too_short_is_refused_at_every_length() {
        let mut picture = Picture::default();
        for (layout, whole) in
            [(Layout::Yuyv, 3 * 4 * 2), (Layout::Nv12, 3 * 3 + 3 * 2), (Layout::Yu12, 9 + 8)]
        {
            for length in 0..whole + 2 {
                let done = to_picture(layout, &vec![0; length], 0, (3, 3), &mut picture);
                assert_eq!(done.is_ok(), length >= whole, "{layout:?} {length}");
            }
        }
        assert!(matches!(to_picture(Layout::Yuyv, &[], 0, (0, 3), &mut picture), Err(RawError::Size(_))));
    }
}
