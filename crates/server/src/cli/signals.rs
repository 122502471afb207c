//! SIGTERM and SIGINT: the first drains, the second exits.

use crate::net::shutdown::Trigger;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Exit status of a process that a second signal ends, as shells report an interrupt.
const INTERRUPTED: i32 = 130;

/// Number of SIGINT, on every system.
const SIGINT: u8 = 2;
/// Number of SIGTERM.
#[cfg(unix)]
const SIGTERM: u8 = 15;

/// Which signal came first.
#[derive(Clone, Debug, Default)]
pub(super) struct Received(Arc<AtomicU8>);

impl Received {
    /// Its number; that of SIGINT before one has come.
    pub(super) fn number(&self) -> u8 {
        match self.0.load(Ordering::Relaxed) {
            0 => SIGINT,
            number => number,
        }
    }
}

/// Watches for signals from now on.
///
/// # Errors
/// When the system does not let a handler be set.
pub(super) fn stop_on_signal(trigger: Trigger) -> io::Result<Received> {
    let mut signals = Signals::new()?;
    let received = Received::default();
    let first = received.clone();
    tokio::spawn(async move {
        first.0.store(signals.next().await, Ordering::Relaxed);
        tracing::info!("stopping; once more to stop at once");
        trigger.fire();
        signals.next().await;
        tracing::warn!("stopped at once");
        std::process::exit(INTERRUPTED);
    });
    Ok(received)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => SIGTERM,
            _ = self.interrupt.recv() => SIGINT,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        SIGINT
    }
}
