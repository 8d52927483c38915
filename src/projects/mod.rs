//! Projects on disk: an engine that saves and loads the session, and passes everything
//! else to the engine that it wraps.
//!
//! Permission to save or load is decided by the rules in `studio`.

mod document;
mod project_lock;
mod store;
mod worker;

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use store::Store;

use self::worker::{Job, ProjectWorker, keep};
use crate::{
    model::{Advanced, EngineWorker, Model as _},
    studio::{
        NetworkAction, ProjectAction, ProjectFailure, ProjectName, ProjectNotice, ProjectOutcome,
        Studio, StudioEffect, StudioState,
    },
    util::time::Timestamp,
};

/// The interval at which the result of a task is polled while one runs. 10 ms is not
/// noticeable.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How often a task that replaces the session is performed again because the session was
/// edited meanwhile.
const MAX_REPEATS: u32 = 8;

/// The file in the directory of kept work that names what a program left at its end.
const LEFT_BEHIND: &str = "left-behind";

/// An [`Engine`] that saves and loads projects in a directory, and passes everything
/// else to the engine that it wraps.
///
/// Before the session is replaced, its unsaved work is kept in the directory `recovery`
/// there. Without a directory it passes project tasks on, too: the inner engine performs
/// `New`, which then loses unsaved work, and reports [`ProjectFailure::NoDirectory`] for
/// the others.
#[derive(Debug)]
pub struct WithProjects<E> {
    inner: E,
    worker: Option<ProjectWorker>,
    /// The task that the worker performs, and how often it has done so before.
    running: Option<(Job, u32)>,
    /// What the last save did not save, and why.
    failure: Option<String>,
}

impl<E> WithProjects<E> {
    /// Wraps `inner`. The directory is created if it does not exist.
    ///
    /// # Errors
    /// If the directory cannot be created, or a thread cannot be started.
    pub fn open(inner: E, directory: Option<PathBuf>) -> io::Result<Self> {
        let worker = directory.map(|directory| ProjectWorker::open(&directory)).transpose()?;
        Ok(Self { inner, worker, running: None, failure: None })
    }
}

/// The platform's directory for a user's projects: on Linux `$XDG_DATA_HOME/imbolc/projects`,
/// or `~/.local/share/imbolc/projects`. `None` if the environment does not say where the
/// user's files are.
#[must_use]
pub fn default_directory() -> Option<PathBuf> {
    data_directory(env::var_os).map(|data| data.join("imbolc").join("projects"))
}

/// The directory of the user's files, in the environment `variable`.
fn data_directory(variable: impl Fn(&'static str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        path("APPDATA")
    } else if cfg!(target_os = "macos") {
        path("HOME").map(|home| home.join("Library").join("Application Support"))
    } else {
        path("XDG_DATA_HOME").or_else(|| path("HOME").map(|home| home.join(".local").join("share")))
    }
}

/// Lists what is in `directory` in the initial state of a session. The directory is created
/// if it does not exist. If a program ended with unsaved work since the last call, the
/// [notice](ProjectNotice::Kept) says so.
///
/// # Errors
/// If the directory cannot be created or read.
pub fn list_in(state: &mut StudioState, directory: &Path) -> io::Result<()> {
    let store = Store::open(directory)?;
    let projects = Arc::make_mut(&mut state.projects);
    (projects.known, projects.recovered) = (store.list()?, store.list_recovered()?);
    let left_behind = directory.join("recovery").join(LEFT_BEHIND);
    // To read a FIFO would wait for a writer.
    if left_behind.is_file()
        && let Ok(name) = fs::read_to_string(&left_behind)
    {
        // If it cannot be deleted, the next start says so again.
        let _ = fs::remove_file(&left_behind);
        let name = ProjectName::new(&name).ok().filter(|name| projects.recovered.contains(name));
        projects.notice = name.map_or(ProjectNotice::Nothing, ProjectNotice::Kept);
    }
    Ok(())
}

/// Keeps the unsaved work in `state`, if there is any, for a program that must end without
/// asking. It returns the name of what was kept; the next program that uses `directory`
/// says so. It blocks, and needs no running session.
///
/// # Errors
/// If it cannot be written.
pub fn keep_unsaved(
    directory: &Path,
    state: &StudioState,
) -> Result<Option<ProjectName>, ProjectFailure> {
    let store = Store::open(directory)?;
    let kept = keep(&store, state)?;
    if let Some(name) = &kept {
        store::replace_file(&directory.join("recovery").join(LEFT_BEHIND), name.as_str())?;
    }
    Ok(kept)
}

impl<E> WithProjects<E> {
    /// Performs the task that the state's notice announces.
    fn begin(&mut self, state: &StudioState, repeats: u32) {
        if let (Some(worker), ProjectNotice::Working(task)) = (&self.worker, &state.projects.notice)
        {
            let job = Job { task: task.clone(), state: state.clone() };
            worker.begin(job.clone());
            self.running = Some((job, repeats));
        }
    }
}

impl<E: EngineWorker<Studio>> EngineWorker<Studio> for WithProjects<E> {
    fn reset(&mut self, now: Timestamp, state: &StudioState) {
        self.inner.reset(now, state);
    }

    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        match (&self.worker, effect) {
            (Some(_), StudioEffect::Project) => self.begin(state, 0),
            _ => self.inner.perform(now, state, effect),
        }
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> Advanced<Studio> {
        let mut advanced = self.inner.advance(now, state);
        if let (Some(worker), Some((job, repeats))) = (&self.worker, &self.running)
            && let Some(report) = worker.report(&job.task)
        {
            let replaces = matches!(report.outcome, ProjectOutcome::Loaded(..));
            let edited = || Studio::diff(&job.state.at_rest(), &state.at_rest()).is_some();
            if replaces && *repeats < MAX_REPEATS && edited() {
                // Otherwise the edits since would be lost.
                let repeats = repeats + 1;
                self.begin(state, repeats);
                return advanced;
            }
            match (&report.outcome, unsaved_target(job)) {
                (ProjectOutcome::Failed(why), Some(what)) => {
                    self.failure = Some(format!("{what}: {why}"));
                }
                (ProjectOutcome::Loaded(..), _) | (ProjectOutcome::Done(_), Some(_)) => {
                    self.failure = None;
                }
                _ => {}
            }
            advanced.actions.push(NetworkAction::ProjectReport(report));
            self.running = None;
        }
        let waiting = self.running.as_ref().map(|_| POLL_INTERVAL);
        advanced.next = [advanced.next, waiting].into_iter().flatten().min();
        advanced
    }
}

/// What was not saved.
fn unsaved_target(job: &Job) -> Option<String> {
    let current = job.state.projects.current.as_ref();
    match &job.task {
        ProjectAction::SaveAs(name) => Some(name.to_string()),
        ProjectAction::Save => current.map(ProjectName::to_string),
        ProjectAction::CreateCheckpoint(name) => Some(format!("checkpoint {name}")),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::projects::data_directory;

    #[test]
    fn data_directory_is_the_one_of_the_platform() {
        let with = |data: &'static str, home: &'static str| {
            data_directory(move |name| match name {
                "XDG_DATA_HOME" => Some(data.into()),
                "HOME" => Some(home.into()),
                _ => None,
            })
        };
        assert_eq!(with("/data", "/home/ana"), Some("/data".into()));
        assert_eq!(with("", "/home/ana"), Some("/home/ana/.local/share".into()));
        assert_eq!(with("data", "/home/ana"), Some("/home/ana/.local/share".into()));
        assert_eq!(with("", ""), None);
    }
}
