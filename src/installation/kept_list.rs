//! A list in a JSON file that several programs change. It knows nothing of the entries,
//! except that those at its end were used last.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use super::private_files::{lock_directory, open_file, read_at_most, write_aside};
use crate::util::snapshot::SnapshotCell;

/// Entries of a list. Of more, those that were used longest ago are dropped.
pub(super) const MAX_ENTRIES: usize = 1024;

/// Bytes of a file that is read. 4 MiB: more than the longest list.
const MAX_LIST_FILE: usize = 4 * 1024 * 1024;

/// A list that is read from memory, and kept in a file.
pub(super) struct KeptList<E> {
    entries: SnapshotCell<Vec<E>>,
    /// `None` if the list is in memory only.
    file: Mutex<Option<ListFile>>,
}

struct ListFile {
    path: PathBuf,
    /// Whether the last change could not be written. The list in memory then counts.
    is_behind: bool,
}

impl<E: Clone + Serialize + DeserializeOwned> KeptList<E> {
    pub(super) fn in_memory() -> Self {
        Self { entries: SnapshotCell::new(Arc::default()), file: Mutex::new(None) }
    }

    /// The list in the file `name` of `directory`. Also returns what the user should know:
    /// that the file cannot be used, or was not understood and is kept aside. Blocks.
    pub(super) fn open(directory: &Path, name: &str) -> (Self, Option<String>) {
        let path = directory.join(name);
        let read = read_entries(&path).map(|entries| (entries, None));
        let read = read.or_else(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                let _lock = lock_directory(directory)?;
                read_or_set_aside(&path)
            }
            _ => Err(error),
        });
        match read {
            Ok((entries, notice)) => {
                let file = ListFile { path, is_behind: false };
                let entries = SnapshotCell::new(Arc::new(entries));
                (Self { entries, file: Mutex::new(Some(file)) }, notice)
            }
            Err(error) => {
                let notice = format!("{} is neither read nor written: {error}", path.display());
                (Self::in_memory(), Some(notice))
            }
        }
    }

    /// Calls `look` with the list in memory.
    pub(super) fn peek<R>(&self, look: impl FnOnce(&[E]) -> R) -> R {
        self.entries.peek(|entries| look(entries))
    }

    /// Applies `change` to the list as the file has it now, and writes it. Blocks.
    ///
    /// # Errors
    /// If the file cannot be read or written. The change then holds in memory, and is
    /// written with the next one.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Vec<E>) -> R) -> io::Result<R> {
        let mut file = self.file.lock();
        let Some(file) = &mut *file else { return Ok(self.apply(self.in_use(), change)) };
        let opened = file.begin();
        let base = match &opened {
            Ok((_, saved)) if !file.is_behind => saved.clone(),
            _ => self.in_use(),
        };
        let result = self.apply(base, change);
        let written = opened.and_then(|(_lock, _)| self.peek(|entries| file.write(entries)));
        file.is_behind = written.is_err();
        written.map(|()| result)
    }

    fn in_use(&self) -> Vec<E> {
        self.peek(<[E]>::to_vec)
    }

    fn apply<R>(&self, mut entries: Vec<E>, change: impl FnOnce(&mut Vec<E>) -> R) -> R {
        let result = change(&mut entries);
        entries.drain(..entries.len().saturating_sub(MAX_ENTRIES));
        self.entries.publish(Arc::new(entries));
        result
    }
}

impl ListFile {
    /// Takes the lock, and reads the file.
    fn begin<E: DeserializeOwned>(&self) -> io::Result<(Option<fs::File>, Vec<E>)> {
        let lock = lock_directory(self.path.parent().unwrap_or(Path::new(".")))?;
        let (entries, notice) = read_or_set_aside(&self.path)?;
        if let Some(notice) = notice {
            warn!("{notice}");
        }
        Ok((lock, entries))
    }

    fn write<E: Serialize>(&self, entries: &[E]) -> io::Result<()> {
        let file = write_aside(&self.path, &serde_json::to_vec_pretty(entries)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// The entries in the file at `path`; none if there is no file.
///
/// # Errors
/// If it cannot be read; `InvalidData` if it is not understood, as one of a newer version.
fn read_entries<E: DeserializeOwned>(path: &Path) -> io::Result<Vec<E>> {
    let Some(file) = open_file(path)? else { return Ok(Vec::new()) };
    let content = read_at_most(&file, MAX_LIST_FILE)?;
    serde_json::from_slice(&content).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The entries in the file at `path`. A file that is not understood is renamed. The caller
/// holds the lock.
fn read_or_set_aside<E: DeserializeOwned>(path: &Path) -> io::Result<(Vec<E>, Option<String>)> {
    match read_entries(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
        read => return read.map(|entries| (entries, None)),
    }
    let aside = path.with_added_extension("broken");
    if fs::symlink_metadata(&aside).is_ok() {
        let detail = format!("it is not understood, and {} is there already", aside.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, detail));
    }
    fs::rename(path, &aside)?;
    let (path, aside) = (path.display(), aside.display());
    Ok((Vec::new(), Some(format!("{path} is not understood: it is kept as {aside}"))))
}
