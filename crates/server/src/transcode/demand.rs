//! When the maker of a rendition must make a keyframe, and when it may stop.

use super::LINGER;
use camherd_hub::Writer;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How often a rendition that nobody reads looks whether somebody does again, who then waits for a keyframe.
/// A reader who joins cannot wake it; a twentieth of a second is less than anybody sees.
const LOOK: Duration = Duration::from_millis(50);

/// What the maker must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A reader would be served sooner by a keyframe.
    Keyframe,
    /// Nobody has read for [`LINGER`]; the run is over.
    End,
}

/// The demand for a rendition, as its maker follows it.
#[derive(Debug, Default)]
pub(super) struct Demand {
    unread: Option<Unread>,
}

#[derive(Debug)]
struct Unread {
    until: Instant,
    look: Instant,
}

impl Demand {
    /// Waits for the next wish. Cancel-safe.
    pub(super) async fn next(&mut self, writer: &Writer) -> Wish {
        loop {
            let Some(unread) = &mut self.unread else {
                if writer.keyframe_wanted().await.is_ok() {
                    return Wish::Keyframe;
                }
                let now = Instant::now();
                self.unread = Some(Unread { until: now + LINGER, look: now + LOOK });
                continue;
            };
            sleep_until(unread.look.min(unread.until)).await;
            let now = Instant::now();
            if writer.readers() == 0 && now < unread.until {
                unread.look = now + LOOK;
                continue;
            }
            if writer.retire() {
                return Wish::End;
            }
            self.unread = None;
        }
    }
}
