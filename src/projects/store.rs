//! A directory of project files. A file is replaced as a whole or not at all, even
//! if the program crashes.
//!
//! Its functions block, and know nothing of sessions. A [`ProjectName`] cannot
//! lead out of the directory.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::document;
use crate::studio::{MAX_STATE_BYTES, Names, ProjectFailure, ProjectName, StudioState};

/// The suffix of project files.
const SUFFIX: &str = ".imbolc.json";

/// The largest file that is read, in bytes: the largest state and its header.
const MAX_FILE_BYTES: u64 = MAX_STATE_BYTES as u64 + 1024;

/// A directory of projects, or of the checkpoints of one.
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
        Ok(Self { directory: directory.into() })
    }

    /// The checkpoints of a project, in a directory of their own.
    ///
    /// # Errors
    /// If the directory cannot be created.
    pub fn checkpoints(&self, name: &ProjectName) -> Result<Self, ProjectFailure> {
        Ok(Self::open(&self.checkpoint_directory(name))?)
    }

    /// The names of a project's checkpoints.
    ///
    /// # Errors
    /// If their directory cannot be read.
    pub fn list_checkpoints(&self, name: &ProjectName) -> Result<Names, ProjectFailure> {
        let directory = self.checkpoint_directory(name);
        // Listing must not create the directory.
        if directory.is_dir() { Ok(Self { directory }.list()?) } else { Ok(Names::default()) }
    }

    /// The names of the projects. Other files are ignored.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> io::Result<Names> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let file = entry?.file_name();
            let stem = file.to_str().and_then(|file| file.strip_suffix(SUFFIX));
            names.extend(stem.and_then(|stem| ProjectName::new(stem).ok()));
        }
        Ok(Names::new(names))
    }

    /// Saves `state` under `name`. The previous file is kept with the suffix `.bak`.
    ///
    /// # Errors
    /// If the file cannot be written, e.g. because the disk is full. The previous file
    /// is unchanged then.
    pub fn save(&self, name: &ProjectName, state: &StudioState) -> Result<(), ProjectFailure> {
        let document = document::encode_project(state)?;
        let new = self.file(name, ".new");
        let mut file = File::create(&new)?;
        file.write_all(&document)?;
        file.sync_all()?;
        drop(file);
        self.back_up(name)?;
        fs::rename(&new, self.file(name, ""))?;
        self.sync()?;
        Ok(())
    }

    /// Makes the file of `name` available as its backup, too. The file itself stays
    /// in place all the time.
    fn back_up(&self, name: &ProjectName) -> io::Result<()> {
        let (file, backup) = (self.file(name, ""), self.file(name, ".bak"));
        if !file.exists() {
            return Ok(());
        }
        if backup.exists() {
            fs::remove_file(&backup)?;
        }
        // Not every file system supports hard links.
        fs::hard_link(&file, &backup).or_else(|_| fs::copy(&file, &backup).map(drop))
    }

    /// Flushes the directory to disk, so that a renamed file survives a power loss.
    fn sync(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.directory)?.sync_all() } else { Ok(()) }
    }

    /// Loads the state saved under `name`.
    ///
    /// # Errors
    /// If the file does not exist, is too large, or is not a valid project.
    pub fn load(&self, name: &ProjectName) -> Result<StudioState, ProjectFailure> {
        let file = File::open(self.file(name, ""))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(ProjectFailure::TooLarge);
        }
        document::decode_project(&bytes)
    }

    /// Deletes the file of `name` and its backup.
    ///
    /// # Errors
    /// If the file does not exist or cannot be deleted.
    pub fn delete(&self, name: &ProjectName) -> Result<(), ProjectFailure> {
        fs::remove_file(self.file(name, ""))?;
        match fs::remove_file(self.file(name, ".bak")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(self.sync()?),
        }
    }

    fn file(&self, name: &ProjectName, suffix: &str) -> PathBuf {
        self.directory.join(format!("{name}{SUFFIX}{suffix}"))
    }

    fn checkpoint_directory(&self, name: &ProjectName) -> PathBuf {
        self.directory.join(format!("{name}.checkpoints"))
    }
}

impl From<io::Error> for ProjectFailure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Disk { detail: crate::util::io::describe(&error) },
        }
    }
}
