//! The sources of instruments: a file per family, a function per kind.
//!
//! A source gives its peak at about 0.7 for a velocity of 127; the voice applies the envelope
//! and the velocity. What has a random part draws it from units of the server, which obey its
//! seed.

mod fm;
mod granular;
mod inputs;
mod oscillators;
mod percussion;
mod physical;
mod samplers;

use imbolc_net::{
    studio::Source,
    util::quantity::{Amount, Cents},
};

use super::{
    Surroundings,
    voice::{SourceSound, Voice},
};
use crate::synth_def::Signal;

pub use self::inputs::sounds_without_key;
pub(super) use self::{
    percussion::own_length,
    samplers::{Section, as_sound, sample_once},
};

/// The lowest frequency of a tone in Hz: that of key 0.
const LOWEST: f32 = 8.0;

/// The highest frequency of a tone in Hz: below half of any usual sample rate.
const HIGHEST: f32 = 20_000.0;

/// Builds the source of a voice.
pub(super) fn synthesize<'g>(
    voice: &Voice<'g>,
    source: &Source,
    surroundings: &Surroundings<'_>,
) -> SourceSound<'g> {
    use SourceSound::Mono;

    match source {
        Source::Oscillator(own) => Mono(oscillators::oscillator(voice, own)),
        Source::SuperSaw(own) => oscillators::super_saw(voice, own),
        Source::SyncSaw(own) => Mono(oscillators::sync_saw(voice, own)),
        Source::Wavetable(own) => oscillators::wavetable(voice, own, surroundings),
        Source::Noise(own) => Mono(oscillators::noise(voice, own)),
        Source::Fm(own) => Mono(fm::two_operators(voice, own)),
        Source::FourOperator(own) => Mono(fm::four_operators(voice, own)),
        Source::RingModulation(own) => Mono(fm::ring_modulation(voice, own)),
        Source::Pluck(own) => Mono(physical::pluck(voice, own)),
        Source::Bow(own) => Mono(physical::bow(voice, own)),
        Source::Pipe(own) => Mono(physical::pipe(voice, own)),
        Source::Mallet(own) => Mono(physical::mallet(voice, own)),
        Source::Membrane(own) => Mono(physical::membrane(voice, own)),
        Source::Kick(own) => Mono(percussion::kick(voice, own)),
        Source::Snare(own) => Mono(percussion::snare(voice, own)),
        Source::HiHat(own) => Mono(percussion::hi_hat(voice, own)),
        Source::Clap(own) => Mono(percussion::clap(voice, own)),
        Source::Tom(own) => Mono(percussion::tom(voice, own)),
        Source::Cowbell(own) => Mono(percussion::cowbell(voice, own)),
        Source::Sampler(own) => samplers::sampler(voice, own, surroundings),
        Source::Granular(own) => granular::granular(voice, own, surroundings),
        Source::Additive(own) => Mono(granular::additive(voice, own)),
        Source::AudioInput(own) => inputs::audio_input(voice, own, surroundings),
        Source::BusInput(own) => inputs::bus_input(voice, own, surroundings),
        // The pads of a kit have voices of their own.
        Source::DrumKit(_) | Source::Vst(_) | Source::SynthDef(_) => voice.silence(),
    }
}

impl<'g> Voice<'g> {
    fn silence(&self) -> SourceSound<'g> {
        SourceSound::Mono(self.graph.constant(0.0))
    }

    fn amount(&self, amount: Amount) -> Signal<'g> {
        self.graph.knob(amount.get())
    }

    /// An amount that the LFO moves by half of its range.
    fn moved_amount(&self, amount: Amount) -> Signal<'g> {
        let knob = self.amount(amount);
        if self.timbre.is_constant() { knob } else { (knob + self.timbre * 0.5).clamp(0.0, 1.0) }
    }

    /// A value that the LFO moves by a factor of two up and down.
    fn moved_value(&self, value: f32) -> Signal<'g> {
        self.graph.knob(value) * self.timbre.octaves()
    }

    /// The frequency of the note, detuned.
    fn detuned(&self, cents: Cents) -> Signal<'g> {
        audible(self.frequency * self.graph.knob(cents.get()).cents())
    }
}

/// A frequency within what can be heard.
fn audible(frequency: Signal<'_>) -> Signal<'_> {
    frequency.clamp(LOWEST, HIGHEST)
}

/// The sum of signals; silence of none.
fn sum<'g>(voice: &Voice<'g>, signals: impl Iterator<Item = Signal<'g>>) -> Signal<'g> {
    signals.reduce(|sum, signal| sum + signal).unwrap_or(voice.graph.constant(0.0))
}
