//! CPU use of the engine's threads while tracks play, without that of `scsynth`.

use std::{
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    dispatcher::Dispatcher,
    model::InstrumentId,
    studio::{NetworkAction, StudioState, TransportAction},
};

use super::room::Room;
use crate::{
    bench::Bench,
    cpu,
    figure::{Figure, Unit},
    fixture::{self, band},
    row::{Row, Target},
};

/// Ticks per beat.
const BEAT: u32 = 480;

/// Limit as a share of a core, for 64 tracks.
const MAX_CPU: f64 = 0.05;

/// Until all strips are made.
const WARM_UP: Duration = Duration::from_secs(1);

/// Tracks with a note a beat each.
pub fn notes(bench: &mut Bench, tracks: u32) {
    let spread = |id: InstrumentId, note: u32| {
        note * BEAT + id.0.wrapping_mul(0x9e37_79b9).wrapping_add(note * 7919) % BEAT
    };
    let key = format!("sound/engine-{tracks}");
    let what = format!("{tracks} tracks play, a note a beat each");
    let limit = MAX_CPU * f64::from(tracks) / 64.0;
    measure(bench, key, &what, fixture::studio_of(tracks, spread), limit);
}

/// Tracks with two notes a beat, two effects and a lane that moves the cutoff all the time.
pub fn lanes(bench: &mut Bench) {
    let what = "64 tracks play, with two effects and a lane of the cutoff each";
    measure(bench, "sound/engine-64-lanes".into(), what, band::session(64), MAX_CPU);
}

fn measure(bench: &mut Bench, key: String, what: &str, state: StudioState, limit: f64) {
    let lasts = Duration::from_secs(if bench.quick { 1 } else { 4 });
    let rounds = if bench.quick { 1 } else { 5 };
    let Some(room) = Room::open(state.clone()) else { return };
    let scsynth = room.bench.scsynth();
    let [ours, server] = playing(&*room.studio, rounds, lasts, || cpu::of(scsynth));
    drop(room);
    let silent = fixture::alone_in(state);
    let [silent, _] = playing(&silent, rounds, lasts, || Duration::ZERO);
    let what = format!(
        "{what}: CPU use of the session and the engine without \
         `scsynth`, least of {rounds} times {lasts:?}"
    );
    let [ours, silent, server] =
        [ours, silent, server].map(|share| Figure::once(share, Unit::Core));
    bench.row(
        Row::new(key, what, ours)
            .peer("silent engine", silent)
            .peer("`scsynth`", server)
            .target(Target::AtMost(limit)),
    );
}

/// The least shares of a core that this process and another one use while the studio plays.
fn playing(
    studio: &dyn Dispatcher,
    rounds: usize,
    lasts: Duration,
    other: impl Fn() -> Duration,
) -> [f64; 2] {
    studio.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    thread::sleep(WARM_UP);
    let mut least = [f64::MAX; 2];
    for _ in 0..rounds {
        let (own, its, begun) = (cpu::used(), other(), Instant::now());
        thread::sleep(lasts);
        let (own, its, took) = (cpu::used() - own, other() - its, begun.elapsed());
        for (least, used) in least.iter_mut().zip([own, its]) {
            *least = least.min(used.as_secs_f64() / took.as_secs_f64());
        }
    }
    least
}
