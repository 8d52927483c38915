//! When patches and meterings leave: to each client at most once a beat, and the
//! beat is everyone's. So all stay on the same base, and what is made for one suits
//! the others.

use std::time::Duration;

use crate::util::time::Timestamp;

/// How late somebody may come and still keep the beat. 3 ms: a timer of the runtime
/// counts whole milliseconds and may be two late, and then a thread must be woken.
const GRACE: Duration = Duration::from_millis(3);

/// Goes on for as long as something leaves.
pub(super) struct Pacer {
    /// When the next one begins.
    next: Timestamp,
}

impl Pacer {
    pub(super) const fn new() -> Self {
        Self { next: Timestamp::ZERO }
    }

    /// Something leaves at `now`. Returns when the same client may be sent the next.
    pub(super) fn strike(&mut self, now: Timestamp, pace: Duration) -> Timestamp {
        if now >= self.next {
            // What is a little late does not put off the next, or each would add
            // to it.
            let kept = now.since(self.next) <= GRACE.min(pace / 2);
            self.next = if kept { self.next } else { now } + pace;
        }
        self.next
    }
}
