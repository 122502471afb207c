//! The order of pictures: decode times for pictures that are not shown in the order in which they come.
//!
//! RTP gives each access unit its presentation time, and the access units in decoding order. Containers want a
//! decode time too, that never goes back and is not after the presentation time.

use crate::time::MediaTime;

/// Most pictures that a stream can hold back for their order (ITU-T H.264 A.3.1, H.265 A.4.2).
pub const MAX_DEPTH: u8 = 16;

/// The times of an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When to show it; not before `dts`.
    pub pts: MediaTime,
    /// When to decode it; not before that of the unit before.
    pub dts: MediaTime,
}

/// Gives each access unit a decode time, without waiting for later ones.
///
/// With a reorder depth of `n`, a unit is decoded at the `n`-th largest presentation time before its own among
/// all units up to it: when a decoder that holds back `n` pictures would show one. With depth 0 that is the unit's
/// own time.
///
/// A stream that holds back more than it says, or does not say, is found out by its first unit that must be shown
/// before the decode time of its predecessor. This unit is shown late, and the depth grows by one. The first unit
/// is taken for the earliest, as the keyframe is that a stream begins with. Presentation times must not jump back
/// for good: a caller whose camera begins a new time line maps it to the old one, or begins anew here.
#[derive(Clone, Debug, Default)]
pub struct DecodeTimes {
    depth: usize,
    /// The latest presentation times in rising order, at most `depth`: those of pictures that a decoder holds back.
    held: Vec<MediaTime>,
    last: Option<MediaTime>,
}

impl DecodeTimes {
    /// Decode times for a stream of this reorder depth (`reorder_frames` of its parameter sets; 0 when unknown).
    #[must_use]
    pub fn new(depth: u8) -> DecodeTimes {
        let mut times = DecodeTimes::default();
        times.set_depth(depth);
        times
    }

    /// The stream goes on with other parameters. Decode times go on from where they are.
    pub fn set_depth(&mut self, depth: u8) {
        self.depth = usize::from(depth.min(MAX_DEPTH));
        let excess = self.held.len().saturating_sub(self.depth);
        self.held.drain(..excess);
    }

    /// How many pictures are held back for their order, as far as known.
    #[must_use]
    pub fn depth(&self) -> u8 {
        // At most MAX_DEPTH.
        self.depth as u8
    }

    /// The times of the next access unit in decoding order, which is to be shown at `pts`.
    pub fn push(&mut self, pts: MediaTime) -> Times {
        if self.last.is_some_and(|last| pts < last) && self.depth < usize::from(MAX_DEPTH) {
            self.depth += 1;
        }
        let pts = self.last.map_or(pts, |last| pts.max(last));
        let place = self.held.partition_point(|held| *held <= pts);
        self.held.insert(place, pts);
        let earliest = self.held.first().copied().unwrap_or(pts);
        if self.held.len() > self.depth {
            self.held.remove(0);
        }
        // At the beginning, and while the depth grows, the earliest one is not shown yet: then the time stands
        // still. It never passes `pts`, which is among those that are held.
        let dts = self.last.map_or(earliest, |last| earliest.max(last));
        self.last = Some(dts);
        Times { pts, dts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode_times(depth: u8, order: &[i64]) -> Vec<i64> {
        let mut times = DecodeTimes::new(depth);
        order.iter().map(|pts| times.push(MediaTime(*pts))).map(|times| times.dts.0).collect()
    }

    #[test]
    fn without_reordering_both_times_are_the_same() {
        let order = [0, 33, 40, 40, 900];
        assert_eq!(decode_times(0, &order), order);
    }

    #[test]
    fn pictures_are_decoded_when_one_of_those_held_back_is_shown() {
        assert_eq!(decode_times(1, &[0, 30, 10, 20, 60, 40, 50, 70]), [0, 0, 10, 20, 30, 40, 50, 60]);
        // A pyramid: two are held back.
        assert_eq!(decode_times(2, &[0, 40, 20, 10, 30, 80, 60, 50, 70]), [0, 0, 0, 10, 20, 30, 40, 50, 60]);
    }

    #[test]
    fn a_stream_that_does_not_say_its_order_is_found_out() {
        let mut times = DecodeTimes::new(0);
        let order = [0, 30, 10, 20, 60, 40, 50, 90, 70, 80];
        let got: Vec<Times> = order.iter().map(|pts| times.push(MediaTime(*pts))).collect();
        assert_eq!(times.depth(), 1 + 1);
        let late = got.iter().zip(order).filter(|(times, pts)| times.pts.0 != *pts).count();
        assert_eq!(late, 2, "the first two B pictures: {got:?}");
        // With its depth known, it is as if it had been from the beginning.
        times.set_depth(1);
        assert_eq!(times.push(MediaTime(120)).dts, MediaTime(90));
        assert_eq!(times.push(MediaTime(100)).dts, MediaTime(100));
    }

    proptest! {
        #[test]
        fn decode_times_never_go_back_and_never_pass_the_presentation(
            depth in 0u8..20,
            order in prop::collection::vec(prop_oneof![0i64..500, any::<i64>()], 0..60),
        ) {
            let mut times = DecodeTimes::new(depth);
            let mut last = MediaTime(i64::MIN);
            for pts in order {
                let got = times.push(MediaTime(pts));
                prop_assert!(last <= got.dts && got.dts <= got.pts && got.pts >= MediaTime(pts));
                prop_assert!(times.held.len() <= usize::from(MAX_DEPTH));
                last = got.dts;
            }
        }

        #[test]
        fn a_stream_that_keeps_its_word_is_shown_at_its_own_times(
            depth in 0usize..5,
            shuffle in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            // Pictures 0 to n in any order in which at most `depth` are ahead of one that is to be shown.
            let mut waiting: Vec<i64> = Vec::new();
            let mut next = 0;
            let mut times = DecodeTimes::new(depth as u8);
            for choice in shuffle {
                while waiting.len() <= depth {
                    waiting.push(next * 10);
                    next += 1;
                }
                // The first of those that wait may not be passed by more than `depth` others.
                // Picture 0 comes first: it is the keyframe that streams begin with.
                let free = waiting[0] > 0 && passed(&waiting, next) < depth;
                let pick = if free { usize::from(choice) % waiting.len() } else { 0 };
                let pts = waiting.remove(pick);
                prop_assert_eq!(times.push(MediaTime(pts)).pts, MediaTime(pts));
            }
        }
    }

    /// How many pictures after the first of those that wait were decoded already.
    fn passed(waiting: &[i64], next: i64) -> usize {
        (next - waiting[0] / 10) as usize - waiting.len()
    }
}
