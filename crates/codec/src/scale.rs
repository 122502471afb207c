//! Changes the size of pictures.

mod filter;
mod row;

use crate::picture::{Picture, Plane, PlaneMut};
use crate::view::I420View;
use filter::{Filter, Taps};

/// Sum of the weights of rows that [`row::blend`] takes: a sum of bytes fits 16 bits.
const FEW_ROWS_SUM: i16 = 1 << 8;

/// Most rows that are blended at once with weights that coarse: what shrinking by up to two needs.
const FEW_ROWS: usize = 4;

/// Sum of the weights for any number of rows.
const MANY_ROWS_SUM: i16 = 1 << 14;

/// Scales pictures with a triangle filter that widens as the picture shrinks: no aliasing, and a quarter of
/// the work of a sharper one. Keeps its tables and buffers between pictures; one per stream.
#[derive(Default)]
pub struct Scaler {
    /// For luma, and for both planes of chroma.
    plans: [Option<Plan>; 2],
    /// One output row before it is made narrower or wider, and space for the last weights to reach into.
    blended: Vec<i16>,
    sums: Vec<u32>,
}

/// The filters from one size to another.
struct Plan {
    columns: Filter,
    rows: Filter,
}

impl Plan {
    fn new(from: (usize, usize), to: (usize, usize)) -> Plan {
        let few = Filter::new((from.1, to.1), FEW_ROWS_SUM, 1);
        let rows = if few.taps() <= FEW_ROWS { few } else { Filter::new((from.1, to.1), MANY_ROWS_SUM, 1) };
        Plan { columns: Filter::new((from.0, to.0), row::SUM, row::LANES), rows }
    }
}

impl Scaler {
    /// A scaler for any sizes.
    #[must_use]
    pub fn new() -> Scaler {
        Scaler::default()
    }

    /// Scales all of `source` to the size that `target` has. The aspect ratio is the caller's affair. The
    /// target takes the colours of the source.
    pub fn scale(&mut self, source: &Picture, target: &mut Picture) {
        self.scale_view(&I420View::from(source), target);
    }

    /// [`Scaler::scale`] of a picture that lies anywhere.
    pub fn scale_view(&mut self, source: &I420View<'_>, target: &mut Picture) {
        target.set_colour(source.colour());
        for (at, (from, mut to)) in source.planes().into_iter().zip(target.planes_mut()).enumerate() {
            if (from.width, from.height) == (to.width, to.height) {
                to.rows_mut().zip(from.rows()).for_each(|(to, from)| to.copy_from_slice(from));
            } else {
                self.scale_plane(at.min(1), from, &mut to);
            }
        }
    }

    fn scale_plane(&mut self, plan: usize, from: Plane<'_>, to: &mut PlaneMut<'_>) {
        let Scaler { plans, blended, sums } = self;
        let sizes = ((from.width, from.height), (to.width, to.height));
        let known = plans[plan].take().filter(|plan| {
            plan.columns.is_for(from.width, to.width) && plan.rows.is_for(from.height, to.height)
        });
        let plan = plans[plan].insert(known.unwrap_or_else(|| Plan::new(sizes.0, sizes.1)));
        blended.clear();
        blended.resize(from.width + row::LANES, 0);
        for (out, taps) in to.rows_mut().zip(plan.rows.outputs()) {
            blend_rows(from, taps, &mut blended[..from.width], sums);
            row::resample(blended, &plan.columns, out);
        }
    }
}

/// The mean of some rows of `plane` with the weights of `taps`, in the numbers of [`row`].
fn blend_rows(plane: Plane<'_>, taps: Taps<'_>, out: &mut [i16], sums: &mut Vec<u32>) {
    let row = |at: usize| &plane.data[(taps.start + at) * plane.stride..][..plane.width];
    match *taps.weights {
        [a] => row::blend([row(0)], [a], out),
        [a, b] => row::blend([row(0), row(1)], [a, b], out),
        [a, b, c] => row::blend([row(0), row(1), row(2)], [a, b, c], out),
        [a, b, c, d] => row::blend([row(0), row(1), row(2), row(3)], [a, b, c, d], out),
        ref weights => {
            sums.clear();
            sums.resize(plane.width, 0);
            for (at, weight) in weights.iter().enumerate() {
                row::add(row(at), *weight, sums);
            }
            row::finish(sums, MANY_ROWS_SUM, out);
        }
    }
}

#[cfg(test)]
mod tests;
