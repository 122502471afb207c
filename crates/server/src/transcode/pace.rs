//! A cap on the frame rate of one viewer, for outputs whose frames stand alone.

use camherd_media::time::Monotonic;
use std::time::Duration;

/// Slowest and fastest rate that may be asked for, in frames per second.
pub const FPS: std::ops::RangeInclusive<f64> = 0.1..=120.0;

/// Lets frames through at a rate, on average, whatever the camera's rhythm is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval: Option<Duration>,
    due: Monotonic,
}

impl Pace {
    /// At most `fps` frames per second, brought into the range of [`FPS`]; `None` lets all through.
    #[must_use]
    pub fn new(fps: Option<f64>) -> Pace {
        let fps = fps.filter(|fps| fps.is_finite()).map(|fps| fps.clamp(*FPS.start(), *FPS.end()));
        Pace { interval: fps.map(|fps| Duration::from_secs_f64(1.0 / fps)), due: Monotonic(0) }
    }

    /// Whether a frame that came at `received` goes through.
    pub fn admits(&mut self, received: Monotonic) -> bool {
        let Some(interval) = self.interval else { return true };
        if received < self.due {
            return false;
        }
        // On schedule the next one is due an interval after this one was; after a pause the schedule
        // begins anew, a little early, so that a camera just at the rate loses nothing.
        let next = self.due + interval;
        self.due = if next < received { received + interval * 7 / 8 } else { next };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(fps: Option<f64>, camera_fps: u64, seconds: u64) -> usize {
        let mut pace = Pace::new(fps);
        let frames = (0..camera_fps * seconds).map(|i| Monotonic(5_000_000 + i * 1_000_000 / camera_fps));
        frames.filter(|at| pace.admits(*at)).count()
    }

    #[test]
    fn the_average_rate_is_kept() {
        assert_eq!(admitted(None, 30, 10), 300);
        assert_eq!(admitted(Some(30.0), 30, 10), 300);
        assert_eq!(admitted(Some(60.0), 30, 10), 300);
        for fps in [1.0, 4.0, 5.0, 12.0, 25.0] {
            let expected = fps * 10.0;
            let seen = admitted(Some(fps), 30, 10) as f64;
            assert!((seen - expected).abs() <= expected * 0.05 + 1.0, "{fps}: {seen}");
        }
    }

    #[test]
    fn nonsense_is_brought_into_range() {
        assert_eq!(admitted(Some(f64::NAN), 30, 1), 30);
        assert!((2..=3).contains(&admitted(Some(-1.0), 30, 20)), "one each 10 s");
    }
}
