//! One voice of an instrument: source, filter, envelope and LFO.
//!
//! It must not know which source it is; those are in `sounds/source`.

use imbolc_net::studio::{Channels, Envelope, Instrument, Lfo, LfoTarget};

use crate::{
    sounds::{
        controls::{BUS, FREQUENCY, GATE, LEVEL, LFO_PHASE},
        lfo::{lfo_rate, lfo_wave},
        resonant_filter::filtered,
        source::{self, SourceSound, SourceVoice},
        surroundings::Surroundings,
    },
    synth_def::{Built, Graph, Shape, Signal, TooManyWires, WhenDone},
};

/// How long a voice lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VoiceLife {
    /// Until its gate is closed, and so many seconds of release.
    Held(f32),
    /// So many seconds, whatever the gate does.
    Own(f32),
}

/// A voice that was built.
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceSound {
    /// The definition, and the values of its parameters.
    pub built: Built,
    /// How long it lives.
    pub life: VoiceLife,
}

/// Builds the voices of an instrument. A voice writes on the audio buses from [`BUS`] on.
///
/// # Errors
/// [`TooManyWires`].
pub fn build_voice(
    instrument: &Instrument,
    surroundings: &Surroundings<'_>,
) -> Result<VoiceSound, TooManyWires> {
    let graph = Graph::new();
    let gate = graph.control(GATE, 1.0);
    let level = graph.control(LEVEL, 1.0);
    let life = match source::own_length(&instrument.source) {
        Some(seconds) => VoiceLife::Own(seconds),
        None => VoiceLife::Held(instrument.amp.release.get()),
    };
    let envelope = match life {
        VoiceLife::Held(_) => adsr(&graph, gate, &instrument.amp),
        VoiceLife::Own(seconds) => one_shot(&graph, gate, instrument.amp.attack.get(), seconds),
    };
    let lfo = MovedBy::of(&graph, &instrument.lfo, surroundings);
    let slow = graph.slow(envelope);
    let key = graph.control(FREQUENCY, 440.0);
    let bend = lfo.bend(&graph);
    let voice = SourceVoice {
        graph: &graph,
        frequency: key * bend,
        bend,
        envelope: slow,
        // Without jumps, which would click in some sources.
        timbre: lfo
            .of_target(LfoTarget::Timbre)
            .map_or(graph.constant(0.0), |lfo| graph.slow_lag(lfo, 0.02)),
        mono: instrument.channels == Channels::Mono,
    };
    let sound = source::synthesize(&voice, &instrument.source, surroundings);
    write_voice(sound, instrument, envelope * level, slow, key, lfo);
    Ok(VoiceSound { built: graph.finish()?, life })
}

/// The signal of the LFO, and what it moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct MovedBy<'g>(Option<(LfoTarget, Signal<'g>)>);

impl<'g> MovedBy<'g> {
    pub(super) fn of(graph: &'g Graph, lfo: &Lfo, surroundings: &Surroundings<'_>) -> Self {
        Self(lfo.on.then(|| (lfo.target, lfo_signal(graph, lfo, surroundings))))
    }

    fn of_target(self, target: LfoTarget) -> Option<Signal<'g>> {
        self.0.filter(|(own, _)| *own == target).map(|(_, signal)| signal)
    }

    /// The factor of the pitch: at full depth, an octave up and down.
    pub(super) fn bend(self, graph: &'g Graph) -> Signal<'g> {
        self.of_target(LfoTarget::Pitch).map_or(graph.constant(1.0), Signal::octaves)
    }
}

/// Filters the sound of a source and writes it with this gain. `envelope` moves the filter.
pub(super) fn write_voice<'g>(
    sound: SourceSound<'g>,
    instrument: &Instrument,
    gain: Signal<'g>,
    envelope: Signal<'g>,
    key: Signal<'g>,
    lfo: MovedBy<'g>,
) {
    let graph = gain.graph();
    let none = graph.constant(0.0);
    let cutoff = (lfo.of_target(LfoTarget::Cutoff).unwrap_or(none), envelope);
    let resonance = lfo.of_target(LfoTarget::Resonance).unwrap_or(none);
    let filter = &instrument.filter;
    let gain = match lfo.of_target(LfoTarget::Level) {
        Some(lfo) => gain * (1.0 + lfo).clamp(0.0, 2.0),
        None => gain,
    };
    let sound = match sound {
        SourceSound::Stereo([left, right]) if instrument.channels == Channels::Mono => {
            SourceSound::Mono((left + right) * 0.5)
        }
        other => other,
    };
    let channels = match sound {
        SourceSound::Mono(channel) => {
            let [channel] = filtered([channel], filter, key, cutoff, resonance);
            [channel * gain; 2]
        }
        SourceSound::Stereo(channels) => {
            filtered(channels, filter, key, cutoff, resonance).map(|channel| channel * gain)
        }
    };
    let [left, right] = match lfo.of_target(LfoTarget::Pan) {
        Some(lfo) => [channels[0] * (1.0 - lfo).min(1.0), channels[1] * (1.0 + lfo).min(1.0)],
        None => channels,
    };
    graph.write_on_time(graph.control(BUS, 0.0), &[left, right]);
}

/// An envelope that ignores the end of the gate, but not its cut.
fn one_shot<'g>(graph: &'g Graph, gate: Signal<'g>, attack: f32, seconds: f32) -> Signal<'g> {
    let [start, peak] = [0.0, 1.0].map(|level| graph.constant(level));
    let (attack, rest) = (graph.setting(attack), graph.setting(seconds));
    let segments = [(peak, attack, -6.0), (peak, rest, 0.0), (start, graph.constant(0.01), 0.0)];
    let shape = Shape { start, segments: &segments, release_at: None, when_done: WhenDone::Free };
    graph.envelope(&shape, open_until_cut(gate))
}

/// 1 until the gate is below 0, then the gate.
pub(super) fn open_until_cut(gate: Signal<'_>) -> Signal<'_> {
    gate.less(0.0).times_plus(gate - 1.0, 1.0)
}

/// An LFO, −1 to 1 at full depth.
fn lfo_signal<'g>(graph: &'g Graph, lfo: &Lfo, surroundings: &Surroundings<'_>) -> Signal<'g> {
    let rate = graph.setting(lfo_rate(lfo, surroundings.beat));
    let phase = graph.control(LFO_PHASE, 0.0);
    lfo_wave(graph, lfo.shape, rate, phase) * graph.knob(lfo.depth.get())
}

/// An envelope over the level of a note, from 0 to 1.
fn adsr<'g>(graph: &'g Graph, gate: Signal<'g>, envelope: &Envelope) -> Signal<'g> {
    let peak = graph.constant(1.0);
    let sustain = graph.setting(envelope.sustain.get());
    let [attack, decay, release] = [envelope.attack, envelope.decay, envelope.release]
        .map(|seconds| graph.setting(seconds.get()));
    let segments =
        [(peak, attack, 0.0), (sustain, decay, -4.0), (graph.constant(0.0), release, -4.0)];
    let shape = Shape {
        start: graph.constant(0.0),
        segments: &segments,
        release_at: Some(2),
        when_done: WhenDone::Free,
    };
    graph.envelope(&shape, gate)
}
