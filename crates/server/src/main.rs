//! The `camherd` command. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    camherd_codec::memory::share();
    camherd_server::cli::run()
}
