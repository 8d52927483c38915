//! Projects on disk: the [jobs](crate::authority::Jobs) that save and load a studio.
//!
//! Permission to save or load is decided by the rules in `studio`.

mod document;
mod files;
mod project_lock;
mod store;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

pub use self::store::Store;

use self::files::{Files, keep};
use crate::{
    authority::Jobs,
    dispatcher::OpenError,
    model::Model as _,
    studio::{ProjectFailure, ProjectName, ProjectNotice, Studio, StudioEffect, StudioState},
};

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

/// The directory with the samples, wavetables and impulse responses of the projects in
/// `directory`: its directory `samples`, which need not exist.
#[must_use]
pub fn samples_directory(directory: &Path) -> PathBuf {
    directory.join("samples")
}

/// Lists what is in `directory` in the initial state of a session. The directory is created
/// if it does not exist. If a program ended with unsaved work, the
/// [notice](ProjectNotice::Kept) says so, until a session with the [jobs](jobs()) begins.
///
/// # Errors
/// [`OpenError::Projects`] if the directory cannot be created or read.
pub fn list_in(state: &mut StudioState, directory: &Path) -> Result<(), OpenError> {
    let projects = Arc::make_mut(&mut state.projects);
    let listed = || {
        let store = Store::open(directory)?;
        Ok((store.list()?, store.list_recovered()?))
    };
    (projects.known, projects.recovered) =
        listed().map_err(|source| OpenError::Projects { directory: directory.into(), source })?;
    let left_behind = left_behind_in(directory);
    // To read a FIFO would wait for a writer.
    if left_behind.is_file()
        && let Ok(name) = fs::read_to_string(&left_behind)
    {
        let name = ProjectName::new(&name).ok().filter(|name| projects.recovered.contains(name));
        projects.notice = name.map_or(ProjectNotice::Nothing, ProjectNotice::Kept);
    }
    Ok(())
}

/// Reads a project file, wherever it is, for a program that opens one without a session.
///
/// # Errors
/// If the file does not exist, is too large, or is not a valid project.
pub fn read(file: &Path) -> Result<StudioState, ProjectFailure> {
    document::decode_project(&store::read_whole(file)?)
}

/// The jobs that save and load projects in `directory`, which exists: see [`list_in`].
///
/// Before the session is replaced, its unsaved work is kept in the directory `recovery`
/// there. A session without them has no projects: `New` loses unsaved work, and
/// other project actions fail with [`ProjectFailure::NoDirectory`].
#[must_use]
pub fn jobs(directory: &Path) -> Jobs<Studio> {
    // If it cannot be deleted, the next start says so again.
    let _ = fs::remove_file(left_behind_in(directory));
    let files = Arc::new(Mutex::new(Files::new(Store::at(directory))));
    let [save, load] = [Arc::clone(&files), files]
        .map(|files| move |state: &StudioState, _: &StudioEffect| files.lock().perform(state));
    Jobs::new(save, load).edited_if(is_edited)
}

/// Whether there is more between two states than playing.
fn is_edited(from: &StudioState, to: &StudioState) -> bool {
    Studio::diff(&from.at_rest(), &to.at_rest()).is_some()
}

/// The file that names what a program left at its end.
fn left_behind_in(directory: &Path) -> PathBuf {
    directory.join("recovery").join("left-behind")
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
        store::replace_file(&left_behind_in(directory), name.as_str())?;
    }
    Ok(kept)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::{
        model::{InstrumentId, Model as _},
        projects::{data_directory, is_edited},
        studio::{InstrumentAction, NetworkAction, Studio, StudioState, TransportAction},
        util::quantity::{Pitch, Ticks, Velocity},
    };

    #[test]
    fn playing_while_a_project_loads_is_no_edit() {
        let before = StudioState::starter();
        let mut after = before.clone();
        let key = InstrumentAction::Play(Pitch::of(60), Velocity::of(100));
        for action in [
            NetworkAction::Instrument(InstrumentId(1), key),
            NetworkAction::Transport(TransportAction::Record(true)),
            NetworkAction::Transport(TransportAction::Play),
        ] {
            Studio::reduce(&mut after, &action).unwrap();
        }
        assert_ne!(after, before);
        assert!(!is_edited(&before, &after));
        let locate = TransportAction::Locate(Ticks::of(480));
        Studio::reduce(&mut after, &NetworkAction::Transport(locate)).unwrap();
        assert!(is_edited(&before, &after), "a project keeps where it stands");
    }

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
