//! A directory of project files. A file is replaced as a whole or not at all, even
//! if the program crashes.
//!
//! Its functions block, and know nothing of sessions. A [`ProjectName`] cannot
//! lead out of the directory.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::document;
use crate::studio::{
    MAX_RECOVERED, MAX_STATE_BYTES, Names, ProjectFailure, ProjectName, StudioState,
};

/// The suffix of project files.
const SUFFIX: &str = ".imbolc.json";

/// The suffix of the file before the last save.
const BACKUP: &str = ".imbolc.json.bak";

/// The suffix of the directory with a project's checkpoints.
const CHECKPOINTS: &str = ".checkpoints";

/// The suffix of a file that is not whole yet.
const UNFINISHED: &str = ".new";

/// The largest file that is read, in bytes: the largest state and its header.
const MAX_FILE_BYTES: u64 = MAX_STATE_BYTES as u64 + 1024;

/// A directory of projects, of the checkpoints of one, or of unsaved work that was kept.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The projects in `directory`, which is created if it does not exist.
    ///
    /// # Errors
    /// If the directory cannot be created.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self::at(directory))
    }

    /// The projects in `directory`, which exists.
    pub(super) fn at(directory: &Path) -> Self {
        Self { directory: directory.into() }
    }

    /// The checkpoints of a project, in a directory of their own.
    ///
    /// # Errors
    /// If the directory cannot be created.
    pub fn checkpoints(&self, name: &ProjectName) -> Result<Self, ProjectFailure> {
        Ok(Self::open(&self.path(name, CHECKPOINTS)?)?)
    }

    /// The names of a project's checkpoints.
    ///
    /// # Errors
    /// If their directory cannot be read.
    pub fn list_checkpoints(&self, name: &ProjectName) -> Result<Names, ProjectFailure> {
        let directory = self.path(name, CHECKPOINTS)?;
        // Listing must not create the directory.
        if directory.is_dir() { Ok(Self { directory }.list()?) } else { Ok(Names::default()) }
    }

    /// The unsaved work that was kept.
    ///
    /// # Errors
    /// If its directory cannot be created.
    pub fn recovery(&self) -> io::Result<Self> {
        Self::open(&self.directory.join("recovery"))
    }

    /// The names of the unsaved work that was kept.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub fn list_recovered(&self) -> io::Result<Names> {
        let directory = self.directory.join("recovery");
        if directory.is_dir() { Self { directory }.list() } else { Ok(Names::default()) }
    }

    /// The names of the projects. A file whose name is not a project's is listed by a
    /// cleaned one, with which it can be loaded. Other files are ignored.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> io::Result<Names> {
        Ok(Names::new(self.entries(SUFFIX)?.into_keys()))
    }

    /// Saves `state` under `name`. The previous file is kept with the suffix `.bak`, unless
    /// it is damaged. If the file is a link, what it leads to is replaced.
    ///
    /// # Errors
    /// If the file cannot be written, e.g. because the disk is full. The previous file
    /// and its backup are unchanged then.
    pub fn save(&self, name: &ProjectName, state: &StudioState) -> Result<(), ProjectFailure> {
        let document = document::encode_project(state)?;
        let (file, mode) = self.target(name)?;
        let new = write_beside(&file, &document, mode.as_ref())?;
        if mode.is_some() {
            self.back_up(name, &file, mode.as_ref())?;
        }
        new.persist(&file).map_err(|failed| ProjectFailure::disk(&failed.error))?;
        sync_parent(&file)
    }

    /// Makes the content of `file` the backup of `name`, if it is whole.
    fn back_up(
        &self,
        name: &ProjectName,
        file: &Path,
        mode: Option<&Permissions>,
    ) -> Result<(), ProjectFailure> {
        let whole = read_whole(file).and_then(|document| {
            match document::decode_project(&document) {
                // It cannot be read here, but by a newer program.
                Ok(_) | Err(ProjectFailure::OtherVersion { .. }) => Ok(document),
                Err(why) => Err(why),
            }
        });
        let Ok(document) = whole else { return Ok(()) };
        let backup = self.path(name, BACKUP)?;
        let new = write_beside(&backup, &document, mode)?;
        new.persist(&backup).map_err(|failed| ProjectFailure::disk(&failed.error))?;
        Ok(())
    }

    /// Saves `state`, which is about to be lost, under a new name that begins with a
    /// rising number and contains `title`. Only the newest 16 are kept.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn keep(&self, title: &str, state: &StudioState) -> Result<ProjectName, ProjectFailure> {
        let document = document::encode_project(state)?;
        let mut kept: Vec<_> =
            self.entries(SUFFIX)?.into_iter().map(|(n, p)| (number(&n), p)).collect();
        kept.sort();
        let mut next = kept.last().map_or(1, |(newest, _)| newest.saturating_add(1));
        let name = loop {
            let name = ProjectName::cleaned(&format!("{next:04} {title}"), "");
            let (file, _) = self.target(&name)?;
            match write_beside(&file, &document, None)?.persist_noclobber(&file) {
                Ok(_) => break name,
                // Another program was faster.
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => next += 1,
                Err(failed) => return Err(ProjectFailure::disk(&failed.error)),
            }
        };
        for (_, old) in kept.iter().rev().skip(MAX_RECOVERED - 1) {
            // Another program may have deleted it.
            let _ = fs::remove_file(old);
        }
        sync_directory(&self.directory)?;
        Ok(name)
    }

    /// Loads the state saved under `name`, or the backup of a project under its name with
    /// `.bak` appended.
    ///
    /// # Errors
    /// If the file does not exist, is too large, or is not a valid project.
    pub fn load(&self, name: &ProjectName) -> Result<StudioState, ProjectFailure> {
        let why = match self.load_from(name, SUFFIX) {
            Err(why) => why,
            loaded => return loaded,
        };
        let original = name.as_str().strip_suffix(".bak").map(ProjectName::new);
        if let (ProjectFailure::Missing, Some(Ok(original))) = (&why, original) {
            return self.load_from(&original, BACKUP);
        }
        match ProjectName::new(&format!("{name}.bak")) {
            Ok(backup) if self.load_from(name, BACKUP).is_ok() => {
                Err(ProjectFailure::BackupIsWhole { why: Box::new(why), backup })
            }
            _ => Err(why),
        }
    }

    fn load_from(&self, name: &ProjectName, suffix: &str) -> Result<StudioState, ProjectFailure> {
        document::decode_project(&read_whole(&self.path(name, suffix)?)?)
    }

    /// Deletes the file of `name` and its backup.
    ///
    /// # Errors
    /// If the file does not exist or cannot be deleted.
    pub fn delete(&self, name: &ProjectName) -> Result<(), ProjectFailure> {
        fs::remove_file(self.path(name, SUFFIX)?)?;
        match fs::remove_file(self.path(name, BACKUP)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => sync_directory(&self.directory),
        }
    }

    /// The file whose lock must be held to save the project `name`.
    pub(super) fn lock_file(&self, name: &ProjectName) -> Result<PathBuf, ProjectFailure> {
        let mut file = self.target(name)?.0.into_os_string();
        file.push(".lock");
        Ok(file.into())
    }

    /// Deletes what a program that crashed has left of the project `name`, whose lock must
    /// be held.
    pub(super) fn remove_remains(&self, name: &ProjectName) -> io::Result<()> {
        let beginning = format!("{name}{SUFFIX}");
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let file = entry.file_name();
            let file = file.to_string_lossy();
            if file.strip_prefix(&beginning).is_some_and(|rest| rest.ends_with(UNFINISHED)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Where to save `name`, and the mode of the file that is there.
    fn target(&self, name: &ProjectName) -> Result<(PathBuf, Option<Permissions>), ProjectFailure> {
        let mut file = self.path(name, SUFFIX)?;
        match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((file, None)),
            Err(error) => return Err(ProjectFailure::disk(&error)),
            Ok(entry) if entry.is_symlink() => {
                file = fs::canonicalize(&file).map_err(|error| ProjectFailure::disk(&error))?;
            }
            Ok(_) => {}
        }
        let entry = fs::metadata(&file).map_err(|error| ProjectFailure::disk(&error))?;
        check_is_file(&file, &entry)?;
        Ok((file, Some(entry.permissions())))
    }

    /// The path of what has this name and suffix, or would have them.
    fn path(&self, name: &ProjectName, suffix: &str) -> io::Result<PathBuf> {
        let exact = self.directory.join(format!("{name}{suffix}"));
        if fs::symlink_metadata(&exact).is_ok() {
            return Ok(exact);
        }
        Ok(self.entries(suffix)?.remove(name).unwrap_or(exact))
    }

    /// What ends with `suffix`, by its name without it. If a file's name is not a
    /// project's, or equals another one when it is cleaned, it gets one that is free.
    fn entries(&self, suffix: &str) -> io::Result<BTreeMap<ProjectName, PathBuf>> {
        let (mut entries, mut others) = (BTreeMap::new(), BTreeMap::new());
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let file = entry.file_name();
            let file = file.to_string_lossy();
            let Some(stem) = file.strip_suffix(suffix) else { continue };
            match ProjectName::new(stem) {
                Ok(name) if name.as_str() == stem => drop(entries.insert(name, entry.path())),
                _ => drop(others.insert(entry.path(), stem.to_owned())),
            }
        }
        for (path, stem) in others {
            let endings = (2..).map(|number| format!(" {number}"));
            let names = std::iter::once(String::new())
                .chain(endings)
                .map(|ending| ProjectName::cleaned(&stem, &ending));
            if let Some(free) = names.into_iter().find(|name| !entries.contains_key(name)) {
                entries.insert(free, path);
            }
        }
        Ok(entries)
    }
}

/// The number with which the name of kept work begins.
fn number(name: &ProjectName) -> u32 {
    name.as_str().split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Replaces what is at `path`, which may be a link or a special file.
pub(super) fn replace_file(path: &Path, content: &str) -> Result<(), ProjectFailure> {
    let new = write_beside(path, content.as_bytes(), None)?;
    new.persist(path).map_err(|failed| ProjectFailure::disk(&failed.error))?;
    Ok(())
}

/// Writes a whole file beside `path`, which is deleted unless it is renamed.
fn write_beside(
    path: &Path,
    content: &[u8],
    mode: Option<&Permissions>,
) -> Result<NamedTempFile, ProjectFailure> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{file_name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(UNFINISHED);
    // Otherwise only this user could read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let written = || {
        let mut new = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
        new.write_all(content)?;
        if let Some(mode) = mode {
            new.as_file().set_permissions(mode.clone())?;
        }
        new.as_file().sync_all()?;
        Ok(new)
    };
    written().map_err(|error: io::Error| ProjectFailure::disk(&error))
}

/// The bytes of a file, at most those of the largest project.
pub(super) fn read_whole(path: &Path) -> Result<Vec<u8>, ProjectFailure> {
    // To open a FIFO would wait for a writer.
    check_is_file(path, &fs::metadata(path)?)?;
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ProjectFailure::TooLarge);
    }
    Ok(bytes)
}

fn check_is_file(path: &Path, entry: &fs::Metadata) -> Result<(), ProjectFailure> {
    if entry.is_file() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Err(ProjectFailure::Disk { detail: format!("{name} is not a file") })
}

fn sync_parent(file: &Path) -> Result<(), ProjectFailure> {
    file.parent().map_or(Ok(()), sync_directory)
}

/// Flushes the directory to disk, so that a renamed file survives a power loss.
fn sync_directory(directory: &Path) -> Result<(), ProjectFailure> {
    if cfg!(unix) { Ok(File::open(directory)?.sync_all()?) } else { Ok(()) }
}

impl ProjectFailure {
    pub(super) fn disk(error: &io::Error) -> Self {
        Self::Disk { detail: crate::util::io::describe(error) }
    }
}

impl From<io::Error> for ProjectFailure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::disk(&error),
        }
    }
}
