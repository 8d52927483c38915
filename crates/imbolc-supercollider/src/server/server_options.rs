//! The program `scsynth`, how it is started, and its options live and offline.
//!
//! Nothing is started here.

use std::{
    env,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{self, Command},
};

use crate::{sequencer, synth_def};

/// Audio buses, outputs included.
pub const AUDIO_BUSES: u32 = 4096;

/// Starts `"$@"` without core dumps (`scsynth` aborts without JACK), unless the parent whose
/// death it would follow is dead already.
const GUARD: &str = r#"ulimit -c 0; [ "$PPID" = "$0" ] && exec "$@""#;

/// Output channels of the sound card; the first two are the master.
pub const OUTPUTS: u32 = 8;

/// Input channels of the sound card: as many as an audio input can name.
pub const INPUTS: u32 = 64;

/// Control buses: those of the sequencer, and a few for watching the server.
pub const CONTROL_BUSES: u32 = sequencer::CONTROL_BUSES + 16;

/// The nodes of the supervisor; all others are free to use. Group 0 must not be freed: it
/// holds the synth that tells whether audio runs.
pub const NODES_OF_SUPERVISOR: RangeInclusive<i32> = 400..=999;

/// The control bus of the supervisor, the last one.
pub const BUS_OF_SUPERVISOR: u32 = CONTROL_BUSES - 1;

/// Where the server is, and the files that it may read.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The program; `None` looks for `scsynth` on `PATH`.
    pub scsynth: Option<PathBuf>,
    /// The directory of samples; `None` finds none. The server is told to read no other
    /// directory, but `scsynth` 3.13 follows `..` out of it.
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

/// Why there is no `scsynth`, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoScsynth {
    /// It is not on PATH.
    #[error("SuperCollider is not installed: apt install supercollider-server")]
    NotInstalled,
    /// The program that was named is no file.
    #[error("no program {0}")]
    NotThere(PathBuf),
}

/// The program: `given` if there is one, otherwise the first `scsynth` on PATH.
///
/// # Errors
/// If it is not there.
pub fn find_scsynth(given: Option<&Path>) -> Result<PathBuf, NoScsynth> {
    match given {
        Some(path) if path.is_file() => Ok(path.to_owned()),
        Some(path) => Err(NoScsynth::NotThere(path.to_owned())),
        None => find_program("scsynth").ok_or(NoScsynth::NotInstalled),
    }
}

/// The first file of this name on PATH.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The beginning of a command, up to the program that is to be started by the program
/// `setpriv`: it is killed when the thread that starts it ends, even if that is killed.
#[must_use]
pub fn ending_with_us(setpriv: &Path) -> Command {
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "sh", "-c", GUARD]);
    command.arg(process::id().to_string());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A parent that died before its death was being followed is noticed.
    #[test]
    fn nothing_is_started_for_a_parent_that_is_dead() {
        let run = |parent: u32| {
            let parent = parent.to_string();
            Command::new("sh").args(["-c", GUARD, &parent, "true"]).status().unwrap()
        };
        assert!(run(process::id()).success());
        assert!(!run(1).success());
    }
}
