//! Time from a knob on one client to the snapshot of another.
//!
//! Ours ends at the event that reports the change to the UI, the relay when the frame
//! has been read.

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
    RELAY, WHERE_IT_ENDS, bare_client, child::ChildProcess, child_protocol::ChildRole,
    frame_sizes::FrameSizes, nanoseconds,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture,
    picture::Picture,
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

/// Longer than the minimum interval between patches.
const QUIET: Duration = Duration::from_millis(40);

/// The schedule of the turns.
#[derive(Clone, Copy)]
struct KnobPlan {
    quiet: Duration,
    /// The host's minimum interval between patches.
    pace: Duration,
    rounds: usize,
    turns: usize,
    /// Consecutive turns of one contender.
    in_a_row: usize,
}

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    if bench.wants("knob/warm") || bench.wants("knob/warm-p99") {
        let (rounds, turns) = if bench.quick { (5, 300) } else { (21, 3_000) };
        let (quiet, pace) = (Duration::ZERO, Duration::ZERO);
        let plan = KnobPlan { quiet, pace, rounds, turns, in_a_row: turns };
        knob_rows(bench, runtime, "knob/warm", "one turn after another", plan);
    }
    if bench.wants("knob/quiet") || bench.wants("knob/quiet-p99") {
        let (rounds, turns) = if bench.quick { (4, 8) } else { (10, 100) };
        let pace = SessionConfig::default().min_patch_interval;
        let plan = KnobPlan { quiet: QUIET, pace, rounds, turns, in_a_row: 1 };
        knob_rows(bench, runtime, "knob/quiet", "after 40 ms of quiet", plan);
    }
}

fn knob_rows(bench: &mut Bench, runtime: &Runtime, key: &str, when: &str, plan: KnobPlan) {
    let [ours, relay] = super::on(runtime, knob_turns(plan));
    let paced = if plan.pace.is_zero() { "patches not paced" } else { "patches paced" };
    let what = format!(
        "knob on one client to the snapshot of another, {when}, {paced}; {}",
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
        &format!("A knob to another screen, {when}: times of the slower half"),
        &[("ours", &ours), (RELAY, &relay)],
    ));
}

async fn knob_turns(plan: KnobPlan) -> [Samples; 2] {
    let mut studios = KnobStudios::open(plan.pace).await;
    let mut relay = KnobRelay::open().await;
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

/// Two clients of a host.
struct KnobStudios {
    here: RemoteDispatcher,
    there: RemoteDispatcher,
    events: Events,
    instrument: InstrumentId,
    turn: u64,
    _host: ChildProcess,
}

impl KnobStudios {
    async fn open(pace: Duration) -> Self {
        let host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
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
pub async fn join(host: &ChildProcess, name: &str, own: Vec<InstrumentId>) -> RemoteDispatcher {
    let options = JoinOptions { name: name.into(), own, ..JoinOptions::default() };
    RemoteDispatcher::connect(&host.address, options).await.unwrap()
}

/// Two sockets and a relay between them.
struct KnobRelay {
    here: TcpStream,
    there: BufReader<OwnedReadHalf>,
    action: Vec<u8>,
    patch: Vec<u8>,
    _relay: ChildProcess,
}

impl KnobRelay {
    async fn open() -> Self {
        let FrameSizes { action, patch } = FrameSizes::of(Codec::ALL[0], INSTRUMENTS);
        let relay = ChildProcess::start(ChildRole::Relay { clients: 2, action, patch });
        let here = bare_client::connect(&relay.address).await;
        let there = BufReader::new(bare_client::connect(&relay.address).await.into_split().0);
        Self { here, there, action: vec![0; action], patch: vec![0; patch], _relay: relay }
    }

    async fn turn(&mut self) -> Duration {
        let begun = Instant::now();
        self.here.write_all(&self.action).await.unwrap();
        self.there.read_exact(&mut self.patch).await.unwrap();
        begun.elapsed()
    }
}
