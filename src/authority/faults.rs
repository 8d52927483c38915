//! The failures of the authority's own parts and of the engine: each is logged and
//! announced, within limits, and the session goes on. Knows no session.

use std::{
    mem::{Discriminant, discriminant},
    time::Duration,
};

use tracing::{error, warn};

use crate::{
    model::EngineFault,
    util::{log_limit::LogLimit, time::Timestamp},
};

/// How long a fault of the engine that repeats itself must not have occurred until it is
/// told again. 10 s.
const QUIET: Duration = Duration::from_secs(10);

/// The failures of the authority's parts.
#[derive(Default)]
pub(super) struct Faults {
    limit: LogLimit,
    /// Not announced yet.
    pending: Vec<String>,
    /// When each fault of the engine that repeats itself has occurred last.
    recurring: Vec<(Discriminant<EngineFault>, Timestamp)>,
}

impl Faults {
    pub(super) fn record(&mut self, now: Timestamp, part: &str, panic: &str) {
        if let Some(left_out) = self.limit.allow(now) {
            error!(left_out, panic, "{part} failed");
            self.pending.push(format!("{part} failed: {panic}"));
        }
    }

    /// Whether the session is told of a fault of the engine: one that a call repeats is
    /// told once for as long as it goes on.
    pub(super) fn is_news(&mut self, now: Timestamp, fault: &EngineFault) -> bool {
        use EngineFault::{Overrun, Refused, TooManyActions, Unsendable};
        if matches!(fault, Overrun | Refused(_) | TooManyActions(_) | Unsendable(_)) {
            let kind = discriminant(fault);
            let last = self.recurring.iter_mut().find(|(known, _)| *known == kind);
            if let Some((_, last)) = last {
                if now.since(std::mem::replace(last, now)) < QUIET {
                    return false;
                }
            } else {
                self.recurring.push((kind, now));
            }
        }
        if let Some(left_out) = self.limit.allow(now) {
            warn!(left_out, "{fault}");
        }
        true
    }

    /// The failures that are not announced yet.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pending)
    }
}
