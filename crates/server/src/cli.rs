//! The command line: what `camherd` can be told to do, and what it says to a person.

mod demo;
mod frames;
mod log;
mod signals;

use crate::app::App;
use crate::auth::{Moment, reset_admin_token};
use crate::client::exit::Exit;
use crate::config::{self, Config, Overrides};
use crate::grab;
use crate::net::shutdown;
use crate::push;
use crate::store::Store;
use crate::virtual_camera;
use clap::{ArgMatches, Args as _, Command, FromArgMatches};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

type AnyError = Box<dyn Error + Send + Sync>;

/// Runs `camherd` with the arguments of this process.
pub fn run() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return refuse(&error),
    };
    if let Some((name @ ("grab" | "push"), matches)) = matches.subcommand() {
        log::start(frames::log_level(name, matches));
        return frames::run(name, matches);
    }
    log::start("info");
    let done = match matches.subcommand() {
        Some(("demo", matches)) => settings(matches).and_then(demo::run),
        Some(("camera", matches)) => camera(matches),
        Some(("token", matches)) => reset_token(matches.subcommand().map_or(matches, |(_, matches)| matches)),
        Some((_, matches)) => settings(matches).and_then(serve),
        None => settings(&matches).and_then(serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `eprintln!` would panic when the terminal is gone.
            let _ = writeln!(std::io::stderr(), "camherd: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line, or what was asked about it.
fn refuse(error: &clap::Error) -> ExitCode {
    // A terminal that is gone needs no help.
    let _ = error.print();
    let command = std::env::args_os().nth(1).unwrap_or_default();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if command == "grab" || command == "push" => Exit::Usage.code().into(),
        code => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn command() -> Command {
    let serve = Command::new("serve").about("Serve cameras and viewers (the default)");
    let demo = Command::new("demo").about("A server with three virtual cameras, to look at");
    let camera = Command::new("camera").about("A virtual ESP32 camera");
    let grab = Command::new("grab").about("Frames from a camera or a camherd server to files");
    let push = Command::new("push").about("Pictures from a pipe, a file or a camera to a server");
    let reset = Command::new("reset").about("Replace all tokens by one new admin token, and print it");
    let token = Command::new("token").about("Tokens for signing in").subcommand_required(true);
    // The server's flags stand without `serve` as well, as it is the default.
    config::flags(Command::new("camherd"))
        .about("One ingest per camera, any number of viewers")
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(true)
        .subcommand(config::flags(serve))
        .subcommand(config::flags(demo))
        .subcommand(virtual_camera::Args::augment_args(camera))
        .subcommand(grab::Args::augment_args(grab))
        .subcommand(push::Args::augment_args(push))
        .subcommand(token.subcommand(config::flags(reset)))
}

fn settings(matches: &ArgMatches) -> Result<Config, AnyError> {
    let overrides: Overrides = config::from_matches(matches);
    Ok(Config::load(&overrides, std::env::vars_os())?)
}

fn runtime() -> Result<tokio::runtime::Runtime, AnyError> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("camherd").build()?)
}

fn serve(config: Config) -> Result<(), AnyError> {
    runtime()?.block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        let app = App::start(config, shutdown)?;
        signals::stop_on_signal(trigger)?;
        say(&greeting(&app));
        app.run().await;
        Ok(())
    })
}

fn camera(matches: &ArgMatches) -> Result<(), AnyError> {
    let options = virtual_camera::Args::from_arg_matches(matches)?.into_options()?;
    runtime()?.block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        signals::stop_on_signal(trigger)?;
        let summary = virtual_camera::run(options, async move { shutdown.wait().await }).await?;
        say(&summary.to_string());
        Ok(())
    })
}

fn reset_token(matches: &ArgMatches) -> Result<(), AnyError> {
    let config = settings(matches)?;
    let store = Store::open(&config.state)?;
    let token = reset_admin_token(&store, Moment::now())?;
    match token.sign_in_link(&config.http.listen) {
        Some(link) => println!("sign in   {}", link.url),
        None => println!("token     {}", token.token.expose()),
    }
    println!("All earlier tokens and sessions have ended.");
    Ok(())
}

/// Prints a line. `println!` would end the server when nobody reads it any more.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Lines that tell a person what to open and where cameras go, and how to sign in at the first start beyond loopback.
fn greeting(app: &App) -> String {
    let first = app.addresses().first().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
    let host = authority(first);
    let mut text = format!(
        "camherd {}\n  watch     http://{host}/\n  cameras   ws://{host}/ws/camera/NAME",
        env!("CARGO_PKG_VERSION")
    );
    for address in app.push_addresses() {
        let _ = write!(text, "\n  push      tcp://{}/NUMBER", authority(*address));
    }
    for address in app.tcpcam_addresses() {
        let _ = write!(text, "\n  tcpcam    tcpcam://{}", authority(*address));
    }
    if let Some(link) = app.sign_in() {
        let _ = write!(text, "\n  sign in   {}", link.url);
        if let Some(note) = &link.note {
            let _ = write!(text, "\n            ({note})");
        }
    }
    text
}

/// Host and port as a person on this machine opens them.
fn authority(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => format!("localhost:{}", address.port()),
        _ => address.to_string(),
    }
}

/// An error with all its causes, each of which speaks only of its own layer.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            let _ = write!(text, ": {message}");
        }
        cause = error.source();
    }
    text
}
