//! Which samples of a line make which output sample, and with which weights: a triangle that widens as the line
//! shrinks.

/// Weights of the samples that make one output sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taps<'a> {
    /// The first sample.
    pub(super) start: usize,
    /// One weight for each sample from there on, none negative. Their sum is the one that the filter was made for.
    pub(super) weights: &'a [i16],
}

/// Resamples lines of one length to another.
#[derive(Debug)]
pub(super) struct Filter {
    from: usize,
    to: usize,
    starts: Vec<usize>,
    /// `taps` for each output sample.
    weights: Vec<i16>,
    taps: usize,
}

impl Filter {
    /// A filter from `from` samples to `to`, both at least 1, whose weights sum up to `sum` for each output sample.
    ///
    /// Each has the same number of weights, a multiple of `multiple`; those beyond what it needs are zero. They may
    /// reach up to `multiple - 1` samples beyond the end of the line.
    pub(super) fn new((from, to): (usize, usize), sum: i16, multiple: usize) -> Filter {
        let scale = from as f64 / to as f64;
        let radius = scale.max(1.0);
        let mut filter = Filter { from, to, starts: Vec::with_capacity(to), weights: Vec::new(), taps: 0 };
        let ranges: Vec<(usize, Vec<f64>)> =
            (0..to).map(|at| triangle((at as f64 + 0.5).mul_add(scale, -0.5), radius, from)).collect();
        let most = ranges.iter().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        // A line that is shorter than the widest range has all of itself in it.
        filter.taps = most.next_multiple_of(multiple);
        for (start, weights) in ranges {
            // One that has fewer must not reach further beyond the end than the widest.
            let earliest = start.min(from.saturating_sub(most));
            filter.starts.push(earliest);
            let begin = filter.weights.len();
            filter.weights.resize(begin + start - earliest, 0);
            round(&weights, sum, &mut filter.weights);
            filter.weights.resize(begin + filter.taps, 0);
        }
        filter
    }

    /// Whether it is for these lengths.
    pub(super) fn is_for(&self, from: usize, to: usize) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// Weights of each output sample.
    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    /// The first sample of each output, and the weights of all, one output after the other.
    pub(super) fn columns(&self) -> (&[usize], &[i16]) {
        (&self.starts, &self.weights)
    }

    /// The output samples, from the first to the last.
    pub(super) fn outputs(&self) -> impl Iterator<Item = Taps<'_>> {
        let weights = self.weights.chunks_exact(self.taps);
        self.starts.iter().zip(weights).map(|(start, weights)| Taps { start: *start, weights })
    }
}

/// The weights of a triangle of that half width around `centre`, on a line of `length` samples. What lies beyond its
/// ends is left out, which makes the others weigh more.
fn triangle(centre: f64, radius: f64, length: usize) -> (usize, Vec<f64>) {
    let last = length.saturating_sub(1);
    // Conversion clamps to the range of the type.
    let (from, to) = ((centre - radius).ceil() as usize, ((centre + radius).floor() as usize).min(last));
    let weight = |at: usize| (1.0 - (at as f64 - centre).abs() / radius).max(0.0);
    let mut range = from.min(last)..to.max(from.min(last)) + 1;
    while range.len() > 1 && weight(range.start) == 0.0 {
        range.start += 1;
    }
    while range.len() > 1 && weight(range.end - 1) == 0.0 {
        range.end -= 1;
    }
    (range.start, range.map(weight).collect())
}

/// Appends the weights in parts of `sum`. What rounding takes from one goes to the next, so that the sum is exact and
/// many small weights do not all vanish.
fn round(weights: &[f64], sum: i16, out: &mut Vec<i16>) {
    let total: f64 = weights.iter().sum();
    let (mut so_far, mut given) = (0.0, 0);
    for (at, weight) in weights.iter().enumerate() {
        so_far += weight;
        let share = if total > 0.0 { so_far / total } else { 1.0 };
        let target = if at + 1 == weights.len() { sum } else { (share * f64::from(sum)).round() as i16 };
        // At least zero, as the share never falls.
        out.push(target - given);
        given = target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_up_and_stay_on_the_line_but_for_padding() {
        for lengths in
            [(1, 1), (1, 9), (9, 1), (2, 3), (640, 480), (480, 640), (1280, 640), (8192, 3), (7, 8192)]
        {
            for (sum, multiple) in [(256, 1), (1 << 14, 4)] {
                let filter = Filter::new(lengths, sum, multiple);
                assert_eq!(filter.taps() % multiple, 0);
                assert_eq!(filter.outputs().count(), lengths.1);
                for Taps { start, weights } in filter.outputs() {
                    assert_eq!(weights.iter().map(|w| i32::from(*w)).sum::<i32>(), i32::from(sum));
                    assert!(start + weights.len() < lengths.0 + multiple, "{lengths:?}");
                    let beyond = weights.iter().skip(lengths.0 - start);
                    assert!(beyond.copied().all(|weight| weight == 0));
                }
            }
        }
    }

    #[test]
    fn an_output_sample_is_the_mean_around_where_it_lies() {
        let half = Filter::new((8, 4), 256, 1);
        let all: Vec<Taps<'_>> = half.outputs().collect();
        assert_eq!(all[1], Taps { start: 1, weights: &[32, 96, 96, 32] });
        let twice = Filter::new((4, 8), 256, 1);
        let all: Vec<Taps<'_>> = twice.outputs().collect();
        assert_eq!(all[3], Taps { start: 1, weights: &[192, 64] });
    }
}
