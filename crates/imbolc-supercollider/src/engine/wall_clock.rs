//! Session time as time of day: `scsynth` wants bundles tagged with it.
//!
//! It must not know what the tags are for.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imbolc_net::util::time::Timestamp;

/// Seconds from 1900, where time tags begin, to 1970.
const UNIX_AS_NTP: u64 = 2_208_988_800;

/// The system clock was set if it moves by more against the monotonic clock.
const STEP: i128 = 5_000_000;

/// A reading that takes longer was interrupted, and is ignored.
const INTERRUPTED: Duration = Duration::from_micros(500);

/// Converts session time to time of day. Between two steps of the system clock, equal
/// distances stay equal to the nanosecond.
#[derive(Debug)]
pub(super) struct WallClock {
    start: Instant,
    /// Nanoseconds from 1970 to the start by the system clock.
    wall: i128,
    /// Nanoseconds from the beginning of the session to the start.
    session: Option<i128>,
}

/// Both clocks at one time, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Reading {
    since_start: i128,
    wall: i128,
}

impl WallClock {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        Self { start, wall: wall(), session: None }
    }

    /// Takes the session time, which was read a moment ago, and returns whether the system
    /// clock was set since the last call.
    pub(super) fn observe(&mut self, now: Timestamp) -> bool {
        let reading = self.read();
        let since_start = i128::try_from(self.start.elapsed().as_nanos()).unwrap_or(i128::MAX);
        // Time passed since `now` was read. The shortest is the best guess.
        let session = i128::from(now.micros()) * 1000 - since_start;
        self.session = Some(self.session.map_or(session, |best| best.max(session)));
        reading.is_some_and(|reading| self.set(reading))
    }

    /// The time tag of a session time that is this much later.
    pub(super) fn tag(&self, at: Timestamp, later: Duration) -> u64 {
        let later = i128::try_from(later.as_nanos()).unwrap_or(0);
        let session = i128::from(at.micros()) * 1000 + later;
        to_tag(self.wall + session - self.session.unwrap_or_default())
    }

    /// The time tag of this moment.
    pub(super) fn now(&self) -> u64 {
        to_tag(self.wall + i128::try_from(self.start.elapsed().as_nanos()).unwrap_or(0))
    }

    fn read(&self) -> Option<Reading> {
        let before = self.start.elapsed();
        let wall = wall();
        let took = self.start.elapsed().saturating_sub(before);
        let since_start = i128::try_from((before + took / 2).as_nanos()).ok()?;
        (took <= INTERRUPTED).then_some(Reading { since_start, wall })
    }

    /// Compares the clocks, and follows the system clock if it was set.
    fn set(&mut self, reading: Reading) -> bool {
        let wall = reading.wall - reading.since_start;
        let stepped = (wall - self.wall).abs() > STEP;
        if stepped {
            self.wall = wall;
        }
        stepped
    }
}

/// Nanoseconds since 1970 by the system clock.
fn wall() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

/// Seconds since 1900, of which the upper bits are lost in 2036, and 2³² parts of a second.
fn to_tag(since_1970: i128) -> u64 {
    let nanos = u128::try_from(since_1970).unwrap_or(0);
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(0).wrapping_add(UNIX_AS_NTP);
    let parts = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
    seconds << 32 | u64::try_from(parts).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> WallClock {
        let mut clock = WallClock::new();
        clock.wall = 1_000_000_000_000_000_000;
        clock.session = Some(0);
        clock
    }

    #[test]
    fn tags_are_ntp_and_equal_distances_stay_equal() {
        assert_eq!(to_tag(0), UNIX_AS_NTP << 32);
        assert_eq!(to_tag(500_000_000), UNIX_AS_NTP << 32 | 1 << 31);
        // 2036-02-07 06:28:16: the seconds begin again.
        assert_eq!(to_tag(2_085_978_496_000_000_000), 0);
        assert_eq!(to_tag(-5), UNIX_AS_NTP << 32);
        let clock = clock();
        let tags = [0, 1, 2].map(|second| {
            clock.tag(Timestamp::from_micros(second * 1_000_000), Duration::from_millis(30))
        });
        assert_eq!(tags[1] - tags[0], 1 << 32);
        assert_eq!(tags[2] - tags[1], 1 << 32);
    }

    #[test]
    fn a_step_of_the_clock_is_noticed_and_followed() {
        let mut clock = clock();
        let wall = clock.wall;
        let before = clock.tag(Timestamp::ZERO, Duration::ZERO);
        assert!(!clock.set(Reading { since_start: 1_000_000, wall: wall + 1_900_000 }), "a jitter");
        assert_eq!(clock.tag(Timestamp::ZERO, Duration::ZERO), before);
        for hours in [1, -1] {
            let step = hours * 3_600_000_000_000;
            assert!(clock.set(Reading { since_start: 0, wall: wall + step }));
            assert!(!clock.set(Reading { since_start: 7, wall: wall + step + 7 }), "once");
            assert_eq!(clock.tag(Timestamp::ZERO, Duration::ZERO), to_tag(wall + step));
        }
    }

    #[test]
    fn session_time_read_too_early_moves_nothing() {
        let mut clock = WallClock::new();
        let elapsed = u64::try_from(clock.start.elapsed().as_micros()).unwrap();
        clock.observe(Timestamp::from_micros(elapsed + 1_000_000));
        let best = clock.session;
        // Half a second passed between reading it and this call.
        clock.observe(Timestamp::from_micros(elapsed + 500_000));
        assert_eq!(clock.session, best);
    }
}
