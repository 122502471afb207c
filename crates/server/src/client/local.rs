//! A hub of this process alone, with one stream: what a command takes pictures from.
//!
//! It is the server's own way of the data, without any socket: a command gets what the server's viewers get, and
//! a reader that is too slow resumes at the newest picture or keyframe.

use crate::config::{Bus, Config};
use crate::net::shutdown::Shutdown;
use crate::sources::pull::{AddError, Pulls, Spec};
use crate::transcode::Deriver;
use camherd_hub::{Busy, Full, Hub, Owner, Publisher, RingLimits, Stream};
use camherd_media::ids::{NameError, StreamName};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// What the stream is called in log lines.
const NAME: &str = "source";

/// Why there is no hub. None of it can happen in a process that has one stream.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The stream has no name that can be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No room for one stream.
    #[error(transparent)]
    Full(#[from] Full),
    /// Something publishes already.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The camera cannot be added.
    #[error(transparent)]
    Add(#[from] AddError),
}

/// The hub and its stream.
pub(crate) struct Local {
    hub: Hub,
    stream: Stream,
    shutdown: Shutdown,
    /// Kept, as dropping it ends the pull.
    pulls: Option<Pulls>,
}

impl Local {
    /// An empty one. Call it within a runtime.
    pub(crate) fn new(shutdown: Shutdown) -> Result<Local, LocalError> {
        let defaults = Config::default();
        let config = Config { bus: Bus { enabled: false, ..defaults.bus }, ..defaults };
        let deriver = Arc::new(Deriver::new(Arc::new(config), Handle::current()));
        let hub = Hub::new(RingLimits::default(), 1, deriver);
        let stream = hub.get_or_create(&NAME.parse()?)?;
        Ok(Local { hub, stream, shutdown, pulls: None })
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The one who writes the stream, described as `what`.
    pub(crate) fn publish(&self, what: String) -> Result<Publisher, LocalError> {
        Ok(self.stream.publish(Owner("command".to_owned()), what)?)
    }

    /// Pulls a camera into the stream, as the server does; `spec` makes what to pull of the stream's name.
    pub(crate) fn pull(
        &mut self,
        stall_timeout: Duration,
        spec: impl FnOnce(StreamName) -> Spec,
    ) -> Result<(), LocalError> {
        let pulls = Pulls::new(self.hub.clone(), stall_timeout, self.shutdown.clone());
        pulls.add(spec(self.stream.name().clone()))?;
        self.pulls = Some(pulls);
        Ok(())
    }
}
