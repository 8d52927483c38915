//! The lock of a project: a file beside it that a session holds while it has the project
//! open, so that two programs do not save over each other.
//!
//! It knows nothing of what is in a project.

use std::{
    env,
    fs::{self, File, TryLockError},
    io::{self, Read as _, Write as _},
    path::Path,
    process,
};

use crate::{studio::ProjectFailure, util::text::cleaned};

/// Characters of the holder's description that are shown.
const MAX_HOLDER: usize = 120;

/// Held until it is dropped, or the process ends. The file stays: deleting it could leave
/// two programs with a lock each.
#[derive(Debug)]
pub(super) struct ProjectLock {
    _file: File,
}

impl ProjectLock {
    /// Takes the lock, and describes this program in its file.
    ///
    /// # Errors
    /// [`ProjectFailure::InUse`] if another session holds it, or another failure if its
    /// file cannot be used.
    pub(super) fn acquire(path: &Path) -> Result<Self, ProjectFailure> {
        if fs::symlink_metadata(path).is_ok_and(|entry| !entry.is_file()) {
            let detail = format!("{} is not a file", path.display());
            return Err(ProjectFailure::Disk { detail });
        }
        let mut options = File::options();
        let shared = options.read(true).write(true).create(true).truncate(false).open(path);
        // Another user's lock file can be locked without being written to.
        let opened = shared.or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => File::open(path),
            _ => Err(error),
        });
        let mut file = opened.map_err(|error| ProjectFailure::disk(&error))?;
        match file.try_lock() {
            Ok(()) => {
                // The description is a help, not a condition.
                let _ = file.set_len(0).and_then(|()| file.write_all(described().as_bytes()));
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = Vec::new();
                let _ = file.take(1024).read_to_end(&mut holder);
                let holder = cleaned(&String::from_utf8_lossy(&holder), MAX_HOLDER);
                return Err(ProjectFailure::InUse { holder });
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        Ok(Self { _file: file })
    }
}

/// This program, as another one describes it to its user.
fn described() -> String {
    let program = env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_stem).unwrap_or_default();
    let host = hostname::get().unwrap_or_default();
    let (program, host) = (program.to_string_lossy(), host.to_string_lossy());
    format!("{program}, process {} on {host}", process::id())
}
