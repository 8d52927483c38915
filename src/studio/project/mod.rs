//! Projects: under which name the session is kept, which others there are, and
//! what became of the last attempt to save or load one.
//!
//! It knows names only, never a path or a disk: what has to be done there is an
//! effect, and what came of it is an action that only the engine may say.

mod project_name;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::project_name::{BadProjectName, ProjectName};
use super::{
    StudioEffect, StudioState,
    bounded::{self, MAX_CHECKPOINTS, MAX_PROJECTS},
    settings::settings,
};
use crate::model::Invalid;

settings! {
    /// Under which name the session is kept, and which others there are.
    Projects, ProjectSetting {
        /// The project that is open; none if it has not been saved yet.
        current: Current(Option<ProjectName>) = None;
        /// All projects that can be loaded, in order.
        known: Known(Names) = Names::default();
        /// The checkpoints of the project that is open, in order.
        checkpoints: Checkpoints(Names) = Names::default();
        /// What became of the last attempt to do something.
        notice: Notice(ProjectNotice) = ProjectNotice::Nothing;
    }
}

/// Names of projects or of checkpoints, in order; 1,024 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Names(
    #[serde(deserialize_with = "bounded::list::<MAX_PROJECTS, _, _>")] Vec<ProjectName>,
);

/// What became of the last attempt to do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectNotice {
    /// There was none.
    Nothing,
    /// It is under way. Until it is done nothing else can be begun.
    Working(ProjectAction),
    /// It is done.
    Done(ProjectAction),
    /// It was not possible. The session is as it was.
    Failed(ProjectAction, ProjectFailure),
}

/// What is done to projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectAction {
    /// Begins a new session, without a name. What is not saved is lost.
    New,
    /// Saves the session under the name that it has.
    Save,
    /// Saves the session under this name from now on. A project that had it
    /// before is replaced.
    SaveAs(ProjectName),
    /// Replaces the session by this project. What is not saved is lost.
    Load(ProjectName),
    /// Looks which projects there are.
    List,
    /// Keeps the session as it is now beside its project.
    CreateCheckpoint(ProjectName),
    /// Replaces the session by this checkpoint of its project.
    RestoreCheckpoint(ProjectName),
    /// Deletes a checkpoint.
    DeleteCheckpoint(ProjectName),
}

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

/// What there is on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// All projects.
    pub known: Names,
    /// The checkpoints of the one that is open.
    pub checkpoints: Names,
}

/// Why a project could not be saved or loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ProjectFailure {
    /// The host was started without a directory for projects.
    #[error("the host keeps no projects: it was started without a directory for them")]
    NoDirectory,
    /// There is nothing of this name.
    #[error("there is nothing of this name")]
    Missing,
    /// The end of the file is missing.
    #[error("the file is not complete")]
    Truncated,
    /// The file is something else.
    #[error("the file is not a project")]
    NotAProject,
    /// The file is of another version of the format.
    #[error("the file is of version {found} of the format, and {expected} can be read")]
    OtherVersion {
        /// Of which one.
        found: u32,
        /// Of which one it would have to be.
        expected: u32,
    },
    /// The file is a project, and what is in it cannot be.
    #[error("the file is damaged: {detail}")]
    Damaged {
        /// What the reader said.
        detail: String,
    },
    /// The file is larger than any project can be.
    #[error("the file is too large to be a project")]
    TooLarge,
    /// The disk, or the operating system, did not let it be done.
    #[error("{detail}")]
    Disk {
        /// What the operating system said.
        detail: String,
    },
}

impl Names {
    /// The names in order, each once; the first 1,024 of them.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = ProjectName>) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort();
        names.dedup();
        names.truncate(MAX_PROJECTS);
        Self(names)
    }

    /// The names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ProjectName> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this name is among them.
    #[must_use]
    pub fn contains(&self, name: &ProjectName) -> bool {
        self.0.contains(name)
    }
}

pub(super) fn reduce(
    state: &mut StudioState,
    action: &ProjectAction,
) -> Result<Vec<StudioEffect>, Invalid> {
    check(&state.projects, action)?;
    if let ProjectAction::New = action {
        let projects = Arc::make_mut(&mut state.projects);
        projects.current = None;
        projects.checkpoints = Names::default();
        projects.notice = ProjectNotice::Done(ProjectAction::New);
        return Ok(state.replace(&StudioState::starter()));
    }
    Arc::make_mut(&mut state.projects).notice = ProjectNotice::Working(action.clone());
    Ok(vec![StudioEffect::Project])
}

fn check(projects: &Projects, action: &ProjectAction) -> Result<(), Invalid> {
    if let ProjectNotice::Working(_) = projects.notice {
        return Err(Invalid::unfit("a project is being saved or loaded at the moment"));
    }
    let unnamed = projects.current.is_none();
    match action {
        ProjectAction::Save if unnamed => {
            Err(Invalid::unfit("the project has no name yet: save it under one"))
        }
        ProjectAction::CreateCheckpoint(_) if unnamed => {
            Err(Invalid::unfit("a project must be saved before it can have checkpoints"))
        }
        ProjectAction::CreateCheckpoint(name) if projects.checkpoints.contains(name) => {
            Err(Invalid::exists("checkpoint", name))
        }
        ProjectAction::CreateCheckpoint(_) if projects.checkpoints.len() >= MAX_CHECKPOINTS => {
            Err(Invalid::full("checkpoints", bounded::count(MAX_CHECKPOINTS)))
        }
        ProjectAction::RestoreCheckpoint(name) | ProjectAction::DeleteCheckpoint(name)
            if !projects.checkpoints.contains(name) =>
        {
            Err(Invalid::missing("checkpoint", name))
        }
        _ => Ok(()),
    }
}

pub(super) fn reduce_report(
    state: &mut StudioState,
    ProjectReport { task, outcome }: &ProjectReport,
) -> Vec<StudioEffect> {
    let projects = Arc::make_mut(&mut state.projects);
    let (shelf, loaded) = match outcome {
        ProjectOutcome::Done(shelf) => (shelf, None),
        ProjectOutcome::Loaded(shelf, loaded) => (shelf, Some(loaded)),
        ProjectOutcome::Failed(why) => {
            projects.notice = ProjectNotice::Failed(task.clone(), why.clone());
            return Vec::new();
        }
    };
    projects.known.clone_from(&shelf.known);
    projects.checkpoints.clone_from(&shelf.checkpoints);
    projects.notice = ProjectNotice::Done(task.clone());
    if let ProjectAction::SaveAs(name) | ProjectAction::Load(name) = task {
        projects.current = Some(name.clone());
    }
    loaded.map(|loaded| state.replace(loaded)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{InstrumentId, Model},
        studio::{InstrumentAction, NetworkAction, Studio, TransportAction},
        util::quantity::{Pitch, Ticks, Velocity},
    };

    fn act(state: &mut StudioState, action: ProjectAction) -> Result<Vec<StudioEffect>, Invalid> {
        Studio::reduce(state, &NetworkAction::Project(action))
    }

    fn report(state: &mut StudioState, task: ProjectAction, outcome: ProjectOutcome) {
        let report = NetworkAction::ProjectReport(ProjectReport { task, outcome });
        Studio::reduce(state, &report).unwrap();
    }

    fn song() -> ProjectName {
        ProjectName::new("Song").unwrap()
    }

    #[test]
    fn one_thing_is_done_after_the_other() {
        let mut state = StudioState::starter();
        assert!(act(&mut state, ProjectAction::Save).is_err(), "it has no name");
        let save = ProjectAction::SaveAs(song());
        assert_eq!(act(&mut state, save.clone()), Ok(vec![StudioEffect::Project]));
        assert!(act(&mut state, ProjectAction::New).is_err(), "it is being saved");
        let shelf = Shelf { known: Names::new([song()]), ..Shelf::default() };
        report(&mut state, save.clone(), ProjectOutcome::Done(shelf));
        assert_eq!(state.projects.current, Some(song()));
        assert_eq!(state.projects.notice, ProjectNotice::Done(save));
        assert_eq!(act(&mut state, ProjectAction::Save), Ok(vec![StudioEffect::Project]));
    }

    #[test]
    fn what_cannot_be_loaded_leaves_the_session_as_it_was() {
        let mut state = StudioState::starter();
        let load = ProjectAction::Load(song());
        act(&mut state, load.clone()).unwrap();
        report(&mut state, load.clone(), ProjectOutcome::Failed(ProjectFailure::Missing));
        assert_eq!(state.projects.notice, ProjectNotice::Failed(load, ProjectFailure::Missing));
        state.projects = Arc::default();
        assert_eq!(state, StudioState::starter());
    }

    #[test]
    fn what_is_loaded_is_silent_and_at_rest() {
        let mut state = StudioState::starter();
        let (instrument, pitch) = (InstrumentId(1), Pitch::of(60));
        let play = InstrumentAction::Play(pitch, Velocity::MAX);
        Studio::reduce(&mut state, &NetworkAction::Instrument(instrument, play)).unwrap();
        Studio::reduce(&mut state, &NetworkAction::Transport(TransportAction::Play)).unwrap();
        let loaded = Arc::new(state.clone());
        let load = ProjectAction::Load(song());
        act(&mut state, load.clone()).unwrap();
        let outcome = ProjectOutcome::Loaded(Shelf::default(), loaded);
        let report = NetworkAction::ProjectReport(ProjectReport { task: load, outcome });
        let effects = Studio::reduce(&mut state, &report).unwrap();
        let off = StudioEffect::NoteOff { instrument, pitch };
        assert_eq!(effects, [off, StudioEffect::Stop, StudioEffect::Locate(Ticks::MIN)]);
        state.projects = Arc::default();
        assert_eq!(state, StudioState::starter());
    }
}
