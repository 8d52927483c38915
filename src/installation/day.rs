//! The day on which a key was last seen.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A day in UTC, shown as `2026-11-28`. In JSON it is the number of days since
/// 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(u32);

impl Day {
    /// The day of `time`; 1970-01-01 if it is earlier.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(u32::try_from(since.as_secs() / (24 * 60 * 60)).unwrap_or(u32::MAX))
    }

    /// The day of the system's clock.
    #[must_use]
    pub fn today() -> Self {
        Self::of(SystemTime::now())
    }
}

impl fmt::Display for Day {
    /// The Gregorian calendar repeats after 400 years, which are 146,097 days; years begin
    /// in March, so that the day that is sometimes missing is the last one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
        let days = u64::from(self.0) + FROM_MARCH_OF_YEAR_0;
        let (period, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = match month {
            0..10 => (400 * period + year, month + 3),
            _ => (400 * period + year + 1, month - 9),
        };
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_is_shown_as_a_date() {
        // As `date -u -d @SECONDS +%F` prints them.
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_795_867_200, "2026-11-28"),
            (1_798_761_599, "2026-12-31"),
            (1_798_761_600, "2027-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            let day = Day::of(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(day.to_string(), date);
        }
        assert_eq!(Day::of(UNIX_EPOCH - Duration::from_secs(1)), Day(0));
        assert!(!Day(u32::MAX).to_string().is_empty());
    }
}
