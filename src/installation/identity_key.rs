//! The key file: the private key of an installation as 64 hexadecimal digits and a line
//! break. It is made once, and never replaced by this program.

use std::{
    fmt::Write as _,
    fs::File,
    io,
    path::{Path, PathBuf},
    str,
};

use zeroize::Zeroizing;

use super::private_files::{make_private_directory, open_file, read_at_most, write_aside};
use crate::{
    security::PrivateKey,
    util::hex::{Hex, parse_hex},
};

/// Bytes of a key file that are read: the digits, and some blanks at their end.
const MAX_KEY_FILE: usize = 128;

pub(super) fn key_path(directory: &Path) -> PathBuf {
    directory.join("identity.key")
}

/// A new key.
pub(super) fn new_key() -> Result<PrivateKey, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(PrivateKey::new(*bytes))
}

/// The key of `directory`, which is made if there is none. If several programs do that at
/// once, all get the same. Also returns what the user should know.
///
/// # Errors
/// If the key cannot be read or kept.
pub(super) fn open_key(directory: &Path) -> io::Result<(PrivateKey, Option<String>)> {
    make_private_directory(directory)?;
    let path = key_path(directory);
    if let Some(found) = load_key(&path)? {
        return Ok(found);
    }
    let key = new_key().map_err(io::Error::other)?;
    match create_key_file(&path, &key) {
        Ok(()) => Ok((key, None)),
        // Another program was faster.
        Err(error) => load_key(&path)?.ok_or(error),
    }
}

fn load_key(path: &Path) -> io::Result<Option<(PrivateKey, Option<String>)>> {
    let Some(file) = open_file(path)? else { return Ok(None) };
    let notice = close_to_others(&file, path)?;
    let content = read_at_most(&file, MAX_KEY_FILE)?;
    let digits = str::from_utf8(&content).ok().map(str::trim_ascii_end);
    let bytes = digits.and_then(parse_hex).map(Zeroizing::new).ok_or_else(|| {
        let detail =
            "it does not contain 64 hexadecimal digits; if you move it away, a new key is made";
        io::Error::new(io::ErrorKind::InvalidData, detail)
    })?;
    Ok(Some((PrivateKey::new(*bytes), notice)))
}

/// Writes the file as a whole or not at all, and does not replace another one.
fn create_key_file(path: &Path, key: &PrivateKey) -> io::Result<()> {
    let mut content = Zeroizing::new(String::with_capacity(65));
    writeln!(content, "{}", Hex(key.expose())).map_err(io::Error::other)?;
    let file = write_aside(path, content.as_bytes())?;
    // A file that was renamed before its content is on the disk may be empty after a
    // power failure.
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// Takes the permission to read or write `file` from everybody else. Returns what the user
/// should know if they had it.
fn close_to_others(file: &File, path: &Path) -> io::Result<Option<String>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
            return Ok(Some(format!(
                "other users could read {}, and no longer can; a copy of it can impersonate you: if you move it away, a new key is made",
                path.display()
            )));
        }
    }
    #[cfg(not(unix))]
    let _ = (file, path);
    Ok(None)
}
