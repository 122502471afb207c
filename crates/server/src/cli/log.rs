//! Logging: to standard error, by `RUST_LOG` (tracing's filter) or `LOG_LEVEL` (debug, info, warn, error).

use crate::client::progress::LogWriter;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts it, with `level` where nothing else is asked for. An unusable filter is said and replaced by that.
pub(super) fn start(level: &'static str) {
    let (filter, complaint) = filter(level);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| LogWriter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // It would be said by `eprintln!`, which panics when standard error is gone, in whatever task logs.
        .log_internal_errors(false)
        .init();
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}");
    }
}

fn filter(level: &'static str) -> (EnvFilter, Option<String>) {
    let default = || EnvFilter::new(level);
    let variables = [("RUST_LOG", std::env::var("RUST_LOG")), ("LOG_LEVEL", std::env::var("LOG_LEVEL"))];
    for (name, value) in variables {
        let Some(value) = value.ok().filter(|value| !value.trim().is_empty()) else { continue };
        let known = name == "RUST_LOG"
            || ["trace", "debug", "info", "warn", "error", "off"]
                .contains(&value.to_ascii_lowercase().as_str());
        return match EnvFilter::try_new(value.to_ascii_lowercase()) {
            Ok(filter) if known => (filter, None),
            _ => (
                default(),
                Some(format!(
                    "{name}={value:?} is no log level: use debug, info, warn or error; {level} it is"
                )),
            ),
        };
    }
    (default(), None)
}
