//! `camherd grab` and `camherd push`: commands with exit statuses of their own.

use super::{AnyError, chain, runtime, signals};
use crate::client::exit::Exit;
use crate::net::shutdown;
use crate::{grab, push};
use clap::{ArgMatches, FromArgMatches};
use std::process::ExitCode;
use std::time::Duration;

/// So long what still runs may go on at the end; a pipe that nobody reads would hold it for ever.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How it went, and what to tell a person.
struct Outcome {
    exit: Exit,
    complaint: Option<String>,
    /// Told unless somebody asked for quiet.
    summary: Option<String>,
}

/// What is logged where nothing else is asked for: these commands have lines of their own.
pub(super) fn log_level(name: &str, matches: &ArgMatches) -> &'static str {
    match (matches.get_flag("quiet"), name) {
        (true, _) => "error",
        // It may run for months as a service, whose log is all that there is to see.
        (false, "push") => "info",
        (false, _) => "warn",
    }
}

/// Runs one of the two.
pub(super) fn run(name: &str, matches: &ArgMatches) -> ExitCode {
    let done = if name == "grab" { run_grab(matches) } else { run_push(matches) };
    let outcome = done.unwrap_or_else(|error| Outcome {
        exit: Exit::Usage,
        complaint: Some(chain(&*error)),
        summary: None,
    });
    if let Some(summary) = outcome.summary.filter(|_| !matches.get_flag("quiet")) {
        tell(&summary);
    }
    if let Some(complaint) = outcome.complaint {
        tell(&format!("camherd: {complaint}"));
    }
    outcome.exit.code().into()
}

/// A line on standard error; `eprintln!` would panic when nobody reads it any more.
fn tell(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn run_grab(matches: &ArgMatches) -> Result<Outcome, AnyError> {
    let options = grab::Args::from_arg_matches(matches)?.into_options()?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        let signal = signals::stop_on_signal(trigger)?;
        let (end, summary) = grab::run(options, shutdown).await?;
        Ok(Outcome {
            exit: end.exit(signal.number()),
            complaint: end.complaint(),
            summary: (summary.frames > 0).then(|| summary.to_string()),
        })
    });
    runtime.shutdown_timeout(LAST_WORDS);
    outcome
}

fn run_push(matches: &ArgMatches) -> Result<Outcome, AnyError> {
    let options = push::Args::from_arg_matches(matches)?.into_options()?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        signals::stop_on_signal(trigger)?;
        let (end, summary) = push::run(options, shutdown).await?;
        let summary = (summary.sent > 0 || end.complaint().is_none()).then(|| summary.to_string());
        Ok(Outcome { exit: end.exit(), complaint: end.complaint(), summary })
    });
    runtime.shutdown_timeout(LAST_WORDS);
    outcome
}
