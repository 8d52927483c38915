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
    file: Option<Mutex<ListFile<E>>>,
}

struct ListFile<E> {
    path: PathBuf,
    /// The changes that could not be written, in order.
    unwritten: Vec<Change<E>>,
}

type Change<E> = Box<dyn Fn(&mut Vec<E>) + Send>;

impl<E: Clone + Serialize + DeserializeOwned> KeptList<E> {
    pub(super) fn in_memory() -> Self {
        Self { entries: SnapshotCell::new(Arc::default()), file: None }
    }

    /// The list in the file `name` of `directory`. Also returns what the user should know:
    /// that the file cannot be read, or was not understood and is kept aside. Blocks.
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
        let (entries, notice) = read.unwrap_or_else(|error| {
            (Vec::new(), Some(format!("{} cannot be used: {error}", path.display())))
        });
        let file = Mutex::new(ListFile { path, unwritten: Vec::new() });
        (Self { entries: SnapshotCell::new(Arc::new(entries)), file: Some(file) }, notice)
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
    pub(super) fn change<R>(
        &self,
        change: impl Fn(&mut Vec<E>) -> R + Send + 'static,
    ) -> io::Result<R> {
        let Some(file) = &self.file else { return Ok(self.apply(self.in_use(), change)) };
        let mut file = file.lock();
        let opened = file.begin();
        let base = opened.as_ref().map_or_else(|_| self.in_use(), |(_, saved)| saved.clone());
        let result = self.apply(base, &change);
        match opened.and_then(|(_lock, _)| self.peek(|entries| file.write(entries))) {
            Ok(()) => file.unwritten.clear(),
            Err(error) => {
                let excess = (file.unwritten.len() + 1).saturating_sub(MAX_ENTRIES);
                file.unwritten.drain(..excess);
                file.unwritten.push(Box::new(move |entries| drop(change(entries))));
                return Err(error);
            }
        }
        Ok(result)
    }

    fn in_use(&self) -> Vec<E> {
        self.peek(<[E]>::to_vec)
    }

    fn apply<R>(&self, mut entries: Vec<E>, change: impl Fn(&mut Vec<E>) -> R) -> R {
        let result = change(&mut entries);
        entries.drain(..entries.len().saturating_sub(MAX_ENTRIES));
        self.entries.publish(Arc::new(entries));
        result
    }
}

impl<E: Serialize + DeserializeOwned> ListFile<E> {
    /// Takes the lock, and reads the list with the changes that are not written yet.
    fn begin(&self) -> io::Result<(Option<fs::File>, Vec<E>)> {
        let lock = lock_directory(self.path.parent().unwrap_or(Path::new(".")))?;
        let (mut entries, notice) = read_or_set_aside(&self.path)?;
        if let Some(notice) = notice {
            warn!("{notice}");
        }
        self.unwritten.iter().for_each(|change| change(&mut entries));
        Ok((lock, entries))
    }

    fn write(&self, entries: &[E]) -> io::Result<()> {
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
