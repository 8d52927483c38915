//! Calls a worker: makes it, catches its panics, and keeps what it says within limits.
//!
//! Knows no lock and no thread; time is passed in.

use std::time::Duration;

use serde::Serialize;
use tracing::error;

use super::{effect_queue::Work, engine_link::EngineLink};
use crate::{
    model::{EngineFault, EngineWorker, MAX_REASON, Model},
    protocol::{NetworkState, framing},
    util::{log_limit::LogLimit, panics::catch_panic, text::shortened, time::Timestamp},
};

/// How soon a worker that panicked is made again. It doubles with each panic, up to
/// [`MAX_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// How long it takes at most until a worker is made again. 10 s.
const MAX_RETRY: Duration = Duration::from_secs(10);

/// How soon a worker may be called again at its own request. 1 ms.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// How many actions of one call are performed. 16,384: a take may end with some for each
/// key and each lane.
const MAX_ACTIONS: usize = 16_384;

/// How many notices of one call are kept: as many as wait at most.
const MAX_NOTICES: usize = 64;

/// What a call has led to.
#[derive(Debug)]
pub(in crate::authority) struct Said<M: Model> {
    pub(in crate::authority) actions: Vec<M::Action>,
    /// The metering, if it has changed.
    pub(in crate::authority) metering: Option<M::Metering>,
    pub(in crate::authority) notices: Vec<M::Notice>,
    /// When the worker must be called again.
    pub(in crate::authority) next: Option<Timestamp>,
    /// Whether it is not made again before that.
    pub(in crate::authority) rests: bool,
}

impl<M: Model> Said<M> {
    /// Ends the call that has led to this.
    pub(in crate::authority) fn end_call(&mut self, link: &EngineLink<M>) {
        if link.end_call(self.next, self.rests) {
            self.notices.push(EngineFault::Unblocked.into());
        }
    }

    pub(in crate::authority) const fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.notices.is_empty() && self.metering.is_none()
    }
}

/// A worker, or the place of one.
pub(in crate::authority) trait Seat<M: Model> {
    /// Whether the next call makes a worker.
    fn is_empty(&self) -> bool;

    /// Hands `work` over, and advances to `now`.
    fn call(&mut self, now: Timestamp, work: Work<M>, newest: &NetworkState<M>) -> Said<M>;

    /// Drops the worker.
    fn clear(&mut self);
}

pub(super) struct WorkerSeat<W, F, N> {
    make: F,
    worker: Option<W>,
    /// How often the worker has panicked since it last ran for long.
    failures: u32,
    /// When the worker was made.
    made: Timestamp,
    log_limit: LogLimit,
    /// What was said last.
    metering: Option<N>,
    /// Whether the last call said something that cannot be sent.
    is_unsendable: bool,
}

impl<W, F, N> WorkerSeat<W, F, N> {
    pub(super) fn new(make: F) -> Self {
        let (failures, made) = (0, Timestamp::ZERO);
        let (log_limit, metering) = (LogLimit::default(), None);
        Self { make, worker: None, failures, made, log_limit, metering, is_unsendable: false }
    }
}

impl<M, W, F> Seat<M> for WorkerSeat<W, F, M::Metering>
where
    M: Model,
    W: EngineWorker<M>,
    F: FnMut() -> W,
{
    fn is_empty(&self) -> bool {
        self.worker.is_none()
    }

    fn call(&mut self, now: Timestamp, work: Work<M>, newest: &NetworkState<M>) -> Said<M> {
        let is_new = self.worker.is_none();
        let overrun = work.overrun;
        let Self { make, worker, .. } = self;
        let called = catch_panic(|| {
            let worker = worker.get_or_insert_with(make);
            if let Some(state) = work.reset {
                worker.reset(now, &state.model);
            }
            // A new worker has begun from the state after them.
            for (at, state, effect) in work.effects.into_iter().filter(|_| !is_new) {
                worker.perform(at, &state.model, effect);
            }
            worker.advance(now, &newest.model)
        });
        let advanced = match called {
            Ok(advanced) => advanced,
            Err(panic) => return self.fail(now, &panic),
        };
        let mut faults = Vec::new();
        if is_new {
            self.made = now;
            faults.extend((self.failures > 0).then_some(EngineFault::Restarted));
        } else if now.since(self.made) >= MAX_RETRY {
            self.failures = 0;
        }
        faults.extend(overrun.then_some(EngineFault::Overrun));
        let mut actions = advanced.actions;
        if let Some(excess) = actions.len().checked_sub(MAX_ACTIONS).filter(|excess| *excess > 0) {
            faults.push(EngineFault::TooManyActions(u32::try_from(excess).unwrap_or(u32::MAX)));
            actions.truncate(MAX_ACTIONS);
        }
        let excess = advanced.notices.len().saturating_sub(MAX_NOTICES);
        let mut unsendable = None;
        let mut notices: Vec<_> = advanced.notices.into_iter().skip(excess).collect();
        notices.retain(|notice| is_sendable(notice, &mut unsendable));
        let metering = Some(advanced.metering)
            .filter(|new| self.metering.as_ref() != Some(new) && is_sendable(new, &mut unsendable));
        if let Some(metering) = &metering {
            self.metering = Some(metering.clone());
        }
        // Once for as long as it lasts.
        let is_news = !std::mem::replace(&mut self.is_unsendable, unsendable.is_some());
        faults.extend(unsendable.filter(|_| is_news).map(EngineFault::Unsendable));
        notices.splice(..0, faults.into_iter().map(M::Notice::from));
        let next = advanced.next.map(|next| now + next.max(MIN_INTERVAL));
        Said { actions, metering, notices, next, rests: false }
    }

    fn clear(&mut self) {
        let worker = self.worker.take();
        // What it holds is lost in any case.
        let _ = catch_panic(|| drop(worker));
    }
}

/// Whether every client can be sent `report`; if not, `why` says why.
fn is_sendable(report: &impl Serialize, why: &mut Option<String>) -> bool {
    let checked = catch_panic(|| framing::check_report(report).map_err(|error| error.detail()));
    match checked.unwrap_or_else(Err) {
        Ok(()) => true,
        Err(detail) => {
            why.get_or_insert(detail);
            false
        }
    }
}

impl<W, F, N> WorkerSeat<W, F, N> {
    /// Drops the worker, and tells when another one is made.
    fn fail<M: Model<Metering = N>>(&mut self, now: Timestamp, panic: &str) -> Said<M> {
        let worker = self.worker.take();
        let _ = catch_panic(|| drop(worker));
        if let Some(left_out) = self.log_limit.allow(now) {
            error!(left_out, panic, "the engine failed");
        }
        let retry = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures)).min(MAX_RETRY);
        self.failures = self.failures.saturating_add(1);
        let failed = EngineFault::Failed(shortened(panic, MAX_REASON));
        Said {
            actions: Vec::new(),
            metering: None,
            notices: vec![failed.into()],
            next: Some(now + retry),
            rests: true,
        }
    }
}
