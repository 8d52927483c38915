//! Reads and writes files for a session on a thread of its own, so that neither the session
//! nor its engine waits for a disk.
//!
//! It knows no file and no rule: the session has allowed each job, and two closures carry it
//! out.

mod job_queue;

use std::{
    fmt, io,
    sync::{Arc, mpsc::Receiver},
    thread,
};

pub(super) use self::job_queue::{Job, JobQueue};
use crate::{
    model::Model,
    protocol::NetworkState,
    studio::Studio,
    util::panics::{catch_panic, drop_caught},
};

/// How often a load is repeated because the session was edited meanwhile.
const MAX_REPEATS: u32 = 8;

type JobClosure<M> =
    Box<dyn FnMut(&<M as Model>::State, &<M as Model>::Effect) -> JobReport<M> + Send>;

/// Tells the session that a job has ended, or panicked. If the session is edited, it returns
/// the present state, with which the job is repeated.
pub(super) type EndJob<M> = Box<
    dyn FnMut(
            &Job<M>,
            Result<JobReport<M>, String>,
            &mut dyn FnMut(&<M as Model>::State) -> bool,
        ) -> Option<Arc<NetworkState<M>>>
        + Send,
>;

type Compare<M> = Box<dyn Fn(&<M as Model>::State, &<M as Model>::State) -> bool + Send>;

/// What saves and loads the session: it carries out the effects whose
/// [kind](Model::effect_kind) is not [`Engine`](crate::model::EffectKind::Engine).
///
/// Jobs are done in order, on a thread of their own, while the session and its engine go
/// on. At most 64 wait; a further one, one whose closure panics and one whose report is
/// refused are answered by [`Model::on_job_fault`].
pub struct Jobs<M: Model = Studio> {
    save: JobClosure<M>,
    load: JobClosure<M>,
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
    /// Jobs that save and load by these closures, which may block. Each gets the
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

    /// Starts the thread. It ends when the queue is dropped, after the jobs that it has then.
    pub(super) fn start(self, end: EndJob<M>) -> io::Result<JobQueue<M>> {
        let (queue, jobs) = JobQueue::open();
        let work = move || self.work(&jobs, end);
        thread::Builder::new().name("imbolc-jobs".into()).spawn(work)?;
        Ok(queue)
    }

    fn work(mut self, jobs: &Receiver<Job<M>>, mut end: EndJob<M>) {
        for mut job in jobs {
            let mut repeats = 0..MAX_REPEATS;
            loop {
                let work = if job.replaces { &mut self.load } else { &mut self.save };
                let report = catch_panic(|| work(&job.state.model, &job.effect));
                let mut is_edited = |present: &M::State| {
                    let edited = || (self.is_edited)(&job.state.model, present);
                    job.replaces && catch_panic(edited).unwrap_or(true) && repeats.next().is_some()
                };
                match catch_panic(|| end(&job, report, &mut is_edited)) {
                    Ok(Some(present)) => job.state = present,
                    _ => break,
                }
            }
            drop_caught(job);
        }
    }
}

impl<M: Model> fmt::Debug for Jobs<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}
