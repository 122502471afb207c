//! Filling and copying on the three planes of a 4:2:0 picture.

use camherd_codec::picture::PlaneMut;

/// A colour: full-range BT.601 as in JFIF.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colour {
    pub(super) y: u8,
    pub(super) u: u8,
    pub(super) v: u8,
}

/// A rectangle in luma samples. Chroma is covered from the rounded-down to the rounded-up half.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rect {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The planes of a picture to draw on.
pub(super) struct Canvas<'a> {
    pub(super) y: PlaneMut<'a>,
    pub(super) u: PlaneMut<'a>,
    pub(super) v: PlaneMut<'a>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new([y, u, v]: [PlaneMut<'a>; 3]) -> Canvas<'a> {
        Canvas { y, u, v }
    }

    /// Fills a rectangle; what lies outside the picture is left out.
    pub(super) fn fill(&mut self, rect: Rect, colour: Colour) {
        fill(&mut self.y, rect, colour.y);
        let half = rect.halved();
        fill(&mut self.u, half, colour.u);
        fill(&mut self.v, half, colour.v);
    }

    /// Fills a rectangle of luma alone.
    pub(super) fn fill_luma(&mut self, rect: Rect, value: u8) {
        fill(&mut self.y, rect, value);
    }
}

/// Fills the part of the rectangle that lies inside the plane.
fn fill(plane: &mut PlaneMut<'_>, rect: Rect, value: u8) {
    let right = rect.x.saturating_add(rect.width).min(plane.width);
    let bottom = rect.y.saturating_add(rect.height).min(plane.height);
    for row in plane.data.chunks_mut(plane.stride.max(1)).take(bottom).skip(rect.y) {
        if let Some(samples) = row.get_mut(rect.x..right) {
            samples.fill(value);
        }
    }
}

/// Copies tightly packed rows of the plane's width, rotated left by `shift` samples.
pub(super) fn copy_rotated(plane: &mut PlaneMut<'_>, packed: &[u8], shift: usize) {
    let width = plane.width.max(1);
    let rows = plane.data.chunks_mut(plane.stride.max(1));
    for (to, from) in rows.zip(packed.chunks_exact(width)) {
        let (left, right) = from.split_at(shift % width);
        if let Some((first, rest)) = to.get_mut(..width).map(|to| to.split_at_mut(right.len())) {
            first.copy_from_slice(right);
            rest.copy_from_slice(left);
        }
    }
}

impl Rect {
    fn halved(self) -> Rect {
        let (x, y) = (self.x / 2, self.y / 2);
        Rect {
            x,
            y,
            width: self.x.saturating_add(self.width).div_ceil(2) - x,
            height: self.y.saturating_add(self.height).div_ceil(2) - y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_only_what_lies_inside() {
        let mut data = [0u8; 5 * 3];
        let mut plane = PlaneMut { data: &mut data, width: 4, height: 3, stride: 5 };
        fill(&mut plane, Rect { x: 2, y: 1, width: 9, height: 9 }, 7);
        fill(&mut plane, Rect { x: 4, y: 0, width: 2, height: 1 }, 8);
        fill(&mut plane, Rect { x: usize::MAX, y: usize::MAX, width: 2, height: 2 }, 9);
        assert_eq!(data, [0, 0, 0, 0, 0, 0, 0, 7, 7, 0, 0, 0, 7, 7, 0]);
    }

    #[test]
    fn rotates_rows_within_the_width() {
        let mut data = [9u8; 4 * 2];
        let mut plane = PlaneMut { data: &mut data, width: 3, height: 2, stride: 4 };
        copy_rotated(&mut plane, &[1, 2, 3, 4, 5, 6], 1);
        assert_eq!(data, [2, 3, 1, 9, 5, 6, 4, 9]);
    }

    #[test]
    fn chroma_covers_all_of_the_luma() {
        let half = Rect { x: 3, y: 2, width: 2, height: 1 }.halved();
        assert_eq!((half.x, half.y, half.width, half.height), (1, 1, 2, 1));
    }
}
