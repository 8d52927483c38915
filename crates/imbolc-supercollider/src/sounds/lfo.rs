//! Slow waves: their rates and shapes.
//!
//! It must not know what they move.

use imbolc_net::studio::{Lfo, LfoShape, NoteValue};

use crate::synth_def::{Graph, Signal};

/// The rate of an LFO in Hz.
#[must_use]
pub fn lfo_rate(lfo: &Lfo, beat: f32) -> f32 {
    match lfo.sync {
        Some(note) => note_rate(note, beat),
        None => lfo.rate.get(),
    }
}

/// How many notes of this length there are in a second.
#[expect(clippy::cast_precision_loss, reason = "at most 1,920 ticks")]
pub(super) fn note_rate(note: NoteValue, beat: f32) -> f32 {
    480.0 / (note.ticks() as f32 * beat)
}

/// A slow wave, −1 to 1, at control rate, which begins at `phase`, 0 to 1.
pub(super) fn lfo_wave<'g>(
    graph: &'g Graph,
    shape: LfoShape,
    rate: Signal<'g>,
    phase: Signal<'g>,
) -> Signal<'g> {
    let ramp = || graph.slow_ramp(rate, phase);
    match shape {
        LfoShape::Sine => graph.slow_sine(rate, phase * std::f32::consts::TAU),
        LfoShape::Triangle => (ramp() * 4.0 - 2.0).abs() - 1.0,
        LfoShape::RampUp => ramp() * 2.0 - 1.0,
        LfoShape::RampDown => 1.0 - ramp() * 2.0,
        LfoShape::Square => 1.0 - ramp().greater(0.5) * 2.0,
        LfoShape::SampleAndHold => graph.slow_steps(rate),
    }
}
