//! CPU use of the silent engine during playback.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use imbolc_net::{
    model::{EngineWorker, InstrumentId, Model},
    studio::{NetworkAction, SilentEngine, Studio, StudioState, TransportAction},
    util::time::Timestamp,
};

use crate::{
    bench::Bench,
    figure::{Figure, Unit},
    fixture,
    row::{Row, Target},
};

/// Ticks per beat.
const BEAT: u32 = 480;

/// Interval of calls to a playing engine.
const PULSE: Duration = Duration::from_millis(5);

/// At 120 bpm.
const PULSES_A_BEAT: usize = 100;

/// Limit as a share of a core, on average and in the longest pulse.
const MOST: f64 = 0.05;

/// CPU use of an engine during half a minute of playback, on average and in the
/// longest pulse.
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
            let PlaybackCost { share, longest } = play(&studio);
            let key = format!("play/{instruments}-{how}");
            let what = format!("playback of {instruments} tracks, notes {how}, of a core");
            playback_row(bench, key.clone(), what.clone(), share);
            playback_row(
                bench,
                format!("{key}-longest"),
                format!("{what}, in the longest pulse after the first"),
                longest,
            );
        }
    }
}

fn playback_row(bench: &mut Bench, key: String, what: String, share: f64) {
    let ours = Figure::once(share, Unit::Core);
    bench.row(Row::new(key, what, ours).target(Target::AtMost(MOST)));
}

/// Shares of a core.
struct PlaybackCost {
    share: f64,
    longest: f64,
}

/// Plays everything several times. Takes the shortest time of each pulse,
/// because the work is the same each time and disturbances are not.
fn play(studio: &StudioState) -> PlaybackCost {
    let pulses = PULSES_A_BEAT * fixture::NOTES as usize;
    let mut times = vec![Duration::MAX; pulses];
    for _ in 0..5 {
        let (mut state, mut engine) = (studio.clone(), SilentEngine::default());
        let play = NetworkAction::Transport(TransportAction::Play);
        for effect in Studio::reduce(&mut state, &play).unwrap().effects {
            engine.perform(Timestamp::ZERO, &state, effect);
        }
        let mut now = Timestamp::ZERO;
        for time in &mut times {
            let begun = Instant::now();
            let advanced = black_box(engine.advance(now, &state));
            *time = begun.elapsed().min(*time);
            assert_eq!(advanced.next, Some(PULSE));
            now = now + PULSE;
        }
    }
    let (busy, lasted) = (times.iter().sum::<Duration>(), PULSE * u32::try_from(pulses).unwrap());
    let longest = times[1..].iter().copied().max().unwrap_or_default();
    PlaybackCost {
        share: busy.as_secs_f64() / lasted.as_secs_f64(),
        longest: longest.as_secs_f64() / PULSE.as_secs_f64(),
    }
}
