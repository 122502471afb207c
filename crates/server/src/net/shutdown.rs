//! The word to stop, heard by every task that would otherwise go on.

use std::time::Duration;
use tokio::sync::watch;

/// How long open connections may take to say goodbye after the first signal.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Hears that the server stops. Clones hear the same word.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Says that the server stops.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// A trigger and its listener.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Says so, once and for all.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Resolves when the server stops, also when its trigger is gone.
    pub async fn wait(&self) {
        let mut receiver = self.0.clone();
        let _ = receiver.wait_for(|stopping| *stopping).await;
    }

    /// Whether it stops already.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }
}
