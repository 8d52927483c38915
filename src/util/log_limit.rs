//! A limit on the lines of a log that a peer or a failing part can cause, so that it
//! cannot fill a disk. Knows neither the log nor a clock.

use std::time::Duration;

use super::time::Timestamp;

/// How long it takes until another line may be written.
const PER_LINE: Duration = Duration::from_secs(1);

/// How many lines may be written at once after a quiet time.
const BURST: u32 = 20;

/// Allows 20 lines at once and one per second in the long run, and counts the rest.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    /// When the full burst is available again.
    recovered: Timestamp,
    left_out: u64,
}

impl LogLimit {
    /// How many lines were left out before this one, or `None` if this one is to be
    /// left out, too.
    pub(crate) fn allow(&mut self, now: Timestamp) -> Option<u64> {
        let recovered = self.recovered.max(now);
        if recovered.since(now) > PER_LINE * (BURST - 1) {
            self.left_out += 1;
            return None;
        }
        self.recovered = recovered + PER_LINE;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_limited_and_those_left_out_counted() {
        let mut limit = LogLimit::default();
        let mut lines = |second: u64, count: u32| {
            let now = Timestamp::from_micros(second * 1_000_000);
            (0..count).filter_map(|_| limit.allow(now)).collect::<Vec<_>>()
        };
        assert_eq!(lines(5, 1000), [0; 20]);
        assert_eq!(lines(6, 1000), [980]);
        assert_eq!(lines(8, 1000), [999, 0]);
        assert_eq!(lines(100, 21).len(), 20);
    }
}
