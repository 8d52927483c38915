//! Oscillators, wavetables and noise.

use imbolc_net::{
    studio::{Noise, NoiseColour, Oscillator, SuperSaw, SyncSaw, Wave, Wavetable},
    util::quantity::VoiceCount,
};

use super::source_voice::{LOWEST, SourceSound, SourceVoice, audible};
use crate::{
    output::Buffer,
    sounds::surroundings::Surroundings,
    synth_def::{Graph, Input, Signal},
};

/// Frames of a wave of a table.
const WAVE: u32 = 2048;

/// A waveform with its peak at about 0.7. Saw and square are band-limited.
pub(super) fn waveform<'g>(
    graph: &'g Graph,
    wave: Wave,
    frequency: Signal<'g>,
    width: Signal<'g>,
) -> Signal<'g> {
    match wave {
        Wave::Sine => graph.sine(frequency, 0.0) * 0.7,
        Wave::Triangle => graph.triangle(frequency, 0.0) * 0.8,
        Wave::Saw => saw(graph, frequency),
        Wave::Square => pulse(graph, frequency, width.clamp(0.02, 0.98)) * SQUARE,
        Wave::Noise => graph.white_noise() * 0.5,
    }
}

/// Gains that give the band-limited units of `scsynth` 3.13 a peak of about 0.7.
const SAW: f32 = 1.3;
const SQUARE: f32 = 1.0;

fn saw<'g>(graph: &'g Graph, frequency: Signal<'g>) -> Signal<'g> {
    graph.saw(frequency) * SAW
}

/// A band-limited pulse without a constant part, half a unit high on either side at a width
/// of a half.
pub(super) fn pulse<'g>(
    graph: &'g Graph,
    frequency: Signal<'g>,
    width: impl Input<'g>,
) -> Signal<'g> {
    // Pulse of SuperCollider 3.13 begins with a constant part, which it loses only slowly.
    graph.leak_dc(graph.pulse(frequency, width), 0.998).clip(1.2)
}

pub(super) fn oscillator<'g>(voice: &SourceVoice<'g>, own: &Oscillator) -> Signal<'g> {
    let graph = voice.graph;
    let frequency = voice.detuned(own.detune);
    let (width, sub) = match own.wave {
        Wave::Square => (voice.moved_amount(own.width), voice.amount(own.sub)),
        _ => (graph.constant(0.5), voice.moved_amount(own.sub)),
    };
    let wave = waveform(graph, own.wave, frequency, width);
    graph.sine(frequency * 0.5, 0.0).times_plus(sub * 0.7, wave) / (sub + 1.0)
}

/// A unison voice.
#[derive(Clone, Copy, Debug)]
struct Unison {
    /// Its detuning, as a part of that of the outermost voice, −1 to 1.
    detuning: f32,
    /// Its place at full width, −1 to 1.
    place: f32,
    /// Where in its period it begins, 0 to 1.
    phase: f32,
    /// Whether it is one of the least detuned.
    is_centre: bool,
}

/// Unison voices. Their distances grow outwards, so that they do not beat in step; neighbours
/// are on different sides; and none begins where another one does, but all within a part of a
/// period, or they would begin without a fundamental.
fn unison(voices: VoiceCount) -> impl Iterator<Item = Unison> {
    const GOLDEN: f32 = 0.618_034;
    let count = voices.get();
    let last = f32::from(count - 1);
    (0..count).map(move |index| {
        let at = f32::from(index);
        let position = if count == 1 { 0.0 } else { at * 2.0 / last - 1.0 };
        let distance: f32 = position.abs();
        Unison {
            detuning: distance.powf(1.5).copysign(position),
            place: if index % 2 == 0 { distance } else { -distance },
            phase: (at * GOLDEN).fract() * 0.5,
            is_centre: distance < 1.5 / last.max(1.0),
        }
    })
}

/// The frequency that moves a phase by a whole period in the first block. Band-limited units
/// have no phase to begin with; so those that sound together begin with a spread.
fn apart(graph: &Graph) -> Signal<'_> {
    graph.slow_impulses(0.0, 0.0) * graph.block_rate()
}

/// A gain that rises in the first block, while phases run apart.
fn risen(graph: &Graph) -> Signal<'_> {
    graph.sweep(0.0, graph.block_rate()).min(1.0)
}

/// The gains that put a signal at a place, −1 to 1, at constant power.
pub(super) fn panned(place: Signal<'_>) -> [Signal<'_>; 2] {
    [place.times_plus(-0.5, 0.5).sqrt(), place.times_plus(0.5, 0.5).sqrt()]
}

/// Channels to which signals are added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix<'g>(Option<[Signal<'g>; 2]>, bool);

impl<'g> Mix<'g> {
    pub(super) const fn new(mono: bool) -> Self {
        Self(None, mono)
    }

    pub(super) fn add(&mut self, signal: Signal<'g>, place: Signal<'g>) {
        self.0 = Some(match (self.0, self.1) {
            (None, true) => [signal; 2],
            (Some([sum, _]), true) => [sum + signal; 2],
            (None, false) => panned(place).map(|gain| signal * gain),
            (Some(sums), false) => {
                let [left, right] = panned(place);
                [signal.times_plus(left, sums[0]), signal.times_plus(right, sums[1])]
            }
        });
    }

    pub(super) fn sound(self, gain: Signal<'g>) -> SourceSound<'g> {
        match (self.0, self.1) {
            (Some([sum, _]), true) => SourceSound::Mono(sum * gain),
            (Some(sums), false) => SourceSound::Stereo(sums.map(|sum| sum * gain)),
            (None, _) => SourceSound::Mono(gain.graph().constant(0.0)),
        }
    }
}

pub(super) fn super_saw<'g>(voice: &SourceVoice<'g>, own: &SuperSaw) -> SourceSound<'g> {
    let graph = voice.graph;
    let detune = graph.knob(own.detune.get());
    let spread = voice.amount(own.spread);
    let mix = voice.moved_amount(own.mix);
    let apart = apart(graph);
    let mut sum = Mix::new(voice.mono);
    for saw in unison(own.voices) {
        let ratio = (detune * (saw.detuning / 100.0)).semitones();
        let frequency = audible(voice.frequency * ratio) + apart * saw.phase;
        let sound = graph.saw(frequency);
        let sound = if saw.is_centre { sound } else { sound * mix };
        sum.add(sound, spread * saw.place);
    }
    let sides = unison(own.voices).filter(|saw| !saw.is_centre).count();
    #[expect(clippy::cast_precision_loss, reason = "at most 16")]
    let (all, sides) = (f32::from(own.voices.get()), sides as f32);
    let power = mix.squared().times_plus(sides, all - sides);
    let sub = voice.amount(own.sub);
    let power = power.sqrt();
    let square = pulse(graph, audible(voice.frequency * 0.5), 0.5);
    sum.add(square * (sub * power * 0.5), graph.constant(0.0));
    let mono = if voice.mono { 1.0 } else { std::f32::consts::SQRT_2 };
    match sum.sound(mono / (power * sub.times_plus(0.7, 1.0)) * risen(graph)) {
        SourceSound::Mono(channel) => SourceSound::Mono(channel.clip(1.0)),
        SourceSound::Stereo(channels) => SourceSound::Stereo(channels.map(|side| side.clip(1.0))),
    }
}

pub(super) fn sync_saw<'g>(voice: &SourceVoice<'g>, own: &SyncSaw) -> Signal<'g> {
    let graph = voice.graph;
    let master = voice.detuned(own.detune);
    let sweep = graph.knob(own.sweep.get()) * voice.envelope;
    let slave = audible(master * voice.moved_value(own.ratio.get()) * sweep.octaves());
    let level = voice.amount(own.level);
    let synced = graph.leak_dc(graph.sync_saw(master, slave), 0.995) * 0.6;
    saw(graph, master).times_plus(level, synced) / (level + 1.0)
}

pub(super) fn wavetable<'g>(
    voice: &SourceVoice<'g>,
    own: &Wavetable,
    surroundings: &Surroundings<'_>,
) -> SourceSound<'g> {
    let graph = voice.graph;
    let sweep = voice.amount(own.sweep) * voice.envelope;
    let position = (voice.moved_amount(own.position) + sweep).min(1.0);
    let detune = graph.knob(own.detune.get());
    let spread = voice.amount(own.spread);
    let table = match &own.table {
        None => Table::built_in(graph, position),
        Some(content) => match surroundings.files.find(content) {
            Some(file) => Table::of_file(graph, file, position),
            None => return voice.silence(),
        },
    };
    let mut sum = Mix::new(voice.mono);
    let single = own.voices == VoiceCount::MIN;
    for wave in unison(own.voices) {
        let detuning = if single { 1.0 } else { wave.detuning };
        let ratio = (detune * (detuning / 100.0)).semitones();
        sum.add(table.read(audible(voice.frequency * ratio), wave.phase), spread * wave.place);
    }
    let mono = if voice.mono { 1.0 } else { std::f32::consts::SQRT_2 };
    let gain = graph.constant(mono / f32::from(own.voices.get()).sqrt());
    sum.sound(if single { gain } else { gain * 0.6 * risen(graph) })
}

/// A table at its present position.
#[derive(Clone, Copy, Debug)]
enum Table<'g> {
    /// The gains of a sine, a saw and a narrow pulse, all of them band-limited; and the
    /// frequency that is added in the first block to set the phase.
    BuiltIn { gains: [Signal<'g>; 3], apart: Signal<'g> },
    /// A file, the frame of the wave before the position, how far it is from that, and the
    /// frames of a wave.
    File { file: Buffer, wave: Signal<'g>, beyond: Option<Signal<'g>>, frames: f32 },
}

impl<'g> Table<'g> {
    fn built_in(graph: &'g Graph, position: Signal<'g>) -> Self {
        let sine = position.times_plus(-2.0, 1.0).max(0.0);
        let pulse = position.times_plus(2.0, -1.0).max(0.0);
        let gains = [sine * 0.7, (1.0 - sine - pulse) * SAW, pulse];
        Self::BuiltIn { gains, apart: apart(graph) }
    }

    /// A file of waves of 2,048 frames each. A shorter file is one wave.
    #[expect(clippy::cast_precision_loss, reason = "lengths of tables")]
    fn of_file(graph: &'g Graph, file: Buffer, position: Signal<'g>) -> Self {
        let frames = file.frames.min(WAVE) as f32;
        let last = (file.frames / WAVE).max(1) - 1;
        if last == 0 {
            return Self::File { file, wave: graph.constant(0.0), beyond: None, frames };
        }
        let position = graph.fast(position * last as f32);
        // The wave after the last one does not exist.
        let whole = position.floor().min((last - 1) as f32);
        Self::File { file, wave: whole * frames, beyond: Some(position - whole), frames }
    }

    fn read(self, frequency: Signal<'g>, phase: f32) -> Signal<'g> {
        let graph = frequency.graph();
        match self {
            Self::BuiltIn { gains, apart } => {
                let frequency = frequency + apart * phase;
                let tone = graph.sine(frequency, 0.0) * gains[0];
                let tone = graph.saw(frequency).times_plus(gains[1], tone);
                pulse(graph, frequency, 0.15).times_plus(gains[2], tone)
            }
            Self::File { file, wave, beyond, frames } => {
                let step = frequency * frames / graph.sample_rate();
                let place = graph.phasor(0.0, step, 0.0, frames, 0.0);
                let place =
                    if phase > 0.0 { (place + phase * frames).modulo(frames) } else { place };
                let read = |frame| {
                    let channels = graph.read_sample(file.number, file.channels, frame, true);
                    channels.first().copied().unwrap_or(graph.constant(0.0))
                };
                let here = read(place + wave);
                match beyond {
                    Some(beyond) => here.blend(read(place + wave + frames), beyond) * 0.7,
                    None => here * 0.7,
                }
            }
        }
    }
}

pub(super) fn noise<'g>(voice: &SourceVoice<'g>, own: &Noise) -> Signal<'g> {
    let graph = voice.graph;
    let density = voice.amount(own.density);
    let noise = match own.colour {
        NoiseColour::White => graph.white_noise() * 0.5,
        NoiseColour::Pink => graph.pink_noise() * 0.9,
        NoiseColour::Brown => graph.brown_noise() * 0.7,
        NoiseColour::Blue => graph.difference(graph.pink_noise()) * 2.5,
        NoiseColour::Crackle => {
            let clicks = graph.dust(graph.constant(2000.0).pow(density));
            graph.decay(clicks, 0.002) * 0.7
        }
    };
    let tone = voice.moved_amount(own.tone);
    let whistle = graph.band_pass(noise, audible(voice.frequency), 0.2);
    noise.blend(whistle * 2.5, tone).clip(1.0)
}

/// An octave below the lowest tone: what the buffer of a string has to hold.
pub(super) const LONGEST: f32 = 1.0 / LOWEST;
