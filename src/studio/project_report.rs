//! What the host reports once a project is saved or loaded.
//!
//! A project that was loaded is a whole studio, so this is above all subsystems.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    model::JobFault,
    studio::{
        project::{ProjectAction, ProjectFailure, ProjectNotice, Shelf},
        studio_state::StudioState,
    },
};

/// The outcome of a project action. No participant may send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectReport {
    /// The action.
    pub task: ProjectAction,
    /// Its outcome.
    pub outcome: ProjectOutcome,
}

/// The outcome of a project action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectOutcome {
    /// The action succeeded.
    Done(Shelf),
    /// The action succeeded, and this is the new session.
    Loaded(Shelf, Arc<StudioState>),
    /// The action failed.
    Failed(ProjectFailure),
}

impl ProjectReport {
    /// Ends the task that is under way in `state`, because its job is not carried out. Only
    /// a new session needs no directory.
    pub(super) fn of_fault(state: &StudioState, fault: &JobFault) -> Option<Self> {
        let ProjectNotice::Working(task) = &state.projects.notice else { return None };
        let outcome = match (task, fault) {
            (ProjectAction::New, JobFault::NoJobs) => {
                let starter = StudioState::starter();
                let saved = Some(starter.projects.saved);
                ProjectOutcome::Loaded(Shelf { saved, ..Shelf::default() }, Arc::new(starter))
            }
            (_, JobFault::NoJobs) => ProjectOutcome::Failed(ProjectFailure::NoDirectory),
            (_, other) => {
                ProjectOutcome::Failed(ProjectFailure::Disk { detail: other.to_string() })
            }
        };
        Some(Self { task: task.clone(), outcome })
    }
}
