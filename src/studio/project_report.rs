//! What the engine reports once a project is saved or loaded.
//!
//! A project that was loaded is a whole studio, so this is above all subsystems.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::studio::{
    project::{ProjectAction, ProjectFailure, Shelf},
    studio_state::StudioState,
};

/// The outcome of a project action. Only the engine may send it.
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
