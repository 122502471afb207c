//! A camera that is pulled, for the tests of every kind of source.

use super::{Pulls, Spec, Transport};
use crate::net::shutdown::{self, Trigger};
use crate::testing::{eventually, hub};
use camherd_hub::{Stream, StreamState};
use std::time::Duration;

/// A stall timeout that is longer than any test waits.
pub(in crate::sources) const NEVER: Duration = Duration::from_secs(600);

/// Between two single pictures, so that a test sees several in a moment.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(20);

/// A stream that is pulled, for as long as this lives.
pub(in crate::sources) struct Pulled {
    pub stream: Stream,
    _pulls: Pulls,
    _trigger: Trigger,
}

impl Pulled {
    pub fn start(url: &str, stall_timeout: Duration) -> Pulled {
        let (trigger, shutdown) = shutdown::channel();
        let pulls = Pulls::new(hub(1), stall_timeout, shutdown);
        let spec = Spec {
            name: "door".parse().unwrap(),
            source: url.parse().unwrap(),
            transport: Transport::Tcp,
            snapshot_interval: SNAPSHOT_INTERVAL,
            size: None,
            on_demand: false,
        };
        let stream = pulls.add(spec).unwrap();
        Pulled { stream, _pulls: pulls, _trigger: trigger }
    }

    /// Waits for so many units.
    pub async fn units(&self, count: u64) {
        let stats = || self.stream.stats();
        eventually(|| stats().units >= count, || format!("{:?}", stats())).await;
    }

    /// Waits until it is offline with a reason that contains `text`, and gives the reason.
    pub async fn offline(&self, text: &str) -> String {
        let reason = || match self.stream.state() {
            StreamState::Offline(reason) => reason.to_string(),
            state => format!("{state:?}"),
        };
        eventually(|| reason().contains(text), || format!("{:?}, not {text}", reason())).await;
        reason()
    }

    /// How much input of this kind was refused.
    pub fn drops(&self, kind: &str) -> u64 {
        self.stream.stats().drops.get(kind).copied().unwrap_or(0)
    }

    /// The newest picture; empty before the first.
    pub fn newest(&self) -> Vec<u8> {
        self.stream.newest().map(|(unit, _)| unit.payload.to_vec()).unwrap_or_default()
    }
}
