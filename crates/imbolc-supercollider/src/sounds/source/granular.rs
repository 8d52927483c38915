//! Granular and additive sources.

use imbolc_net::studio::{Additive, Granular};

use super::{
    oscillators::Mix,
    samplers,
    source_voice::{HIGHEST, SourceSound, SourceVoice, audible},
};
use crate::{sounds::surroundings::Surroundings, synth_def::Signal};

/// How many grains sound at a time. A grain that is longer is cut short.
const STREAMS: u8 = 12;

/// Grains of the first channel of a sample.
pub(super) fn granular<'g>(
    voice: &SourceVoice<'g>,
    own: &Granular,
    surroundings: &Surroundings<'_>,
) -> SourceSound<'g> {
    let graph = voice.graph;
    let Some(file) = own.sample.as_ref().and_then(|sample| surroundings.files.find(sample)) else {
        return voice.silence();
    };
    let frames = samplers::length(file);
    let step = samplers::speed_of_key(voice, own.root.get()) * file.rate;
    let position = voice.moved_amount(own.position) * frames;
    let scatter = voice.amount(own.scatter) * frames;
    let deepest = graph.knob(own.detune.get()).abs().cents();
    let spread = voice.amount(own.spread);
    let rate = graph.knob(own.rate.get()) / f32::from(STREAMS);
    let size = graph.knob(own.size.get()).clamp(0.001, rate.reciprocal());
    let mut sum = Mix::new(voice.mono);
    for stream in 0..STREAMS {
        // Each stream begins its grains in turn, the first one at once.
        let phase = if stream == 0 { 0.0 } else { 1.0 - f32::from(stream) / f32::from(STREAMS) };
        let begin = graph.impulses(rate, phase);
        let start = graph.random(position - scatter, position + scatter, begin);
        let detuned = graph.random_ratio(deepest.reciprocal(), deepest, begin);
        let place = graph.random(-spread, spread, begin);
        let frame = (graph.sweep(begin, step) * detuned + start).modulo(frames);
        let read = graph.read_sample(file.number, file.channels, frame, true);
        let sound = read.first().copied().unwrap_or(graph.constant(0.0));
        sum.add(sound * graph.grain_window(begin, size), place);
    }
    // The more grains sound at a time, the quieter is each.
    let overlap = (size * rate * f32::from(STREAMS)).max(1.0).sqrt();
    sum.sound(1.5 / overlap)
}

pub(super) fn additive<'g>(voice: &SourceVoice<'g>, own: &Additive) -> Signal<'g> {
    let graph = voice.graph;
    let base = audible(voice.frequency);
    // How much of a harmonic the next one has.
    let kept = voice.moved_amount(own.slope).times_plus(-0.95, 1.0);
    let balance = voice.amount(own.odd_even) * 2.0;
    let [odd, even] = [(2.0 - balance).min(1.0), balance.min(1.0)];
    let stretch = voice.amount(own.stretch).times_plus(0.2, 1.0);
    let detune = graph.knob(own.detune.get()).abs().cents() - 1.0;
    let (mut level, mut power) = (graph.constant(1.0), graph.constant(0.0));
    let mut sound = graph.constant(0.0);
    for number in 1..=own.harmonics.get() {
        let harmonic = graph.constant(f32::from(number)).pow(stretch);
        let detuned = detune.times_plus(graph.random_once(-0.5, 0.5), 1.0);
        let pitch = base * harmonic * detuned;
        let share = level * if number % 2 == 1 { odd } else { even } * pitch.less(HIGHEST);
        // Phases at which the harmonics do not all peak together (Schroeder).
        let at = f32::from(number);
        let phase = (at * at / f32::from(own.harmonics.get()) / 2.0).fract();
        let phase = phase * std::f32::consts::TAU;
        sound = graph.sine(pitch.min(HIGHEST), phase).times_plus(share, sound);
        power = share.times_plus(share, power);
        level = level * kept;
    }
    sound * (power.max(0.0001).sqrt().reciprocal() * 0.5)
}
