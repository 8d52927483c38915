//! A run of `scsynth -N`: a score becomes a file of samples.
//!
//! It must not know what is played.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use crate::server::{self, ending_with_us, find_program};

/// A run, which is killed when this is dropped, or when the thread that started it ends, even
/// if the program is killed.
#[derive(Debug)]
pub struct ScoreRun {
    child: Child,
    readers: Vec<JoinHandle<Option<String>>>,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// `scsynth` could not be started or waited for.
    #[error("scsynth cannot be run: {0}")]
    Start(#[from] io::Error),
    /// `scsynth` has printed an error: its first one.
    #[error("scsynth: {0}")]
    Said(String),
    /// The output is incomplete.
    #[error("scsynth could not write all of its output: is the disk full?")]
    Short,
    /// It has ended with this status, without an error message.
    #[error("scsynth ended early: {0}")]
    Ended(ExitStatus),
}

impl ScoreRun {
    /// Starts `scsynth` on a score, at low priority. It writes `channels` channels of
    /// interleaved native 32-bit floats at `rate` Hz to `output`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(
        scsynth: &Path,
        score: &Path,
        output: &Path,
        (rate, channels): (u32, u32),
    ) -> io::Result<Self> {
        // Where there is no `setpriv`, a program that is killed leaves it running to its end.
        let mut command = match find_program("setpriv") {
            Some(setpriv) => {
                let mut command = ending_with_us(&setpriv);
                command.arg("nice");
                command
            }
            None => Command::new("nice"),
        };
        command.args(["-n", "10"]).arg(scsynth).args(server::sizes());
        command.args(["-i", "0", "-o", &channels.to_string(), "-N"]);
        command.arg(score).arg("_").arg(output).args([&rate.to_string(), "RAW", "float"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut readers: Vec<_> = child.stdout.take().map(watch).into_iter().collect();
        readers.extend(child.stderr.take().map(watch));
        Ok(Self { child, readers })
    }

    /// Whether the run is over. It never blocks.
    ///
    /// # Errors
    /// When the run is over and has failed. The exit status of `scsynth` 3.13 is 0 even then,
    /// so its messages count.
    pub fn is_over(&mut self) -> Result<bool, RunError> {
        let Some(status) = self.child.try_wait()? else { return Ok(false) };
        for reader in self.readers.drain(..) {
            if let Ok(Some(line)) = reader.join() {
                return Err(RunError::Said(line));
            }
        }
        if status.success() { Ok(true) } else { Err(RunError::Ended(status)) }
    }
}

impl Drop for ScoreRun {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the output on a thread, so that the process never waits for a full pipe, and keeps
/// the first line that reports a failure.
fn watch(pipe: impl Read + Send + 'static) -> JoinHandle<Option<String>> {
    thread::spawn(move || {
        let mut failure = None;
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if failure.is_none() && tells_of_failure(&line) {
                failure = Some(line.trim().to_owned());
            }
        }
        failure
    })
}

/// Whether a line of `scsynth` 3.13 reports a failure. A missing node is none: a voice may
/// free itself before its release.
#[must_use]
pub fn tells_of_failure(line: &str) -> bool {
    let gone = line.contains("not found")
        && ["/n_set", "/n_free"].iter().any(|command| line.contains(command));
    !gone
        && ["FAILURE", "ERROR", "exception", "alloc failed", "late "]
            .iter()
            .any(|sign| line.contains(sign))
}
