//! The other side: what this program does when it is the child.

use std::{io::BufRead, process::ExitCode, time::Duration};

use imbolc_net::{
    Dispatcher,
    model::InstrumentId,
    server::{HostDispatcher, HostOptions, ServerConfig, Stats},
    studio::SilentEngine,
    sync::session::SessionConfig,
};
use tokio::{net::TcpListener, runtime::Runtime, time::sleep};

use super::{
    cpu,
    order::{Answer, Order, Role},
    relay::{Writer, give, relay},
};
use crate::fixture::{self, band};

/// The environment variable that says what to be.
pub const ROLE: &str = "IMBOLC_REPORT_ROLE";

/// Of what the host turns a knob itself.
const HOSTS_OWN: InstrumentId = InstrumentId(1);

/// Does what it is told until there is nobody left to say anything.
pub fn play() -> Option<ExitCode> {
    let role = std::env::var(ROLE).ok()?;
    let role = serde_json::from_str(&role).unwrap();
    let runtime = super::runtime(1);
    let mut player = runtime.block_on(Player::begin(role));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match serde_json::from_str(&line).unwrap() {
            Order::Cpu => {}
            Order::Burst { edits, gap } => player = player.burst(&runtime, edits, gap),
        }
        let (written, encoded) = player.updates();
        let answer = Answer { cpu: cpu::used(), written, encoded };
        println!("{}", serde_json::to_string(&answer).unwrap());
    }
    Some(ExitCode::SUCCESS)
}

enum Player {
    Host(Box<Host>),
    Writer(Writer),
    /// It needs no orders.
    Other,
}

impl Player {
    async fn begin(role: Role) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        match role {
            Role::Host { instruments, pace } => {
                Self::Host(Box::new(Host::open(listener, instruments, pace)))
            }
            Role::Writer { clients, patch } => {
                Self::Writer(Writer::begin(listener, clients, patch))
            }
            Role::Relay { clients, action, patch } => {
                tokio::spawn(relay(listener, clients, action, patch));
                Self::Other
            }
            Role::Giver { codec, instruments, hello } => {
                tokio::spawn(give(listener, codec.into(), instruments, hello));
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
                Self::Other => self,
            }
        };
        super::on(runtime, burst)
    }

    /// How many it has written, and how many of them it has encoded.
    fn updates(&self) -> (u64, u64) {
        match self {
            Self::Host(host) => {
                let Stats { updates_sent, updates_encoded, .. } = host.dispatcher.stats();
                (updates_sent, updates_encoded)
            }
            Self::Writer(writer) => (writer.written, 0),
            Self::Other => (0, 0),
        }
    }
}

struct Host {
    dispatcher: HostDispatcher,
    turn: u64,
}

impl Host {
    fn open(listener: TcpListener, instruments: u32, pace: Duration) -> Self {
        let session = SessionConfig {
            min_patch_interval: pace,
            max_participants: 300,
            ..SessionConfig::default()
        };
        let server = ServerConfig { max_connections: 600, ..ServerConfig::default() };
        let options = HostOptions { session, server };
        let (model, engine) = (band::session(instruments), SilentEngine::default());
        let dispatcher = HostDispatcher::open("Host", model, engine, listener, options).unwrap();
        dispatcher.request_ownership(&[HOSTS_OWN]).unwrap();
        Self { dispatcher, turn: 0 }
    }

    async fn burst(&mut self, edits: u32, gap: Duration) {
        for _ in 0..edits {
            self.turn += 1;
            let action = fixture::turn_to(HOSTS_OWN, fixture::cutoff(self.turn));
            self.dispatcher.dispatch(action).unwrap();
            sleep(gap).await;
        }
    }
}
