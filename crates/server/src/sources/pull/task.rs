//! One camera that is pulled: connect, watch over it, wait, connect again, for ever.

use super::source::Kind;
use super::{Feed, PullError, Spec};
use crate::net::backoff::{Backoff, Reconnect};
use crate::net::shutdown::Shutdown;
use crate::random::Random;
use crate::sources::{http, rtsp, tcpcam};
use camherd_hub::{Busy, Owner, Publisher, Stream};
use futures_util::FutureExt;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// Between two attempts. A camera that restarts is back in a few seconds; one that is gone for a week is not
/// asked more than twice a minute.
const RECONNECT: Reconnect = Reconnect { min: Duration::from_millis(500), max: Duration::from_secs(30) };

/// A connection that gave pictures for so long was a good one: the next attempt comes soon.
const SETTLED: Duration = Duration::from_secs(2);

/// A camera that is pulled on demand is kept for so long after its last viewer: a page that reloads
/// finds it running.
pub const ON_DEMAND_LINGER: Duration = Duration::from_secs(15);

/// A camera that gives single pictures is silent when so many in a row did not come.
const MISSED_SNAPSHOTS: u32 = 3;

/// Shown while nobody watches a camera that is pulled on demand.
const RESTING: &str = "nobody watches; it starts with the first viewer";

/// Whether the stream would start if somebody watched.
#[must_use]
pub fn is_resting(stream: &Stream) -> bool {
    stream.state().reason() == RESTING
}

/// Becomes the publisher of the stream.
pub(super) fn publish(stream: &Stream, spec: &Spec) -> Result<Publisher, Busy> {
    stream.publish(Owner(format!("pull {}", spec.name)), spec.source.to_string())
}

/// Keeps one camera going.
pub(super) struct Task {
    spec: Arc<Spec>,
    stream: Stream,
    publisher: Publisher,
    stall_timeout: Duration,
    shutdown: Shutdown,
    backoff: Backoff,
}

/// Why an attempt is over.
enum Over {
    Failed(PullError),
    /// No picture for long; what came in place of pictures.
    Stalled(Option<String>),
    Unwatched,
}

impl Task {
    pub(super) fn new(
        spec: Arc<Spec>,
        publisher: Publisher,
        stall_timeout: Duration,
        shutdown: Shutdown,
    ) -> Task {
        let stream = publisher.stream().clone();
        // Who asks for a picture a minute must not call the camera silent after ten seconds.
        let stall_timeout = match spec.source.kind() {
            Kind::Http => stall_timeout.max(spec.snapshot_interval * MISSED_SNAPSHOTS),
            Kind::Rtsp | Kind::TcpCam => stall_timeout,
        };
        let backoff = Backoff::new(RECONNECT, Random::unpredictable());
        Task { spec, stream, publisher, stall_timeout, shutdown, backoff }
    }

    /// Runs until it is stopped, the stream is removed, or the server stops.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let shutdown = self.shutdown.clone();
        tokio::select! {
            _ = stopped.changed() => {}
            () = shutdown.wait() => {}
            _ = self.pull_for_ever() => {}
        }
        tracing::info!(stream = %self.stream.name(), "no longer pulled");
        self.publisher.end("the server does not pull this camera any more");
    }

    /// Comes back only when the stream is gone.
    async fn pull_for_ever(&mut self) {
        loop {
            if self.spec.on_demand {
                if !self.stream_is_read().await {
                    self.publisher.stalled(RESTING);
                }
                self.stream.demand_changed(false).await;
            }
            let started = Instant::now();
            let units = self.stream.stats().units;
            tracing::info!(stream = %self.stream.name(), source = %self.spec.source, "connecting");
            let reason = match self.attempt().await {
                Over::Unwatched => continue,
                Over::Failed(PullError::Superseded) => return,
                Over::Failed(error) => error.to_string(),
                Over::Stalled(None) => format!("no picture for {} s", self.stall_timeout.as_secs()),
                Over::Stalled(Some(what)) => what,
            };
            self.publisher.stalled(&reason);
            self.stream.count_drop("connection", reason.clone());
            if started.elapsed() > SETTLED && self.stream.stats().units > units {
                self.backoff.reset();
            }
            let pause = self.backoff.delay();
            tracing::warn!(stream = %self.stream.name(), "{reason}; next attempt in {pause:.1?}");
            sleep(pause).await;
        }
    }

    async fn stream_is_read(&self) -> bool {
        timeout(Duration::ZERO, self.stream.demand_changed(false)).await.is_ok()
    }

    async fn attempt(&mut self) -> Over {
        let mut feed = Feed::new(&mut self.publisher);
        // A fault in what reads a camera's bytes must not be the end of that camera: what is used again of it is
        // the publisher, which is whole between two units.
        let pulled = AssertUnwindSafe(pull(&self.spec, &mut feed)).catch_unwind();
        let over = tokio::select! {
            over = pulled => Over::Failed(match over {
                Ok(pulled) => pulled.err().unwrap_or(PullError::Ended),
                Err(_) => PullError::Broken("an internal fault; see the server's log".to_owned()),
            }),
            () = stall(&self.stream, self.stall_timeout) => Over::Stalled(None),
            () = unwatched(&self.stream), if self.spec.on_demand => Over::Unwatched,
        };
        match over {
            Over::Stalled(_) => Over::Stalled(feed.into_unusable()),
            over => over,
        }
    }
}

async fn pull(spec: &Spec, feed: &mut Feed<'_>) -> Result<Infallible, PullError> {
    match spec.source.kind() {
        Kind::Rtsp => rtsp::pull(spec, feed).await,
        Kind::Http => http::pull(spec, feed).await,
        Kind::TcpCam => tcpcam::pull(spec, feed).await,
    }
}

/// Resolves when no unit has come for so long, by the arrival of units and nothing else: a connection that
/// answers keep-alives and sends no pictures is as dead as one that is closed.
async fn stall(stream: &Stream, longest: Duration) {
    let clock = stream.clock();
    let started = clock.now();
    loop {
        let last = stream.stats().last_unit.map_or(started, |unit| unit.max(started));
        let silent = clock.now().since(last);
        if silent >= longest {
            return;
        }
        sleep(longest - silent).await;
    }
}

/// Resolves when nobody has read the stream for [`ON_DEMAND_LINGER`].
async fn unwatched(stream: &Stream) {
    loop {
        stream.demand_changed(true).await;
        if timeout(ON_DEMAND_LINGER, stream.demand_changed(false)).await.is_err() {
            return;
        }
    }
}
