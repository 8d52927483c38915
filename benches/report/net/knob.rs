//! How long it takes from a knob on one client to the snapshot of another.
//!
//! Ours ends where a UI hears of it: at the event that says that the snapshot has
//! changed. The relay ends where the frame has been read.

use std::time::{Duration, Instant};

use imbolc_net::{
    Dispatcher, Event,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::Events,
    model::{DirtyFlags, InstrumentId},
    protocol::framing::Codec,
    sync::session::SessionConfig,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, tcp::OwnedReadHalf},
    runtime::Runtime,
    time::sleep,
};

use super::{
    RELAY, WHERE_IT_ENDS, bare, child::Child, nanoseconds, order::Role, wires::FrameSizes,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture,
    picture::Picture,
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

/// Longer than the pace of the patches.
const QUIET: Duration = Duration::from_millis(40);

/// When the knob is turned again.
#[derive(Clone, Copy)]
struct Plan {
    quiet: Duration,
    /// How often the host may send patches.
    pace: Duration,
    rounds: usize,
    turns: usize,
    /// How many turns one contender has before it is the other's turn.
    in_a_row: usize,
}

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if bench.wants("knob/warm") || bench.wants("knob/warm-p99") {
        let (rounds, turns) = if bench.quick { (5, 300) } else { (21, 3_000) };
        let (quiet, pace) = (Duration::ZERO, Duration::ZERO);
        let plan = Plan { quiet, pace, rounds, turns, in_a_row: turns };
        rows(bench, runtime, "knob/warm", "one upon the other", plan);
    }
    if bench.wants("knob/quiet") || bench.wants("knob/quiet-p99") {
        let (rounds, turns) = if bench.quick { (4, 8) } else { (10, 100) };
        let pace = SessionConfig::default().patch_pace;
        let plan = Plan { quiet: QUIET, pace, rounds, turns, in_a_row: 1 };
        rows(bench, runtime, "knob/quiet", "after 40 ms of quiet", plan);
    }
}

fn rows(bench: &mut Bench, runtime: &Runtime, key: &str, when: &str, plan: Plan) {
    let [ours, relay] = super::on(runtime, take_turns(plan));
    let paced = if plan.pace.is_zero() { "patches not paced" } else { "patches paced" };
    let what = format!(
        "a knob on one client to the snapshot of another, {when}, {paced}; {}",
        WHERE_IT_ENDS
    );
    let row = |key: String, what: String, q| {
        let (ours, relay) =
            if q > 0.5 { (ours.at(q), relay.at(q)) } else { (ours.median(), relay.median()) };
        Row::new(key, what, ours).peer(RELAY, relay).target(Target::AtMostTimes(1.5, RELAY))
    };
    bench.row(row(key.into(), what.clone(), 0.5));
    bench.row(row(format!("{key}-p99"), format!("{what}: p99"), 0.99));
    bench.picture(Picture::distribution(
        &format!("{}.svg", key.replace('/', "-")),
        &format!("A knob to another screen, {when}: how long the slower half takes"),
        &[("ours", &ours), (RELAY, &relay)],
    ));
}

async fn take_turns(plan: Plan) -> [Samples; 2] {
    let mut studios = Studios::open(plan.pace).await;
    let mut relay = Relay::open().await;
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=plan.rounds {
        let (mut ours, mut its) = (Vec::new(), Vec::new());
        while ours.len() < plan.turns {
            for _ in 0..plan.in_a_row {
                sleep_if(plan.quiet).await;
                ours.push(nanoseconds(studios.turn().await));
            }
            for _ in 0..plan.in_a_row {
                sleep_if(plan.quiet).await;
                its.push(nanoseconds(relay.turn().await));
            }
        }
        // The first round warms up.
        if round > 0 {
            samples[0].push(ours);
            samples[1].push(its);
        }
    }
    samples
}

async fn sleep_if(quiet: Duration) {
    if quiet > Duration::ZERO {
        sleep(quiet).await;
    }
}

/// Two who joined a host.
struct Studios {
    here: RemoteDispatcher,
    there: RemoteDispatcher,
    events: Events,
    instrument: InstrumentId,
    turn: u64,
    _host: Child,
}

impl Studios {
    async fn open(pace: Duration) -> Self {
        let host = Child::start(Role::Host { instruments: INSTRUMENTS, pace });
        let instrument = fixture::touched(INSTRUMENTS);
        let here = join(&host, "Here", vec![instrument]).await;
        let there = join(&host, "There", vec![]).await;
        let events = there.events();
        Self { here, there, events, instrument, turn: 0, _host: host }
    }

    async fn turn(&mut self) -> Duration {
        while self.events.try_next().is_some() {}
        self.turn += 1;
        let cutoff = fixture::cutoff(self.turn);
        let action = fixture::turn_to(self.instrument, cutoff);
        let begun = Instant::now();
        self.here.dispatch(action).unwrap();
        loop {
            let event = self.events.next().await.unwrap();
            let edited = matches!(event, Event::Changed(f) if f.contains(DirtyFlags::INSTRUMENTS));
            let instruments = || self.there.state().model.instruments.clone();
            if edited && instruments().get(self.instrument).unwrap().filter.cutoff == cutoff {
                return begun.elapsed();
            }
        }
    }
}

/// Joins a host.
pub async fn join(host: &Child, name: &str, own: Vec<InstrumentId>) -> RemoteDispatcher {
    let options = JoinOptions { name: name.into(), own, ..JoinOptions::default() };
    RemoteDispatcher::connect(&host.address, options).await.unwrap()
}

/// Two sockets, and somebody in between who forwards.
struct Relay {
    here: TcpStream,
    there: BufReader<OwnedReadHalf>,
    action: Vec<u8>,
    patch: Vec<u8>,
    _relay: Child,
}

impl Relay {
    async fn open() -> Self {
        let FrameSizes { action, patch } = FrameSizes::of(Codec::ALL[0], INSTRUMENTS);
        let relay = Child::start(Role::Relay { clients: 2, action, patch });
        let here = bare::connect(&relay.address).await;
        let there = BufReader::new(bare::connect(&relay.address).await.into_split().0);
        Self { here, there, action: vec![0; action], patch: vec![0; patch], _relay: relay }
    }

    async fn turn(&mut self) -> Duration {
        let begun = Instant::now();
        self.here.write_all(&self.action).await.unwrap();
        self.there.read_exact(&mut self.patch).await.unwrap();
        begun.elapsed()
    }
}
