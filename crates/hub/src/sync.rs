//! The lock that everything here uses, replaced by loom's when its model checker runs.

#[cfg(camherd_loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
#[cfg(not(camherd_loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

/// Locks, also after a holder panicked: every critical section here leaves its data consistent at each
/// step, and one camera's bug must not take the others down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
