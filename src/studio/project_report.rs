//! What the engine reports once a project is saved or loaded.
//!
//! A project that was loaded is a whole studio, so this is above all subsystems.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::studio::{
    project::{ProjectAction, ProjectFailure, Shelf},
    studio_state::StudioState,
};

/// What came of an action. Only the engine says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectReport {
    /// What was to be done.
    pub task: ProjectAction,
    /// What came of it.
    pub outcome: ProjectOutcome,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectOutcome {
    /// It is done.
    Done(Shelf),
    /// It is done, and this is the session now.
    Loaded(Shelf, Arc<StudioState>),
    /// It was not possible.
    Failed(ProjectFailure),
}
