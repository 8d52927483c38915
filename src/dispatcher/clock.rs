//! The clock from which the dispatchers take session time.

use std::{fmt, sync::Arc, time::Instant};

use crate::util::time::Timestamp;

/// Where the shell gets the time from. Clones share their beginning.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The clock of the operating system, which begins now.
    #[must_use]
    pub fn system() -> Self {
        let beginning = Instant::now();
        Self(Arc::new(move || Timestamp::ZERO + beginning.elapsed()))
    }

    /// The clock of the tokio runtime, which begins now: the operating system's,
    /// unless a test has paused it.
    #[must_use]
    pub fn runtime() -> Self {
        let beginning = tokio::time::Instant::now();
        Self(Arc::new(move || Timestamp::ZERO + beginning.elapsed()))
    }

    /// What time it is.
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
