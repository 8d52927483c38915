//! A host and four clients on a faulty network: connections are cut, stalled and
//! unplugged at random while all participants edit.
//! `cargo run --example chaos -- [--seconds 60] [--seed N]`
//!
//! Prints the state of all participants each second. At the end it compares all
//! snapshots and counts every action. Each participant also repeats its edits in a
//! local session of its own, and the results must be equal.

mod plan;
mod player;
mod proxy;

use std::{
    error::Error,
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use clap::Parser;
use imbolc_net::{
    Dispatcher,
    authority::{LocalDispatcher, threaded},
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::Status,
    model::{InstrumentId, Model},
    server::{HostDispatcher, HostOptions},
    studio::{Name, NetworkAction, SilentEngine, SourceKind, Studio, StudioState},
    sync::session::SessionConfig,
    transport::listen,
};
use tokio::{task::JoinSet, time::sleep};

use self::{
    plan::{Fault, PlannedFault, Rng},
    player::{Counters, Player},
    proxy::Proxy,
};

const CLIENTS: [&str; 4] = ["ana", "ben", "cid", "dan"];

/// Idle timeout. Shorter than the default of 15 s, so that it expires several times
/// within a minute.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Limit for the recovery at the end.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Parser)]
#[command(about = "A session on a faulty network")]
struct Arguments {
    /// Duration of the faults
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seed of all faults and edits; random by default
    #[arg(long)]
    seed: Option<u64>,
}

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match chaos(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all checks pass at the end.
async fn chaos(arguments: &Arguments) -> Outcome<bool> {
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => u64::from(getrandom::u32()?),
    };
    println!("chaos: {} s, repeat with `--seed {seed}`", arguments.seconds);
    let stage = Stage::open(seed, arguments.seconds).await?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs(arguments.seconds);
    let mut playing = JoinSet::new();
    for (number, player) in (1..).zip(&stage.players) {
        let (player, rng) = (Arc::clone(player), Rng::new(seed ^ (number << 32)));
        playing.spawn(async move { player.play(rng, end).await.map_err(|e| e.to_string()) });
    }
    tokio::select! {
        () = stage.inject_faults(plan::plan(seed, arguments.seconds, CLIENTS.len()), begun) => {}
        () = stage.print_every_second(begun) => {}
        () = sleep(Duration::from_secs(arguments.seconds)) => {}
    }
    while let Some(played) = playing.join_next().await {
        played??;
    }
    stage.heal();
    let settled = stage.wait_until_settled().await;
    Ok(stage.report(settled))
}

struct Stage {
    host: Arc<HostDispatcher>,
    /// The host first, without a proxy, then the clients.
    players: Vec<Arc<Player>>,
    clients: Vec<Arc<RemoteDispatcher>>,
    proxies: Vec<Arc<Proxy>>,
}

impl Stage {
    async fn open(seed: u64, seconds: u64) -> Outcome<Self> {
        let studio = studio()?;
        let listener = listen("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let session = SessionConfig {
            heartbeat_interval: IDLE_TIMEOUT / 3,
            idle_timeout: IDLE_TIMEOUT,
            ..SessionConfig::default()
        };
        let options = HostOptions { session, ..HostOptions::default() };
        let (model, engine) = (studio.clone(), threaded(SilentEngine::default));
        let host = Arc::new(HostDispatcher::open("mia", model, engine, listener, options)?);
        let first = InstrumentId(1);
        host.request_ownership(&[first])?;
        let mut players = vec![player("mia", first, Arc::clone(&host) as _, &studio)?];
        let (mut clients, mut proxies) = (Vec::new(), Vec::new());
        for (id, name) in (2..).map(InstrumentId).zip(CLIENTS) {
            let proxy = Arc::new(Proxy::to(address).await?);
            let client = Arc::new(join(proxy.address, name, id).await?);
            players.push(player(name, id, Arc::clone(&client) as _, &studio)?);
            clients.push(client);
            proxies.push(proxy);
        }
        // Identities are kept only for clients that have sent something.
        sleep(IDLE_TIMEOUT / 3).await;
        println!("mia hosts at {address}; {} join", CLIENTS.join(", "));
        println!("{seconds} s of faults from seed {seed}\n");
        Ok(Self { host, players, clients, proxies })
    }

    /// Carries out the plan; never returns.
    async fn inject_faults(&self, plan: Vec<PlannedFault>, begun: Instant) {
        for PlannedFault { at, target, fault } in plan {
            sleep((begun + at).saturating_duration_since(Instant::now())).await;
            println!("{:5.1} s  ✂ {}: {fault}", at.as_secs_f64(), CLIENTS[target]);
            let proxy = Arc::clone(&self.proxies[target]);
            match fault {
                Fault::Cut(ending) => proxy.cut(ending),
                Fault::Stall(time) => {
                    proxy.stall(true);
                    tokio::spawn(async move {
                        sleep(time).await;
                        proxy.stall(false);
                    });
                }
                Fault::Outage(ending, time) => {
                    proxy.pull(ending);
                    tokio::spawn(async move {
                        sleep(time).await;
                        proxy.plug();
                    });
                }
            }
        }
        std::future::pending().await
    }

    /// Prints a line about all participants each second.
    async fn print_every_second(&self, begun: Instant) {
        for second in 1.. {
            let at = begun + Duration::from_secs(second);
            sleep(at.saturating_duration_since(Instant::now())).await;
            println!("{}", self.status_line(second));
        }
    }

    fn status_line(&self, second: u64) -> String {
        let seq = self.host.state().seq;
        let made = self.players[0].counters.made.load(Relaxed);
        let mut line = format!("{second:3} s    mia: {made} made, seq {seq}");
        for (client, player) in self.clients.iter().zip(&self.players[1..]) {
            let status = match client.status() {
                Status::Connected { round_trip: Some(time), .. } => {
                    format!("{:.1} ms", time.as_secs_f64() * 1e3)
                }
                Status::Connected { round_trip: None, .. } => "connected".into(),
                Status::Reconnecting { since, .. } => {
                    format!("OFFLINE {:.1} s", since.elapsed().as_secs_f64())
                }
                other => other.to_string(),
            };
            let (open, seq) = (client.unanswered(), client.state().seq);
            let made = player.counters.made.load(Relaxed);
            let name = player.name;
            line += &format!(" │ {name} {status:>10}, {made:4} made, {open:3} pending, seq {seq}");
        }
        line
    }

    /// Ends all faults.
    fn heal(&self) {
        for proxy in &self.proxies {
            proxy.stall(false);
            proxy.plug();
        }
    }

    /// Waits until nothing is pending and all snapshots are equal. Returns how long
    /// that took, or `None` on timeout.
    async fn wait_until_settled(&self) -> Option<Duration> {
        let begun = Instant::now();
        let is_settled = || {
            let connected = |client: &Arc<RemoteDispatcher>| {
                matches!(client.status(), Status::Connected { .. })
                    && client.unanswered() == 0
                    && client.state() == self.host.state()
            };
            self.clients.iter().all(connected)
                && self.players.iter().all(|player| player.counters.is_balanced())
        };
        while begun.elapsed() < RECOVERY_TIMEOUT {
            if is_settled() {
                return Some(begun.elapsed());
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// Prints the final checks, and returns whether all of them pass.
    fn report(&self, settled: Option<Duration>) -> bool {
        let mut checks = Vec::new();
        let mut check = |text: String, holds: bool| {
            println!("  {} {text}", if holds { "yes" } else { " NO" });
            checks.push(holds);
        };
        println!();
        let took = settled.unwrap_or(RECOVERY_TIMEOUT).as_secs_f64();
        check(format!("settled within {took:.2} s"), settled.is_some());
        let state = self.host.state();
        for (client, name) in self.clients.iter().zip(CLIENTS) {
            check(format!("{name} has the host's snapshot"), client.state() == state);
            let owned = client.identity().instruments.len() == 1;
            check(format!("{name} still owns its instrument"), owned);
        }
        for player in &self.players {
            let Player { name, counters, .. } = &**player;
            let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
            let [made, accepted, refused, reported] =
                [&counters.made, &counters.accepted, &counters.refused, &counters.reported].map(of);
            let sum = format!(
                "{name}: {made} made = {accepted} accepted + {refused} refused + {reported} lost"
            );
            check(sum, counters.is_balanced() && reported == 0);
            let (undone, nothing) = (of(&counters.undone), of(&counters.nothing_undone));
            let all = format!("{name}: {undone} undone; each edit applied once and in order");
            check(all, nothing == 0 && player.equals_shadow());
            println!("      longest call of a UI: {:.1} ms", of(&counters.longest) as f64 / 1e3);
        }
        let passed = checks.iter().all(|holds| *holds);
        let connections = self.host.stats().accepted;
        println!(
            "\nchaos: {connections} connections; {}",
            if passed { "all checks passed" } else { "SOME CHECKS FAILED" }
        );
        passed
    }
}

/// The starter state with one more instrument.
fn studio() -> Outcome<StudioState> {
    let mut studio = StudioState::starter();
    let (id, name) = (InstrumentId(5), Name::new("Bells")?);
    let add = NetworkAction::AddInstrument { id, name, source: SourceKind::Fm };
    Studio::reduce(&mut studio, &add)?;
    Ok(studio)
}

async fn join(address: SocketAddr, name: &str, id: InstrumentId) -> Outcome<RemoteDispatcher> {
    let config = ClientConfig {
        idle_timeout: IDLE_TIMEOUT,
        ping_interval: IDLE_TIMEOUT / 3,
        connect_timeout: IDLE_TIMEOUT,
        max_backoff: Duration::from_secs(1),
        ..ClientConfig::default()
    };
    let (name, own) = (name.into(), vec![id]);
    let options = JoinOptions { name, own, config, ..JoinOptions::default() };
    Ok(RemoteDispatcher::connect(&address.to_string(), options).await?)
}

fn player(
    name: &'static str,
    instrument: InstrumentId,
    studio: Arc<dyn Dispatcher>,
    model: &StudioState,
) -> Outcome<Arc<Player>> {
    let shadow = LocalDispatcher::open(name, model.clone(), threaded(SilentEngine::default))?;
    let counters = Arc::new(Counters::default());
    tokio::spawn(Player::count_losses(Arc::clone(&counters), studio.events()));
    Ok(Arc::new(Player { name, instrument, studio, shadow, counters }))
}
