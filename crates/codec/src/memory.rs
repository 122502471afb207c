//! How the C library allocates. It is here because this crate is the only one with unsafe code.

/// Heaps that all threads share. With one, every codec would wait for every other.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// Lets all threads allocate from a few heaps. Call it first of all in a program.
///
/// Pictures are allocated by one thread and freed by another. glibc gives each thread of a machine with many cores a heap of
/// its own, and keeps what is free in all of them: after ten minutes of cameras and viewers that come and go it held 80
/// MiB of which 2 were in use. Other C libraries do not, and nothing is changed there.
pub fn share() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` takes two numbers and touches no memory but the allocator's own. That it fails, which it does
        // for unknown parameters, leaves things as they are.
        #[expect(unsafe_code, reason = "a setting of the C library that no safe interface has")]
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
    }
}

/// Gives the system back what is free in the heaps, in their middle too. Call it when something large has ended.
///
/// What a codec leaves lies between what others hold, and the C library keeps such pages: after ten minutes of cameras and
/// viewers that came and went the server held 117 MiB of which 3 were in use, and 26 after this. It takes a millisecond or
/// two, in which other threads may have to wait for memory. Other C libraries do not keep as much, and nothing is done there.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `malloc_trim` takes a number, and touches no memory but what is free in the allocator.
        #[expect(unsafe_code, reason = "the C library's own memory, which no safe interface reaches")]
        let _ = unsafe { libc::malloc_trim(0) };
    }
}
