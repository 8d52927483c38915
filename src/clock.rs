//! Time as the rules see it: a number that is handed to them.
//!
//! The pure modules take a [`Timestamp`] and never ask for one. A [`Clock`] is
//! where the shell gets it from.

use std::{
    fmt,
    ops::{Add, Sub},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// A moment, in microseconds since the session began.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The beginning of the session.
    pub const ZERO: Self = Self(0);

    /// The moment `micros` microseconds after the beginning.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the beginning.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is still to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", Duration::from_micros(self.0).as_secs_f64())
    }
}

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
