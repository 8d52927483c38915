//! Reads and writes files for a session on a thread of its own, so that neither the session
//! nor its engine waits for a disk.
//!
//! It knows no file and no rule: the session has allowed each job, and two closures carry it
//! out.

use std::{
    fmt, io,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    task::Poll,
    thread,
};

use tracing::error;

use super::{Authority, core::Core};
use crate::{
    model::{EffectKind, JobFault, Model},
    protocol::NetworkState,
    studio::Studio,
    util::panics::catch_panic,
};

/// How many jobs wait for their turn. A session that respects what is under way has one.
const MAX_WAITING: usize = 64;

/// How often a load is repeated because the session was edited meanwhile.
const MAX_REPEATS: u32 = 8;

type Work<M> = Box<dyn FnMut(&<M as Model>::State, &<M as Model>::Effect) -> JobReport<M> + Send>;

type Compare<M> = Box<dyn Fn(&<M as Model>::State, &<M as Model>::State) -> bool + Send>;

/// What saves and loads the session: the worker of effects whose
/// [kind](Model::effect_kind) is [`Save`](EffectKind::Save) or [`Load`](EffectKind::Load).
///
/// Jobs are done in order, on a thread of their own, while the session and its engine go
/// on. At most 64 wait; a further one, and one whose closure panics, is answered by
/// [`Model::undone`].
pub struct Jobs<M: Model = Studio> {
    save: Work<M>,
    load: Work<M>,
    is_edited: Compare<M>,
}

/// The outcome of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobReport<M: Model = Studio> {
    /// What tells the session, performed as an action of the engine; `None` if it need not
    /// know.
    pub action: Option<M::Action>,
    /// Whether work was saved, or what was not and why: closing the session reports the
    /// last failure that no success follows. `None` if the job was about neither.
    pub saved: Option<Result<(), String>>,
}

impl<M: Model> Jobs<M> {
    /// The worker that saves and loads by these closures, which may block. Each gets the
    /// state with the effect, and the effect.
    ///
    /// What a load reports replaces the session. If the session was edited since the state
    /// that it got, it is called again with the present one, at most 8 times, because the
    /// edits would be lost without a trace.
    #[must_use]
    pub fn new(
        save: impl FnMut(&M::State, &M::Effect) -> JobReport<M> + Send + 'static,
        load: impl FnMut(&M::State, &M::Effect) -> JobReport<M> + Send + 'static,
    ) -> Self {
        let is_edited = |from: &M::State, to: &M::State| M::diff(from, to).is_some();
        Self { save: Box::new(save), load: Box::new(load), is_edited: Box::new(is_edited) }
    }

    /// Replaces the test whether the session was edited between two states; by default, if
    /// they differ. It is called under the lock of the session.
    #[must_use]
    pub fn edited_if(
        mut self,
        is_edited: impl Fn(&M::State, &M::State) -> bool + Send + 'static,
    ) -> Self {
        self.is_edited = Box::new(is_edited);
        self
    }

    /// Starts the thread. It ends with the authority, after the jobs that it has then.
    pub(super) fn start(self, authority: Weak<Authority<M>>) -> io::Result<JobQueue<M>> {
        let (sender, jobs) = sync_channel(MAX_WAITING);
        let work = move || self.work(&jobs, &authority);
        thread::Builder::new().name("imbolc-jobs".into()).spawn(work)?;
        Ok(JobQueue { sender: Some(sender), ..JobQueue::default() })
    }

    fn work(mut self, jobs: &Receiver<Job<M>>, authority: &Weak<Authority<M>>) {
        for mut job in jobs {
            let mut repeats = 0..MAX_REPEATS;
            loop {
                let work = if job.replaces { &mut self.load } else { &mut self.save };
                let report = catch_panic(|| work(&job.state.model, &job.effect));
                // Without an authority there is nobody to tell.
                let Some(authority) = authority.upgrade() else { break };
                let is_edited = |present: &M::State| {
                    let edited = || (self.is_edited)(&job.state.model, present);
                    job.replaces && catch_panic(edited).unwrap_or(true) && repeats.next().is_some()
                };
                match authority.end_job(&job, report, is_edited) {
                    Some(present) => job.state = present,
                    None => break,
                }
            }
        }
    }
}

impl<M: Model> fmt::Debug for Jobs<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

/// An effect with the state to which it belongs.
struct Job<M: Model> {
    state: Arc<NetworkState<M>>,
    effect: M::Effect,
    replaces: bool,
}

/// The authority's end of the thread. Dropping it ends the thread.
pub(super) struct JobQueue<M: Model> {
    /// `None` if the session has no worker.
    sender: Option<SyncSender<Job<M>>>,
    unfinished: usize,
    /// What was not saved, and why.
    unsaved: Option<String>,
}

impl<M: Model> Default for JobQueue<M> {
    fn default() -> Self {
        Self { sender: None, unfinished: 0, unsaved: None }
    }
}

impl<M: Model> JobQueue<M> {
    /// Whether every job has ended; the error is what the last save failed of.
    pub(super) fn poll_close(&self) -> Poll<Result<(), String>> {
        match &self.unsaved {
            _ if self.unfinished > 0 => Poll::Pending,
            Some(unsaved) => Poll::Ready(Err(unsaved.clone())),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Hands `job` to the thread, or returns it with the reason why it cannot.
    fn push(&mut self, job: Job<M>) -> Result<(), (Job<M>, JobFault)> {
        let Some(sender) = &self.sender else { return Err((job, JobFault::NoWorker)) };
        sender.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) => (job, JobFault::TooMany),
            TrySendError::Disconnected(job) => (job, JobFault::NoWorker),
        })?;
        self.unfinished += 1;
        Ok(())
    }
}

impl<M: Model> Core<M> {
    /// Begins the job of `effect`, which belongs to `state`.
    pub(super) fn begin_job(
        &mut self,
        state: Arc<NetworkState<M>>,
        effect: M::Effect,
        kind: EffectKind,
    ) {
        let job = Job { state, effect, replaces: kind == EffectKind::Load };
        if let Err((job, why)) = self.jobs.push(job) {
            self.give_up_job(&job, why);
        }
    }

    /// Tells the session that `job` is not done.
    fn give_up_job(&mut self, job: &Job<M>, why: JobFault) {
        let state = &self.session.state().model;
        if let Ok(Some(action)) = catch_panic(|| M::undone(state, &job.effect, &why)) {
            self.session.act_for_engine(&action);
        }
        if !job.replaces && why != JobFault::NoWorker {
            self.jobs.unsaved = Some(why.to_string());
        }
    }

    fn end_job(&mut self, job: &Job<M>, report: Result<JobReport<M>, String>) {
        self.jobs.unfinished -= 1;
        match report {
            Ok(JobReport { action, saved }) => {
                if let Some(saved) = saved {
                    self.jobs.unsaved = saved.err();
                }
                if let Some(action) = action {
                    self.session.act_for_engine(&action);
                }
            }
            Err(panic) => {
                error!(panic, "reading or writing files failed");
                self.give_up_job(job, JobFault::Failed(panic));
            }
        }
    }
}

impl<M: Model> Authority<M> {
    /// Tells the session the outcome of `job`, or, if the session is edited, returns the
    /// present state, with which the job must be repeated.
    fn end_job(
        &self,
        job: &Job<M>,
        report: Result<JobReport<M>, String>,
        mut is_edited: impl FnMut(&M::State) -> bool,
    ) -> Option<Arc<NetworkState<M>>> {
        let repeated = self.transact(|core, _| {
            let present = core.session.state();
            if report.is_ok() && is_edited(&present.model) {
                return Some(Arc::clone(present));
            }
            core.end_job(job, report);
            None
        });
        // `poll_close` is asked again, even if the state is as before.
        self.changed.send_replace(());
        repeated
    }
}
