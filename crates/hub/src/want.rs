//! What readers make use of, so that a source need not give more.

/// The most that a reader makes use of. What it does not limit, it wants as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want {
    /// Width and height, pixels.
    pub size: Option<(u32, u32)>,
    /// Pictures per second.
    pub fps: Option<f64>,
}

impl Want {
    /// Everything, as it comes.
    pub const EVERYTHING: Want = Want { size: None, fps: None };

    /// What serves both: a limit holds only where both have one, and then the larger one.
    #[must_use]
    pub fn with(self, other: Want) -> Want {
        let size = self.size.zip(other.size).map(|(a, b)| (a.0.max(b.0), a.1.max(b.1)));
        let fps = self.fps.zip(other.fps).map(|(a, b)| a.max(b));
        Want { size, fps }
    }
}

/// A rate that is no number is the same as itself, too: who waits for another one would otherwise never wait.
impl PartialEq for Want {
    fn eq(&self, other: &Want) -> bool {
        (self.size, self.fps.map(f64::to_bits)) == (other.size, other.fps.map(f64::to_bits))
    }
}

impl Eq for Want {}

#[cfg(all(test, not(camherd_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_serves_both_is_the_larger_of_each_and_no_limit_is_the_largest() {
        let (wide, high) = (
            Want { size: Some((640, 100)), fps: Some(5.0) },
            Want { size: Some((320, 240)), fps: Some(2.5) },
        );
        let both = Want { size: Some((640, 240)), fps: Some(5.0) };
        assert_eq!(wide.with(high), both);
        assert_eq!(high.with(wide), both);
        assert_eq!(wide.with(Want { size: None, ..high }), Want { size: None, fps: Some(5.0) });
        assert_eq!(wide.with(Want::EVERYTHING), Want::EVERYTHING);
    }

    #[test]
    fn a_rate_that_is_no_number_is_no_change_and_gives_way() {
        let odd = Want { size: None, fps: Some(f64::NAN) };
        let five = Want { size: None, fps: Some(5.0) };
        assert_eq!(odd, odd);
        assert_ne!(odd, Want::EVERYTHING);
        assert_eq!((odd.with(five), five.with(odd)), (five, five));
    }
}
