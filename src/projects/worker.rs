//! The thread that reads and writes project files, because an engine must never block.
//!
//! It performs tasks in order and knows no rule: the session has decided that each is
//! allowed.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread,
};

use super::{project_lock::ProjectLock, store::Store};
use crate::{
    studio::{
        ProjectAction, ProjectFailure, ProjectName, ProjectOutcome, ProjectReport, Shelf,
        StudioState, UnsavedMark,
    },
    util::panics::catch_panic,
};

/// The thread's other end. If it is dropped, the thread ends after the tasks that it has;
/// nothing waits for it.
#[derive(Debug)]
pub(super) struct ProjectWorker {
    jobs: Sender<Job>,
    reports: Receiver<ProjectReport>,
}

/// A task with the state when it was accepted.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) task: ProjectAction,
    pub(super) state: StudioState,
}

impl ProjectWorker {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let mut files = Files { store: Store::open(directory)?, held: None };
        let (jobs, job_queue) = channel::<Job>();
        let (done, reports) = channel();
        let work = move || {
            for job in job_queue {
                let outcome = outcome_of(|| files.perform(&job));
                // The engine may be dropped already.
                let _ = done.send(ProjectReport { task: job.task, outcome });
            }
        };
        thread::Builder::new().name("imbolc-projects".into()).spawn(work)?;
        Ok(Self { jobs, reports })
    }

    pub(super) fn begin(&self, job: Job) {
        // If the thread has ended, `report` returns an error.
        let _ = self.jobs.send(job);
    }

    /// The result of `task`, if it has ended.
    pub(super) fn report(&self, task: &ProjectAction) -> Option<ProjectReport> {
        match self.reports.try_recv() {
            Ok(report) => Some(report),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let detail = "the thread that reads and writes files has ended".into();
                let outcome = ProjectOutcome::Failed(ProjectFailure::Disk { detail });
                Some(ProjectReport { task: task.clone(), outcome })
            }
        }
    }
}

/// The outcome of a task. One that panics has failed, and the next one is performed.
fn outcome_of(perform: impl FnOnce() -> Result<ProjectOutcome, ProjectFailure>) -> ProjectOutcome {
    let failed = |detail| Err(ProjectFailure::Disk { detail });
    catch_panic(perform).unwrap_or_else(failed).unwrap_or_else(ProjectOutcome::Failed)
}

/// The directory, and the lock of the open project.
struct Files {
    store: Store,
    held: Option<(ProjectName, ProjectLock)>,
}

impl Files {
    fn perform(&mut self, job: &Job) -> Result<ProjectOutcome, ProjectFailure> {
        let current = job.state.projects.current.as_ref();
        // The rules refuse the tasks that need one if no project is open.
        let require = || current.ok_or(ProjectFailure::Missing);
        let (mut open, mut saved, mut loaded) = (current, None, None);
        match &job.task {
            ProjectAction::List => {}
            ProjectAction::New => (open, loaded) = (None, Some(StudioState::starter())),
            ProjectAction::Save => saved = Some(require()?),
            ProjectAction::SaveAs(name) => (open, saved) = (Some(name), Some(name)),
            ProjectAction::Load(name) => {
                (open, loaded) = (Some(name), Some(self.store.load(name)?));
            }
            ProjectAction::CreateCheckpoint(name) => {
                self.hold(require()?)?;
                self.store.checkpoints(require()?)?.save(name, &job.state)?;
            }
            ProjectAction::RestoreCheckpoint(name) => {
                loaded = Some(self.store.checkpoints(require()?)?.load(name)?);
            }
            ProjectAction::DeleteCheckpoint(name) => {
                self.hold(require()?)?;
                self.store.checkpoints(require()?)?.delete(name)?;
            }
            ProjectAction::Recover(name) => {
                (open, loaded) = (None, Some(self.store.recovery()?.load(name)?));
            }
        }
        if let Some(name) = saved {
            // If it cannot be saved, the session keeps its project, and the lock of that.
            let lock = self.lock(name)?;
            self.store.save(name, &job.state)?;
            self.held = lock.map(|lock| (name.clone(), lock)).or_else(|| self.held.take());
        }
        if loaded.is_some() {
            keep(&self.store, &job.state)?;
            // Another session may hold it: that is told when this one saves over it.
            if open.is_none_or(|name| self.hold(name).is_err()) {
                self.held = None;
            }
        }
        let written = saved.map(|_| &job.state).or(match job.task {
            ProjectAction::Recover(_) => None,
            _ => loaded.as_ref(),
        });
        let checkpoints = open.map(|name| self.store.list_checkpoints(name)).transpose()?;
        let on_disk = Shelf {
            known: self.store.list()?,
            checkpoints: checkpoints.unwrap_or_default(),
            saved: written.map(|state| UnsavedMark::default().digest(state)),
            recovered: self.store.list_recovered()?,
        };
        Ok(match loaded {
            Some(state) => ProjectOutcome::Loaded(on_disk, Arc::new(state)),
            None => ProjectOutcome::Done(on_disk),
        })
    }

    /// Takes the lock of `name` in place of the one that is held, which stays if that fails.
    fn hold(&mut self, name: &ProjectName) -> Result<(), ProjectFailure> {
        if let Some(lock) = self.lock(name)? {
            self.held = Some((name.clone(), lock));
        }
        Ok(())
    }

    /// Takes the lock of `name`; `None` if it is held already.
    fn lock(&self, name: &ProjectName) -> Result<Option<ProjectLock>, ProjectFailure> {
        if self.held.as_ref().is_some_and(|(held, _)| held == name) {
            return Ok(None);
        }
        let lock = ProjectLock::acquire(&self.store.lock_file(name)?)?;
        // What cannot be deleted does no harm.
        let _ = self.store.remove_remains(name);
        Ok(Some(lock))
    }
}

/// Keeps the unsaved work in `state`, if there is any.
pub(super) fn keep(
    store: &Store,
    state: &StudioState,
) -> Result<Option<ProjectName>, ProjectFailure> {
    if !UnsavedMark::default().is_unsaved(state) {
        return Ok(None);
    }
    let project = state.projects.current.as_ref().map(ProjectName::as_str);
    store.recovery()?.keep(project.unwrap_or(state.session.name.as_str()), state).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_that_panics_has_failed() {
        let outcome = outcome_of(|| panic!("on purpose"));
        let failure = ProjectFailure::Disk { detail: "on purpose".into() };
        assert_eq!(outcome, ProjectOutcome::Failed(failure));
    }
}
