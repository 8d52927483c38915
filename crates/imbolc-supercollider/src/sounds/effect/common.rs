//! What several effects have in common: mixing, limits of frequencies and delay lines.

use crate::synth_def::{Graph, Signal, Stereo};

/// ln 1000: a level falls by 60 dB in so many time constants.
pub(super) const SIXTY_DECIBELS: f32 = 6.907_755;

/// Dry and wet by amplitude, for a wet signal that is similar to the dry one.
pub(super) fn mixed<'g>(dry: Stereo<'g>, wet: Stereo<'g>, mix: f32) -> Stereo<'g> {
    let mix = dry[0].graph().knob(mix);
    stereo_sum(dry.map(|channel| channel * (1.0 - mix)), wet.map(|channel| channel * mix))
}

/// Dry and wet by power, for a wet signal that differs from the dry one.
pub(super) fn mixed_by_power<'g>(dry: Stereo<'g>, wet: Stereo<'g>, mix: f32) -> Stereo<'g> {
    let mix = dry[0].graph().knob(mix);
    let gains = [(1.0 - mix).sqrt(), mix.sqrt()];
    stereo_sum(dry.map(|channel| channel * gains[0]), wet.map(|channel| channel * gains[1]))
}

pub(super) fn stereo_sum<'g>(left: Stereo<'g>, right: Stereo<'g>) -> Stereo<'g> {
    [left[0] + right[0], left[1] + right[1]]
}

/// The absolute value of the louder channel.
pub(super) fn peak([left, right]: Stereo<'_>) -> Signal<'_> {
    left.abs().max(right.abs())
}

/// A frequency that filters can take at every sample rate.
pub(super) fn below_nyquist(frequency: Signal<'_>) -> Signal<'_> {
    frequency.min(0.45 / frequency.graph().sample_seconds())
}

/// The longest delay in seconds that a delay line of `seconds` is built for: the next power
/// of two, so that a moved delay seldom needs another line.
///
/// A line takes real-time memory of the server when it is created: 4 bytes times the next
/// power of two of this result times the sample rate: 256 KiB for a second at 48 kHz. Two lines
/// of the longest delay take 32 MiB, a delay with its defaults 256 KiB, a reverb 0.3 MiB and a
/// second of convolution 0.8 MiB.
pub(super) fn line_length(seconds: f32) -> f32 {
    const SHORTEST: f32 = 1.0 / 64.0;
    seconds.max(SHORTEST).log2().ceil().exp2()
}

/// A length in seconds that moves slowly: the pitch of what is in a delay line glides.
pub(super) fn glide(graph: &Graph, seconds: f32) -> Signal<'_> {
    graph.slow_lag(graph.setting(seconds), 0.2)
}
