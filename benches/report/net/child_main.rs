//! The main program of a child process.

use std::{io::BufRead, process::ExitCode, time::Duration};

use imbolc_net::{
    Dispatcher,
    admission::AdmissionPolicy,
    authority::{Engine, threaded},
    model::{InstrumentId, NoEngine},
    server::{HostDispatcher, HostOptions, Stats},
    studio::{LoopRegion, NetworkAction, SilentEngine, StudioState, TransportAction},
    sync::session::SessionConfig,
    util::quantity::Ticks,
};
use tokio::{net::TcpListener, runtime::Runtime, time::sleep};

use super::{
    child_protocol::{ChildAnswer, ChildOrder, ChildRole},
    cpu, load,
    peers::{PatchWriter, run_relay, run_welcome_server},
    probe::{self, Wait},
    strangers::Crowd,
};
use crate::fixture::{self, band};

/// The environment variable with the `ChildRole`.
pub const ROLE: &str = "IMBOLC_REPORT_ROLE";

/// The instrument whose knob the host turns.
const HOSTS_OWN: InstrumentId = InstrumentId(1);

/// Serves orders until standard input ends.
pub fn run() -> Option<ExitCode> {
    let role = std::env::var(ROLE).ok()?;
    let role = serde_json::from_str(&role).unwrap();
    let runtime = super::runtime(1);
    let mut state = runtime.block_on(ChildState::begin(role));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut waits = Vec::new();
        match serde_json::from_str(&line).unwrap() {
            ChildOrder::Cpu => {}
            ChildOrder::Burst { edits, gap } => state = state.burst(&runtime, edits, gap),
            ChildOrder::Play => state.play(),
            ChildOrder::Probe { lasts } => waits = state.probe(lasts),
        }
        let (written, encoded) = state.updates();
        let (cpu, resident) = (cpu::used(), probe::resident());
        let (code, connected) = (state.code(), state.connected());
        let answer = ChildAnswer { cpu, code, connected, written, encoded, resident, waits };
        println!("{}", serde_json::to_string(&answer).unwrap());
    }
    Some(ExitCode::SUCCESS)
}

enum ChildState {
    Host(Box<BenchHost>),
    Writer(PatchWriter),
    Strangers(Crowd),
    /// Runs without orders.
    Other,
}

impl ChildState {
    async fn begin(role: ChildRole) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        match role {
            ChildRole::Host { instruments, pace } => {
                let (model, engine) = (band::session(instruments), threaded(SilentEngine::default));
                let options = BenchHost::options(pace);
                Self::Host(Box::new(BenchHost::open(listener, model, engine, options, HOSTS_OWN)))
            }
            ChildRole::GuardedHost { instruments, pace } => {
                let (model, engine) = (band::session(instruments), threaded(SilentEngine::default));
                let options = HostOptions {
                    admission: AdmissionPolicy::Code,
                    local_exemption: false,
                    ..BenchHost::options(pace)
                };
                Self::Host(Box::new(BenchHost::open(listener, model, engine, options, HOSTS_OWN)))
            }
            ChildRole::Strangers { host, clients, addresses } => {
                Self::Strangers(Crowd::gather(host, clients, addresses).await)
            }
            ChildRole::LargeHost { instruments, pages } => {
                let (model, own) = (load::studio(instruments, pages), InstrumentId(instruments));
                let options = BenchHost::options(SessionConfig::default().min_patch_interval);
                let engine = threaded(|| NoEngine);
                Self::Host(Box::new(BenchHost::open(listener, model, engine, options, own)))
            }
            ChildRole::Writer { clients, patch } => {
                Self::Writer(PatchWriter::begin(listener, clients, patch))
            }
            ChildRole::Relay { clients, action, patch } => {
                tokio::spawn(run_relay(listener, clients, action, patch));
                Self::Other
            }
            ChildRole::WelcomeServer { codec, instruments, hello } => {
                tokio::spawn(run_welcome_server(listener, codec.into(), instruments, hello));
                Self::Other
            }
        }
    }

    fn burst(self, runtime: &Runtime, edits: u32, gap: Duration) -> Self {
        let burst = async move {
            match self {
                Self::Host(mut host) => {
                    host.burst(edits, gap).await;
                    Self::Host(host)
                }
                Self::Writer(mut writer) => {
                    writer.burst(edits, gap).await;
                    Self::Writer(writer)
                }
                Self::Strangers(_) | Self::Other => self,
            }
        };
        super::on(runtime, burst)
    }

    fn play(&self) {
        if let Self::Host(host) = self {
            host.play();
        }
    }

    /// Edits on this thread, which is none of the runtime's.
    fn probe(&mut self, lasts: Duration) -> Vec<Wait> {
        let Self::Host(host) = self else { return Vec::new() };
        probe::waits(lasts, load::PROBE_GAP, || host.turn_knob())
    }

    /// Patches and full states written, and how many of them were encoded.
    fn updates(&self) -> (u64, u64) {
        match self {
            Self::Host(host) => {
                let Stats { updates_sent, updates_encoded, .. } = host.dispatcher.stats();
                (updates_sent, updates_encoded)
            }
            Self::Writer(writer) => (writer.written, 0),
            Self::Strangers(_) | Self::Other => (0, 0),
        }
    }

    fn code(&self) -> Option<String> {
        let Self::Host(host) = self else { return None };
        host.dispatcher.admission().map(|admission| admission.code.shown())
    }

    fn connected(&self) -> u64 {
        if let Self::Strangers(crowd) = self { crowd.connected() } else { 0 }
    }
}

struct BenchHost {
    dispatcher: HostDispatcher,
    own: InstrumentId,
    turn: u64,
}

impl BenchHost {
    fn options(pace: Duration) -> HostOptions {
        let session = SessionConfig {
            min_patch_interval: pace,
            max_participants: 300,
            ..SessionConfig::default()
        };
        HostOptions { session, ..HostOptions::default() }
    }

    fn open(
        listener: TcpListener,
        model: StudioState,
        engine: Engine,
        options: HostOptions,
        own: InstrumentId,
    ) -> Self {
        let dispatcher = HostDispatcher::open("Host", model, engine, listener, options).unwrap();
        dispatcher.request_ownership(&[own]).unwrap();
        Self { dispatcher, own, turn: 0 }
    }

    async fn burst(&mut self, edits: u32, gap: Duration) {
        for _ in 0..edits {
            self.turn_knob();
            sleep(gap).await;
        }
    }

    fn play(&self) {
        let region = LoopRegion::new(Ticks::MIN, band::END).unwrap();
        let begin =
            [TransportAction::Region(region), TransportAction::Loop(true), TransportAction::Play];
        for action in begin {
            self.dispatcher.dispatch(NetworkAction::Transport(action)).unwrap();
        }
    }

    fn turn_knob(&mut self) {
        self.turn += 1;
        let action = fixture::turn_to(self.own, fixture::cutoff(self.turn));
        self.dispatcher.dispatch(action).unwrap();
    }
}
