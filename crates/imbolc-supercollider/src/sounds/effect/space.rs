//! Delay, reverb and convolution.

use imbolc_net::studio::{Convolution, Delay, Reverb};

use super::common::{SIXTY_DECIBELS, below_nyquist, glide, line_length, mixed_by_power};
use crate::{
    output::{PARTITION, Spectrum},
    sounds::{lfo::note_rate, surroundings::Files},
    synth_def::{Signal, Stereo},
};

/// The seconds between two echoes; a delay shorter than a block is as long as a block.
pub(super) fn delay<'g>(input: Stereo<'g>, delay: &Delay, beat: f32) -> Stereo<'g> {
    /// The highest feedback: below 1 at every frequency.
    const MOST: f32 = 0.999;
    /// Up to half of it, the echoes are not bent; above it, they are never.
    const LOUDEST: f32 = 4.0;

    let graph = input[0].graph();
    let seconds = delay_seconds(delay, beat);
    // The feedback takes a block.
    let time = (glide(graph, seconds) - graph.block_seconds()).max(0.0);
    let feedback = graph.knob(delay.feedback.get().min(MOST));
    let damping = below_nyquist(graph.knob(delay.damping.get()));
    let echoes: Stereo<'g> = graph.fed_back();
    let [left, right] = echoes.map(|echo| {
        let damped = graph.leak_dc(graph.low_pass(echo, damping), 0.9999);
        (damped * feedback / LOUDEST).soft_clip() * LOUDEST
    });
    let lines = if delay.ping_pong {
        [(input[0] + input[1]) * 0.5 + right, left]
    } else {
        [input[0] + left, input[1] + right]
    };
    let longest = line_length(seconds);
    graph.feed_back(&lines.map(|line| graph.moving_delay(line, longest, time)));
    mixed_by_power(input, echoes, delay.mix.get())
}

fn delay_seconds(delay: &Delay, beat: f32) -> f32 {
    match delay.sync {
        Some(note) => 1.0 / note_rate(note, beat),
        None => delay.time.get(),
    }
}

pub(super) fn delay_tail(delay: &Delay, beat: f32) -> f32 {
    let feedback = delay.feedback.get();
    let rounds = if feedback > 0.0 { SIXTY_DECIBELS / -feedback.min(0.999).ln() } else { 0.0 };
    let rounds = rounds.ceil() + 1.0;
    (delay_seconds(delay, beat) + 0.002) * rounds + 0.05
}

/// The delays of the lines of the reverb in seconds, at a size of 0.6.
const LINES: [f32; 8] = [0.0297, 0.0371, 0.0411, 0.0437, 0.0533, 0.0617, 0.0719, 0.0797];

/// Eight delay lines that feed each other through an orthogonal matrix. A line of `t` seconds
/// is turned down by 60 dB times `t` / decay, so all decay alike, and nothing can grow.
pub(super) fn reverb<'g>(input: Stereo<'g>, reverb: &Reverb) -> Stereo<'g> {
    /// The longest line there is, in seconds.
    const LONGEST: f32 = 0.125;
    /// The signs with which the lines are heard.
    const SIGNS: [f32; 4] = [1.0, -1.0, 1.0, 1.0];

    let graph = input[0].graph();
    let scale = glide(graph, reverb.size.get() * 1.25 + 0.25);
    let decay = graph.knob(reverb.decay.get()).max(0.01);
    let damping = graph.knob(reverb.damping.get());
    let width = graph.knob(reverb.width.get());

    // From 60 kHz, which is nothing, to 600 Hz.
    let corner = (damping * -4.6).exp() * 60_000.0;
    let coefficient = (corner * graph.sample_seconds() * -std::f32::consts::TAU).exp();
    let back: [Signal<'g>; 8] = graph.fed_back();
    let times = LINES.map(|time| scale * time);
    let turned = std::array::from_fn(|line| {
        let gain = (times[line] * -SIXTY_DECIBELS / decay).exp();
        graph.one_pole(back[line], coefficient) * gain
    });
    let mixed = orthogonal(turned);

    let seconds = reverb.pre_delay.get();
    let (longest, time) = (line_length(seconds), glide(graph, seconds));
    let diffuse = [0, 1].map(|side| {
        let late = graph.moving_delay(graph.leak_dc(input[side], 0.999), longest, time);
        diffused(late, side) * 0.5
    });
    // A slow movement, so that no resonance stands out.
    let moves = [(0.31, 0.0), (0.43, 2.0)]
        .map(|(rate, phase)| graph.slow_sine(rate, phase) * 0.0001 - graph.block_seconds());
    let lines: [Signal<'g>; 8] = std::array::from_fn(|line| {
        let time = (times[line] + moves[line % 2]).max(0.0);
        graph.moving_delay(diffuse[line % 2] + mixed[line], LONGEST, time)
    });
    graph.feed_back(&lines);

    // The energy of the response is that of the input, however long it decays.
    let mean = (scale * (-SIXTY_DECIBELS * 0.055) / decay).exp();
    let loudness = (1.0 - mean.squared()).sqrt();
    let side = |first: usize| {
        let heard = SIGNS.iter().enumerate().map(|(index, sign)| back[first + index * 2] * *sign);
        heard.reduce(|sum, line| sum + line).unwrap_or(back[first]) * loudness
    };
    let (left, right) = (side(0), side(1));
    let (centre, outside) = ((left + right) * 0.5, (left - right) * 0.5 * width);
    mixed_by_power(input, [centre + outside, centre - outside], reverb.mix.get())
}

/// Four all-pass delays, which make a dense noise of a click.
fn diffused(channel: Signal<'_>, side: usize) -> Signal<'_> {
    /// Of the left and the right channel, in seconds.
    const TIMES: [[f32; 4]; 2] =
        [[0.0047, 0.0061, 0.0083, 0.0113], [0.0043, 0.0067, 0.0079, 0.0119]];
    /// Rounds until 60 dB: a coefficient of 0.6.
    const ROUNDS: f32 = 13.52;

    let graph = channel.graph();
    TIMES[side]
        .iter()
        .fold(channel, |signal, time| graph.all_pass(signal, 1.0 / 64.0, *time, time * ROUNDS))
}

/// The Hadamard matrix of eight, which keeps the energy.
fn orthogonal(mut lines: [Signal<'_>; 8]) -> [Signal<'_>; 8] {
    for distance in [1, 2, 4] {
        let old = lines;
        lines = std::array::from_fn(|line| {
            let other = old[line ^ distance];
            if line & distance == 0 { old[line] + other } else { other - old[line] }
        });
    }
    lines.map(|line| line * 8_f32.sqrt().recip())
}

pub(super) fn reverb_tail(reverb: &Reverb) -> f32 {
    /// Diffusion, and the longest line.
    const MARGIN: f32 = 0.4;

    reverb.pre_delay.get() + reverb.decay.get() + MARGIN
}

/// Without a response that is ready, it passes its input on.
pub(super) fn convolution<'g>(
    input: Stereo<'g>,
    convolution: &Convolution,
    files: &dyn Files,
) -> Stereo<'g> {
    let graph = input[0].graph();
    let Some(spectrum) = spectrum_of(convolution, files) else { return input };
    // PartConv of SuperCollider 3.13 is late by half a partition without a block.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let latency = graph.sample_seconds() * (PARTITION / 2) as f32 - graph.block_seconds();
    let seconds = convolution.pre_delay.get();
    let (longest, time) = (line_length(seconds), (glide(graph, seconds) - latency).max(0.0));
    let late = input.map(|channel| graph.moving_delay(channel, longest, time));
    let gain = graph.knob(convolution.gain.get()).amplitude() * spectrum.gain;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let wet = |side: usize| {
        graph.convolution(late[side], PARTITION as f32, spectrum.channels[side] as f32) * gain
    };
    mixed_by_power(input, [wet(0), wet(1)], convolution.mix.get())
}

fn spectrum_of(convolution: &Convolution, files: &dyn Files) -> Option<Spectrum> {
    let sixteenths = (convolution.length.get() * 16.0).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 16")]
    let sixteenths = sixteenths as u8;
    let impulse = convolution.impulse.as_ref().filter(|_| sixteenths > 0)?;
    files.find_spectrum(impulse, sixteenths)
}

pub(super) fn convolution_tail(convolution: &Convolution, files: &dyn Files) -> f32 {
    let response = spectrum_of(convolution, files).map_or(0.0, |spectrum| spectrum.seconds);
    convolution.pre_delay.get() + response + 0.05
}
