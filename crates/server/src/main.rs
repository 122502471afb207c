//! The `camherd` command. Everything it does is in the library.

use std::process::ExitCode;

/// Pictures are allocated by one thread and freed by another, which glibc's allocator answers with ever more arenas that it
/// keeps: after ten minutes of cameras and viewers that come and go it held 80 MiB of which 2 were in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    camherd_server::cli::run()
}
