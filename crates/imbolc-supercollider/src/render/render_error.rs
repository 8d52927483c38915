//! The errors of a rendering.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::score_run::RunError;
use crate::server::NoScsynth;

/// Why nothing was rendered. Each is shown in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// `scsynth` is not installed, or not where the options say.
    #[error(transparent)]
    NoScsynth(#[from] NoScsynth),
    /// The sample rate is out of range.
    #[error("the sample rate must be 44100 to 192000 Hz, not {0}")]
    Rate(u32),
    /// The music repeats, so its last bar must be given.
    #[error("the music repeats for ever: give its last bar (--to)")]
    Endless,
    /// There is nothing to play.
    #[error("there is nothing to play: no notes are written")]
    Nothing,
    /// The first bar is after the last one.
    #[error("bar {first} is after the last one, {last}")]
    NoSuchBars {
        /// The first bar.
        first: u32,
        /// The last bar.
        last: u32,
    },
    /// A WAV file holds at most 4 GiB.
    #[error("too long for a WAV file")]
    TooLong,
    /// A file cannot be written.
    #[error("{}: {why}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The reason.
        why: io::Error,
    },
    /// `scsynth` failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// `progress` has returned `Break`.
    #[error("cancelled")]
    Cancelled,
}

impl RenderError {
    pub(super) fn file(file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        // Errors of tempfile 3 name its hidden file, too.
        move |why| {
            let cause = why.get_ref().and_then(|wrapped| wrapped.source()?.downcast_ref());
            let code = cause.and_then(io::Error::raw_os_error);
            Self::File { file, why: code.map_or(why, io::Error::from_raw_os_error) }
        }
    }
}
