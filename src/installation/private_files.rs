//! Files and directories that only their user can use, and the lock of a directory. It
//! knows nothing of what is in the files. Everything here blocks.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// How long another program may hold the lock of a directory. 1 s: it holds it while it
/// writes a small file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the lock is tried meanwhile.
const LOCK_INTERVAL: Duration = Duration::from_millis(5);

pub(super) fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens the lock file at `path`, which is made if it does not exist.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the lock of `directory`, which is free when the file is dropped. `None` on a
/// file system without locks.
///
/// # Errors
/// If the lock file cannot be opened, or another program holds the lock for 1 s.
pub(super) fn lock_directory(directory: &Path) -> io::Result<Option<File>> {
    let file = open_lock(&directory.join("keys.lock"))?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(LOCK_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                let detail = "another program holds the lock of the directory";
                return Err(io::Error::new(io::ErrorKind::TimedOut, detail));
            }
        }
    }
}

/// Opens the file at `path` to be read; `None` if there is none.
///
/// # Errors
/// If it cannot be opened, or is a link, a directory or a special file.
pub(super) fn open_file(path: &Path) -> io::Result<Option<File>> {
    match fs::symlink_metadata(path) {
        Ok(entry) if entry.is_file() => File::open(path).map(Some),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The content of `file`, of which at most `limit` bytes are read.
///
/// # Errors
/// If it cannot be read; `InvalidData` if it is longer.
pub(super) fn read_at_most(file: &File, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = file.metadata()?.len();
    let fits = usize::try_from(length).ok().filter(|length| *length <= limit);
    let length = fits.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "too long"))?;
    // Of the final size: a buffer that grows leaves copies behind that are not erased.
    let mut content = Zeroizing::new(vec![0; length]);
    let mut file = file;
    file.read_exact(&mut content)?;
    Ok(content)
}

/// A file with `content` beside `path`, which is deleted unless it is renamed. Others
/// cannot read it.
pub(super) fn write_aside(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // tempfile 3 opens it with `O_EXCL` and mode 600.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    file.write_all(content)?;
    Ok(file)
}
