//! The clock that gives session time to the dispatchers.
//!
//! The pure layers never see it: they get a [`Timestamp`] as an argument.

use std::{fmt, sync::Arc, time::Instant};

use crate::util::time::Timestamp;

/// A source of session time. Clones share their start.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The monotonic clock of the operating system, which starts at zero now.
    #[must_use]
    pub fn system() -> Self {
        let start = Instant::now();
        Self(Arc::new(move || Timestamp::ZERO + start.elapsed()))
    }

    /// The clock of the tokio runtime, which starts at zero now. A test can pause it.
    #[must_use]
    pub fn runtime() -> Self {
        let start = tokio::time::Instant::now();
        Self(Arc::new(move || Timestamp::ZERO + start.elapsed()))
    }

    /// A clock that calls `now`.
    #[cfg(test)]
    pub(crate) fn of(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current session time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
