//! The cell through which the session publishes snapshots and the UI reads them.
//!
//! Readers and writers never wait for each other, not even for a writer that was
//! interrupted. The cell knows nothing of its content.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Holds the latest version of a value that threads share.
#[derive(Debug)]
pub struct SnapshotCell<T>(ArcSwap<T>);

impl<T> SnapshotCell<T> {
    /// A cell that holds `value`.
    #[must_use]
    pub fn new(value: Arc<T>) -> Self {
        Self(ArcSwap::new(value))
    }

    /// The current value. Lock-free.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Calls `look` with the current value. Lock-free, and cheaper than
    /// [`load`](Self::load), because no reference count changes.
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.load())
    }

    /// Replaces the value, and returns the previous one, so that the caller decides
    /// where it is dropped: dropping a large value takes time.
    pub fn publish(&self, value: Arc<T>) -> Arc<T> {
        self.0.swap(value)
    }
}
