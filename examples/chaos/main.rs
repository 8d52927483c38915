//! A host, four participants, and a network that is out to get them: their
//! connections are cut, stalled and unplugged at random while all of them edit.
//! `cargo run --example chaos -- [--seconds 60] [--seed N]`
//!
//! Each second a line says what each of them sees. In the end all snapshots are
//! compared, and every action is counted. What each one did it also did in a
//! studio of its own, alone and undisturbed; the two must be equal.

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
    authority::LocalDispatcher,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::Status,
    model::{InstrumentId, Model},
    server::{HostDispatcher, HostOptions, ServerConfig},
    studio::{Name, NetworkAction, SilentEngine, SourceKind, Studio, StudioState},
    sync::session::SessionConfig,
};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use self::{
    plan::{Dice, Fault, Mishap},
    player::{Player, Tally},
    proxy::Proxy,
};

const GUESTS: [&str; 4] = ["ana", "ben", "cid", "dan"];

/// After how long nobody believes in a silent connection any more. Shorter than
/// the usual 15 s, so that a minute is long enough to see it happen.
const SILENCE: Duration = Duration::from_millis(1500);

/// How long it may take in the end until all is quiet.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Parser)]
#[command(about = "A session in a network that is out to get it")]
struct Arguments {
    /// For how long
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// What decides what goes wrong, when, and what is edited; any unless given
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

/// Returns whether all is well in the end.
async fn chaos(arguments: &Arguments) -> Outcome<bool> {
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => u64::from(getrandom::u32()?),
    };
    println!("chaos: {} s, the same again with `--seed {seed}`", arguments.seconds);
    let stage = Stage::open(seed, arguments.seconds).await?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs(arguments.seconds);
    let mut playing = JoinSet::new();
    for (number, player) in (1..).zip(&stage.players) {
        let (player, dice) = (Arc::clone(player), Dice::new(seed ^ (number << 32)));
        playing.spawn(async move { player.play(dice, end).await.map_err(|e| e.to_string()) });
    }
    tokio::select! {
        () = stage.hurt(plan::plan(seed, arguments.seconds, GUESTS.len()), begun) => {}
        () = stage.watch(begun) => {}
        () = sleep(Duration::from_secs(arguments.seconds)) => {}
    }
    while let Some(played) = playing.join_next().await {
        played??;
    }
    stage.mend();
    let quiet = stage.becomes_quiet().await;
    Ok(stage.verdict(quiet))
}

struct Stage {
    host: Arc<HostDispatcher>,
    /// The host is the first one; it has no proxy.
    players: Vec<Arc<Player>>,
    guests: Vec<Arc<RemoteDispatcher>>,
    proxies: Vec<Arc<Proxy>>,
}

impl Stage {
    async fn open(seed: u64, seconds: u64) -> Outcome<Self> {
        let studio = studio()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let session = SessionConfig {
            heartbeat_interval: SILENCE / 3,
            idle_timeout: SILENCE,
            ..SessionConfig::default()
        };
        let options = HostOptions { session, server: ServerConfig::default() };
        let (model, engine) = (studio.clone(), SilentEngine::default());
        let host = Arc::new(HostDispatcher::open("mia", model, engine, listener, options)?);
        let first = InstrumentId(1);
        host.request_ownership(&[first])?;
        let mut players = vec![player("mia", first, Arc::clone(&host) as _, &studio)?];
        let (mut guests, mut proxies) = (Vec::new(), Vec::new());
        for (id, name) in (2..).map(InstrumentId).zip(GUESTS) {
            let proxy = Arc::new(Proxy::to(address).await?);
            let guest = Arc::new(join(proxy.address, name, id).await?);
            players.push(player(name, id, Arc::clone(&guest) as _, &studio)?);
            guests.push(guest);
            proxies.push(proxy);
        }
        // A place is kept for those who have spoken.
        sleep(SILENCE / 3).await;
        println!("mia hosts at {address}; {} join", GUESTS.join(", "));
        println!("what goes wrong in {seconds} s is decided by {seed}\n");
        Ok(Self { host, players, guests, proxies })
    }

    /// Carries out the plan.
    async fn hurt(&self, plan: Vec<Mishap>, begun: Instant) {
        for Mishap { at, whom, what } in plan {
            sleep((begun + at).saturating_duration_since(Instant::now())).await;
            println!("{:5.1} s  ✂ {}: {what}", at.as_secs_f64(), GUESTS[whom]);
            let proxy = Arc::clone(&self.proxies[whom]);
            match what {
                Fault::Cut(how) => proxy.cut(how),
                Fault::Stall(time) => {
                    proxy.stall(true);
                    tokio::spawn(async move {
                        sleep(time).await;
                        proxy.stall(false);
                    });
                }
                Fault::Outage(how, time) => {
                    proxy.pull(how);
                    tokio::spawn(async move {
                        sleep(time).await;
                        proxy.plug();
                    });
                }
            }
        }
        std::future::pending().await
    }

    /// Says each second what everybody sees.
    async fn watch(&self, begun: Instant) {
        for second in 1.. {
            let at = begun + Duration::from_secs(second);
            sleep(at.saturating_duration_since(Instant::now())).await;
            println!("{}", self.line(second));
        }
    }

    fn line(&self, second: u64) -> String {
        let seq = self.host.state().seq;
        let made = self.players[0].tally.made.load(Relaxed);
        let mut line = format!("{second:3} s    mia: {made} made, seq {seq}");
        for (guest, player) in self.guests.iter().zip(&self.players[1..]) {
            let status = match guest.status() {
                Status::Connected { round_trip: Some(time) } => {
                    format!("{:.1} ms", time.as_secs_f64() * 1e3)
                }
                Status::Connected { round_trip: None } => "back".into(),
                Status::Reconnecting { since, .. } => {
                    format!("GONE {:.1} s", since.elapsed().as_secs_f64())
                }
                other => other.to_string(),
            };
            let (open, seq) = (guest.unanswered(), guest.state().seq);
            let made = player.tally.made.load(Relaxed);
            let name = player.name;
            line += &format!(" │ {name} {status:>10}, {made:4} made, {open:3} open, seq {seq}");
        }
        line
    }

    /// Nothing goes wrong any more.
    fn mend(&self) {
        for proxy in &self.proxies {
            proxy.stall(false);
            proxy.plug();
        }
    }

    /// Waits until nothing is on its way, and returns how long that took.
    async fn becomes_quiet(&self) -> Option<Duration> {
        let begun = Instant::now();
        let quiet = || {
            let connected = |guest: &Arc<RemoteDispatcher>| {
                matches!(guest.status(), Status::Connected { .. })
                    && guest.unanswered() == 0
                    && guest.state() == self.host.state()
            };
            self.guests.iter().all(connected)
                && self.players.iter().all(|player| player.tally.adds_up())
        };
        while begun.elapsed() < PATIENCE {
            if quiet() {
                return Some(begun.elapsed());
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// Says what became of everything, and returns whether that is well.
    fn verdict(&self, quiet: Option<Duration>) -> bool {
        let mut checks = Vec::new();
        let mut check = |what: String, holds: bool| {
            println!("  {} {what}", if holds { "yes" } else { " NO" });
            checks.push(holds);
        };
        println!();
        let took = quiet.unwrap_or(PATIENCE).as_secs_f64();
        check(format!("quiet within {took:.2} s"), quiet.is_some());
        let state = self.host.state();
        for (guest, name) in self.guests.iter().zip(GUESTS) {
            check(format!("{name} has the host's snapshot"), guest.state() == state);
            let owned = guest.identity().instruments.len() == 1;
            check(format!("{name} owns what it owned"), owned);
        }
        for player in &self.players {
            let Player { name, tally, .. } = &**player;
            let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
            let [made, accepted, refused, reported] =
                [&tally.made, &tally.accepted, &tally.refused, &tally.reported].map(of);
            let sum = format!(
                "{name}: {made} made = {accepted} accepted + {refused} refused + {reported} lost"
            );
            check(sum, tally.adds_up() && reported == 0);
            let (undone, nothing) = (of(&tally.undone), of(&tally.nothing_undone));
            let all = format!("{name}: {undone} undone; all is as it was made, once and in order");
            check(all, nothing == 0 && player.is_as_it_made_it());
            println!("      the longest call of its UI: {:.1} ms", of(&tally.longest) as f64 / 1e3);
        }
        let well = checks.iter().all(|holds| *holds);
        let connections = self.host.stats().accepted;
        println!(
            "\nchaos: {connections} connections; {}",
            if well { "all is well" } else { "SOMETHING IS WRONG" }
        );
        well
    }
}

/// The starter's three instruments, and two more.
fn studio() -> Outcome<StudioState> {
    let mut studio = StudioState::starter();
    for (id, name) in [(4, "Keys"), (5, "Bells")] {
        let (id, name) = (InstrumentId(id), Name::new(name)?);
        let add = NetworkAction::AddInstrument { id, name, source: SourceKind::Fm };
        Studio::reduce(&mut studio, &add)?;
    }
    Ok(studio)
}

async fn join(address: SocketAddr, name: &str, id: InstrumentId) -> Outcome<RemoteDispatcher> {
    let config = ClientConfig {
        idle_timeout: SILENCE,
        ping_interval: SILENCE / 3,
        connect_timeout: SILENCE,
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
    let shadow = LocalDispatcher::open(name, model.clone(), SilentEngine::default())?;
    let tally = Arc::new(Tally::default());
    tokio::spawn(Player::listen(Arc::clone(&tally), studio.events()));
    Ok(Arc::new(Player { name, instrument, studio, shadow, tally }))
}
