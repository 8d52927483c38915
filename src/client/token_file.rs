//! The secret with which a client comes back, kept in a file so that it
//! survives the client's process.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::protocol::{SessionId, SessionToken};

/// How many clients of one name may keep tokens for one host on one machine.
const SLOTS: u32 = 32;

/// A file that holds a client's token, readable by its owner only.
///
/// The file belongs to one living process at a time, which holds a lock on a
/// file beside it; the lock goes with the process, however that ends. So a
/// second client of the same name on the same machine gets a file of its own
/// and does not push the first one out of the session, and a client that was
/// killed finds its token when it is started again.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    /// Held for as long as this lives.
    _lock: File,
}

/// What is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedToken {
    /// The session that it is for.
    pub session: SessionId,
    /// The secret.
    pub token: SessionToken,
}

impl TokenFile {
    /// The token file of a client called `name` for the host at `address`, in
    /// `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// If the directory or the lock cannot be made, or all places are taken by
    /// living processes.
    pub fn claim(directory: &Path, address: &str, name: &str) -> io::Result<Self> {
        make_private_directory(directory)?;
        let stem = format!("{}@{}", file_name(name), file_name(address));
        for slot in 1..=SLOTS {
            let path = directory.join(format!("{stem}-{slot}.json"));
            let lock = private().truncate(false).open(path.with_extension("lock"))?;
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path, _lock: lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "too many clients of this name"))
    }

    /// Where a user's tokens are kept unless another place is named:
    /// `$XDG_STATE_HOME/imbolc`, or `~/.local/state/imbolc`.
    #[must_use]
    pub fn default_directory() -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let state = set("XDG_STATE_HOME").map(PathBuf::from);
        let state = state.filter(|path| path.is_absolute());
        let home = || set("HOME").map(|home| Path::new(&home).join(".local").join("state"));
        Some(state.or_else(home)?.join("imbolc"))
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was saved; `None` if there is nothing that can be read.
    #[must_use]
    pub fn load(&self) -> Option<SavedToken> {
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    /// Replaces what was saved, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, saved: SavedToken) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = private().truncate(true).open(&beside)?;
        file.write_all(serde_json::to_string(&saved)?.as_bytes())?;
        drop(file);
        fs::rename(beside, &self.path)
    }

    /// Removes what was saved: there is nothing to come back to.
    ///
    /// # Errors
    /// If the file is there and cannot be removed.
    pub fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// How long a part of a file's name may be: two of them, and what is added to
/// them, must fit into the 255 bytes that file systems allow.
const LONGEST: usize = 80;

/// Letters, digits and dots as they are, and everything else by its code, so
/// that different texts make different names, none of which leads elsewhere.
fn file_name(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '.';
    let name: String = text
        .chars()
        .map(|character| match character {
            character if plain(character) => character.to_string(),
            other => format!("_{:x}_", u32::from(other)),
        })
        .collect();
    if name.len() <= LONGEST {
        return name;
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("{}-{:016x}", &name[..LONGEST], hasher.finish())
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(byte: u8) -> SavedToken {
        SavedToken { session: SessionId::new([byte; 16]), token: SessionToken::new([byte; 16]) }
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("imbolc-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_token_survives_the_one_who_saved_it_and_is_forgotten_when_told() {
        let directory = directory("survives");
        TokenFile::claim(&directory, "stage:9999", "ana").unwrap().save(saved(7)).unwrap();
        let again = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        assert_eq!(again.load(), Some(saved(7)));
        again.forget().unwrap();
        assert_eq!(again.load(), None);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn two_living_clients_of_one_name_do_not_share_a_token() {
        let directory = directory("living");
        let first = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        first.save(saved(1)).unwrap();
        let second = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        assert_eq!(second.load(), None);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn names_that_differ_get_files_that_differ_and_stay_in_the_directory() {
        let long = "🎹".repeat(64);
        let names =
            [&long, &long[4..], "../../etc/passwd", "a b", "a_b", "a/b", "", "a"].map(file_name);
        for (at, name) in names.iter().enumerate() {
            assert!(!name.contains('/'), "{name}");
            assert!(name.len() <= 100, "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_but_its_owner_can_read_a_token() {
        use std::os::unix::fs::PermissionsExt;

        let directory = directory("private");
        let file = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        file.save(saved(1)).unwrap();
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
        fs::remove_dir_all(directory).unwrap();
    }
}
