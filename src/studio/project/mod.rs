//! Projects: the name of the open one, which others exist, and the outcome of
//! the last project action.
//!
//! This module knows names only, never paths or disks. Work on the disk is an
//! effect; its outcome returns as an action that only the engine may send.

mod project_name;

use serde::{Deserialize, Serialize};

pub use self::project_name::{BadProjectName, ProjectName};
use crate::{
    model::{Digest, Invalid, MAX_REASON},
    studio::common::{
        bounded::{self, MAX_CHECKPOINTS, MAX_PROJECTS},
        settings::settings,
    },
    util::limited::{bounded_list, cut_text, unnested},
};

settings! {
    /// The open project, and which projects and checkpoints exist.
    Projects, ProjectSetting {
        /// The open project; `None` before it is first saved.
        current: Current(Option<ProjectName>) = None;
        /// The projects that can be loaded, sorted.
        known: Known(Names) = Names::default();
        /// The checkpoints of the open project, sorted.
        checkpoints: Checkpoints(Names) = Names::default();
        /// The digest of the piece as it was last saved, loaded or begun; see
        /// [`UnsavedMark`](crate::studio::UnsavedMark).
        saved: Saved(Digest) = Digest::default();
        /// The unsaved work that was kept when it was replaced, or when a program ended,
        /// sorted: at most 16. The newest has the highest number.
        recovered: Recovered(Names) = Names::default();
        /// The outcome of the last project action.
        notice: Notice(ProjectNotice) = ProjectNotice::Nothing;
    }
}

/// Names of projects or checkpoints, sorted; at most 1,024.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Names(
    #[serde(deserialize_with = "bounded_list::<MAX_PROJECTS, _, _>")] Vec<ProjectName>,
);

/// The outcome of the last project action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectNotice {
    /// No action so far.
    Nothing,
    /// No action so far, but a program ended with unsaved work, which was kept under this
    /// name: [`ProjectAction::Recover`] brings it back.
    Kept(ProjectName),
    /// The action is in progress. Other project actions are refused meanwhile.
    Working(ProjectAction),
    /// The action succeeded.
    Done(ProjectAction),
    /// The action failed. The session did not change.
    Failed(ProjectAction, ProjectFailure),
}

/// An action on projects and checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectAction {
    /// Replaces the session by a new one without a name. Unsaved work is kept: see
    /// [`Recover`](Self::Recover).
    New,
    /// Saves the session under its current name. It is refused if it has none.
    Save,
    /// Saves the session under this name, which becomes the current one. An
    /// existing project of this name is replaced.
    SaveAs(ProjectName),
    /// Replaces the session by this project. Unsaved work is kept. The name of a project
    /// with `.bak` appended is that of its backup, the file before the last save.
    Load(ProjectName),
    /// Refreshes the list of projects.
    List,
    /// Saves the present state as a checkpoint of the open project.
    CreateCheckpoint(ProjectName),
    /// Replaces the session by this checkpoint of the open project. Unsaved work is kept.
    RestoreCheckpoint(ProjectName),
    /// Deletes a checkpoint of the open project.
    DeleteCheckpoint(ProjectName),
    /// Replaces the session by unsaved work that was kept, one of
    /// [`Projects::recovered`]. It has no name and is unsaved. Unsaved work of the present
    /// session is kept in turn.
    Recover(ProjectName),
}

/// The projects and checkpoints on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// All projects.
    pub known: Names,
    /// The checkpoints of the open project.
    pub checkpoints: Names,
    /// The digest of the piece that was saved or loaded, if one was.
    pub saved: Option<Digest>,
    /// The unsaved work that was kept.
    pub recovered: Names,
}

/// The reason why a project action failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectFailure {
    /// The host was started without a project directory.
    #[error("the host was started without a project directory")]
    NoDirectory,
    /// No project or checkpoint has this name.
    #[error("no project or checkpoint has this name")]
    Missing,
    /// The file ends too early.
    #[error("the file is incomplete")]
    Truncated,
    /// The file has another format.
    #[error("the file is not a project")]
    NotAProject,
    /// The file has a version of the project format that cannot be read, such as a newer
    /// one.
    #[error("the file has format version {found}; this program reads versions up to {expected}")]
    OtherVersion {
        /// The version of the file.
        found: u32,
        /// The newest version that can be read.
        expected: u32,
    },
    /// The file is a project, but its content is invalid.
    #[error("the file is damaged: {detail}")]
    Damaged {
        /// The error of the reader.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        detail: String,
    },
    /// The file exceeds the size limit of projects.
    #[error("the file is too large to be a project")]
    TooLarge,
    /// The file cannot be read, but its backup, the file before the last save, can.
    #[error("{why}; its backup is whole: load “{backup}”")]
    BackupIsWhole {
        /// Why the file cannot be read.
        #[serde(deserialize_with = "unnested")]
        why: Box<ProjectFailure>,
        /// The name with which [`ProjectAction::Load`] loads the backup.
        backup: ProjectName,
    },
    /// Another session has the project open.
    #[error("another session has this project open: {holder}")]
    InUse {
        /// The program that runs the other session, as it describes itself.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        holder: String,
    },
    /// The disk or the operating system reported an error.
    #[error("{detail}")]
    Disk {
        /// The error of the operating system.
        #[serde(deserialize_with = "cut_text::<MAX_REASON, _, _>")]
        detail: String,
    },
}

impl ProjectAction {
    /// Whether another session takes the place of the present one if it succeeds.
    #[must_use]
    pub const fn replaces_session(&self) -> bool {
        match self {
            Self::New | Self::Load(_) | Self::RestoreCheckpoint(_) | Self::Recover(_) => true,
            Self::Save
            | Self::SaveAs(_)
            | Self::List
            | Self::CreateCheckpoint(_)
            | Self::DeleteCheckpoint(_) => false,
        }
    }
}

impl Names {
    /// Sorts the names and removes duplicates. Only the first 1,024 are kept.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = ProjectName>) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort();
        names.dedup();
        names.truncate(MAX_PROJECTS);
        Self(names)
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &ProjectName> {
        self.0.iter()
    }

    /// The number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` is one of them.
    #[must_use]
    pub fn contains(&self, name: &ProjectName) -> bool {
        self.0.contains(name)
    }
}

impl Projects {
    /// Begins a task, if nothing else is under way.
    pub(super) fn reduce(&mut self, action: &ProjectAction) -> Result<(), Invalid> {
        self.check(action)?;
        self.notice = ProjectNotice::Working(action.clone());
        Ok(())
    }

    /// Records the outcome of a task.
    pub(super) fn finish(&mut self, task: &ProjectAction, done: Result<&Shelf, &ProjectFailure>) {
        let found = match done {
            Ok(found) => found,
            Err(why) => {
                self.notice = ProjectNotice::Failed(task.clone(), why.clone());
                return;
            }
        };
        self.known.clone_from(&found.known);
        self.checkpoints.clone_from(&found.checkpoints);
        self.saved = found.saved.unwrap_or(self.saved);
        self.recovered.clone_from(&found.recovered);
        self.notice = ProjectNotice::Done(task.clone());
        match task {
            ProjectAction::SaveAs(name) | ProjectAction::Load(name) => {
                self.current = Some(name.clone());
            }
            ProjectAction::New | ProjectAction::Recover(_) => self.current = None,
            _ => {}
        }
    }

    /// Whether this can be begun.
    fn check(&self, action: &ProjectAction) -> Result<(), Invalid> {
        if let ProjectNotice::Working(_) = self.notice {
            return Err(Invalid::unfit("another project action is in progress"));
        }
        let unnamed = self.current.is_none();
        match action {
            ProjectAction::Save if unnamed => {
                Err(Invalid::unfit("the project has no name yet; save it under a name first"))
            }
            ProjectAction::CreateCheckpoint(_) if unnamed => {
                Err(Invalid::unfit("save the project before you create checkpoints"))
            }
            ProjectAction::CreateCheckpoint(name) if self.checkpoints.contains(name) => {
                Err(Invalid::exists("checkpoint", name))
            }
            ProjectAction::CreateCheckpoint(_) if self.checkpoints.len() >= MAX_CHECKPOINTS => {
                Err(Invalid::full("checkpoints", bounded::count(MAX_CHECKPOINTS)))
            }
            ProjectAction::RestoreCheckpoint(name) | ProjectAction::DeleteCheckpoint(name)
                if !self.checkpoints.contains(name) =>
            {
                Err(Invalid::missing("checkpoint", name))
            }
            ProjectAction::Recover(name) if !self.recovered.contains(name) => {
                Err(Invalid::missing("recovered work", name))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        model::{InstrumentId, Model},
        studio::{
            ProjectOutcome, ProjectReport, Studio, StudioEffect, StudioState,
            globals::playback::TransportAction, instrument::InstrumentAction,
            network_action::NetworkAction,
        },
        util::quantity::{Pitch, Velocity},
    };

    fn act(state: &mut StudioState, action: ProjectAction) -> Result<Vec<StudioEffect>, Invalid> {
        Ok(Studio::reduce(state, &NetworkAction::Project(action))?.effects)
    }

    fn report(state: &mut StudioState, task: ProjectAction, outcome: ProjectOutcome) {
        let report = NetworkAction::ProjectReport(ProjectReport { task, outcome });
        Studio::reduce(state, &report).unwrap();
    }

    fn song() -> ProjectName {
        ProjectName::new("Song").unwrap()
    }

    #[test]
    fn project_actions_do_not_overlap() {
        let mut state = StudioState::starter();
        assert!(act(&mut state, ProjectAction::Save).is_err(), "it has no name");
        let save = ProjectAction::SaveAs(song());
        assert_eq!(act(&mut state, save.clone()), Ok(vec![StudioEffect::Save]));
        assert!(act(&mut state, ProjectAction::New).is_err(), "it is being saved");
        let shelf = Shelf { known: Names::new([song()]), ..Shelf::default() };
        report(&mut state, save.clone(), ProjectOutcome::Done(shelf));
        assert_eq!(state.projects.current, Some(song()));
        assert_eq!(state.projects.notice, ProjectNotice::Done(save));
        assert_eq!(act(&mut state, ProjectAction::Save), Ok(vec![StudioEffect::Save]));
    }

    #[test]
    fn failed_load_leaves_the_session_unchanged() {
        let mut state = StudioState::starter();
        let load = ProjectAction::Load(song());
        act(&mut state, load.clone()).unwrap();
        report(&mut state, load.clone(), ProjectOutcome::Failed(ProjectFailure::Missing));
        assert_eq!(state.projects.notice, ProjectNotice::Failed(load, ProjectFailure::Missing));
        assert_eq!(state.at_rest(), StudioState::starter().at_rest());
    }

    #[test]
    fn loaded_session_is_silent_and_stopped() {
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
        let effects = Studio::reduce(&mut state, &report).unwrap().effects;
        assert_eq!(effects, [], "the engine begins anew");
        assert_eq!(state.at_rest(), StudioState::starter().at_rest());
    }
}
