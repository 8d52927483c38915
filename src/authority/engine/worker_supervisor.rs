//! Calls a worker: makes it, catches its panics, and keeps what it says within limits.
//!
//! Knows no lock and no thread; time is passed in.

use std::time::Duration;

use serde::Serialize;

use super::{
    effect_queue::{MIN_INTERVAL, Work},
    engine_link::EngineLink,
};
use crate::{
    model::{EngineFault, EngineOutput, EngineWorker, MAX_REASON, Model},
    protocol::{NetworkState, framing},
    sync::session::KEPT_NOTICES,
    util::{
        panics::{catch_panic, drop_caught},
        text::shortened,
        time::Timestamp,
    },
};

/// How soon a worker that panicked is made again. It doubles with each panic, up to
/// [`MAX_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// How long it takes at most until a worker is made again. 10 s.
const MAX_RETRY: Duration = Duration::from_secs(10);

/// How many actions of one call are performed. 16,384: a take may end with some for each
/// key and each lane.
const MAX_ACTIONS: usize = 16_384;

/// What a call has led to, within limits.
#[derive(Debug)]
pub(in crate::authority) struct CheckedOutput<M: Model> {
    pub(in crate::authority) actions: Vec<M::Action>,
    /// The metering, if it has changed.
    pub(in crate::authority) metering: Option<M::Metering>,
    pub(in crate::authority) notices: Vec<M::Notice>,
    /// What went wrong, before the notices.
    pub(in crate::authority) faults: Vec<EngineFault>,
    /// When the worker must be called again.
    next: Option<Timestamp>,
    /// Whether it is not made again before that.
    backs_off: bool,
}

impl<M: Model> CheckedOutput<M> {
    /// Ends the call that has led to this.
    pub(in crate::authority) fn end_call(&mut self, link: &EngineLink<M>) {
        if link.end_call(self.next, self.backs_off) {
            self.faults.push(EngineFault::Unblocked);
        }
    }

    pub(in crate::authority) const fn is_empty(&self) -> bool {
        self.actions.is_empty()
            && self.metering.is_none()
            && self.notices.is_empty()
            && self.faults.is_empty()
    }
}

/// Holds one worker: makes it, calls it, and makes it again after a panic.
pub(in crate::authority) trait Supervisor<M: Model> {
    /// Hands `work` over, and advances to `now`. If there is no worker, one is made.
    fn call(&mut self, now: Timestamp, work: Work<M>, newest: &NetworkState<M>)
    -> CheckedOutput<M>;

    /// Drops the worker.
    fn clear(&mut self);
}

/// The supervisor of the workers that `make` returns.
pub(super) struct WorkerSupervisor<M: Model, W, F> {
    make: F,
    worker: Option<W>,
    /// How often the worker has panicked since it last lived for long.
    failures: u32,
    /// When the worker was made.
    made: Timestamp,
    /// The latest metering.
    metering: Option<M::Metering>,
}

impl<M: Model, W, F> WorkerSupervisor<M, W, F> {
    pub(super) const fn new(make: F) -> Self {
        Self { make, worker: None, failures: 0, made: Timestamp::ZERO, metering: None }
    }
}

impl<M, W, F> Supervisor<M> for WorkerSupervisor<M, W, F>
where
    M: Model,
    W: EngineWorker<M>,
    F: FnMut() -> W,
{
    fn call(
        &mut self,
        now: Timestamp,
        work: Work<M>,
        newest: &NetworkState<M>,
    ) -> CheckedOutput<M> {
        if self.worker.is_some() && now.since(self.made) >= MAX_RETRY {
            self.failures = 0;
        }
        // What it says is looked at here, too: comparing and encoding it may panic.
        let called = catch_panic(|| self.advance(now, work, newest));
        called.unwrap_or_else(|panic| self.fail(now, &panic))
    }

    fn clear(&mut self) {
        // What it holds is lost in any case.
        drop_caught(self.worker.take());
    }
}

impl<M, W, F> WorkerSupervisor<M, W, F>
where
    M: Model,
    W: EngineWorker<M>,
    F: FnMut() -> W,
{
    /// Calls the worker, which is made if there is none.
    fn advance(
        &mut self,
        now: Timestamp,
        work: Work<M>,
        newest: &NetworkState<M>,
    ) -> CheckedOutput<M> {
        let mut faults = Vec::new();
        let is_new = self.worker.is_none();
        let worker = self.worker.get_or_insert_with(&mut self.make);
        match work {
            Work::Reset { overrun } => {
                worker.reset(now, &newest.model);
                faults.extend(overrun.then_some(EngineFault::Overrun));
            }
            Work::Effects(effects) => {
                for (at, state, effect) in effects {
                    worker.perform(at, &state.model, effect);
                }
            }
        }
        let EngineOutput { mut actions, metering, notices, next } =
            worker.advance(now, &newest.model);
        if is_new {
            self.made = now;
            faults.extend((self.failures > 0).then_some(EngineFault::Restarted));
        }
        let excess = actions.len().saturating_sub(MAX_ACTIONS);
        if excess > 0 {
            faults.push(EngineFault::TooManyActions(u32::try_from(excess).unwrap_or(u32::MAX)));
            actions.truncate(MAX_ACTIONS);
        }
        let excess = notices.len().saturating_sub(KEPT_NOTICES);
        let mut unsendable = None;
        let mut notices: Vec<_> = notices.into_iter().skip(excess).collect();
        notices.retain(|notice| is_sendable(notice, &mut unsendable));
        let metering = Some(metering)
            .filter(|new| self.metering.as_ref() != Some(new) && is_sendable(new, &mut unsendable));
        if let Some(metering) = &metering {
            self.metering = Some(metering.clone());
        }
        faults.extend(unsendable.map(EngineFault::Unsendable));
        let next = next.map(|next| now + next.max(MIN_INTERVAL));
        CheckedOutput { actions, metering, notices, faults, next, backs_off: false }
    }

    /// Drops the worker, and says when another one is made.
    fn fail(&mut self, now: Timestamp, panic: &str) -> CheckedOutput<M> {
        drop_caught(self.worker.take());
        let retry = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures)).min(MAX_RETRY);
        self.failures = self.failures.saturating_add(1);
        CheckedOutput {
            actions: Vec::new(),
            metering: None,
            notices: Vec::new(),
            faults: vec![EngineFault::Failed(shortened(panic, MAX_REASON))],
            next: Some(now + retry),
            backs_off: true,
        }
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
