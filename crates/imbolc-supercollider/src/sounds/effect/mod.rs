//! The effects of chains, one function per kind.
//!
//! An effect with a mix gives its input unchanged at 0. What is similar to its input is
//! mixed by amplitude; echoes and reverbs, which are not, by power, so that the loudness
//! stays. It must not know strips or chains.

mod dynamics;
mod modulation;
mod space;
mod spectrum;

use imbolc_net::studio::Effect;

use super::{Stereo, Surroundings};
use crate::synth_def::{Graph, Signal};

/// The longest tail in seconds.
const LONGEST_TAIL: f32 = 30.0;

/// ln 1000: a level falls by 60 dB in so many time constants.
const SIXTY_DECIBELS: f32 = 6.907_755;

/// Builds an effect.
pub(super) fn process<'g>(
    input: Stereo<'g>,
    effect: &Effect,
    surroundings: &Surroundings<'_>,
) -> Stereo<'g> {
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
pub(super) fn tail(effect: &Effect, surroundings: &Surroundings<'_>) -> f32 {
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

/// Dry and wet by amplitude, for a wet signal that is similar to the dry one.
fn mixed<'g>(dry: Stereo<'g>, wet: Stereo<'g>, mix: f32) -> Stereo<'g> {
    let mix = dry[0].graph().knob(mix);
    sum(dry.map(|channel| channel * (1.0 - mix)), wet.map(|channel| channel * mix))
}

/// Dry and wet by power, for a wet signal that differs from the dry one.
fn mixed_by_power<'g>(dry: Stereo<'g>, wet: Stereo<'g>, mix: f32) -> Stereo<'g> {
    let mix = dry[0].graph().knob(mix);
    let gains = [(1.0 - mix).sqrt(), mix.sqrt()];
    sum(dry.map(|channel| channel * gains[0]), wet.map(|channel| channel * gains[1]))
}

fn sum<'g>(left: Stereo<'g>, right: Stereo<'g>) -> Stereo<'g> {
    [left[0] + right[0], left[1] + right[1]]
}

/// The absolute value of the louder channel.
fn peak([left, right]: Stereo<'_>) -> Signal<'_> {
    left.abs().max(right.abs())
}

/// A frequency that filters can take at every sample rate.
fn below_nyquist(frequency: Signal<'_>) -> Signal<'_> {
    frequency.min(0.45 / frequency.graph().sample_seconds())
}

/// The longest delay in seconds that a delay line of `seconds` is built for: the next power
/// of two, so that a moved delay seldom needs another line.
///
/// A line takes real-time memory of the server when it is created: 4 bytes times the next
/// power of two of this result times the sample rate: 256 KiB for a second at 48 kHz. Two lines
/// of the longest delay take 32 MiB, a delay with its defaults 256 KiB, a reverb 0.3 MiB and a
/// second of convolution 0.8 MiB.
fn line_length(seconds: f32) -> f32 {
    const SHORTEST: f32 = 1.0 / 64.0;
    seconds.max(SHORTEST).log2().ceil().exp2()
}

/// A length in seconds that moves slowly: the pitch of what is in a delay line glides.
fn glide(graph: &Graph, seconds: f32) -> Signal<'_> {
    graph.slow_lag(graph.setting(seconds), 0.2)
}
