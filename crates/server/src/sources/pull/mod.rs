//! Cameras that the server fetches pictures from: one connection each, made anew for as long as the stream
//! is wanted.
//!
//! [`Pulls`] knows which there are, [`source`] what a person writes to name one, `task` keeps one going,
//! [`Feed`] is what a protocol (`sources::rtsp`, `sources::http`) puts its units into. What is not here: who
//! may add one (`api`), and where they are remembered (`config`, `store`).

mod feed;
pub mod source;
mod task;
#[cfg(test)]
pub(in crate::sources) mod testing;

pub use feed::{Feed, PullError};
pub use source::{Source, SourceError, Transport};
pub use task::is_resting;

use crate::net::shutdown::Shutdown;
use camherd_hub::{Hub, Stream};
use camherd_media::ids::StreamName;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often a camera that only gives single pictures is asked for one, unless its settings say otherwise.
pub const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(500);

/// What to pull, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The stream that it becomes.
    pub name: StreamName,
    /// Where the camera is.
    pub source: Source,
    /// How its RTP packets come.
    pub transport: Transport,
    /// How often a camera that only gives single pictures is asked for one.
    pub snapshot_interval: Duration,
    /// The size in which raw pictures are given to those who ask for none; `None` is the camera's own.
    pub size: Option<(u32, u32)>,
    /// Connect only while somebody watches.
    pub on_demand: bool,
}

/// Why a camera cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The name is taken by another camera.
    #[error("stream {0} is in use by {1}")]
    InUse(StreamName, String),
    /// No room.
    #[error(transparent)]
    Full(#[from] camherd_hub::Full),
}

/// All cameras that are pulled. Clones are the same.
#[derive(Clone)]
pub struct Pulls {
    hub: Hub,
    stall_timeout: Duration,
    shutdown: Shutdown,
    running: Arc<Mutex<BTreeMap<StreamName, Running>>>,
}

struct Running {
    spec: Arc<Spec>,
    /// Dropped, it tells the task to end.
    _stop: watch::Sender<()>,
}

impl Pulls {
    /// None yet. A camera without a picture for `stall_timeout` is connected to anew.
    #[must_use]
    pub fn new(hub: Hub, stall_timeout: Duration, shutdown: Shutdown) -> Pulls {
        Pulls { hub, stall_timeout, shutdown, running: Arc::default() }
    }

    /// Starts to pull. Call it within a runtime.
    ///
    /// # Errors
    /// [`AddError`] when the name is in use or there are too many streams.
    pub fn add(&self, spec: Spec) -> Result<Stream, AddError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = |by: String| AddError::InUse(spec.name.clone(), by);
        if let Some(other) = running.get(&spec.name) {
            return Err(in_use(other.spec.source.to_string()));
        }
        let stream = self.hub.get_or_create(&spec.name)?;
        let publisher = task::publish(&stream, &spec).map_err(|busy| in_use(busy.by))?;
        let (stop, stopped) = watch::channel(());
        let spec = Arc::new(spec);
        let task = task::Task::new(spec.clone(), publisher, self.stall_timeout, self.shutdown.clone());
        tokio::spawn(task.run(stopped));
        running.insert(spec.name.clone(), Running { spec, _stop: stop });
        Ok(stream)
    }

    /// Stops to pull; the stream stays until it is removed or forgotten.
    pub fn stop(&self, name: &StreamName) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    /// What is pulled as `name`.
    #[must_use]
    pub fn get(&self, name: &StreamName) -> Option<Arc<Spec>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(name).map(|running| running.spec.clone())
    }
}
