//! How many voices of the default instrument a core computes in real time.

use imbolc_supercollider::{
    sounds::{FREQUENCY, LEVEL},
    synth_def::Built,
};

use super::{
    bare_voice::{BARE, bare_voice, default_voice},
    support::{RATE, Stage},
};
use crate::{
    bench::Bench,
    cpu,
    figure::{Figure, Unit},
    row::Row,
};

/// Voices that are rendered at a time.
const VOICES: u8 = 250;

pub fn measure(bench: &mut Bench) {
    let (rounds, seconds) = if bench.quick { (1, 1) } else { (7, 4) };
    let mut most = [0.0_f64; 2];
    for _ in 0..rounds {
        for (most, built) in most.iter_mut().zip([default_voice().built, bare_voice()]) {
            let Some(voices) = voices_of_a_core(&built, seconds) else { return };
            *most = most.max(voices);
        }
    }
    let [ours, bare] = most.map(|voices| Figure::once(voices, Unit::Voices));
    let what = format!(
        "voices of the default instrument that a core computes in real time, most of {rounds} runs; \
         {VOICES} for {seconds} s, offline"
    );
    bench.row(Row::new("sound/voices", what, ours).peer(BARE, bare));
}

/// `None` without `scsynth`.
fn voices_of_a_core(built: &Built, seconds: u64) -> Option<f64> {
    let long = rendering(built, seconds)?;
    let start = rendering(built, 0)?;
    Some(f64::from(VOICES) * seconds as f64 / (long - start))
}

/// The CPU time of a rendering in seconds.
fn rendering(built: &Built, seconds: u64) -> Option<f64> {
    let mut stage = Stage::new()?;
    let parameters = stage.place(built);
    let samples = seconds * u64::from(RATE);
    for voice in 0..VOICES {
        let frequency = 50.0 + 4.0 * f32::from(voice);
        let controls = [(FREQUENCY, frequency), (LEVEL, 0.001)];
        stage.note(built, parameters, 0..samples + 64, &controls);
    }
    let before = cpu::of_children();
    drop(stage.render(samples + 64));
    Some((cpu::of_children() - before).as_secs_f64())
}
