//! Whether the engine leaves the machine to others while it plays.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use imbolc_net::{
    model::{Engine, InstrumentId, Model},
    studio::{NetworkAction, SilentEngine, Studio, StudioState, TransportAction},
    util::time::Timestamp,
};

use crate::{
    bench::Bench,
    figure::{Figure, Unit},
    fixture,
    row::{Row, Target},
};

/// How long a beat is, in ticks.
const BEAT: u32 = 480;

/// How often an engine that plays wants to be called.
const PULSE: Duration = Duration::from_millis(5);

/// At 120 bpm.
const PULSES_A_BEAT: usize = 100;

/// How much of a core may be used, on the whole and in the longest pulse.
const MOST: f64 = 0.05;

/// What an engine costs while it plays half a minute, pulse by pulse, as a share
/// of a core: on the whole, and while the longest pulse lasts.
pub fn measure(bench: &mut Bench) {
    if !bench.wants("play/") {
        return;
    }
    let sizes: &[u32] = if bench.quick { &[64] } else { &[16, 64, 256, 1024] };
    for &instruments in sizes {
        let spread = |id: InstrumentId, note: u32| {
            note * BEAT + id.0.wrapping_mul(0x9e37_79b9).wrapping_add(note * 7919) % BEAT
        };
        let studios = [
            ("together", fixture::studio_of(instruments, |_, note| note * BEAT)),
            ("spread", fixture::studio_of(instruments, spread)),
        ];
        for (how, studio) in studios {
            let Played { share, longest } = play(&studio);
            let key = format!("play/{instruments}-{how}");
            let what = format!("{instruments} tracks play, their notes {how}: of a core");
            row(bench, key.clone(), what.clone(), share);
            row(
                bench,
                format!("{key}-longest"),
                format!("{what}, in the longest pulse but the first"),
                longest,
            );
        }
    }
}

fn row(bench: &mut Bench, key: String, what: String, share: f64) {
    let ours = Figure::once(share, Unit::Core);
    bench.row(Row::new(key, what, ours).target(Target::AtMost(MOST)));
}

/// Shares of a core.
struct Played {
    share: f64,
    longest: f64,
}

/// Plays all there is, several times. Of each pulse the shortest time counts, for
/// the work is the same each time and what disturbs it is not.
fn play(studio: &StudioState) -> Played {
    let pulses = PULSES_A_BEAT * fixture::NOTES as usize;
    let mut times = vec![Duration::MAX; pulses];
    for _ in 0..5 {
        let (mut state, mut engine) = (studio.clone(), SilentEngine::default());
        let play = NetworkAction::Transport(TransportAction::Play);
        for effect in Studio::reduce(&mut state, &play).unwrap() {
            engine.perform(Timestamp::ZERO, &state, effect);
        }
        let mut now = Timestamp::ZERO;
        for time in &mut times {
            let begun = Instant::now();
            black_box(engine.advance(now, &state));
            *time = begun.elapsed().min(*time);
            assert_eq!(Engine::<Studio>::pulse(&engine), Some(PULSE));
            now = now + PULSE;
        }
    }
    let (busy, lasted) = (times.iter().sum::<Duration>(), PULSE * u32::try_from(pulses).unwrap());
    let longest = times[1..].iter().copied().max().unwrap_or_default();
    Played {
        share: busy.as_secs_f64() / lasted.as_secs_f64(),
        longest: longest.as_secs_f64() / PULSE.as_secs_f64(),
    }
}
