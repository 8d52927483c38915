//! A knob that is swept, by one of eight, and watched by the other seven.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, Event,
    client::RemoteDispatcher,
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
    RELAY, WHERE_IT_ENDS, bare, child::Child, cpu, knob::join, nanoseconds, order::Role,
    wires::FrameSizes,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture,
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;
const WATCHERS: usize = 7;

/// How much later than the pace allows a patch may be.
const SLACK: Duration = Duration::from_millis(1);

pub fn measure(bench: &mut Bench, runtime: &Runtime) {
    for rate in [60, 500] {
        if bench.wants(&format!("sweep/{rate}-p99"))
            || bench.wants(&format!("sweep/{rate}-cpu-host"))
            || bench.wants(&format!("sweep/{rate}-cpu-all"))
        {
            rows(bench, runtime, rate);
        }
    }
}

fn rows(bench: &mut Bench, runtime: &Runtime, rate: u32) {
    let (rounds, lasts) =
        if bench.quick { (2, Duration::from_secs(1)) } else { (7, Duration::from_secs(3)) };
    let sweep = Sweep { edits: rate * u32::try_from(lasts.as_secs()).unwrap(), rate };
    let [ours, relay] = super::on(runtime, take_turns(sweep, rounds));
    let what = format!("a sweep at {rate} edits a second, 8 clients");
    let pace = SessionConfig::default().patch_pace + SLACK;
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
            format!("{what}: CPU of the host, and of the relay"),
            ours.between.at(0.5),
        )
        .peer(RELAY, relay.between.at(0.5))
        .target(Target::LessThanAll),
    );
    bench.row(
        Row::new(
            format!("sweep/{rate}-cpu-all"),
            format!("{what}: CPU of the same and of all clients"),
            ours.all.at(0.5),
        )
        .peer(RELAY, relay.all.at(0.5)),
    );
}

/// How fast, and for how long.
#[derive(Clone, Copy)]
struct Sweep {
    rate: u32,
    edits: u32,
}

struct Taken {
    /// How late each edit showed at each watcher.
    late: Samples,
    /// What the process in between used of a core.
    between: Samples,
    /// What all processes used.
    all: Samples,
}

impl Taken {
    const fn new() -> Self {
        Self {
            late: Samples::new(Unit::Nanoseconds),
            between: Samples::new(Unit::Core),
            all: Samples::new(Unit::Core),
        }
    }

    fn push(&mut self, round: Round) {
        self.late.push(round.late);
        self.between.push(vec![round.between]);
        self.all.push(vec![round.all]);
    }
}

struct Round {
    late: Vec<f64>,
    between: f64,
    all: f64,
}

async fn take_turns(sweep: Sweep, rounds: usize) -> [Taken; 2] {
    let mut studios = Studios::open().await;
    let mut relay = Relay::open().await;
    let mut taken = [Taken::new(), Taken::new()];
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

/// When each edit was made, which the watchers ask for.
type Made = Arc<Mutex<Vec<Instant>>>;

/// How late the edits from `seen` to before `now` are that a watcher just saw.
fn lateness(made: &Made, seen: usize, now: usize, late: &mut Vec<f64>) {
    let made = made.lock().unwrap();
    late.extend(made[seen..now].iter().map(|made| nanoseconds(made.elapsed())));
}

/// Makes the edits, one a tick, and waits until everyone has seen the last one.
async fn perform(
    sweep: Sweep,
    between: &mut Child,
    made: Made,
    watchers: JoinSet<Vec<f64>>,
    mut edit: impl FnMut(u32),
) -> Round {
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
    Round { late, between: share(its), all: share(own + its) }
}

/// Eight who joined a host.
struct Studios {
    host: Child,
    editor: RemoteDispatcher,
    watchers: Vec<Arc<RemoteDispatcher>>,
    instrument: InstrumentId,
    /// Where the knob stands.
    turn: u32,
}

impl Studios {
    async fn open() -> Self {
        let pace = SessionConfig::default().patch_pace;
        let host = Child::start(Role::Host { instruments: INSTRUMENTS, pace });
        let instrument = fixture::touched(INSTRUMENTS);
        let editor = join(&host, "Editor", vec![instrument]).await;
        let mut watchers = Vec::new();
        for number in 1..=WATCHERS {
            watchers.push(Arc::new(join(&host, &format!("Watcher {number}"), vec![]).await));
        }
        editor.commit(fixture::turn_to(instrument, knob(0))).await.unwrap();
        while watchers.iter().any(|watcher| turn_in(&watcher.state(), instrument) != 0) {
            sleep(Duration::from_millis(1)).await;
        }
        Self { host, editor, watchers, instrument, turn: 0 }
    }

    async fn round(&mut self, sweep: Sweep) -> Round {
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

/// Where the knob stands at its turn number `turn`; never at the same place.
fn knob(turn: u32) -> Hertz {
    // Exact: an `f32` has more digits.
    Hertz::new(20.0 + f32::from(u16::try_from(turn).unwrap()) * 0.25).unwrap()
}

/// Which turn it is that is seen in a snapshot.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the inverse of `knob`"
)]
fn turn_in(state: &NetworkState, instrument: InstrumentId) -> u32 {
    let cutoff = state.model.instruments.get(instrument).unwrap().filter.cutoff.get();
    ((cutoff - 20.0) / 0.25) as u32
}

/// How late a watcher saw each edit after `from`.
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

/// Eight sockets, and somebody in between who sends each frame on.
struct Relay {
    relay: Child,
    editor: TcpStream,
    action: Vec<u8>,
    patch: usize,
    watchers: Vec<Arc<AsyncMutex<BufReader<OwnedReadHalf>>>>,
}

impl Relay {
    async fn open() -> Self {
        let FrameSizes { action, patch } = FrameSizes::of(Codec::ALL[0], INSTRUMENTS);
        let relay = Child::start(Role::Relay { clients: 1 + WATCHERS, action, patch });
        let editor = bare::connect(&relay.address).await;
        let mut watchers = Vec::new();
        for _ in 0..WATCHERS {
            let reader = bare::connect(&relay.address).await.into_split().0;
            watchers.push(Arc::new(AsyncMutex::new(BufReader::new(reader))));
        }
        Self { relay, editor, action: vec![0; action], patch, watchers }
    }

    async fn round(&mut self, sweep: Sweep) -> Round {
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
