//! When patches and meterings may leave: each client gets at most one per
//! interval, and all clients share the intervals. So they stay on the same base,
//! and a patch made for one can be sent to the others.

use std::time::Duration;

use crate::util::time::Timestamp;

/// How late a send may be without moving the next interval. 3 ms: a timer of the
/// runtime counts whole milliseconds and may be two late, and then a thread must
/// be woken.
const GRACE: Duration = Duration::from_millis(3);

/// Shared intervals. They continue for as long as something is sent.
pub(super) struct Pacer {
    /// When the next interval begins.
    next: Timestamp,
}

impl Pacer {
    pub(super) const fn new() -> Self {
        Self { next: Timestamp::ZERO }
    }

    /// Records a send at `now`. Returns when the same client may be sent the next.
    pub(super) fn record_send(&mut self, now: Timestamp, interval: Duration) -> Timestamp {
        if now >= self.next {
            // A slightly late send does not move the next interval: the delays
            // would add up.
            let in_time = now.since(self.next) <= GRACE.min(interval / 2);
            self.next = if in_time { self.next } else { now } + interval;
        }
        self.next
    }
}
