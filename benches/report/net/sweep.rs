//! One of eight clients sweeps a knob, and the other seven watch.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, Event,
    client::{JoinOptions, RemoteDispatcher},
    model::{DirtyFlags, InstrumentId},
    protocol::{NetworkState, framing::Codec},
    sync::session::SessionConfig,
    util::quantity::Hertz,
};
use tokio::{
    io::{AsyncReadExt, BufReader},
    net::{TcpStream, tcp::OwnedReadHalf},
    runtime::Runtime,
    sync::Mutex as AsyncMutex,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    RELAY, WHERE_IT_ENDS, bare_client,
    child::ChildProcess,
    child_protocol::ChildRole,
    cpu,
    frame_sizes::FrameSizes,
    knob::{join, named},
    nanoseconds,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture,
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const WATCHERS: usize = 7;

/// Tolerance for a patch after the minimum interval.
const SLACK: Duration = Duration::from_millis(1);

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    for rate in [60, 500] {
        if bench.wants(&format!("sweep/{rate}-p99"))
            || bench.wants(&format!("sweep/{rate}-cpu-host"))
            || bench.wants(&format!("sweep/{rate}-cpu-all"))
        {
            sweep_rows(bench, runtime, rate);
        }
    }
}

fn sweep_rows(bench: &mut Bench, runtime: &Runtime, rate: u32) {
    let (rounds, lasts) =
        if bench.quick { (2, Duration::from_secs(1)) } else { (7, Duration::from_secs(3)) };
    let sweep = Sweep { edits: rate * u32::try_from(lasts.as_secs()).unwrap(), rate };
    let [ours, relay] = super::on(runtime, sweep_turns(sweep, rounds));
    let what = format!("sweep at {rate} edits per second, 8 clients, in clear");
    let pace = SessionConfig::default().min_patch_interval + SLACK;
    bench.row(
        Row::new(
            format!("sweep/{rate}-p99"),
            format!("{what}: p99; {WHERE_IT_ENDS}"),
            ours.late.at(0.99),
        )
        .peer(RELAY, relay.late.at(0.99))
        .target(Target::AtMost(nanoseconds(pace))),
    );
    bench.row(
        Row::new(
            format!("sweep/{rate}-cpu-host"),
            format!("{what}: CPU use of the host or relay"),
            ours.between.at(0.5),
        )
        .peer(RELAY, relay.between.at(0.5))
        .target(Target::LessThanAll),
    );
    bench.row(
        Row::new(
            format!("sweep/{rate}-cpu-all"),
            format!("{what}: CPU use including all clients"),
            ours.all.at(0.5),
        )
        .peer(RELAY, relay.all.at(0.5)),
    );
}

/// Rate and number of edits.
#[derive(Clone, Copy)]
struct Sweep {
    rate: u32,
    edits: u32,
}

struct SweepSamples {
    /// The delay of each edit at each watcher.
    late: Samples,
    /// CPU use of the host or relay.
    between: Samples,
    /// CPU use of all processes.
    all: Samples,
}

impl SweepSamples {
    const fn new() -> Self {
        Self {
            late: Samples::new(Unit::Nanoseconds),
            between: Samples::new(Unit::Core),
            all: Samples::new(Unit::Core),
        }
    }

    fn push(&mut self, round: SweepRound) {
        self.late.push(round.late);
        self.between.push(vec![round.between]);
        self.all.push(vec![round.all]);
    }
}

struct SweepRound {
    late: Vec<f64>,
    between: f64,
    all: f64,
}

async fn sweep_turns(sweep: Sweep, rounds: usize) -> [SweepSamples; 2] {
    let mut studios = SweepStudios::open().await;
    let mut relay = SweepRelay::open().await;
    let mut taken = [SweepSamples::new(), SweepSamples::new()];
    for round in 0..=rounds {
        let (ours, its) = (studios.round(sweep).await, relay.round(sweep).await);
        // The first round warms up.
        if round > 0 {
            taken[0].push(ours);
            taken[1].push(its);
        }
    }
    taken
}

/// The time of each edit.
type Made = Arc<Mutex<Vec<Instant>>>;

/// Records the delay of the edits `seen..now`, which a watcher has just seen.
fn lateness(made: &Made, seen: usize, now: usize, late: &mut Vec<f64>) {
    let made = made.lock().unwrap();
    late.extend(made[seen..now].iter().map(|made| nanoseconds(made.elapsed())));
}

/// Makes one edit per tick, and waits until all watchers have seen the last
/// one.
async fn perform(
    sweep: Sweep,
    between: &mut ChildProcess,
    made: Made,
    watchers: JoinSet<Vec<f64>>,
    mut edit: impl FnMut(u32),
) -> SweepRound {
    let (its, own, begun) = (between.cpu(), cpu::used(), Instant::now());
    let mut ticks = interval(Duration::from_secs(1) / sweep.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0..sweep.edits {
        ticks.tick().await;
        made.lock().unwrap().push(Instant::now());
        edit(turn);
    }
    let late = watchers.join_all().await.concat();
    let share = |used: Duration| used.as_secs_f64() / begun.elapsed().as_secs_f64();
    let (own, its) = (cpu::used() - own, between.cpu() - its);
    SweepRound { late, between: share(its), all: share(own + its) }
}

/// Eight clients of a host.
struct SweepStudios {
    host: ChildProcess,
    editor: RemoteDispatcher,
    watchers: Vec<Arc<RemoteDispatcher>>,
    instrument: InstrumentId,
    /// The knob's current turn.
    turn: u32,
}

impl SweepStudios {
    async fn open() -> Self {
        let pace = SessionConfig::default().min_patch_interval;
        let host = ChildProcess::start(ChildRole::Host { instruments: INSTRUMENTS, pace });
        let instrument = fixture::touched(INSTRUMENTS);
        let editor =
            join(&host, JoinOptions { plain: true, own: vec![instrument], ..named("Editor") })
                .await;
        let mut watchers = Vec::new();
        for number in 1..=WATCHERS {
            let options = JoinOptions { plain: true, ..named(&format!("Watcher {number}")) };
            watchers.push(Arc::new(join(&host, options).await));
        }
        editor.commit(fixture::turn_to(instrument, knob(0))).await.unwrap();
        while watchers.iter().any(|watcher| turn_in(&watcher.state(), instrument) != 0) {
            sleep(Duration::from_millis(1)).await;
        }
        Self { host, editor, watchers, instrument, turn: 0 }
    }

    async fn round(&mut self, sweep: Sweep) -> SweepRound {
        let made = Made::default();
        let (from, instrument) = (self.turn, self.instrument);
        let mut watching = JoinSet::new();
        for watcher in &self.watchers {
            let (watcher, made) = (Arc::clone(watcher), Arc::clone(&made));
            watching.spawn(async move { watch(&watcher, instrument, from, sweep, &made).await });
        }
        let editor = &self.editor;
        let edit = |turn| {
            let action = fixture::turn_to(instrument, knob(from + turn + 1));
            editor.dispatch(action).unwrap();
        };
        let round = perform(sweep, &mut self.host, made, watching, edit).await;
        self.turn += sweep.edits;
        round
    }
}

/// The knob's position at turn number `turn`; all positions differ.
fn knob(turn: u32) -> Hertz {
    // Exact: an `f32` has more digits.
    Hertz::new(20.0 + f32::from(u16::try_from(turn).unwrap()) * 0.25).unwrap()
}

/// The turn number that a snapshot shows.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the inverse of `knob`"
)]
fn turn_in(state: &NetworkState, instrument: InstrumentId) -> u32 {
    let cutoff = state.model.instruments.get(instrument).unwrap().filter.cutoff.get();
    ((cutoff - 20.0) / 0.25) as u32
}

/// The delay of each edit after `from` at one watcher.
async fn watch(
    studio: &RemoteDispatcher,
    instrument: InstrumentId,
    from: u32,
    sweep: Sweep,
    made: &Made,
) -> Vec<f64> {
    let mut events = studio.events();
    let (mut late, mut seen) = (Vec::new(), 0);
    while seen < sweep.edits as usize {
        let event = events.next().await.unwrap();
        if matches!(event, Event::Changed(flags) if flags.contains(DirtyFlags::INSTRUMENTS)) {
            let turn = turn_in(&studio.state(), instrument);
            let now = (turn - from) as usize;
            lateness(made, seen, now, &mut late);
            seen = now;
        }
    }
    late
}

/// Eight sockets and a relay between them.
struct SweepRelay {
    relay: ChildProcess,
    editor: TcpStream,
    action: Vec<u8>,
    patch: usize,
    watchers: Vec<Arc<AsyncMutex<BufReader<OwnedReadHalf>>>>,
}

impl SweepRelay {
    async fn open() -> Self {
        let FrameSizes { action, patch } = FrameSizes::of(Codec::ALL[0], INSTRUMENTS);
        let relay = ChildProcess::start(ChildRole::Relay { clients: 1 + WATCHERS, action, patch });
        let editor = bare_client::connect(&relay.address).await;
        let mut watchers = Vec::new();
        for _ in 0..WATCHERS {
            let reader = bare_client::connect(&relay.address).await.into_split().0;
            watchers.push(Arc::new(AsyncMutex::new(BufReader::new(reader))));
        }
        Self { relay, editor, action: vec![0; action], patch, watchers }
    }

    async fn round(&mut self, sweep: Sweep) -> SweepRound {
        let made = Made::default();
        let mut watching = JoinSet::new();
        for watcher in &self.watchers {
            let (watcher, made, patch) = (Arc::clone(watcher), Arc::clone(&made), self.patch);
            watching.spawn(async move {
                let (mut late, mut frame) = (Vec::new(), vec![0; patch]);
                let mut watcher = watcher.lock().await;
                for turn in 0..sweep.edits as usize {
                    watcher.read_exact(&mut frame).await.unwrap();
                    lateness(&made, turn, turn + 1, &mut late);
                }
                late
            });
        }
        let (editor, action) = (&self.editor, &self.action);
        let edit = |_| assert_eq!(editor.try_write(action).unwrap(), action.len());
        perform(sweep, &mut self.relay, made, watching, edit).await
    }
}
