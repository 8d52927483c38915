//! Carries out the tasks that concern projects. It blocks, and knows no rule: the session
//! has decided that each task is allowed.

use std::sync::Arc;

use super::{project_lock::ProjectLock, store::Store};
use crate::{
    authority::JobReport,
    studio::{
        NetworkAction, ProjectAction, ProjectFailure, ProjectName, ProjectNotice, ProjectOutcome,
        ProjectReport, Shelf, Studio, StudioState, UnsavedMark,
    },
};

/// The directory, and the lock of the open project.
#[derive(Debug)]
pub(super) struct Files {
    store: Store,
    held: Option<(ProjectName, ProjectLock)>,
}

impl Files {
    pub(super) const fn new(store: Store) -> Self {
        Self { store, held: None }
    }

    /// Carries out the task that the notice in `state` announces.
    pub(super) fn perform(&mut self, state: &StudioState) -> JobReport<Studio> {
        let ProjectNotice::Working(task) = &state.projects.notice else {
            return JobReport { action: None, saved: None };
        };
        let outcome = self.outcome(task, state);
        let saved = match (&outcome, unsaved_target(task, state)) {
            (Err(why), Some(what)) => Some(Err(format!("{what}: {why}"))),
            (Ok(ProjectOutcome::Loaded(..)), _) | (Ok(_), Some(_)) => Some(Ok(())),
            _ => None,
        };
        let outcome = outcome.unwrap_or_else(ProjectOutcome::Failed);
        let report = ProjectReport { task: task.clone(), outcome };
        JobReport { action: Some(NetworkAction::ProjectReport(report)), saved }
    }

    fn outcome(
        &mut self,
        task: &ProjectAction,
        state: &StudioState,
    ) -> Result<ProjectOutcome, ProjectFailure> {
        let current = state.projects.current.as_ref();
        // The rules refuse the tasks that need one if no project is open.
        let require = || current.ok_or(ProjectFailure::Missing);
        let (mut open, mut saved, mut loaded) = (current, None, None);
        match task {
            ProjectAction::List => {}
            ProjectAction::New => (open, loaded) = (None, Some(StudioState::starter())),
            ProjectAction::Save => saved = Some(require()?),
            ProjectAction::SaveAs(name) => (open, saved) = (Some(name), Some(name)),
            ProjectAction::Load(name) => {
                (open, loaded) = (Some(name), Some(self.store.load(name)?));
            }
            ProjectAction::CreateCheckpoint(name) => {
                self.hold(require()?)?;
                self.store.checkpoints(require()?)?.save(name, state)?;
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
            self.store.save(name, state)?;
            self.held = lock.map(|lock| (name.clone(), lock)).or_else(|| self.held.take());
        }
        if loaded.is_some() {
            keep(&self.store, state)?;
            // Another session may hold it: that is told when this one saves over it.
            if open.is_none_or(|name| self.hold(name).is_err()) {
                self.held = None;
            }
        }
        let written = saved.map(|_| state).or(match task {
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

/// What `task` saves.
fn unsaved_target(task: &ProjectAction, state: &StudioState) -> Option<String> {
    match task {
        ProjectAction::SaveAs(name) => Some(name.to_string()),
        ProjectAction::Save => state.projects.current.as_ref().map(ProjectName::to_string),
        ProjectAction::CreateCheckpoint(name) => Some(format!("checkpoint {name}")),
        _ => None,
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
