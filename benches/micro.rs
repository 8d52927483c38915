//! Times of single calls: reading a snapshot, dispatching an edit, and making and
//! applying its patch, each with a bare counterpart.
//!
//! `report` measures the ratio of the two, in turn.

mod fixture;

use std::{
    hint::black_box,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fixture::{BareStudio, open, turning};
use imbolc_net::{
    Dispatcher, NetworkState, ServerMessage,
    authority::{Authority, Setup, threaded},
    model::Model,
    protocol::{
        SessionId,
        framing::{self, Codec},
    },
    studio::{NetworkAction, PianoRollAction, SilentEngine, Studio},
    sync::session::SessionConfig,
    util::{
        quantity::{Pitch, Ticks},
        snapshot::SnapshotCell,
    },
};

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    let studio = open(16);
    let state = studio.state();
    group.bench_function("bare Arc", |b| b.iter(|| Arc::clone(black_box(&state))));
    let locked = RwLock::new(Arc::clone(&state));
    group.bench_function("RwLock<Arc>", |b| {
        b.iter(|| Arc::clone(&black_box(&locked).read().unwrap()));
    });
    let snapshot = SnapshotCell::new(Arc::clone(&state));
    group.bench_function("SnapshotCell::load", |b| b.iter(|| black_box(&snapshot).load()));
    group.bench_function("SnapshotCell::peek", |b| {
        b.iter(|| black_box(&snapshot).peek(|state| state.seq));
    });
    let studio: &dyn Dispatcher = &studio;
    group.bench_function("Dispatcher::state", |b| b.iter(|| black_box(studio).state()));
    group.finish();
}

/// Reads while another thread writes constantly.
fn reading_under_load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read under load");
    let studio = open(16);
    let state = studio.state();
    let locked = RwLock::new(Arc::clone(&state));
    flooded(
        || *locked.write().unwrap() = Arc::new(NetworkState::clone(&state)),
        || {
            group.bench_function("RwLock<Arc>", |b| {
                b.iter(|| Arc::clone(&black_box(&locked).read().unwrap()));
            });
        },
    );
    let turn = turning(&studio, fixture::touched(16));
    flooded(turn, || {
        group.bench_function("Dispatcher::state", |b| b.iter(|| black_box(&studio).state()));
    });
    group.finish();
}

/// Reads while a writer is blocked in the middle of a write: a reader that waited for
/// it would hang.
fn reading_past_blocked_writer(criterion: &mut Criterion) {
    let setup = Setup {
        host: "Ana".into(),
        key: None,
        model: fixture::studio(16),
        engine: threaded(SilentEngine::default),
        config: SessionConfig::default(),
    };
    let authority = Authority::<Studio>::local(setup, SessionId::new([7; 16])).unwrap();
    let (is_stopped, stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            authority.decide(move |_, _| {
                is_stopped.send(()).unwrap();
                may_go_on.recv().unwrap();
            });
        });
        stopped.recv().unwrap();
        criterion.bench_function("read past a blocked writer/Authority::state", |b| {
            b.iter(|| black_box(&authority).state());
        });
        go_on.send(()).unwrap();
    });
}

/// Runs `measure` while another thread repeats `write`.
fn flooded(mut write: impl FnMut() + Send, measure: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                write();
            }
        });
        measure();
        done.store(true, Relaxed);
    });
}

/// Dispatches in a local session: the time that a UI waits. The counterpart edits a
/// bare map of the same instruments, and leaves the previous map to its readers.
fn dispatching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    for instruments in fixture::SIZES {
        let bare = BareStudio::of(&fixture::studio(instruments));
        let mut turn = bare.turning(fixture::touched(instruments));
        group.bench_function(BenchmarkId::new("bare imbl edit", instruments), |b| {
            b.iter(&mut turn);
        });
        let studio = open(instruments);
        let mut turn = turning(&studio, fixture::touched(instruments));
        group.bench_function(BenchmarkId::new("LocalDispatcher", instruments), |b| {
            b.iter(&mut turn);
        });
    }
    group.finish();
}

/// Makes, encodes, decodes and applies the patch of a knob.
fn patching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("patch of one knob");
    for instruments in fixture::SIZES {
        let studio = open(instruments);
        let before = studio.state();
        turning(&studio, fixture::touched(instruments))();
        let after = studio.state();
        group.bench_function(BenchmarkId::new("diff", instruments), |b| {
            b.iter(|| black_box(&before).patch_to(black_box(&after)));
        });

        let patch = before.patch_to(&after);
        let message = ServerMessage::<Studio>::StatePatchUpdate(patch.clone());
        let mut buffer = Vec::new();
        group.bench_function(BenchmarkId::new("encode", instruments), |b| {
            b.iter(|| {
                buffer.clear();
                framing::encode(Codec::Json, black_box(&message), &mut buffer).unwrap();
            });
        });
        // Encode again, because a filter may skip the benchmark above.
        buffer.clear();
        framing::encode(Codec::Json, &message, &mut buffer).unwrap();
        let payload = buffer.split_off(4);
        group.bench_function(BenchmarkId::new("decode", instruments), |b| {
            b.iter(|| {
                framing::decode::<ServerMessage<Studio>>(Codec::Json, black_box(&payload)).unwrap()
            });
        });
        group.bench_function(BenchmarkId::new("apply", instruments), |b| {
            b.iter(|| black_box(&before).patched(black_box(&patch)).unwrap());
        });
    }
    group.finish();
}

/// Computes the digest of a heartbeat: incrementally after one edit, and from scratch.
fn digesting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("digest");
    for instruments in fixture::SIZES {
        let before = fixture::studio(instruments);
        let known = Studio::digest(&before, None);
        let touched = fixture::touched(instruments);
        let removed = PianoRollAction::Remove(Ticks::of(240), Pitch::of(37));
        for (name, action) in [
            ("after one knob", fixture::turn_to(touched, fixture::cutoff(1))),
            ("after one note", NetworkAction::PianoRoll(touched, removed)),
        ] {
            let mut after = before.clone();
            Studio::reduce(&mut after, &action).unwrap();
            group.bench_function(BenchmarkId::new(name, instruments), |b| {
                b.iter(|| Studio::digest(black_box(&after), Some((black_box(&before), known))));
            });
        }
        group.bench_function(BenchmarkId::new("of everything", instruments), |b| {
            b.iter(|| Studio::digest(black_box(&before), None));
        });
    }
    group.finish();
}

criterion_group!(
    benches,
    reading,
    reading_under_load,
    reading_past_blocked_writer,
    dispatching,
    patching,
    digesting
);
criterion_main!(benches);
