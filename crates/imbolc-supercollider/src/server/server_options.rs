//! The program `scsynth` and the options that it gets live and offline.
//!
//! It must not start anything.

use std::{
    env,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use crate::{sequencer, synth_def};

/// Audio buses, outputs included.
pub const AUDIO_BUSES: u32 = 4096;

/// Output channels of the sound card; the first two are the master.
pub const OUTPUTS: u32 = 8;

/// Input channels of the sound card: as many as an audio input can name.
pub const INPUTS: u32 = 64;

/// Control buses: those of the sequencer, and a few for those who watch the server.
pub const CONTROL_BUSES: u32 = sequencer::CONTROL_BUSES + 16;

/// The nodes of the supervisor; all others are free to use. Group 0 must not be freed: it
/// holds the synth that tells whether audio runs.
pub const NODES_OF_SUPERVISOR: RangeInclusive<i32> = 400..=999;

/// The control bus of the supervisor, the last one.
pub const BUS_OF_SUPERVISOR: u32 = CONTROL_BUSES - 1;

/// How the server is found and what it may read.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The program; `None` looks for `scsynth` on `PATH`.
    pub scsynth: Option<PathBuf>,
    /// The directory of samples; `None` finds none. The server reads no other file.
    pub samples: Option<PathBuf>,
}

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
        None => find_program("scsynth"),
    }
}

/// The first file of this name on PATH.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
