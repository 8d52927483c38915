//! The process of `scsynth`: how it is started and how it ends.
//!
//! It must not know the messages to it.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, PipeReader},
    net::{Ipv4Addr, UdpSocket},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::server_options::{
    INPUTS, NoScsynth, OUTPUTS, ServerOptions, ending_with_us, find_program, find_scsynth, sizes,
};

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(500);

/// The variables of the environment that connect to the sound card, unless the user did.
const CONNECTIONS: [&str; 2] = ["SC_JACK_DEFAULT_OUTPUTS", "SC_JACK_DEFAULT_INPUTS"];

/// The audio system that the server uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AudioSystem {
    Jack,
    PipeWire,
}

impl AudioSystem {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jack => "JACK",
            Self::PipeWire => "PipeWire",
        }
    }
}

/// Why no process could be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    NoScsynth(#[from] NoScsynth),
    #[error("setpriv is not installed: apt install util-linux")]
    NoSetpriv,
    #[error("scsynth cannot be started: {0}")]
    Io(#[from] io::Error),
}

/// A running `scsynth`, which is killed when this is dropped, or when the thread that
/// started it ends, even if the program is killed.
#[derive(Debug)]
pub(super) struct ScsynthProcess {
    child: Child,
    pub(super) port: u16,
}

impl ScsynthProcess {
    /// Starts it and returns it with what it prints.
    pub(super) fn start(
        options: &ServerOptions,
        system: AudioSystem,
    ) -> Result<(Self, PipeReader), StartError> {
        let scsynth = find_scsynth(options.scsynth.as_deref())?;
        let setpriv = find_program("setpriv").ok_or(StartError::NoSetpriv)?;
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let (reader, writer) = io::pipe()?;
        let mut command = ending_with_us(&setpriv);
        // A process group of its own: Ctrl-C in the terminal is for the program alone.
        command.process_group(0);
        if system == AudioSystem::PipeWire {
            command.arg("pw-jack");
        }
        command.arg(scsynth).args(arguments(port, options.samples.as_deref()));
        command.env("JACK_NO_START_SERVER", "1");
        for variable in CONNECTIONS {
            if env::var_os(variable).is_none() {
                command.env(variable, "system");
            }
        }
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        Ok((Self { child: command.spawn()?, port }, reader))
    }

    /// Ends it: at once if it has been asked to quit and does so.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for ScsynthProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        // One that is killed leaves a copy of its control buses in memory.
        drop(fs::remove_file(format!("/dev/shm/SuperColliderServer_{}", self.port)));
    }
}

/// How a process has ended, in a few words.
pub(super) fn describe(status: Option<ExitStatus>) -> String {
    match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("status {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "unknown status".into(),
        },
        None => "still running".into(),
    }
}

/// Whether PipeWire runs and can act as JACK.
pub(crate) fn pipewire_runs() -> bool {
    let remote = env::var_os("PIPEWIRE_REMOTE").unwrap_or_else(|| OsString::from("pipewire-0"));
    let Some(directory) = env::var_os("PIPEWIRE_RUNTIME_DIR")
        .or_else(|| env::var_os("XDG_RUNTIME_DIR"))
        .filter(|directory| !directory.is_empty())
    else {
        return false;
    };
    find_program("pw-jack").is_some() && Path::new(&directory).join(remote).exists()
}

fn arguments(port: u16, samples: Option<&Path>) -> Vec<OsString> {
    // No announcement in the network.
    let mut arguments: Vec<OsString> =
        ["-B", "127.0.0.1", "-R", "0", "-H", "Imbolc", "-u"].map(OsString::from).into();
    arguments.push(port.to_string().into());
    let channels = ["-o".to_owned(), OUTPUTS.to_string(), "-i".to_owned(), INPUTS.to_string()];
    arguments.extend(channels.map(OsString::from));
    arguments.extend(sizes().into_iter().map(OsString::from));
    // Any program of this computer can send to the port, also what writes files.
    let files = samples.unwrap_or(Path::new("/nonexistent"));
    arguments.extend(["-P".into(), files.into()]);
    arguments
}
