//! Catches the panics of the engine and of the timers: the session goes on, and the
//! failure is logged and announced, within limits. Knows no session.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

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
    /// The result of `call`, or `None` if it panics: then `part` has failed.
    pub(super) fn catch<R>(
        &mut self,
        now: Timestamp,
        part: &str,
        call: impl FnOnce() -> R,
    ) -> Option<R> {
        // Whoever panicked may be inconsistent in itself; nothing else is.
        catch_unwind(AssertUnwindSafe(call))
            .map_err(|panic| self.record(now, part, &*panic))
            .ok()
    }

    pub(super) fn record(&mut self, now: Timestamp, part: &str, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let fault = format!("{part} failed: {}", text.unwrap_or("no reason is given"));
        if let Some(left_out) = self.limit.allow(now) {
            error!(left_out, "{fault}");
            self.pending.push(fault);
        }
    }

    /// The failures that are not announced yet.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pending)
    }
}
