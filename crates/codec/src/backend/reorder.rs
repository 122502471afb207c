//! Puts pictures that come in decoding order into the order of their times.

use crate::decode::Decoded;
use crate::picture::Picture;
use crate::view::I420View;
use camherd_media::time::MediaTime;

/// What comes out for the picture that went in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing yet.
    Wait,
    /// That very picture; it was not copied.
    Same,
    /// One that was held: [`Reorder::taken`].
    Held,
}

/// The pictures that wait until those that are shown before them are decoded.
#[derive(Default)]
pub(super) struct Reorder {
    held: Vec<(MediaTime, Picture)>,
    /// Pictures out of use, for their memory.
    spare: Vec<Picture>,
    taken: Option<(MediaTime, Picture)>,
}

impl Reorder {
    /// Takes the next picture. A picture is due when `depth` others are there that come after it.
    pub(super) fn push(&mut self, decoded: &Decoded<'_>, depth: usize) -> Next {
        self.recycle();
        let first = self.held.iter().map(|(pts, _)| *pts).min();
        let due = self.held.len() >= depth;
        if due && first.is_none_or(|first| decoded.pts <= first) {
            return Next::Same;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy_into(&decoded.picture, &mut copy);
        self.held.push((decoded.pts, copy));
        if due && self.flush() { Next::Held } else { Next::Wait }
    }

    /// Takes the first of the pictures that are held; gives whether there is one.
    pub(super) fn flush(&mut self) -> bool {
        self.recycle();
        let first = self.held.iter().enumerate().min_by_key(|(_, (pts, _))| *pts).map(|(at, _)| at);
        self.taken = first.map(|at| self.held.swap_remove(at));
        self.taken.is_some()
    }

    /// The picture that was taken last.
    pub(super) fn taken(&self) -> Option<Decoded<'_>> {
        self.taken.as_ref().map(|(pts, picture)| Decoded { picture: I420View::from(picture), pts: *pts })
    }

    /// Forgets all pictures.
    pub(super) fn clear(&mut self) {
        self.recycle();
        self.held.clear();
    }

    fn recycle(&mut self) {
        self.spare.extend(self.taken.take().map(|(_, picture)| picture));
    }
}

fn copy_into(from: &I420View<'_>, to: &mut Picture) {
    if to.resize(from.width(), from.height()).is_err() {
        // A view has the same bounds on its size as a picture.
        return;
    }
    to.set_colour(from.colour());
    for (from, mut to) in from.planes().into_iter().zip(to.planes_mut()) {
        to.rows_mut().zip(from.rows()).for_each(|(to, from)| to.copy_from_slice(from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times that come out when pictures with those times go in; those of the flush after a bar.
    fn order(times: &[i64], depth: usize) -> Vec<i64> {
        let mut reorder = Reorder::default();
        let mut out = Vec::new();
        for time in times {
            let mut picture = Picture::new(2, 2).unwrap();
            picture.fill(*time as u8, 0, 0);
            let decoded = Decoded { picture: I420View::from(&picture), pts: MediaTime(*time) };
            match reorder.push(&decoded, depth) {
                Next::Wait => {}
                Next::Same => out.push(*time),
                Next::Held => out.push(taken(&reorder)),
            }
        }
        out.push(-1);
        while reorder.flush() {
            out.push(taken(&reorder));
        }
        out
    }

    /// The time of the picture taken, which its samples confirm.
    fn taken(reorder: &Reorder) -> i64 {
        let decoded = reorder.taken().unwrap();
        assert_eq!(decoded.picture.planes()[0].data[0], decoded.pts.0 as u8);
        decoded.pts.0
    }

    #[test]
    fn pictures_come_out_in_order_as_soon_as_the_depth_allows() {
        assert_eq!(order(&[0, 1, 2], 0), [0, 1, 2, -1]);
        assert_eq!(order(&[0, 4, 1, 2, 3, 8, 5], 1), [0, 1, 2, 3, 4, 5, -1, 8]);
        assert_eq!(order(&[0, 8, 4, 2, 6, 16, 12, 10, 14], 2), [0, 2, 4, 6, 8, 10, 12, -1, 14, 16]);
    }

    #[test]
    fn a_depth_that_is_too_small_loses_no_picture() {
        assert_eq!(order(&[0, 8, 4, 2, 6], 0), [0, 8, 4, 2, 6, -1]);
        assert_eq!(order(&[0, 8, 4, 2, 6], 1).len(), 6);
    }
}
