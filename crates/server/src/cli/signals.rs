//! SIGTERM, SIGINT and SIGHUP: the first drains, a second SIGTERM or SIGINT exits.

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
/// Number of SIGHUP.
#[cfg(unix)]
const SIGHUP: u8 = 1;

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
        first.0.store(signals.stop().await, Ordering::Relaxed);
        trigger.fire();
        tracing::info!("stopping; once more to stop at once");
        signals.stop_at_once().await;
        tracing::warn!("stopped at once");
        std::process::exit(INTERRUPTED);
    });
    Ok(received)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// `None` where it is ignored, and stays so.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: match hangup::is_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
        })
    }

    /// Waits for what asks for an end.
    async fn stop(&mut self) -> u8 {
        let Signals { terminate, interrupt, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => _ = hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => SIGTERM,
            _ = interrupt.recv() => SIGINT,
            () = hung_up => SIGHUP,
        }
    }

    /// Waits for what asks for an end at once. A closed terminal does not: its shell and the system both send a
    /// SIGHUP, one after the other.
    async fn stop_at_once(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(unix)]
mod hangup {
    /// Whether who started this process wants it to outlive the terminal, as `nohup` does.
    pub(super) fn is_ignored() -> bool {
        match std::fs::read_to_string("/proc/self/status") {
            Ok(status) => ignores(&status),
            // Systems without it: nohup leads what goes to a terminal elsewhere (POSIX, nohup), and a process that
            // does not write to one is not worth stopping with it.
            Err(_) => {
                use std::io::IsTerminal as _;
                !std::io::stdout().is_terminal() && !std::io::stderr().is_terminal()
            }
        }
    }

    /// Whether a process of this status (proc_pid_status(5)) ignores SIGHUP.
    fn ignores(status: &str) -> bool {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        // Its lowest bit stands for signal 1.
        mask.is_some_and(|mask| mask & (1 << (super::SIGHUP - 1)) != 0)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_mask_of_ignored_signals_is_read() {
            let status =
                |mask: &str| format!("Name:\tcamherd\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nA:\t1\n");
            assert!(ignores(&status("0000000000000001")));
            assert!(ignores(&status("0000000000001007")));
            assert!(!ignores(&status("0000000000001006")));
            assert!(!ignores(&status("x")) && !ignores(""));
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

    async fn stop(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        SIGINT
    }

    async fn stop_at_once(&mut self) {
        self.stop().await;
    }
}
