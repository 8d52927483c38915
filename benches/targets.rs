//! Whether the calls of a UI are as cheap as they shall be: each side by side
//! with its bare counterpart, in interleaved rounds, so that the ratio holds on
//! a machine that has other things to do as well. And whether the engine leaves
//! the machine to others while it plays.
//!
//! `cargo bench --bench targets [-- --quick]`

mod fixture;

use std::{
    hint::black_box,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use fixture::{BareStudio, interleaved, open, touched, turning, verdict};
use imbolc_net::{
    Dispatcher,
    clock::Timestamp,
    engine::{Engine, SilentEngine},
    model::{InstrumentId, Model},
    studio::{NetworkAction, Studio, StudioState, TransportAction},
};

fn main() {
    let passes = if fixture::is_quick() { 31 } else { 301 };
    reading(passes);
    dispatching(passes);
    performing();
}

fn reading(passes: u32) {
    let studio = open(16);
    let studio: &dyn Dispatcher = &studio;
    let state = studio.state();
    let locked = RwLock::new(Arc::clone(&state));
    let times = interleaved(
        passes,
        10_000,
        &mut [
            &mut || drop(black_box(Arc::clone(black_box(&state)))),
            &mut || drop(black_box(Arc::clone(&black_box(&locked).read().unwrap()))),
            &mut || drop(black_box(black_box(studio).state())),
        ],
    );
    let [arc, lock, ours] = times[..] else { unreachable!("one time each") };
    println!("read a snapshot: {ours:.1} ns (bare Arc {arc:.1} ns, RwLock {lock:.1} ns)");
    verdict("a read, to one under an uncontended RwLock", ours / lock, 2.0);
}

fn dispatching(passes: u32) {
    let [few, many] = fixture::SIZES;
    let (bare_few, bare_many) = (bare(few), bare(many));
    let (studio_few, studio_many) = (open(few), open(many));
    let times = interleaved(
        passes,
        500,
        &mut [
            &mut bare_few.turning(touched(few)),
            &mut turning(&studio_few, touched(few)),
            &mut bare_many.turning(touched(many)),
            &mut turning(&studio_many, touched(many)),
        ],
    );
    let [bare_few, ours_few, bare_many, ours_many] = times[..] else {
        unreachable!("one time each")
    };
    println!("turn a knob among {few}: {ours_few:.0} ns (bare map {bare_few:.0} ns)");
    println!("turn a knob among {many}: {ours_many:.0} ns (bare map {bare_many:.0} ns)");
    println!("the bare map, among {many} to among {few}: {:.2}", bare_many / bare_few);
    verdict(&format!("dispatch among {few}, to the bare map"), ours_few / bare_few, 10.0);
    verdict(&format!("dispatch among {many}, to the bare map"), ours_many / bare_many, 10.0);
    verdict(&format!("dispatch among {many}, to among {few}"), ours_many / ours_few, 1.5);
}

fn bare(instruments: u32) -> BareStudio {
    BareStudio::of(&fixture::studio(instruments))
}

/// How long a beat is, in ticks.
const BEAT: u32 = 480;

/// How often an engine that plays wants to be called.
const PULSE: Duration = Duration::from_millis(5);

/// At 120 bpm.
const PULSES_A_BEAT: usize = 100;

/// What an engine costs while it plays half a minute, pulse by pulse, as a share
/// of a core: on the whole, and while the longest pulse lasts.
fn performing() {
    for instruments in [16, 256, 1024] {
        let spread = |id: InstrumentId, note: u32| {
            note * BEAT + id.0.wrapping_mul(0x9e37_79b9).wrapping_add(note * 7919) % BEAT
        };
        let studios = [
            ("all on each beat", fixture::studio_of(instruments, |_, note| note * BEAT)),
            ("spread", fixture::studio_of(instruments, spread)),
        ];
        for (how, studio) in studios {
            let what = format!("{instruments} tracks, {how}");
            let (share, first, longest) = play(&studio);
            println!(
                "play {what}: {:.2} %, first pulse {first:.0?}, then at most {longest:.0?}",
                share * 100.0
            );
            verdict(&format!("{what}, of a core"), share, 0.05);
            let share = longest.as_secs_f64() / PULSE.as_secs_f64();
            verdict(&format!("{what}, of a core in the longest pulse but the first"), share, 0.05);
        }
    }
}

/// Plays all there is, several times: which share of the time that took, and what
/// the first pulse and the longest of the others took. Of each pulse the shortest time counts, for the work
/// is the same each time and what disturbs it is not.
fn play(studio: &StudioState) -> (f64, Duration, Duration) {
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
    (busy.as_secs_f64() / lasted.as_secs_f64(), times[0], longest)
}
