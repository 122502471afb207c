//! What a viewer whose link became slow went through: pure, from what it saw.

use crate::error::{Error, protocol};
use crate::frames::{CELL, CELLS, CYCLE, VGA, read_bar_code};
use crate::tcp_push::Quality;
use crate::tcp_viewer::Seen;
use camherd_codec::jpeg::Decoder;
use camherd_codec::picture::Picture;

/// A picture that the viewer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// When it had come whole.
    pub at: u64,
    /// When the camera began to send it.
    pub sent: u64,
    /// Whether it is of a lower quality than the best.
    pub lower: bool,
    /// Its size.
    pub bytes: u64,
}

impl Shown {
    fn age(&self) -> u64 {
        self.at.saturating_sub(self.sent)
    }
}

/// Finds out which frame each picture shows. `sent` is the log of the best quality.
///
/// The pictures that the server makes have no stamp; the bar code says which frame of its cycle they show. No gap
/// between two is as long as a cycle: a viewer that waits for so long has failed anyway.
///
/// # Errors
/// When a picture is none of those that were sent.
pub fn identify(seen: &[Seen], sent: &[u64]) -> Result<Vec<Shown>, Error> {
    let mut reader = BarCodes::new()?;
    let mut newest = 0;
    let mut all = Vec::with_capacity(seen.len());
    for Seen { at, stamp, bytes, jpeg } in seen {
        let (sent, lower) = match stamp {
            Some((number, sent)) => {
                let (quality, frame) = Quality::of(*number);
                newest = frame;
                (*sent, quality == Quality::Low)
            }
            None => {
                newest = forward(newest, reader.read(jpeg)?);
                let index = usize::try_from(newest).unwrap_or(usize::MAX);
                let unknown = || protocol("camherd", format!("showed frame {newest} before it was sent"));
                (*sent.get(index).ok_or_else(unknown)?, true)
            }
        };
        all.push(Shown { at: *at, sent, lower, bytes: *bytes });
    }
    Ok(all)
}

/// The frame with that place in the cycle which is nearest to `newest`. A switch may go back by a few frames.
fn forward(newest: u64, picture: usize) -> u64 {
    /// Frames that a switch may go back.
    const BACK: u64 = 8;
    let (cycle, from) = (CYCLE as u64, newest.saturating_sub(BACK));
    from + (picture as u64 + cycle - from % cycle) % cycle
}

/// Reads bar codes from pictures of any size.
struct BarCodes {
    decoder: Decoder,
    picture: Picture,
}

impl BarCodes {
    fn new() -> Result<BarCodes, Error> {
        let decoder = Decoder::new().map_err(|e| protocol("camherd-codec", e.to_string()))?;
        Ok(BarCodes { decoder, picture: Picture::default() })
    }

    fn read(&mut self, jpeg: &[u8]) -> Result<usize, Error> {
        let broken = |e: camherd_codec::jpeg::Error| protocol("camherd", format!("made a broken JPEG: {e}"));
        self.decoder.decode(jpeg, &mut self.picture).map_err(broken)?;
        let luma = self.picture.y();
        // The middle half of each cell, so that neither its edges nor the scaling of them count.
        let scale = |pixel: usize| pixel * luma.width / VGA.width as usize;
        let rows = scale(CELL / 4)..scale(CELL * 3 / 4).max(1);
        let mut cells = [0; CELLS];
        for (number, cell) in cells.iter_mut().enumerate() {
            let columns = scale(number * CELL + CELL / 4)..scale(number * CELL + CELL * 3 / 4).max(1);
            let (mut sum, mut count) = (0, 0);
            for row in luma.rows().skip(rows.start).take(rows.len()) {
                let part = row.get(columns.clone()).unwrap_or_default();
                sum += part.iter().map(|sample| usize::from(*sample)).sum::<usize>();
                count += part.len();
            }
            *cell = u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX);
        }
        read_bar_code(&cells).ok_or_else(|| protocol("camherd", "made a picture whose bar code is damaged"))
    }
}

/// What became of a viewer after its link was made slow. Times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Age of the oldest picture that it was shown.
    pub oldest: f64,
    /// Longest time without any.
    pub gap: f64,
    /// How often the next picture was of the other quality.
    pub switches: usize,
    /// Pictures a second.
    pub fps: f64,
    /// Bytes of pictures a second.
    pub bytes: f64,
    /// From the first picture of a lower quality on; `None` when there was none.
    pub lowered: Option<Lowered>,
}

/// What became of it after the switch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lowered {
    /// From the beginning of the slowness to the first picture of a lower quality.
    pub after: f64,
    /// Age of the oldest picture from then on.
    pub oldest: f64,
    /// Pictures a second from then on.
    pub fps: f64,
    /// Mean size of these in bytes.
    pub bytes: f64,
}

/// Judges what was shown between `slow`, when the link became so, and `end`.
pub fn judge(shown: &[Shown], slow: u64, end: u64) -> Verdict {
    let shown: Vec<Shown> = shown.iter().filter(|s| (slow..end).contains(&s.at)).copied().collect();
    let oldest = |some: &[Shown]| seconds(some.iter().map(Shown::age).max().unwrap_or(0));
    let times: Vec<u64> = [slow].into_iter().chain(shown.iter().map(|s| s.at)).chain([end]).collect();
    let gap = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0);
    let lowered = shown.iter().position(|s| s.lower).map(|first| {
        let (after, rest) = (shown[first].at, &shown[first..]);
        let count = rest.len() as f64;
        Lowered {
            after: seconds(after - slow),
            oldest: oldest(rest),
            fps: count / seconds(end - after),
            bytes: rest.iter().map(|s| s.bytes as f64).sum::<f64>() / count,
        }
    });
    let time = seconds(end.saturating_sub(slow));
    Verdict {
        oldest: oldest(&shown),
        gap: seconds(gap),
        switches: shown.windows(2).filter(|pair| pair[0].lower != pair[1].lower).count(),
        fps: shown.len() as f64 / time,
        bytes: shown.iter().map(|s| s.bytes as f64).sum::<f64>() / time,
        lowered,
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn shown(at: u64, age: u64, lower: bool) -> Shown {
        Shown { at: at * MS, sent: (at - age) * MS, lower, bytes: if lower { 50 } else { 250 } }
    }

    #[test]
    fn a_switch_is_timed_and_what_is_outside_does_not_count() {
        let all = [
            shown(900, 800, false),
            shown(1100, 300, false),
            shown(1700, 700, false),
            shown(2000, 40, true),
            shown(2500, 90, true),
            shown(3100, 900, true),
        ];
        let verdict = judge(&all, 1000 * MS, 3000 * MS);
        assert_eq!((verdict.oldest, verdict.gap, verdict.switches), (0.7, 0.6, 1));
        assert_eq!((verdict.fps, verdict.bytes), (2.0, (2.0 * 250.0 + 2.0 * 50.0) / 2.0));
        let lowered = Lowered { after: 1.0, oldest: 0.09, fps: 2.0, bytes: 50.0 };
        assert_eq!(verdict.lowered, Some(lowered));
    }

    #[test]
    fn a_viewer_that_is_shown_nothing_waits_all_the_time() {
        let verdict = judge(&[shown(900, 1, false)], 1000 * MS, 3000 * MS);
        let none = Verdict { oldest: 0.0, gap: 2.0, switches: 0, fps: 0.0, bytes: 0.0, lowered: None };
        assert_eq!(verdict, none);
    }

    #[test]
    fn stamps_tell_the_quality() {
        let seen = |number, at| Seen { at, stamp: Some((number, at - 3)), bytes: 9, ..Seen::default() };
        let all = identify(&[seen(4, 10), seen(Quality::Low.first() + 5, 20)], &[]).unwrap();
        let (lower, bytes) = (true, 9);
        assert_eq!(
            all,
            [Shown { at: 10, sent: 7, lower: false, bytes }, Shown { at: 20, sent: 17, lower, bytes }]
        );
    }

    #[test]
    fn a_place_in_the_cycle_is_the_nearest_frame() {
        assert_eq!(forward(1000, 1000 % CYCLE), 1000);
        assert_eq!(forward(1000, 1007 % CYCLE), 1007);
        assert_eq!(forward(1000, 995 % CYCLE), 995);
        assert_eq!(forward(2, 1), 1);
        assert_eq!(forward(1000, 991 % CYCLE), 991 + CYCLE as u64);
    }

    #[test]
    fn bar_codes_are_read_in_any_size() {
        let mut codes = BarCodes::new().unwrap();
        for width in [640, 320, 160] {
            let mut picture = Picture::new(width, width * 3 / 4).unwrap();
            picture.fill(0, 128, 128);
            let cell = CELL * width as usize / VGA.width as usize;
            let [mut luma, ..] = picture.planes_mut();
            for row in luma.rows_mut().take(cell) {
                // Picture 77 is 1001101: bits from the least on, then their inverse.
                for (number, bit) in [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0].into_iter().enumerate() {
                    row[number * cell..][..cell].fill(bit * 235);
                }
            }
            let jpeg = camherd_codec::jpeg::Encoder::new(60).unwrap().encode(&picture).unwrap();
            assert_eq!(codes.read(&jpeg).unwrap(), 77, "{width}");
        }
        assert!(codes.read(b"nothing").unwrap_err().to_string().contains("broken JPEG"));
        let black = Picture::default();
        let jpeg = camherd_codec::jpeg::Encoder::new(60).unwrap().encode(&black).unwrap();
        assert!(codes.read(&jpeg).unwrap_err().to_string().contains("damaged"));
    }
}
