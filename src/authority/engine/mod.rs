//! How an engine is run: on a thread of its own, or on the thread that calls.
//!
//! Neither way holds the authority's lock while the worker runs. They differ in who
//! calls; both take from one [`EngineLink`] and call one [`Supervisor`].

mod effect_queue;
mod engine_link;
mod engine_thread;
mod worker_supervisor;

use std::fmt;

use self::worker_supervisor::WorkerSupervisor;
pub(super) use self::{
    effect_queue::EngineInput,
    engine_link::{BLOCKED, EngineLink},
    engine_thread::{EngineThread, run_engine},
    worker_supervisor::{CheckedOutput, Supervisor},
};
use crate::{
    authority::job_thread::Jobs,
    model::{EngineWorker, Model},
    studio::Studio,
};

/// An engine, and how it is run: see [`threaded`] and [`inline`].
pub struct Engine<M: Model = Studio> {
    pub(super) kind: EngineKind<M>,
    pub(super) jobs: Option<Jobs<M>>,
}

pub(super) enum EngineKind<M: Model> {
    Threaded(Box<dyn FnOnce(EngineThread<M>) + Send>),
    Inline(Box<dyn Supervisor<M> + Send>),
}

/// An engine on a thread of its own. The worker is made, called and dropped there, so it
/// need not be `Send`; if it panics, `make` is called again. It needs time that passes by
/// itself: with paused time, use [`inline`].
pub fn threaded<M: Model, W: EngineWorker<M>>(
    make: impl FnMut() -> W + Send + 'static,
) -> Engine<M> {
    let run = |thread| run_engine(thread, WorkerSupervisor::new(make));
    Engine { kind: EngineKind::Threaded(Box::new(run)), jobs: None }
}

/// An engine on whatever thread calls the authority: after each change, when its lock is
/// released, and at its timers. For simulations and paused time, where all that follows
/// from a call must have happened when it returns.
pub fn inline<M: Model, W: EngineWorker<M> + Send>(
    make: impl FnMut() -> W + Send + 'static,
) -> Engine<M> {
    Engine { kind: EngineKind::Inline(Box::new(WorkerSupervisor::new(make))), jobs: None }
}

impl<M: Model> Engine<M> {
    /// Attaches what saves and loads the session, if there is any. Without it,
    /// [`Model::on_job_fault`] gets [`JobFault::NoJobs`](crate::model::JobFault::NoJobs).
    #[must_use]
    pub fn with_jobs(mut self, jobs: impl Into<Option<Jobs<M>>>) -> Self {
        self.jobs = jobs.into();
        self
    }
}

impl<M: Model> fmt::Debug for Engine<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            EngineKind::Threaded(_) => "Engine(threaded)",
            EngineKind::Inline(_) => "Engine(inline)",
        })
    }
}

#[cfg(test)]
mod tests;
