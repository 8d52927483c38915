//! One voice of an instrument: source, filter, envelope and LFO.
//!
//! It must not know which source it is; those are in `source`.

use imbolc_net::studio::{Channels, Filter, FilterKind, Instrument, Lfo, LfoShape, LfoTarget};

use crate::{
    sounds::{BUS, Stereo, Surroundings, adsr, source},
    synth_def::{Built, Graph, Shape, Signal, TooManyWires, WhenDone},
};

/// The control with the frequency of the note in Hz.
pub const FREQUENCY: &str = "freq";
/// The control with the amplitude of the note, from its velocity, 0 to 1.
pub const LEVEL: &str = "level";
/// The control that is 1 while the note is held.
pub const GATE: &str = "gate";
/// The control with the phase of the LFO at the start of the voice, 0 to 1.
pub const LFO_PHASE: &str = "phase";

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

/// What a source is built from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice<'g> {
    pub(super) graph: &'g Graph,
    /// The frequency of the note in Hz, with the LFO.
    pub(super) frequency: Signal<'g>,
    /// The factor by which the LFO moves the pitch, for what has a pitch of its own.
    pub(super) bend: Signal<'g>,
    /// The envelope of the instrument, 0 to 1, at control rate.
    pub(super) envelope: Signal<'g>,
    /// How far the LFO moves the timbre, −1 to 1.
    pub(super) timbre: Signal<'g>,
    /// Whether the instrument has one channel only.
    pub(super) mono: bool,
}

/// The channels that a source makes.
#[derive(Clone, Copy, Debug)]
pub(super) enum SourceSound<'g> {
    Mono(Signal<'g>),
    Stereo(Stereo<'g>),
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
    let voice = Voice {
        graph: &graph,
        frequency: key * bend,
        bend,
        envelope: slow,
        // Without jumps, which some sources would make clicks of.
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

/// An envelope that takes no notice of the end of the gate, but of its cut.
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
pub(super) fn note_rate(note: imbolc_net::studio::NoteValue, beat: f32) -> f32 {
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

/// A filter. `cutoff` moves the cutoff by so many octaves at full depth of an LFO, and by the
/// envelope; the LFO of `resonance` is added to it.
pub(super) fn filtered<'g, const N: usize>(
    channels: [Signal<'g>; N],
    filter: &Filter,
    key: Signal<'g>,
    (lfo, envelope): (Signal<'g>, Signal<'g>),
    resonance: Signal<'g>,
) -> [Signal<'g>; N] {
    /// The octaves of an LFO at full depth.
    const LFO_RANGE: f32 = 4.0;
    /// The key at which tracking changes nothing: middle C.
    const CENTRE: f32 = 261.6256;

    let graph = key.graph();
    if filter.kind == FilterKind::Off {
        return channels;
    }
    let sweep = graph.knob(filter.sweep.get());
    let tracking = graph.knob(filter.tracking.get());
    let cutoff = graph.knob(filter.cutoff.get())
        * (lfo * LFO_RANGE + envelope * sweep).octaves()
        * (key / CENTRE).pow(tracking);
    let cutoff = cutoff.clamp(20.0, 20_000.0);
    let resonance = (graph.knob(filter.resonance.get()) + resonance).clamp(0.0, 1.0);
    // From no resonance at all to ringing, but never on its own.
    let damping = 1.0 - resonance * 0.97;
    channels.map(|input| match filter.kind {
        FilterKind::Off => input,
        FilterKind::LowPass => graph.resonant_low_pass(input, cutoff, damping),
        FilterKind::HighPass => graph.resonant_high_pass(input, cutoff, damping),
        FilterKind::BandPass => graph.band_pass(input, cutoff, damping),
    })
}
