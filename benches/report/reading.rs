//! Reading a snapshot: idle, under constant writes, and while a writer is blocked in
//! the middle of a write.

use std::{
    hint::black_box,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, NetworkState,
    authority::{Authority, LocalDispatcher, Setup, threaded},
    protocol::SessionId,
    studio::{SilentEngine, Studio},
    sync::session::SessionConfig,
};

use crate::{
    bench::{Bench, Contender, calls},
    figure::{Samples, Unit},
    fixture::{alone_in, band, touched, turning},
    picture::Picture,
    row::{Row, Target},
};

const INSTRUMENTS: u32 = 64;

/// Reads per sample: a single read is shorter than reading the clock.
const BATCH: u32 = 100;

const ARC: &str = "`Arc`";
const RW_LOCK: &str = "`RwLock<Arc>`";
const MUTEX: &str = "`Mutex<Arc>`";
const NO_WRITER: &str = "ours without a writer";

/// Tolerance for "not slower".
const NO_SLOWER: f64 = 1.05;

/// Duration of the block.
const STANDSTILL: Duration = Duration::from_millis(5);

/// Tolerance for the p99.99 of two equal measurements.
const UNMOVED: f64 = 1.25;

pub fn measure(bench: &mut Bench) {
    let cells = ReadCells::new();
    if bench.wants("read/idle") {
        let samples = bench.in_turn(BATCH, &mut cells.readers());
        read_row(bench, "read/idle", "read a snapshot without writers; mean of 100", &samples, 2.0);
        read_distribution(
            bench,
            "reading.svg",
            "Reading a snapshot without writers, mean of 100",
            &samples,
        );
    }
    if bench.wants("read/flood") {
        let (samples, writes) = cells.flooded(|| bench.in_turn(BATCH, &mut cells.readers()));
        let what = format!("read a snapshot during {writes:.0} edits per second; mean of 100");
        read_row(bench, "read/flood", &what, &samples, NO_SLOWER);
        let title = "Reading a snapshot under constant writes, mean of 100";
        read_distribution(bench, "reading-flooded.svg", title, &samples);
    }
    if bench.wants("read/stopped-writer") {
        blocked_writer(bench);
    }
}

/// One snapshot in each contender's cell.
struct ReadCells {
    studio: LocalDispatcher,
    bare: Arc<NetworkState>,
    locked: RwLock<Arc<NetworkState>>,
    excluded: Mutex<Arc<NetworkState>>,
}

impl ReadCells {
    fn new() -> Self {
        let studio = alone_in(band::session(INSTRUMENTS));
        let bare = studio.state();
        let (locked, excluded) = (RwLock::new(Arc::clone(&bare)), Mutex::new(Arc::clone(&bare)));
        Self { studio, bare, locked, excluded }
    }

    fn readers(&self) -> [Contender<'_>; 4] {
        let studio: &dyn Dispatcher = &self.studio;
        [
            calls(move || black_box(studio).state()),
            calls(|| Arc::clone(black_box(&self.bare))),
            calls(|| Arc::clone(&black_box(&self.locked).read().unwrap())),
            calls(|| Arc::clone(&black_box(&self.excluded).lock().unwrap())),
        ]
    }

    /// Runs `measure` while a thread edits constantly and stores each new
    /// snapshot in every cell. Returns the edits per second too.
    fn flooded<R>(&self, measure: impl FnOnce() -> R) -> (R, f64) {
        let (begun, done) = (Instant::now(), AtomicBool::new(false));
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut turn = turning(&self.studio, touched(INSTRUMENTS));
                let mut writes = 0_u32;
                while !done.load(Relaxed) {
                    turn();
                    let state = self.studio.state();
                    *self.locked.write().unwrap() = Arc::clone(&state);
                    *self.excluded.lock().unwrap() = state;
                    writes += 1;
                }
                f64::from(writes) / begun.elapsed().as_secs_f64()
            });
            let measured = measure();
            done.store(true, Relaxed);
            (measured, writer.join().unwrap())
        })
    }
}

fn read_row(bench: &mut Bench, key: &str, what: &str, samples: &[Samples], times: f64) {
    let [ours, arc, rw_lock, mutex] = samples else { unreachable!("one each") };
    bench.row(
        Row::new(key, what, ours.median())
            .peer(ARC, arc.median())
            .peer(RW_LOCK, rw_lock.median())
            .peer(MUTEX, mutex.median())
            .target(Target::AtMostTimes(times, RW_LOCK)),
    );
}

fn read_distribution(bench: &mut Bench, file: &str, title: &str, samples: &[Samples]) {
    let names = ["ours", "Arc", "RwLock<Arc>", "Mutex<Arc>"];
    let contenders: Vec<_> = names.into_iter().zip(samples).collect();
    bench.picture(Picture::distribution(file, title, &contenders));
}

fn blocked_writer(bench: &mut Bench) {
    let (free, held) = (read_authority(), read_authority());
    let (is_stopped, stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let samples = thread::scope(|scope| {
        scope.spawn(|| {
            held.decide(move |_, _| {
                is_stopped.send(()).unwrap();
                may_go_on.recv().unwrap();
            });
        });
        stopped.recv().unwrap();
        // Single reads, to see the slowest ones.
        let mut readers = [calls(|| black_box(&held).state()), calls(|| black_box(&free).state())];
        let samples = bench.in_turn(1, &mut readers);
        go_on.send(()).unwrap();
        samples
    });
    let [past, without] = &samples[..] else { unreachable!("one each") };
    let state = free.state();
    let (locked, excluded) = (RwLock::new(Arc::clone(&state)), Mutex::new(state));
    let rw_lock = waiting(bench, || locked.write().unwrap(), || drop(locked.read().unwrap()));
    let mutex = waiting(bench, || excluded.lock().unwrap(), || drop(excluded.lock().unwrap()));
    let what =
        "read a snapshot while a writer is blocked for 5 ms in the middle of a write, p99.99";
    bench.row(
        Row::new("read/stopped-writer", what, past.overall(0.9999))
            .peer(NO_WRITER, without.overall(0.9999))
            .peer(RW_LOCK, rw_lock.median())
            .peer(MUTEX, mutex.median())
            .target(Target::AtMostTimes(UNMOVED, NO_WRITER)),
    );
}

fn read_authority() -> Arc<Authority> {
    let setup = Setup {
        host: "Ana".into(),
        key: None,
        model: band::session(INSTRUMENTS),
        engine: threaded(SilentEngine::default),
        config: SessionConfig::default(),
    };
    Authority::<Studio>::local(setup, SessionId::new([7; 16])).unwrap()
}

/// The time of a read while a writer holds the lock.
fn waiting<G>(bench: &Bench, lock: impl Fn() -> G + Sync, read: impl Fn()) -> Samples {
    let mut samples = Samples::new(Unit::Nanoseconds);
    for round in 0..=bench.effort.rounds {
        let (is_locked, locked) = mpsc::channel();
        let took = thread::scope(|scope| {
            scope.spawn(|| {
                let guard = lock();
                is_locked.send(()).unwrap();
                thread::sleep(STANDSTILL);
                drop(guard);
            });
            locked.recv().unwrap();
            let begun = Instant::now();
            read();
            begun.elapsed()
        });
        // The first round warms up.
        if round > 0 {
            samples.push(vec![took.as_secs_f64() * 1e9]);
        }
    }
    samples
}
