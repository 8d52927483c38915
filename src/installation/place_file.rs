//! The file that keeps a client's place in a session, so that it survives the client's
//! process. Knows nothing of connections.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::private_files::{
    make_private_directory, open_file, open_lock, read_at_most, write_aside,
};
use crate::{
    model::Digest,
    protocol::{InstanceId, SessionId, SessionToken},
};

/// How many clients of one name may keep tokens for one host on one machine.
const MAX_SLOTS: u32 = 32;

/// Bytes of a place file that are read.
const MAX_PLACE_FILE: usize = 4096;

/// A file that holds a client's place, readable by its owner only.
///
/// The file belongs to one running process at a time, which holds a lock on a file
/// beside it. The operating system releases the lock when the process ends, even
/// if it is killed. So a second client of the same name on the same machine gets
/// its own file and does not supersede the first, and a client that was killed
/// finds its place when it starts again.
#[derive(Debug)]
pub struct PlaceFile {
    path: PathBuf,
    /// Held until the value is dropped.
    _lock: File,
}

/// The content of a [`PlaceFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlace {
    /// Which program of the installation it is. A program that takes over the file is the
    /// same one.
    pub instance: InstanceId,
    /// The number of the last attempt to connect. It is raised before each attempt, so
    /// that a newer attempt beats an older one that the host reads later.
    pub attempt: u64,
    /// The session in which the client has a place; `None` if it has none.
    pub session: Option<SessionId>,
    /// The secret with which a plain client resumes; `None` for one with a key.
    pub token: Option<SessionToken>,
}

impl SavedPlace {
    /// A new instance, which has no place yet.
    pub(crate) fn unused() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let instance = InstanceId::new(bytes);
        Ok(Self { instance, attempt: 0, session: None, token: None })
    }
}

impl PlaceFile {
    /// Claims the first free place file of a client called `name` for `place`, the address
    /// or the session of a host, in `directory`, which is created if it does not exist.
    /// Blocks.
    ///
    /// # Errors
    /// If the directory or the lock cannot be created, or running processes hold
    /// all 32 files.
    pub fn claim(directory: &Path, place: &str, name: &str) -> io::Result<Self> {
        make_private_directory(directory)?;
        for slot in 1..=MAX_SLOTS {
            let path = Self::slot(directory, place, name, slot);
            let lock = open_lock(&path.with_extension("lock"))?;
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path, _lock: lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "too many clients of this name are running"))
    }

    /// Whether a file of a client called `name` for `place` was ever claimed in
    /// `directory`.
    #[must_use]
    pub fn was_claimed(directory: &Path, place: &str, name: &str) -> bool {
        Self::slot(directory, place, name, 1).with_extension("lock").exists()
    }

    fn slot(directory: &Path, place: &str, name: &str, slot: u32) -> PathBuf {
        let (name, place) = (encoded_file_name(name), encoded_file_name(place));
        directory.join(format!("{name}@{place}-{slot}.json"))
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The saved place; `None` if there is none, or it cannot be read, as the token of an
    /// earlier version. Blocks.
    #[must_use]
    pub fn load(&self) -> Option<SavedPlace> {
        let file = open_file(&self.path).ok()??;
        serde_json::from_slice(&read_at_most(&file, MAX_PLACE_FILE).ok()?).ok()
    }

    /// Replaces the saved place atomically. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, place: SavedPlace) -> io::Result<()> {
        write_aside(&self.path, &serde_json::to_vec(&place)?)?.persist(&self.path)?;
        Ok(())
    }
}

/// The longest part of a file name. Two parts and their suffixes must fit into the
/// 255 bytes that file systems allow.
const MAX_NAME_PART: usize = 80;

/// Encodes `text` as a part of a file name: letters, digits and dots stay, other
/// characters become their code points. Different texts have different names, and
/// none contains a path separator.
fn encoded_file_name(text: &str) -> String {
    let is_kept = |character: char| character.is_ascii_alphanumeric() || character == '.';
    let name: String = text
        .chars()
        .map(|character| match character {
            character if is_kept(character) => character.to_string(),
            other => format!("_{:x}_", u32::from(other)),
        })
        .collect();
    if name.len() <= MAX_NAME_PART {
        return name;
    }
    // The same in every version of the program, unlike the standard library's hasher.
    format!("{}-{:016x}", &name[..MAX_NAME_PART], Digest::of(&name).0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn saved(byte: u8) -> SavedPlace {
        SavedPlace {
            instance: InstanceId::new([byte; 16]),
            attempt: u64::from(byte),
            session: Some(SessionId::new([byte; 16])),
            token: Some(SessionToken::new([byte; 16])),
        }
    }

    fn claim(directory: &Path, name: &str) -> PlaceFile {
        PlaceFile::claim(directory, "stage:9999", name).unwrap()
    }

    #[test]
    fn next_program_takes_over_instance_and_attempt() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        assert!(!PlaceFile::was_claimed(directory, "stage:9999", "ana"));
        let file = claim(directory, "ana");
        assert_eq!(file.load(), None);
        file.save(saved(7)).unwrap();
        drop(file);
        assert_eq!(claim(directory, "ana").load(), Some(saved(7)));
        assert!(PlaceFile::was_claimed(directory, "stage:9999", "ana"));
        assert!(!PlaceFile::was_claimed(directory, "stage:9999", "ben"));
        let keyed = SavedPlace { token: None, ..saved(8) };
        claim(directory, "ana").save(keyed).unwrap();
        assert_eq!(claim(directory, "ana").load(), Some(keyed));
    }

    #[test]
    fn running_programs_do_not_share_a_place() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let first = claim(directory, "ana");
        first.save(saved(1)).unwrap();
        let second = claim(directory, "ana");
        assert_eq!(second.load(), None);
        second.save(saved(2)).unwrap();
        assert_eq!(first.load(), Some(saved(1)));
        let others: Vec<_> = (2..MAX_SLOTS).map(|_| claim(directory, "ana")).collect();
        let full = PlaceFile::claim(directory, "stage:9999", "ana").unwrap_err();
        assert_eq!(full.to_string(), "too many clients of this name are running");
        drop((first, others));
        assert_eq!(claim(directory, "ana").load(), Some(saved(1)));
    }

    #[test]
    fn new_instances_differ() {
        assert_ne!(SavedPlace::unused().unwrap().instance, SavedPlace::unused().unwrap().instance);
    }

    #[test]
    fn token_file_of_an_earlier_version_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = claim(directory.path(), "ana");
        let digits = "07".repeat(16);
        let old = format!(r#"{{"session":"{digits}","token":"{digits}","attempt":7}}"#);
        std::fs::write(file.path(), old).unwrap();
        assert_eq!(file.load(), None);
        file.save(saved(7)).unwrap();
        assert_eq!(file.load(), Some(saved(7)));
    }

    #[test]
    fn name_of_a_place_file_never_changes() {
        let long = encoded_file_name(&"x".repeat(100));
        assert_eq!(long, format!("{}-15c50f37e11e1abf", "x".repeat(80)));
    }

    #[test]
    fn encoded_names_are_distinct_and_stay_in_the_directory() {
        let long = "🎹".repeat(64);
        let names = [&long, &long[4..], "../../etc/passwd", "a b", "a_b", "a/b", "", "a"]
            .map(encoded_file_name);
        for (at, name) in names.iter().enumerate() {
            assert!(!name.contains('/'), "{name}");
            assert!(name.len() <= 100, "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn place_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let file = claim(&state, "ana");
        file.save(saved(1)).unwrap();
        for path in [&state, file.path(), &file.path().with_extension("lock")] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{path:?} {mode:o}");
        }
    }
}
