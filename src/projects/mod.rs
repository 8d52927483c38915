//! Projects on disk: an engine that saves and loads the session, and passes everything
//! else to the engine that it wraps.
//!
//! A worker thread reads and writes the files, because an engine must never block.
//! Permission to save or load is decided by the rules in `studio`.

mod document;
mod store;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

pub use store::Store;

use crate::{
    model::{Engine, Metering},
    studio::{
        Names, NetworkAction, ProjectAction, ProjectFailure, ProjectName, ProjectNotice,
        ProjectOutcome, ProjectReport, Shelf, Studio, StudioEffect, StudioState, UnsavedMark,
    },
    util::time::Timestamp,
};

/// The interval at which the result of a task is polled while one runs. 10 ms is not
/// noticeable.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// An [`Engine`] that saves and loads projects in a directory, and passes everything
/// else to the engine that it wraps.
///
/// Without a directory it passes project tasks on, too, and the inner engine reports
/// [`ProjectFailure::NoDirectory`].
#[derive(Debug)]
pub struct WithProjects<E> {
    inner: E,
    worker: Option<ProjectWorker>,
    /// The task that the worker performs.
    task: Option<ProjectAction>,
}

/// The thread that reads and writes files.
#[derive(Debug)]
struct ProjectWorker {
    /// Dropped to end the thread.
    jobs: Option<Sender<Job>>,
    reports: Receiver<ProjectReport>,
    thread: Option<JoinHandle<()>>,
}

/// A task with the data that it needs.
#[derive(Debug)]
struct Job {
    task: ProjectAction,
    /// The name of the open project.
    current: Option<ProjectName>,
    /// The state when the task was accepted.
    state: StudioState,
}

impl<E> WithProjects<E> {
    /// Wraps `inner`. The directory is created if it does not exist.
    ///
    /// # Errors
    /// If the directory cannot be created, or a thread cannot be started.
    pub fn open(inner: E, directory: Option<PathBuf>) -> io::Result<Self> {
        let worker = directory.map(|directory| ProjectWorker::open(&directory)).transpose()?;
        Ok(Self { inner, worker, task: None })
    }
}

/// The projects in `directory`, as the initial value of
/// [`Projects::known`](crate::studio::Projects::known). The
/// directory is created if it does not exist.
///
/// # Errors
/// If the directory cannot be created or read.
pub fn known(directory: &Path) -> io::Result<Names> {
    Store::open(directory)?.list()
}

impl<E: Engine<Studio>> Engine<Studio> for WithProjects<E> {
    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        match (&self.worker, effect) {
            (Some(worker), StudioEffect::Project) => self.task = worker.begin(state),
            _ => self.inner.perform(now, state, effect),
        }
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> Vec<NetworkAction> {
        let mut actions = self.inner.advance(now, state);
        if let (Some(worker), Some(task)) = (&self.worker, &self.task)
            && let Some(report) = worker.report(task)
        {
            actions.push(NetworkAction::ProjectReport(report));
            self.task = None;
        }
        actions
    }

    fn metering(&self) -> Metering {
        self.inner.metering()
    }

    fn pulse(&self) -> Option<Duration> {
        let waiting = self.task.as_ref().map(|_| POLL_INTERVAL);
        [self.inner.pulse(), waiting].into_iter().flatten().min()
    }
}

impl ProjectWorker {
    fn open(directory: &Path) -> io::Result<Self> {
        let store = Store::open(directory)?;
        let (jobs, job_queue) = channel::<Job>();
        let (done, reports) = channel();
        let work = move || {
            for job in job_queue {
                // The engine may be dropped already.
                let _ = done.send(job.run(&store));
            }
        };
        let thread = thread::Builder::new().name("imbolc-projects".into()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), reports, thread: Some(thread) })
    }

    /// Starts the task that the state's notice announces, and returns it.
    fn begin(&self, state: &StudioState) -> Option<ProjectAction> {
        let ProjectNotice::Working(task) = &state.projects.notice else { return None };
        let job = Job {
            task: task.clone(),
            current: state.projects.current.clone(),
            state: state.clone(),
        };
        // If the thread has ended, `report` returns an error.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
        Some(task.clone())
    }

    /// The result of `task`, if it has ended.
    fn report(&self, task: &ProjectAction) -> Option<ProjectReport> {
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

impl Drop for ProjectWorker {
    /// Waits for the running task, so that a save is not lost when the program ends.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has reported a panic of the thread already.
            let _ = thread.join();
        }
    }
}

impl Job {
    fn run(self, store: &Store) -> ProjectReport {
        let outcome = self.try_run(store).unwrap_or_else(ProjectOutcome::Failed);
        ProjectReport { task: self.task, outcome }
    }

    fn try_run(&self, store: &Store) -> Result<ProjectOutcome, ProjectFailure> {
        // The rules refuse these tasks if no project is open.
        let current = || self.current.as_ref().ok_or(ProjectFailure::Missing);
        let mut open = self.current.as_ref();
        let (mut saved, mut loaded) = (None, None);
        match &self.task {
            ProjectAction::New | ProjectAction::List => {}
            ProjectAction::Save => {
                store.save(current()?, &self.state)?;
                saved = Some(&self.state);
            }
            ProjectAction::SaveAs(name) => {
                store.save(name, &self.state)?;
                (open, saved) = (Some(name), Some(&self.state));
            }
            ProjectAction::Load(name) => {
                loaded = Some(store.load(name)?);
                open = Some(name);
            }
            ProjectAction::CreateCheckpoint(name) => {
                store.checkpoints(current()?)?.save(name, &self.state)?;
            }
            ProjectAction::RestoreCheckpoint(name) => {
                loaded = Some(store.checkpoints(current()?)?.load(name)?);
            }
            ProjectAction::DeleteCheckpoint(name) => store.checkpoints(current()?)?.delete(name)?,
        }
        let known = store.list()?;
        let checkpoints = open.map(|name| store.list_checkpoints(name)).transpose()?;
        let saved = saved.or(loaded.as_ref()).map(|state| UnsavedMark::default().digest(state));
        let on_disk = Shelf { known, checkpoints: checkpoints.unwrap_or_default(), saved };
        Ok(match loaded {
            Some(state) => ProjectOutcome::Loaded(on_disk, Arc::new(state)),
            None => ProjectOutcome::Done(on_disk),
        })
    }
}
