//! Session time as a number. The pure layers take a [`Timestamp`] as an argument;
//! nothing here reads a clock.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A point in session time, in microseconds since the session began.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The beginning of the session.
    pub const ZERO: Self = Self(0);

    /// The time `micros` microseconds after the beginning.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the beginning.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this one; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The time `duration` before this one; the beginning of the session if there is none.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
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
    /// `duration` in whole milliseconds, rounded up, and limited to 49 days.
    #[must_use]
    pub fn of(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// `duration` rounded up to 1, 2, 5, 10, 20, 50, … ms, so that small variations
    /// give the same value.
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
    fn about_rounds_up_to_1_2_or_5() {
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
