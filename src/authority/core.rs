//! What the lock of the authority protects: the session, and what it has led to and was
//! not published or handed over yet. It knows no thread and no subscriber.

use std::sync::Arc;

use tracing::error;

use super::{
    engine::EngineInput,
    faults::Faults,
    job_thread::{Job, JobQueue, JobReport},
};
use crate::{
    dispatcher::Event,
    model::{EffectKind, EngineFault, JobFault, MAX_REASON, Model},
    protocol::NetworkState,
    sync::session::{Session, SessionOutput},
    util::{panics::catch_panic, text::shortened, time::Timestamp},
};

pub(super) struct Core<M: Model> {
    pub(super) session: Session<M>,
    /// When the session's timers are due.
    pub(super) wait: Option<Timestamp>,
    /// When to look whether the engine is blocked.
    pub(super) blocked_check: Option<Timestamp>,
    /// When the wait for the engine's end is over, while the session closes.
    pub(super) closing: Option<Timestamp>,
    /// The published state, if the session has another one by now.
    pub(super) outdated: Option<Arc<NetworkState<M>>>,
    /// To be dropped without the lock.
    pub(super) forgotten: Vec<Arc<NetworkState<M>>>,
    /// What the host must be told.
    pub(super) events: Vec<Event<M>>,
    /// What the engine must be handed.
    pub(super) engine_inputs: Vec<EngineInput<M>>,
    /// Whether that is what the engine itself has asked for.
    pub(super) is_answer: bool,
    /// The meters, if they have changed and were not published yet.
    pub(super) metering: Option<M::Metering>,
    pub(super) jobs: JobQueue<M>,
    pub(super) faults: Faults,
}

impl<M: Model> Core<M> {
    pub(super) fn new(session: Session<M>) -> Self {
        Self {
            session,
            wait: None,
            blocked_check: None,
            closing: None,
            outdated: None,
            forgotten: Vec::new(),
            events: Vec::new(),
            engine_inputs: Vec::new(),
            is_answer: false,
            metering: None,
            jobs: JobQueue::default(),
            faults: Faults::default(),
        }
    }

    /// When the timers are due.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        [self.wait, self.blocked_check, self.closing].into_iter().flatten().min()
    }

    /// Polls the session until it waits.
    pub(super) fn drain(&mut self, now: Timestamp) {
        loop {
            match self.session.poll() {
                SessionOutput::Effect(state, effect) => self.carry_out(now, state, effect),
                SessionOutput::Replaced => self.engine_inputs.push(EngineInput::Reset),
                // Between the messages of a batch, snapshots differ by one edit:
                // dropping one is cheap, and keeping all of them is not.
                SessionOutput::Changed { before, .. } => {
                    self.outdated.get_or_insert(before);
                }
                SessionOutput::Event(event) => self.events.push(Event::Session(event)),
                SessionOutput::Notice(notice) => self.events.push(Event::Notice(notice)),
                SessionOutput::Forgotten(state) => self.forgotten.push(state),
                SessionOutput::Wait(deadline) => {
                    self.wait = deadline;
                    return;
                }
            }
        }
    }

    /// Takes the meters.
    pub(super) fn meter(&mut self, metering: M::Metering) {
        // Comparing them may panic.
        if catch_panic(|| self.session.meter(&metering)) == Ok(true) {
            self.metering = Some(metering);
        }
    }

    /// Does what the engine asks for; what is impossible is a fault.
    pub(super) fn act_for_engine(&mut self, now: Timestamp, action: &M::Action) {
        if let Some(reason) = self.session.act_for_engine(action) {
            let reason = shortened(&reason.to_string(), MAX_REASON);
            self.report(now, EngineFault::Refused(reason));
        }
    }

    /// Reports a fault of the engine to everybody.
    pub(super) fn report(&mut self, now: Timestamp, fault: EngineFault) {
        if self.faults.is_news(now, &fault)
            && let Ok(notice) = catch_panic(|| M::Notice::from(fault))
        {
            self.session.notify(now, notice);
        }
    }

    fn carry_out(&mut self, now: Timestamp, state: Arc<NetworkState<M>>, effect: M::Effect) {
        let kind = catch_panic(|| M::effect_kind(&effect)).unwrap_or(EffectKind::Engine);
        match kind {
            EffectKind::Engine => self.engine_inputs.push(EngineInput::Effect(now, state, effect)),
            EffectKind::Save | EffectKind::Load => {
                let job = Job { state, effect, replaces: kind == EffectKind::Load };
                if let Err((job, why)) = self.jobs.push(job) {
                    self.give_up_job(&job, &why);
                }
            }
        }
    }

    /// Tells the session the outcome of a job that was begun.
    pub(super) fn end_job(&mut self, job: &Job<M>, report: Result<JobReport<M>, String>) {
        self.jobs.pop();
        match report {
            Ok(JobReport { action, saved }) => {
                let refused = action.and_then(|action| self.session.act_for_engine(&action));
                if let Some(refused) = refused {
                    self.give_up_job(job, &JobFault::Failed(refused.to_string()));
                }
                if let Some(saved) = saved {
                    self.jobs.note(saved);
                }
            }
            Err(panic) => {
                error!(panic, "a job failed");
                self.give_up_job(job, &JobFault::Failed(panic));
            }
        }
    }

    /// Tells the session that `job` is not done.
    fn give_up_job(&mut self, job: &Job<M>, why: &JobFault) {
        let state = &self.session.state().model;
        if let Ok(Some(action)) = catch_panic(|| M::on_job_fault(state, &job.effect, why)) {
            let _ = self.session.act_for_engine(&action);
        }
        if !job.replaces && *why != JobFault::NoJobs {
            self.jobs.note(Err(why.to_string()));
        }
    }
}
