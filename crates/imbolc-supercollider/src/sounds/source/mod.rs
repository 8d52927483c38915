//! The sources of instruments: a file per family, a function per kind.
//!
//! A source gives its peak at about 0.7 for a velocity of 127; the voice applies the envelope
//! and the velocity. Random parts come from units of the server, which follow its
//! seed.

mod fm;
mod granular;
mod inputs;
mod oscillators;
mod percussion;
mod physical;
mod samplers;
mod source_voice;

use imbolc_net::studio::Source;

use crate::sounds::surroundings::Surroundings;

pub use self::inputs::sounds_without_key;
pub(super) use self::{
    percussion::own_length,
    samplers::{Section, as_sound, sample_once},
    source_voice::{SourceSound, SourceVoice},
};

/// Builds the source of a voice.
pub(super) fn synthesize<'g>(
    voice: &SourceVoice<'g>,
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
