//! Projects on disk: an engine that saves and loads sessions beside what the
//! engine within it does.
//!
//! Files are read and written in a thread of its own, for an engine must never
//! block. It never decides what may be saved or loaded: that is in the rules.

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
        NetworkAction, ProjectAction, ProjectFailure, ProjectName, ProjectNotice, ProjectOutcome,
        ProjectReport, Projects, Shelf, Studio, StudioEffect, StudioState,
    },
    util::time::Timestamp,
};

/// How often it is looked whether a file is written: sooner than anybody
/// notices.
const PULSE: Duration = Duration::from_millis(10);

/// An [`Engine`] that keeps projects in a directory, and leaves everything else
/// to the engine within it.
///
/// Without a directory it is the engine within it, which says that there is
/// none.
#[derive(Debug)]
pub struct WithProjects<E> {
    inner: E,
    desk: Option<ProjectWorker>,
    /// What is under way.
    task: Option<ProjectAction>,
}

/// Where files are read and written.
#[derive(Debug)]
struct ProjectWorker {
    /// Taken away to end the thread.
    jobs: Option<Sender<Job>>,
    reports: Receiver<ProjectReport>,
    thread: Option<JoinHandle<()>>,
}

/// What is to be done, and with what.
#[derive(Debug)]
struct Job {
    task: ProjectAction,
    /// The project that is open.
    current: Option<ProjectName>,
    /// The session at that moment.
    state: StudioState,
}

impl<E> WithProjects<E> {
    /// Wraps `inner`. The directory is made if it is not there.
    ///
    /// # Errors
    /// If it is not there and cannot be made, or the operating system has no
    /// thread.
    pub fn open(inner: E, directory: Option<PathBuf>) -> io::Result<Self> {
        let desk = directory.map(|directory| ProjectWorker::open(&directory)).transpose()?;
        Ok(Self { inner, desk, task: None })
    }
}

/// What a session knows of the projects in `directory` when it begins.
///
/// # Errors
/// If the directory is not there and cannot be made, or cannot be read.
pub fn known(directory: &Path) -> io::Result<Arc<Projects>> {
    let known = Store::open(directory)?.list()?;
    Ok(Arc::new(Projects { known, ..Projects::default() }))
}

impl<E: Engine<Studio>> Engine<Studio> for WithProjects<E> {
    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        match (&self.desk, effect) {
            (Some(desk), StudioEffect::Project) => self.task = desk.begin(state),
            _ => self.inner.perform(now, state, effect),
        }
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> Vec<NetworkAction> {
        let mut sayings = self.inner.advance(now, state);
        if let (Some(desk), Some(task)) = (&self.desk, &self.task)
            && let Some(report) = desk.report(task)
        {
            sayings.push(NetworkAction::ProjectReport(report));
            self.task = None;
        }
        sayings
    }

    fn metering(&self) -> Metering {
        self.inner.metering()
    }

    fn pulse(&self) -> Option<Duration> {
        let waiting = self.task.as_ref().map(|_| PULSE);
        [self.inner.pulse(), waiting].into_iter().flatten().min()
    }
}

impl ProjectWorker {
    fn open(directory: &Path) -> io::Result<Self> {
        let store = Store::open(directory)?;
        let (jobs, accepted) = channel::<Job>();
        let (done, reports) = channel();
        let work = move || {
            for job in accepted {
                // Nobody may be there any more to hear of it.
                let _ = done.send(job.carry_out(&store));
            }
        };
        let thread = thread::Builder::new().name("imbolc-projects".into()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), reports, thread: Some(thread) })
    }

    /// Begins what the notice says is under way.
    fn begin(&self, state: &StudioState) -> Option<ProjectAction> {
        let ProjectNotice::Working(task) = &state.projects.notice else { return None };
        let job = Job {
            task: task.clone(),
            current: state.projects.current.clone(),
            state: state.clone(),
        };
        // If the thread is gone, that shows when the report does not come.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
        Some(task.clone())
    }

    /// What came of `task`, once something has.
    fn report(&self, task: &ProjectAction) -> Option<ProjectReport> {
        match self.reports.try_recv() {
            Ok(report) => Some(report),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let detail = "whoever reads and writes the files is gone".into();
                let outcome = ProjectOutcome::Failed(ProjectFailure::Disk { detail });
                Some(ProjectReport { task: task.clone(), outcome })
            }
        }
    }
}

impl Drop for ProjectWorker {
    /// Waits until what was begun is done: a save is not lost because somebody
    /// leaves.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // That it panicked has been said, or nobody is there to hear it.
            let _ = thread.join();
        }
    }
}

impl Job {
    fn carry_out(self, store: &Store) -> ProjectReport {
        let outcome = self.attempt(store).unwrap_or_else(ProjectOutcome::Failed);
        ProjectReport { task: self.task, outcome }
    }

    fn attempt(&self, store: &Store) -> Result<ProjectOutcome, ProjectFailure> {
        // The rules let nobody come here who needs a name and has none.
        let current = || self.current.as_ref().ok_or(ProjectFailure::Missing);
        let mut open = self.current.as_ref();
        let mut loaded = None;
        match &self.task {
            ProjectAction::New | ProjectAction::List => {}
            ProjectAction::Save => store.save(current()?, &self.state)?,
            ProjectAction::SaveAs(name) => {
                store.save(name, &self.state)?;
                open = Some(name);
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
        let on_disk = Shelf { known, checkpoints: checkpoints.unwrap_or_default() };
        Ok(match loaded {
            Some(state) => ProjectOutcome::Loaded(on_disk, Arc::new(state)),
            None => ProjectOutcome::Done(on_disk),
        })
    }
}
