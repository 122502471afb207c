//! How much of a camera is of use: the size and the rate that a device is told, from what its viewers want.

use camherd_hub::Want;
use camherd_media::wire::device::{FPS, Settings, Size};
use std::time::Duration;
use tokio::time::Instant;

/// A device is told of a smaller size or rate once it has been enough for so long: a sensor that changes its size
/// loses pictures, and a viewer who changes from one view to another is away for a moment.
pub(super) const LESS_AFTER: Duration = Duration::from_secs(5);

/// The lowest rate that a device is told, pictures a second: with fewer, a stream whose `stall_timeout` is a second
/// would be taken for dead between two of them.
const FPS_MIN: u32 = 2;

/// A limit that rises at once and falls late; `None` is no limit.
#[derive(Debug)]
pub(super) struct Limit<T> {
    holds: Option<T>,
    /// Since when less has been enough.
    less: Option<Instant>,
}

impl<T> Default for Limit<T> {
    fn default() -> Limit<T> {
        Limit { holds: None, less: None }
    }
}

impl<T: Copy + Ord> Limit<T> {
    /// The limit that holds, where `wanted` is what is enough now.
    pub(super) fn follow(&mut self, wanted: Option<T>, now: Instant) -> Option<T> {
        let is_less = match (wanted, self.holds) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(wanted), Some(holds)) => wanted < holds,
        };
        let is_due = |less: Instant| now.saturating_duration_since(less) >= LESS_AFTER;
        if !is_less || is_due(*self.less.get_or_insert(now)) {
            (self.holds, self.less) = (wanted, None);
        }
        self.holds
    }
}

/// The size that serves what is wanted: the smallest of the device's that is no smaller either way and of the same
/// shape as the one that is set, as another shape shows something else. `None`: the one that is set.
pub(super) fn size(want: Want, set: Settings, sizes: &[Size]) -> Option<Size> {
    let ((width, height), set) = want.size.zip(set.size)?;
    let serves = |size: &&Size| {
        size.width() >= width
            && size.height() >= height
            && size.width() * set.height() == set.width() * size.height()
    };
    sizes.iter().filter(serves).min().copied().filter(|size| *size < set)
}

/// The rate that serves what is wanted, in whole pictures a second. `None`: the one that is set.
pub(super) fn fps(want: Want, set: Settings) -> Option<u32> {
    let wanted = want.fps.filter(|fps| fps.is_finite())?;
    // Within the range of the protocol by the clamp.
    let wanted = wanted.ceil().clamp(f64::from(FPS_MIN), f64::from(*FPS.end())) as u32;
    Some(wanted).filter(|wanted| set.fps.is_none_or(|set| *wanted < set))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(all: &[&str]) -> Vec<Size> {
        all.iter().map(|size| size.parse().unwrap()).collect()
    }

    #[test]
    fn a_size_serves_that_covers_what_is_wanted_and_has_the_shape_that_is_set() {
        let of_sensor = sizes(&["160x120", "240x240", "320x240", "640x480", "1280x720", "1600x1200"]);
        let set = Settings { size: Size::of(1600, 1200), ..Settings::default() };
        for (wanted, told) in [
            ((100, 100), Some((160, 120))),
            ((160, 120), Some((160, 120))),
            ((161, 120), Some((320, 240))),
            ((320, 320), Some((640, 480))),
            ((640, 481), None),
            ((1600, 1200), None),
            ((8192, 8192), None),
        ] {
            let want = Want { size: Some(wanted), fps: None };
            assert_eq!(size(want, set, &of_sensor), told.and_then(|(w, h)| Size::of(w, h)), "{wanted:?}");
        }
        let small = Want { size: Some((16, 16)), fps: None };
        assert_eq!(size(Want::EVERYTHING, set, &of_sensor), None);
        assert_eq!(size(small, Settings::default(), &of_sensor), None, "nothing is known of it");
        assert_eq!(size(small, set, &[]), None);
        let wide = Settings { size: Size::of(1280, 720), ..Settings::default() };
        assert_eq!(size(small, wide, &of_sensor), None, "it has no other of that shape");
    }

    #[test]
    fn a_rate_serves_that_is_as_high_in_whole_pictures() {
        let set = Settings { fps: Some(20), ..Settings::default() };
        for (wanted, told) in
            [(0.1, Some(2)), (7.5, Some(8)), (19.0, Some(19)), (20.0, None), (120.0, None), (f64::NAN, None)]
        {
            assert_eq!(fps(Want { size: None, fps: Some(wanted) }, set), told, "{wanted}");
        }
        assert_eq!(fps(Want { size: None, fps: Some(1e300) }, Settings::default()), Some(60));
        assert_eq!(fps(Want::EVERYTHING, set), None);
    }

    #[test]
    fn a_limit_rises_at_once_and_falls_late() {
        let start = Instant::now();
        let mut limit = Limit::default();
        assert_eq!(limit.follow(Some(2), start), None);
        assert_eq!(limit.follow(Some(3), start + LESS_AFTER), Some(3));
        assert_eq!(limit.follow(Some(2), start + LESS_AFTER), Some(3));
        assert_eq!(limit.follow(Some(3), start + LESS_AFTER * 2), Some(3), "the time begins anew");
        assert_eq!(limit.follow(Some(2), start + LESS_AFTER * 2), Some(3));
        assert_eq!(limit.follow(Some(2), start + LESS_AFTER * 3), Some(2));
        assert_eq!(limit.follow(Some(9), start), Some(9));
        assert_eq!(limit.follow(None, start), None);
    }
}
