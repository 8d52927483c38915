//! A directory of projects, in which no moment exists where a file is half
//! written.
//!
//! It blocks, and knows nothing of sessions. No name leads out of the directory:
//! that is what [`ProjectName`] is for.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::document;
use crate::studio::{MAX_STATE_BYTES, Names, ProjectFailure, ProjectName, StudioState};

/// How the files of projects end.
const ENDING: &str = ".imbolc.json";

/// Bytes of the largest file that is read: the largest state, and what is
/// around it.
const MAX_BYTES: u64 = MAX_STATE_BYTES as u64 + 1024;

/// A directory of projects, or of the checkpoints of one.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The projects in `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.into() })
    }

    /// The checkpoints of a project.
    ///
    /// # Errors
    /// If there is no place for them.
    pub fn checkpoints(&self, name: &ProjectName) -> Result<Self, ProjectFailure> {
        Ok(Self::open(&self.checkpoint_directory(name))?)
    }

    /// Which checkpoints a project has.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn list_checkpoints(&self, name: &ProjectName) -> Result<Names, ProjectFailure> {
        let directory = self.checkpoint_directory(name);
        // To look is no reason to make it.
        if directory.is_dir() { Ok(Self { directory }.list()?) } else { Ok(Names::default()) }
    }

    /// Which projects there are. What is not a project by its name is left out.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> io::Result<Names> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let file = entry?.file_name();
            let stem = file.to_str().and_then(|file| file.strip_suffix(ENDING));
            names.extend(stem.and_then(|stem| ProjectName::new(stem).ok()));
        }
        Ok(Names::new(names))
    }

    /// Writes the piece in `state` under `name`. What was there before is kept
    /// beside it, with `.bak` at its end.
    ///
    /// # Errors
    /// If the disk is full, or the like. What was there before is still there
    /// then.
    pub fn save(&self, name: &ProjectName, state: &StudioState) -> Result<(), ProjectFailure> {
        let document = document::write(state)?;
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

    /// Makes what is there under `name` available as its backup too. It is
    /// never not there.
    fn back_up(&self, name: &ProjectName) -> io::Result<()> {
        let (file, backup) = (self.file(name, ""), self.file(name, ".bak"));
        if !file.exists() {
            return Ok(());
        }
        if backup.exists() {
            fs::remove_file(&backup)?;
        }
        // Not every file system can have a file under two names.
        fs::hard_link(&file, &backup).or_else(|_| fs::copy(&file, &backup).map(drop))
    }

    /// Has the directory itself written, so that the new name outlives a loss
    /// of power.
    fn sync(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.directory)?.sync_all() } else { Ok(()) }
    }

    /// Reads the piece under `name`.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn load(&self, name: &ProjectName) -> Result<StudioState, ProjectFailure> {
        let file = File::open(self.file(name, ""))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ProjectFailure::TooLarge);
        }
        document::read(&bytes)
    }

    /// Deletes what is under `name`, and its backup.
    ///
    /// # Errors
    /// If there is nothing, or it cannot be deleted.
    pub fn delete(&self, name: &ProjectName) -> Result<(), ProjectFailure> {
        fs::remove_file(self.file(name, ""))?;
        match fs::remove_file(self.file(name, ".bak")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(self.sync()?),
        }
    }

    fn file(&self, name: &ProjectName, ending: &str) -> PathBuf {
        self.directory.join(format!("{name}{ENDING}{ending}"))
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
