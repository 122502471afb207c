//! When a picture of H.264 is whole before the next one begins: senders that write whole pictures pause after each.

use camherd_media::codec::h264::split::{AccessUnit, AccessUnitSplitter, begins_access_unit};
use std::time::Duration;

/// After so long without another byte, a payload that ended where pictures have ended so far is taken to end one: the
/// next picture, which would prove it, comes a frame time later. Programs that write a picture in two pieces write
/// them within microseconds.
pub(crate) const PAUSE: Duration = Duration::from_millis(3);

/// So many payloads in a row must have begun with a picture before it is believed that they also end with one.
const ALIGNED: u32 = 3;

/// Programs that read a pipe pass on what their buffer holds, whose size is a multiple of this, and so is what fits
/// into a pipe that is nearly full; what they cut there goes on in the next payload.
const BLOCK: usize = 1024;

/// What a payload completes.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    /// The payload goes on with a picture that a pause was taken to end. Nothing that refers to it can be shown.
    pub(crate) cut: bool,
    /// The access units, without the rest of such a picture.
    pub(crate) units: Vec<AccessUnit>,
}

/// Splits payloads, which are cut anywhere, into access units.
#[derive(Debug)]
pub(crate) struct PausingSplitter {
    splitter: AccessUnitSplitter,
    /// How many payloads in a row have begun with a picture.
    aligned: u32,
    /// The newest payload is as long as a buffer.
    block: bool,
    /// The picture in front of the next payload was taken to be whole.
    flushed: bool,
    /// It was not: payloads of this sender do end anywhere.
    cut: bool,
    /// The next access unit may be the rest of a picture.
    rest: bool,
}

impl PausingSplitter {
    pub(crate) fn new() -> PausingSplitter {
        PausingSplitter {
            splitter: AccessUnitSplitter::new(),
            aligned: 0,
            block: false,
            flushed: false,
            cut: false,
            rest: false,
        }
    }

    /// The access units that the payload completes.
    pub(crate) fn push(&mut self, payload: &[u8]) -> Pushed {
        let mut pushed = Pushed::default();
        let begins = begins_access_unit(payload);
        if self.flushed || self.splitter.has_picture() {
            self.aligned = if begins { self.aligned.saturating_add(1) } else { 0 };
        }
        if std::mem::take(&mut self.flushed) && !begins {
            (self.cut, self.rest) = (true, true);
            pushed.cut = true;
        }
        self.block = payload.len().is_multiple_of(BLOCK);
        pushed.units = self.splitter.push(payload);
        if !pushed.units.is_empty() && std::mem::take(&mut self.rest) {
            // What the payload of the cut began with.
            let rest = !begins_access_unit(&pushed.units[0].data);
            pushed.units.drain(..usize::from(rest));
        }
        pushed
    }

    /// Whether a picture is begun.
    pub(crate) fn has_picture(&self) -> bool {
        self.splitter.has_picture()
    }

    /// Pictures that were too large.
    pub(crate) fn dropped(&self) -> u64 {
        self.splitter.dropped()
    }

    /// Whether [`paused`](Self::paused) would give the picture that is begun.
    pub(crate) fn waits(&self) -> bool {
        !self.cut && !self.block && self.aligned >= ALIGNED && self.splitter.has_picture()
    }

    /// The picture that is begun, when nothing has come for [`PAUSE`].
    pub(crate) fn paused(&mut self) -> Option<AccessUnit> {
        if !self.waits() {
            return None;
        }
        self.flushed = true;
        self.splitter.flush()
    }

    /// The picture that is begun, when no more payload belongs to it.
    pub(crate) fn finish(&mut self) -> Option<AccessUnit> {
        let unit = self.splitter.flush()?;
        let rest = std::mem::take(&mut self.rest) && !begins_access_unit(&unit.data);
        (!rest).then_some(unit)
    }
}
