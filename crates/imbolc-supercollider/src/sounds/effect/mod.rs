//! The effects of chains, one function per kind.
//!
//! An effect with a mix gives its input unchanged at 0. A wet signal that is similar to
//! the dry one is mixed by amplitude; echoes and reverbs are mixed by power, which keeps the
//! loudness. It must not know strips or chains.

mod common;
mod dynamics;
mod modulation;
mod space;
mod spectrum;

use imbolc_net::studio::Effect;

use crate::{
    sounds::{controls::BUS, surroundings::Surroundings},
    synth_def::{Built, Graph, Stereo, TooManyWires},
};

/// The longest tail in seconds.
const LONGEST_TAIL: f32 = 30.0;

/// Builds an effect, which replaces what is on the audio buses from [`BUS`] on.
///
/// # Errors
/// [`TooManyWires`].
pub fn build_effect(
    effect: &Effect,
    surroundings: &Surroundings<'_>,
) -> Result<Built, TooManyWires> {
    let graph = Graph::new();
    let bus = graph.control(BUS, 0.0);
    // NaN would stay in an effect for ever.
    let input = graph.read_stereo(bus).map(|channel| graph.sanitize(channel, 0.0));
    let output = process(input, effect, surroundings);
    graph.replace_audio(bus, &output);
    graph.finish()
}

fn process<'g>(input: Stereo<'g>, effect: &Effect, surroundings: &Surroundings<'_>) -> Stereo<'g> {
    match effect {
        Effect::Filter(filter) => spectrum::filter(input, filter),
        Effect::Equaliser(equaliser) => spectrum::equaliser(input, equaliser),
        Effect::Delay(delay) => space::delay(input, delay, surroundings.beat),
        Effect::Reverb(reverb) => space::reverb(input, reverb),
        Effect::Chorus(chorus) => modulation::chorus(input, chorus),
        Effect::Flanger(flanger) => modulation::flanger(input, flanger),
        Effect::Phaser(phaser) => modulation::phaser(input, phaser),
        Effect::Distortion(distortion) => spectrum::distortion(input, distortion),
        Effect::BitCrusher(crusher) => spectrum::bit_crusher(input, crusher),
        Effect::Compressor(compressor) => {
            dynamics::compressor(input, compressor, surroundings.buses)
        }
        Effect::Limiter(limiter) => dynamics::limiter(input, limiter),
        Effect::Gate(gate) => dynamics::gate(input, gate),
        Effect::Tremolo(tremolo) => modulation::tremolo(input, tremolo, surroundings.beat),
        Effect::Convolution(convolution) => {
            space::convolution(input, convolution, surroundings.files)
        }
        Effect::Vst(_) => input,
    }
}

/// How long an effect sounds on when its input is silent: the seconds until it is 60 dB
/// lower, at most 30.
#[must_use]
pub fn tail_of(effect: &Effect, surroundings: &Surroundings<'_>) -> f32 {
    let seconds = match effect {
        Effect::Filter(filter) => spectrum::filter_tail(filter),
        Effect::Equaliser(equaliser) => spectrum::equaliser_tail(equaliser),
        Effect::Delay(delay) => space::delay_tail(delay, surroundings.beat),
        Effect::Reverb(reverb) => space::reverb_tail(reverb),
        Effect::Chorus(chorus) => modulation::chorus_tail(chorus),
        Effect::Flanger(flanger) => modulation::flanger_tail(flanger),
        Effect::Phaser(phaser) => modulation::phaser_tail(phaser),
        Effect::Distortion(distortion) => spectrum::distortion_tail(distortion),
        Effect::BitCrusher(crusher) => spectrum::bit_crusher_tail(crusher),
        Effect::Limiter(limiter) => dynamics::limiter_tail(limiter),
        Effect::Convolution(convolution) => {
            space::convolution_tail(convolution, surroundings.files)
        }
        Effect::Compressor(_) | Effect::Gate(_) | Effect::Tremolo(_) | Effect::Vst(_) => 0.0,
    };
    seconds.clamp(0.0, LONGEST_TAIL)
}
