//! Percentiles of what was measured.

/// Latencies (or any durations) in nanoseconds, sorted.
pub struct Sorted(Vec<u64>);

impl Sorted {
    /// Sorts the samples.
    pub fn new(mut samples: Vec<u64>) -> Sorted {
        samples.sort_unstable();
        Sorted(samples)
    }

    /// The smallest sample that at least `p` percent do not exceed (nearest rank), in milliseconds; `None` without
    /// samples.
    pub fn ms(&self, p: f64) -> Option<f64> {
        let rank = (p / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).map(|ns| *ns as f64 / 1e6)
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let s = Sorted::new((1..=100).rev().map(|ms| ms * 1_000_000).collect());
        assert_eq!(s.len(), 100);
        assert_eq!((s.ms(50.0), s.ms(99.0), s.ms(100.0)), (Some(50.0), Some(99.0), Some(100.0)));
        assert_eq!(Sorted::new(vec![5_000_000]).ms(1.0), Some(5.0));
        assert_eq!(Sorted::new(vec![]).ms(50.0), None);
    }
}
