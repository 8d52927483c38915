//! `scsynth` as a child process.
//!
//! A thread, the supervisor, finds and boots `scsynth`, makes sure that audio really runs,
//! reads what the process prints, loads definitions and files, and starts it again when it
//! ends. [`ServerLink`] is the other end: it never blocks. Nothing here knows what is played.
//!
//! Behaviour of `scsynth` is that of 3.13.0 with jackd2 1.9.21.

mod console;
mod definitions;
mod files;
mod process;
mod supervisor;

use std::{
    ops::RangeInclusive,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
};

use imbolc_net::studio::Content;

pub(crate) use self::process::pipewire_runs;
use self::{
    files::FileKey,
    supervisor::{Incoming, Request, Supervisor},
};
use crate::{
    output::{Buffer, Spectrum},
    server_options::CONTROL_BUSES,
    synth_def::Definition,
};

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

/// What happened to the server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// It runs, audio is computed, and all definitions that were asked for are there. It has
    /// no nodes, and all control buses are 0.
    Up(Audio),
    /// It does not run, for this reason. It is tried again, after 0.25 s at first and at
    /// least every 10 s. A reason is told once until the server is up again.
    Down(String),
    /// A definition can be used. After [`Down`](Self::Down) it cannot, until it is told anew.
    Defined(Arc<str>),
    /// A file can be used, until the server is down.
    Loaded(Content, Buffer),
    /// So many sixteenths of an impulse response can be used as a spectrum, until the server is
    /// down.
    Prepared(Content, u8, Spectrum),
    /// A file cannot be used, for this reason.
    Missing(Content, String),
    /// The values of the control buses from the first on that were asked for.
    Peaks {
        /// The first control bus.
        first: u32,
        /// Its value, and those of the next ones.
        values: Vec<f32>,
    },
    /// Twice a second, how the server is.
    Status(Load),
    /// Something went wrong, in one line.
    Trouble(String),
}

/// How the server is connected.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// `JACK` or `PipeWire`.
    pub system: &'static str,
    /// The sample rate in Hz.
    pub rate: f64,
    /// Frames in a period of the sound card, at least 64.
    pub period: u32,
    /// The UDP port on 127.0.0.1.
    pub port: u16,
}

/// How much the server has to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The mean use of a core, in percent.
    pub cpu: f32,
    /// The highest use of a core within a period of the last second, in percent.
    pub peak_cpu: f32,
    /// Bundles that came too late since the link was started.
    pub late: u64,
    /// The measured sample rate in Hz.
    pub sample_rate: f64,
}

/// A server that is kept running until this is dropped.
#[derive(Debug)]
pub struct ServerLink {
    requests: mpsc::Sender<Incoming>,
    events: mpsc::Receiver<ServerEvent>,
    /// What is out of date a moment later: dropped if it is not read.
    meters: mpsc::Receiver<ServerEvent>,
    thread: Option<thread::JoinHandle<()>>,
}

impl ServerLink {
    /// Starts the supervisor, which boots a server.
    #[must_use]
    pub fn start(options: ServerOptions) -> Self {
        let (requests, incoming) = mpsc::channel();
        let (tell, events) = mpsc::channel();
        let (tell_meters, meters) = mpsc::sync_channel(8);
        let answers = requests.clone();
        let told = tell.clone();
        // The process is killed when the thread that has started it ends.
        let thread = thread::Builder::new()
            .name("scsynth".into())
            .spawn(move || {
                match Supervisor::new(options, incoming, answers, tell.clone(), tell_meters) {
                    Ok(supervisor) => supervisor.run(),
                    Err(error) => drop(tell.send(no_thread(&error))),
                }
            })
            .map_err(|error| told.send(no_thread(&error)))
            .ok();
        Self { requests, events, meters, thread }
    }

    /// What has happened since the last call.
    pub fn poll(&mut self) -> impl Iterator<Item = ServerEvent> {
        self.events.try_iter().chain(self.meters.try_iter())
    }

    /// Asks for a definition, which is loaded again whenever the server is started again.
    pub fn define(&self, definition: &Definition) {
        self.ask(Request::Define(definition.clone()));
    }

    /// Asks for a file of the directory of samples, which is loaded again whenever the server
    /// is started again. One that is not there is looked for again every few seconds.
    pub fn load(&self, content: &Content) {
        self.ask(Request::Load(FileKey::new(content, 0)));
    }

    /// Asks for the first `sixteenths` (1 to 16) of a file as a spectrum, as for a file.
    pub fn prepare(&self, content: &Content, sixteenths: u8) {
        self.ask(Request::Load(FileKey::new(content, sixteenths.max(1))));
    }

    /// Asks for the values of `count` control buses, at most 8,192, about 30 times a second.
    pub fn watch(&self, first: u32, count: u32) {
        self.ask(Request::Watch { first, count });
    }

    /// Starts the server again with another directory of samples. All files are forgotten.
    pub fn use_samples(&self, directory: Option<PathBuf>) {
        self.ask(Request::UseSamples(directory));
    }

    /// Starts the server again, for this reason.
    pub fn restart(&self, why: &str) {
        self.ask(Request::Restart(why.into()));
    }

    fn ask(&self, request: Request) {
        // Without a thread there is no server either, and that was told.
        drop(self.requests.send(Incoming::Request(request)));
    }
}

impl Drop for ServerLink {
    fn drop(&mut self) {
        self.ask(Request::Stop);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn no_thread(error: &std::io::Error) -> ServerEvent {
    ServerEvent::Down(format!("no sound: {error}"))
}
