//! Frequency and ring modulation.

use imbolc_net::studio::{Fm, FmAlgorithm, FourOperator, RingModulation};

use super::{
    oscillators::waveform,
    source_voice::{HIGHEST, SourceVoice, audible, sum},
};
use crate::synth_def::Signal;

/// The self-modulation of an operator at full feedback, in radians. More is noise.
const FEEDBACK: f32 = 1.4;

/// A tone, and the highest frequency in it that matters.
#[derive(Clone, Copy, Debug)]
struct Operator<'g> {
    tone: Signal<'g>,
    top: Signal<'g>,
}

/// A tone that others modulate, each with its index. The indices are kept so low that the side
/// bands do not fold back (Carson).
fn modulated<'g>(frequency: Signal<'g>, modulators: &[(Operator<'g>, Signal<'g>)]) -> Operator<'g> {
    let graph = frequency.graph();
    let (mut phase, mut top) = (graph.constant(0.0), frequency);
    #[expect(clippy::cast_precision_loss, reason = "at most 3")]
    let room = (HIGHEST - frequency) / modulators.len() as f32;
    for (modulator, index) in modulators {
        let index = index.min((room / modulator.top - 1.0).max(0.0));
        phase = modulator.tone.times_plus(index, phase);
        top = modulator.top.times_plus(index + index.min(1.0), top);
    }
    // `SinOsc` of scsynth 3.13 takes phases up to 8π only.
    Operator { tone: graph.sine(frequency, phase.wrap(std::f32::consts::PI)), top }
}

fn unmodulated(frequency: Signal<'_>) -> Operator<'_> {
    Operator { tone: frequency.graph().sine(frequency, 0.0), top: frequency }
}

fn fed_back<'g>(frequency: Signal<'g>, feedback: Signal<'g>) -> Operator<'g> {
    let tone = frequency.graph().feedback_sine(frequency, feedback * FEEDBACK);
    Operator { tone, top: frequency }
}

pub(super) fn two_operators<'g>(voice: &SourceVoice<'g>, own: &Fm) -> Signal<'g> {
    let graph = voice.graph;
    let carrier = audible(voice.frequency);
    let frequency = audible(carrier * graph.knob(own.ratio.get()));
    let modulator = fed_back(frequency, voice.amount(own.feedback));
    let sound = modulated(carrier, &[(modulator, voice.moved_value(own.index.get()))]);
    graph.leak_dc(sound.tone, 0.999) * 0.7
}

pub(super) fn four_operators<'g>(voice: &SourceVoice<'g>, own: &FourOperator) -> Signal<'g> {
    let graph = voice.graph;
    let first = audible(voice.frequency);
    let [second, third, fourth] =
        [own.ratio2, own.ratio3, own.ratio4].map(|ratio| audible(first * graph.knob(ratio.get())));
    let [index2, index3, index4] =
        [own.index2, own.index3, own.index4].map(|index| voice.moved_value(index.get()));
    let four = fed_back(fourth, voice.amount(own.feedback));
    // An operator that is heard itself has its index as its level.
    let loud = |first: Operator<'g>, others: &[(Operator<'g>, Signal<'g>)]| {
        let all = sum(voice, others.iter().map(|(_, level)| *level)) + 1.0;
        let each = others.iter();
        each.fold(first.tone, |sum, (other, level)| other.tone.times_plus(*level, sum)) / all
    };
    let sound = match own.algorithm {
        FmAlgorithm::Stack => {
            let three = modulated(third, &[(four, index4)]);
            let two = modulated(second, &[(three, index3)]);
            modulated(first, &[(two, index2)]).tone
        }
        FmAlgorithm::Pairs => {
            let one = modulated(first, &[(unmodulated(second), index2)]);
            loud(one, &[(modulated(third, &[(four, index4)]), index3)])
        }
        FmAlgorithm::Star => {
            let two = (unmodulated(second), index2);
            modulated(first, &[two, (unmodulated(third), index3), (four, index4)]).tone
        }
        FmAlgorithm::Fan => {
            let [one, two, three] =
                [first, second, third].map(|pitch| modulated(pitch, &[(four, index4)]));
            loud(one, &[(two, index2), (three, index3)])
        }
        FmAlgorithm::Organ => {
            let others =
                [(unmodulated(second), index2), (unmodulated(third), index3), (four, index4)];
            loud(unmodulated(first), &others)
        }
    };
    graph.leak_dc(sound, 0.999) * 0.7
}

pub(super) fn ring_modulation<'g>(voice: &SourceVoice<'g>, own: &RingModulation) -> Signal<'g> {
    let graph = voice.graph;
    let carrier = audible(voice.frequency);
    let detune = graph.knob(own.detune.get()).cents();
    let frequency = audible(carrier * graph.knob(own.ratio.get()) * detune);
    let modulator = waveform(graph, own.wave, frequency, graph.constant(0.5)) / 0.7;
    let sine = graph.sine(carrier, 0.0);
    sine.blend(sine * modulator, voice.moved_amount(own.mix)) * 0.7
}
