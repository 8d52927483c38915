//! The program `scsynth` and the options that it gets live and offline.
//!
//! It must not start anything.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::synth_def;

/// Audio buses, outputs included.
pub const AUDIO_BUSES: u32 = 4096;
/// Control buses.
pub const CONTROL_BUSES: u32 = 131_072;

/// The sizes of the server's tables: for 256 strips at a time, and their voices.
#[must_use]
pub fn sizes() -> Vec<String> {
    [
        ("-a", AUDIO_BUSES),
        ("-c", CONTROL_BUSES),
        ("-n", 16_384),
        ("-d", 8_192),
        ("-b", 4_096),
        // Kilobytes of memory for delays and voices.
        ("-m", 524_288),
        ("-w", u32::try_from(synth_def::WIRE_BUFFERS).unwrap_or(u32::MAX)),
        ("-D", 0),
    ]
    .iter()
    .flat_map(|(option, value)| [(*option).to_owned(), value.to_string()])
    .collect()
}

/// The program: `given` if it is a file, otherwise the first `scsynth` on PATH.
#[must_use]
pub fn find_scsynth(given: Option<&Path>) -> Option<PathBuf> {
    match given {
        Some(path) => path.is_file().then(|| path.to_owned()),
        None => env::split_paths(&env::var_os("PATH")?)
            .map(|folder| folder.join("scsynth"))
            .find(|path| path.is_file()),
    }
}
