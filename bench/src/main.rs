//! `camherd-bench`: measures the real camherd binary, through its sockets and from outside, against its peers, and
//! prints each figure with the peer or the limit beside it, from the same run on the same frames.

mod args;
mod camera;
mod clips;
mod clock;
mod codecs;
mod epoll_writer;
mod error;
mod fanout;
mod ffmpeg;
mod frames;
mod http;
mod matching;
mod multipart;
mod proc;
mod reader;
mod report;
mod rtsp_camera;
mod scenario;
mod script;
mod server;
mod stamp;
mod stats;
mod tcp_link;
mod tcp_push;
mod tcp_sink;
mod tcp_viewer;
mod ts;
mod viewer;
mod ws;

use args::{Args, Command};
use error::{Doing, Error};
use report::Report;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = args::parse(std::env::args().skip(1));
    let outcome = command.and_then(|command| match command {
        Command::Help => {
            print!("{}", args::HELP);
            Ok(true)
        }
        Command::PeerEpoll(frames, fps) => {
            raise_file_limit().and_then(|()| epoll_writer::serve(&frames, fps)).map(|()| true)
        }
        Command::Bench(args) => raise_file_limit().and_then(|()| bench(&args)),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("camherd-bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// Measures all scenarios; one that fails does not take the others with it. `false` when a scenario could not be
/// measured, or when a missed target counts.
fn bench(args: &Args) -> Result<bool, Error> {
    let mut report = Report::default();
    if let Some(load) = proc::load().filter(|load| *load > 0.5) {
        eprintln!(
            "load average {load}: other programs are running, so the figures will be worse than they could be"
        );
    }
    for scenario in &args.scenarios {
        eprintln!("measuring {} ...", scenario.name());
        if let Err(error) = scenario.run(args, &mut report) {
            eprintln!("{}: {error}", scenario.name());
            let list =
                if matches!(error, Error::NotHere(_)) { &mut report.not_here } else { &mut report.failures };
            list.push((scenario.name(), error.to_string()));
        }
    }
    print!("{}", report.table());
    if let Some(path) = &args.json {
        std::fs::write(path, format!("{:#}\n", report.json()))
            .doing(|| format!("write {}", path.display()))?;
    }
    Ok(report.failures.is_empty() && (!args.strict || report.all_met()))
}

/// Allows as many open files as the system permits: a viewer costs one here and one in the server, which inherits it.
fn raise_file_limit() -> Result<(), Error> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).doing(|| "raise the limit of open files".into())
}
