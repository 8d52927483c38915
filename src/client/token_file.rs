//! The file that keeps a client's resume token, so that it survives the client's
//! process. Knows nothing of connections.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    model::Digest,
    protocol::{SessionId, SessionToken},
};

/// How many clients of one name may keep tokens for one host on one machine.
const MAX_SLOTS: u32 = 32;

/// A file that holds a client's token, readable by its owner only.
///
/// The file belongs to one running process at a time, which holds a lock on a file
/// beside it. The operating system releases the lock when the process ends, even
/// if it is killed. So a second client of the same name on the same machine gets
/// its own file and does not supersede the first, and a client that was killed
/// finds its token when it starts again.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    /// Held until the value is dropped.
    _lock: File,
}

/// The content of a [`TokenFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedToken {
    /// The session that issued the token.
    pub session: SessionId,
    /// The secret that authorises the resume.
    pub token: Option<SessionToken>,
    /// The number of the last attempt to connect with it; 0 in a file of an earlier
    /// version. It is raised before each attempt, so that a newer attempt beats an
    /// older one that the host reads later.
    #[serde(default)]
    pub attempt: u64,
}

impl TokenFile {
    /// Claims the first free token file of a client called `name` for the host at
    /// `address`, in `directory`, which is created if it does not exist.
    ///
    /// # Errors
    /// If the directory or the lock cannot be created, or running processes hold
    /// all 32 files.
    pub fn claim(directory: &Path, address: &str, name: &str) -> io::Result<Self> {
        make_private_directory(directory)?;
        for slot in 1..=MAX_SLOTS {
            let path = Self::slot(directory, address, name, slot);
            let lock = private_file_options().truncate(false).open(path.with_extension("lock"))?;
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path, _lock: lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "too many clients of this name are running"))
    }

    /// Whether a file of a client called `name` for the host at `address` was ever claimed
    /// in `directory`.
    #[must_use]
    pub fn was_claimed(directory: &Path, address: &str, name: &str) -> bool {
        Self::slot(directory, address, name, 1).with_extension("lock").exists()
    }

    fn slot(directory: &Path, address: &str, name: &str, slot: u32) -> PathBuf {
        let (name, address) = (encoded_file_name(name), encoded_file_name(address));
        directory.join(format!("{name}@{address}-{slot}.json"))
    }

    /// The default directory of a user's tokens: `$XDG_STATE_HOME/imbolc`, or
    /// `~/.local/state/imbolc`. `None` if neither variable is set.
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

    /// The saved token; `None` if there is none or it cannot be read.
    #[must_use]
    pub fn load(&self) -> Option<SavedToken> {
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    /// Replaces the saved token atomically.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, saved: SavedToken) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        let mut file = private_file_options().truncate(true).open(&temporary)?;
        file.write_all(serde_json::to_string(&saved)?.as_bytes())?;
        drop(file);
        fs::rename(temporary, &self.path)
    }

    /// Removes the saved token, because there is nothing to resume.
    ///
    /// # Errors
    /// If the file exists and cannot be removed.
    pub fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
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

fn private_file_options() -> OpenOptions {
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
        SavedToken {
            session: SessionId::new([byte; 16]),
            token: Some(SessionToken::new([byte; 16])),
            attempt: 0,
        }
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("imbolc-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn token_survives_its_process_until_forgotten() {
        let directory = directory("survives");
        assert!(!TokenFile::was_claimed(&directory, "stage:9999", "ana"));
        TokenFile::claim(&directory, "stage:9999", "ana").unwrap().save(saved(7)).unwrap();
        let again = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        assert_eq!(again.load(), Some(saved(7)));
        again.forget().unwrap();
        assert_eq!(again.load(), None);
        assert!(TokenFile::was_claimed(&directory, "stage:9999", "ana"));
        assert!(!TokenFile::was_claimed(&directory, "stage:9999", "ben"));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn token_file_without_an_attempt_number_loads() {
        let directory = directory("numberless");
        let file = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        let digits = "07".repeat(16);
        let old = format!(r#"{{"session":"{digits}","token":"{digits}"}}"#);
        fs::write(file.path(), old).unwrap();
        assert_eq!(file.load(), Some(saved(7)));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn name_of_a_token_file_never_changes() {
        let long = encoded_file_name(&"x".repeat(100));
        assert_eq!(long, format!("{}-15c50f37e11e1abf", "x".repeat(80)));
    }

    #[test]
    fn running_clients_do_not_share_a_token() {
        let directory = directory("living");
        let first = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        first.save(saved(1)).unwrap();
        let second = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        assert_eq!(second.load(), None);
        fs::remove_dir_all(directory).unwrap();
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
    fn token_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let directory = directory("private");
        let file = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        file.save(saved(1)).unwrap();
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
        fs::remove_dir_all(directory).unwrap();
    }
}
