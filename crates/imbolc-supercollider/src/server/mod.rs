//! `scsynth` as a child process.
//!
//! A thread, the supervisor, finds and boots `scsynth`, makes sure that audio really runs,
//! reads what the process prints, loads definitions and files, and starts it again when it
//! ends. [`ServerLink`] is the other end: it never blocks. Nothing here knows what is played.
//!
//! Behaviour of `scsynth` is that of 3.13.0 with jackd2 1.9.21.

mod console;
mod definitions;
mod heart;
mod osc_packets;
mod scsynth_process;
mod server_event;
mod server_files;
mod server_options;
mod supervisor;

use std::{sync::mpsc, thread};

use imbolc_net::studio::Content;

pub(crate) use self::scsynth_process::pipewire_runs;
pub use self::{
    server_event::{Audio, Load, ServerEvent},
    server_options::{
        AUDIO_BUSES, BUS_OF_SUPERVISOR, CONTROL_BUSES, INPUTS, NODES_OF_SUPERVISOR, NoScsynth,
        OUTPUTS, ServerOptions, ending_with_us, find_program, find_scsynth, sizes,
    },
};
use self::{
    server_files::WantedFile,
    supervisor::{Incoming, Request, Supervisor},
};
use crate::synth_def::Definition;

/// A server that is kept running until this is dropped.
#[derive(Debug)]
pub struct ServerLink {
    requests: mpsc::Sender<Incoming>,
    events: mpsc::Receiver<ServerEvent>,
    /// Events that are soon out of date: they are dropped if they are not read.
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

    /// The events since the last call.
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
        self.ask(Request::Load(WantedFile { content: content.clone(), sixteenths: 0 }));
    }

    /// Asks for the first `sixteenths` (1 to 16) of a file as a spectrum, as for a file.
    pub fn prepare(&self, content: &Content, sixteenths: u8) {
        let sixteenths = sixteenths.clamp(1, 16);
        self.ask(Request::Load(WantedFile { content: content.clone(), sixteenths }));
    }

    /// Asks for the values of `count` control buses, at most 8,192, about 30 times a second.
    pub fn watch(&self, first: u32, count: u32) {
        self.ask(Request::Watch { first, count });
    }

    /// Restarts the server. `why` is reported as [`ServerEvent::Down`].
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
