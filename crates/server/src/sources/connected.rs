//! How many cameras are connected by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count of camera connections.
#[derive(Debug, Default)]
pub struct Cameras(AtomicUsize);

/// Counts one camera connection for as long as it lives.
#[must_use]
pub struct CameraGuard(Arc<Cameras>);

impl Cameras {
    /// Counts one more.
    pub fn enter(self: &Arc<Self>) -> CameraGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        CameraGuard(self.clone())
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for CameraGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
