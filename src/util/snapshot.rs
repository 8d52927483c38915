//! The cell that the UI reads and the session writes.
//!
//! A reader takes what stands with one load, waits for nobody and makes nobody
//! wait, not even a writer that was stopped half-way.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Holds the latest of something, shared between threads.
#[derive(Debug)]
pub struct SnapshotCell<T>(ArcSwap<T>);

impl<T> SnapshotCell<T> {
    /// A cell that holds `value`.
    #[must_use]
    pub fn new(value: Arc<T>) -> Self {
        Self(ArcSwap::new(value))
    }

    /// What stands now. Lock-free.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Looks at what stands now without keeping it. Lock-free, and cheaper than
    /// [`load`](Self::load).
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.load())
    }

    /// Puts `value` in place, and returns what stood before, so that it can be
    /// dropped where that holds up nobody.
    pub fn publish(&self, value: Arc<T>) -> Arc<T> {
        self.0.swap(value)
    }
}
