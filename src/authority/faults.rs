//! Catches the panics of the engine and of the timers: the session goes on, and the
//! failure is logged and announced, within limits. Knows no session.

use tracing::error;

use crate::util::{log_limit::LogLimit, panics::catch_panic, time::Timestamp};

/// The failures of the authority's parts.
#[derive(Default)]
pub(super) struct Faults {
    limit: LogLimit,
    /// Not announced yet.
    pending: Vec<String>,
}

impl Faults {
    /// The result of `call`, or `None` if it panics: then `part` has failed. Only that
    /// part itself may be half changed.
    pub(super) fn catch<R>(
        &mut self,
        now: Timestamp,
        part: &str,
        call: impl FnOnce() -> R,
    ) -> Option<R> {
        catch_panic(call).map_err(|panic| self.record(now, part, &panic)).ok()
    }

    pub(super) fn record(&mut self, now: Timestamp, part: &str, panic: &str) {
        if let Some(left_out) = self.limit.allow(now) {
            error!(left_out, panic, "{part} failed");
            self.pending.push(format!("{part} failed: {panic}"));
        }
    }

    /// The failures that are not announced yet.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pending)
    }
}
