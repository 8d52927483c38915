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
    PLAIN, RELAY, WHERE_IT_ENDS, bare_client, child::ChildProcess, child_protocol::ChildRole,
    frame_sizes::FrameSizes, nanoseconds,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture,
    picture::Picture,
    row::{Row, Target},
};

pub const INSTRUMENTS: u32 = 64;

/// Longer than the minimum interval between patches.
const QUIET: Duration = Duration::from_millis(40);

/// The schedule of the turns.
#[derive(Clone, Copy)]
pub struct KnobPlan {
    pub quiet: Duration,
    /// The host's minimum interval between patches.
    pub pace: Duration,
    pub rounds: usize,
    pub turns: usize,
    /// Consecutive turns of one contender.
    pub in_a_row: usize,
}

/// A knob to another screen through the encrypted channel.
pub fn measure_encrypted(bench: &mut Bench, runtime: &Runtime) {
    if !bench.wants("net/knob-encrypted") {
        return;
    }
    let (rounds, turns) = if bench.quick { (5, 300) } else { (21, 3_000) };
    let (quiet, pace) = (Duration::ZERO, Duration::ZERO);
    let plan = KnobPlan { quiet, pace, rounds, turns, in_a_row: 50 };
    let [encrypted, plain] = super::on(runtime, async move {
        let (encrypted, plain) =
            (KnobStudios::open(pace, false).await, KnobStudios::open(pace, true).await);
        knob_turns(plan, encrypted, plain).await
    });
    bench.row(
        Row::new(
            "net/knob-encrypted",
            "knob on one client to the snapshot of another, both encrypted, one turn after another, patches not paced",
            encrypted.median(),
        )
        .peer(PLAIN, plain.median())
        .target(Target::AtMostTimes(1.15, PLAIN)),
    );
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
    let [ours, relay] = super::on(runtime, async move {
        knob_turns(plan, KnobStudios::open(plan.pace, true).await, KnobRelay::open().await).await
    });
    let paced = if plan.pace.is_zero() { "patches not paced" } else { "patches paced" };
    let what = format!(
        "knob on one client to the snapshot of another, in clear, {when}, {paced}; {WHERE_IT_ENDS}"
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

/// What turns a knob, and waits until another screen shows it.
pub trait Knob: Send {
    fn turn(&mut self) -> impl Future<Output = Duration> + Send;
}

pub async fn knob_turns(
    plan: KnobPlan,
    mut first: impl Knob,
    mut second: impl Knob,
) -> [Samples; 2] {
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    for round in 0..=plan.rounds {
        let mut taken = [Vec::new(), Vec::new()];
        while taken[0].len() < plan.turns {
            for _ in 0..plan.in_a_row {
                sleep_if(plan.quiet).await;
                taken[0].push(nanoseconds(first.turn().await));
            }
            for _ in 0..plan.in_a_row {
                sleep_if(plan.quiet).await;
                taken[1].push(nanoseconds(second.turn().await));
            }
        }
        // The first round warms up.
        if round > 0 {
            samples.iter_mut().zip(taken).for_each(|(samples, taken)| samples.push(taken));
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
pub struct KnobStudios {
    here: RemoteDispatcher,
    there: RemoteDispatcher,
    events: Events,
    instrument: InstrumentId,
    turn: u64,
    pub host: ChildProcess,
}

impl KnobStudios {
    async fn open(pace: Duration, plain: bool) -> Self {
        let host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
        let instrument = fixture::touched(INSTRUMENTS);
        let own = vec![instrument];
        let here = join(&host, JoinOptions { plain, own, ..named("Here") }).await;
        let there = join(&host, JoinOptions { plain, ..named("There") }).await;
        Self::new(host, here, there)
    }

    /// `here` owns the instrument in the middle of the map.
    pub fn new(host: ChildProcess, here: RemoteDispatcher, there: RemoteDispatcher) -> Self {
        let (events, instrument) = (there.events(), fixture::touched(INSTRUMENTS));
        Self { here, there, events, instrument, turn: 0, host }
    }
}

impl Knob for KnobStudios {
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

/// The options of a client without any wish.
pub fn named(name: &str) -> JoinOptions {
    JoinOptions { name: name.into(), ..JoinOptions::default() }
}

/// Joins a host.
pub async fn join(host: &ChildProcess, options: JoinOptions) -> RemoteDispatcher {
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
}

impl Knob for KnobRelay {
    async fn turn(&mut self) -> Duration {
        let begun = Instant::now();
        self.here.write_all(&self.action).await.unwrap();
        self.there.read_exact(&mut self.patch).await.unwrap();
        begun.elapsed()
    }
}
