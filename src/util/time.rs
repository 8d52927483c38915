//! Session time as a plain number. The pure layers take a [`Timestamp`] as an
//! argument and never read a clock.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
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

/// A duration as it crosses the wire, in whole milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u32);

impl Millis {
    /// `duration` in whole milliseconds, rounded up; 49 days at most.
    #[must_use]
    pub fn of(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// `duration` rounded up to 1, 2, 5, 10, 20, 50, … ms, so that what is about
    /// the same is the same.
    #[must_use]
    pub fn about(duration: Duration) -> Self {
        let exact = Self::of(duration);
        let decades = std::iter::successors(Some(1u32), |decade| decade.checked_mul(10));
        let steps = decades.flat_map(|decade| [1, 2, 5].map(|step| decade.saturating_mul(step)));
        steps.map(Self).find(|step| *step >= exact).unwrap_or(exact)
    }
}

impl From<Millis> for Duration {
    fn from(Millis(millis): Millis) -> Self {
        Self::from_millis(millis.into())
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", Duration::from_micros(self.0).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_same_is_the_same() {
        let about = |micros| Millis::about(Duration::from_micros(micros)).0;
        for (micros, millis) in [
            (0, 1),
            (40, 1),
            (1000, 1),
            (1001, 2),
            (2001, 5),
            (5001, 10),
            (49_000, 50),
            (50_001, 100),
        ] {
            assert_eq!(about(micros), millis, "{micros} µs");
        }
        assert_eq!(Millis::about(Duration::MAX), Millis(u32::MAX));
        assert_eq!(Duration::from(Millis(20)), Duration::from_millis(20));
    }
}
