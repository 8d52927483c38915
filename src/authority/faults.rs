//! The failures of the authority's own parts: each is logged and announced, within
//! limits, and the session goes on. Knows no session.

use tracing::error;

use crate::util::{log_limit::LogLimit, time::Timestamp};

/// The failures of the authority's parts.
#[derive(Default)]
pub(super) struct Faults {
    limit: LogLimit,
    /// Not announced yet.
    pending: Vec<String>,
}

impl Faults {
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
