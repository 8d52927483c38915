//! Frequency and ring modulation.

use imbolc_net::studio::{Fm, FmAlgorithm, FourOperator, RingModulation};

use super::{HIGHEST, audible, oscillators::waveform, sum};
use crate::{sounds::voice::Voice, synth_def::Signal};

/// The self-modulation of an operator at full feedback, in radians. More is noise.
const FEEDBACK: f32 = 1.4;

/// An operator, whose phase `modulator` moves by radians.
fn operator<'g>(frequency: Signal<'g>, modulator: Option<Signal<'g>>) -> Signal<'g> {
    let graph = frequency.graph();
    match modulator {
        // `SinOsc` of scsynth 3.13 reads beyond its table for a phase above 8π.
        Some(phase) => graph.sine(frequency, phase.wrap(std::f32::consts::PI)),
        None => graph.sine(frequency, 0.0),
    }
}

/// An index, kept so low that the side bands of a tone at `carrier` Hz stay audible.
fn kept_low<'g>(index: Signal<'g>, modulator: Signal<'g>, carrier: Signal<'g>) -> Signal<'g> {
    index.min(((HIGHEST - carrier) / modulator).max(0.0))
}

pub(super) fn two_operators<'g>(voice: &Voice<'g>, own: &Fm) -> Signal<'g> {
    let graph = voice.graph;
    let carrier = audible(voice.frequency);
    let frequency = audible(carrier * graph.knob(own.ratio.get()));
    let feedback = voice.amount(own.feedback) * FEEDBACK;
    let index = kept_low(voice.moved_value(own.index.get()), frequency, carrier);
    let modulator = graph.feedback_sine(frequency, feedback) * index;
    graph.leak_dc(operator(carrier, Some(modulator)), 0.999) * 0.7
}

pub(super) fn four_operators<'g>(voice: &Voice<'g>, own: &FourOperator) -> Signal<'g> {
    let graph = voice.graph;
    let first = audible(voice.frequency);
    let [second, third, fourth] =
        [own.ratio2, own.ratio3, own.ratio4].map(|ratio| audible(first * graph.knob(ratio.get())));
    let [index2, index3, index4] =
        [own.index2, own.index3, own.index4].map(|index| voice.moved_value(index.get()));
    let four = graph.feedback_sine(fourth, voice.amount(own.feedback) * FEEDBACK);
    let kept = |index, modulator| kept_low(index, modulator, first);
    // An operator that is heard itself has its index as its level.
    let loud = |carriers: &[(Signal<'g>, Option<Signal<'g>>)]| {
        let level = |index: &Option<Signal<'g>>| index.unwrap_or(graph.constant(1.0));
        let all = sum(voice, carriers.iter().map(|(_, index)| level(index)));
        sum(voice, carriers.iter().map(|(tone, index)| *tone * level(index))) / all
    };
    let sound = match own.algorithm {
        FmAlgorithm::Stack => {
            let three = operator(third, Some(four * kept(index4, fourth)));
            let two = operator(second, Some(three * kept(index3, third)));
            operator(first, Some(two * kept(index2, second)))
        }
        FmAlgorithm::Pairs => {
            let two = operator(second, None) * kept(index2, second);
            let three = operator(third, Some(four * kept(index4, fourth)));
            loud(&[(operator(first, Some(two)), None), (three, Some(index3))])
        }
        FmAlgorithm::Star => {
            let two = operator(second, None) * kept(index2, second);
            let three = operator(third, None) * kept(index3, third);
            operator(first, Some(two + three + four * kept(index4, fourth)))
        }
        FmAlgorithm::Fan => {
            let all = Some(four * kept(index4, fourth));
            let [one, two, three] = [first, second, third].map(|pitch| operator(pitch, all));
            loud(&[(one, None), (two, Some(index2)), (three, Some(index3))])
        }
        FmAlgorithm::Organ => loud(&[
            (operator(first, None), None),
            (operator(second, None), Some(index2)),
            (operator(third, None), Some(index3)),
            (four, Some(index4)),
        ]),
    };
    graph.leak_dc(sound, 0.999) * 0.7
}

pub(super) fn ring_modulation<'g>(voice: &Voice<'g>, own: &RingModulation) -> Signal<'g> {
    let graph = voice.graph;
    let carrier = audible(voice.frequency);
    let detune = graph.knob(own.detune.get()).cents();
    let frequency = audible(carrier * graph.knob(own.ratio.get()) * detune);
    let modulator = waveform(graph, own.wave, frequency, graph.constant(0.5)) / 0.7;
    let sine = graph.sine(carrier, 0.0);
    sine.blend(sine * modulator, voice.moved_amount(own.mix)) * 0.7
}
