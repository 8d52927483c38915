//! Chorus, flanger, phaser and tremolo.

use std::f32::consts::{PI, TAU};

use imbolc_net::{
    studio::{Chorus, Flanger, LfoShape, Phaser, Tremolo},
    util::quantity::Seconds,
};

use super::common::{
    SIXTY_DECIBELS, below_nyquist, glide, line_length, mixed, mixed_by_power, stereo_sum,
};
use crate::{
    sounds::lfo::{lfo_wave, note_rate},
    synth_def::{Signal, Stereo},
};

/// The most by which an LFO moves a delay, in seconds.
const WIDEST_SWING: f32 = 0.01;

/// The mean delay of a chorus and a flanger in seconds; a longer one would be an echo.
fn mean_delay(seconds: Seconds) -> f32 {
    seconds.get().clamp(0.0005, 0.25)
}

/// How many seconds an LFO moves a delay at most to either side: it never gets shorter than
/// a tenth, and the pitch never moves by more than a third, however fast the LFO is.
fn swing<'g>(depth: Signal<'g>, delay: Signal<'g>, rate: Signal<'g>) -> Signal<'g> {
    depth * (delay * 0.9).min(WIDEST_SWING).min(0.05 / rate)
}

pub(super) fn chorus<'g>(input: Stereo<'g>, chorus: &Chorus) -> Stereo<'g> {
    let graph = input[0].graph();
    let [rate, depth, spread] =
        [chorus.rate.get(), chorus.depth.get(), chorus.spread.get()].map(|v| graph.knob(v));
    let mean = glide(graph, mean_delay(chorus.delay));
    let longest = line_length(chorus_delay(chorus));
    let voices = chorus.voices.get();
    let copies = (0..voices).map(|voice| {
        let place = (f32::from(voice) + 0.5) / f32::from(voices);
        let delay = mean * (1.0 + (place - 0.5) * FARTHEST);
        let swing = swing(depth, delay, rate);
        // The LFOs of the right channel are half way between those of the left one.
        let sides = [graph.constant(place), spread * (0.5 / f32::from(voices)) + place];
        let copy = |channel: Signal<'g>, phase: Signal<'g>| {
            let time = delay + swing * graph.slow_sine(rate, phase * TAU);
            graph.moving_delay(channel, longest, time)
        };
        [copy(input[0], sides[0]), copy(input[1], sides[1])]
    });
    let loudness = f32::from(voices).sqrt().recip();
    let wet = copies.reduce(stereo_sum).unwrap_or(input).map(|channel| channel * loudness);
    mixed_by_power(input, wet, chorus.mix.get())
}

/// How far the mean delays of the copies differ, as a part of the delay: copies of one delay
/// would add up to a comb.
const FARTHEST: f32 = 0.8;

fn chorus_delay(chorus: &Chorus) -> f32 {
    mean_delay(chorus.delay) * (1.0 + FARTHEST / 2.0) + WIDEST_SWING
}

pub(super) fn chorus_tail(chorus: &Chorus) -> f32 {
    chorus_delay(chorus)
}

pub(super) fn flanger<'g>(input: Stereo<'g>, flanger: &Flanger) -> Stereo<'g> {
    let graph = input[0].graph();
    let [rate, depth] = [flanger.rate.get(), flanger.depth.get()].map(|v| graph.knob(v));
    let mean = glide(graph, mean_delay(flanger.delay));
    let longest = line_length(flanger_delay(flanger));
    let (rounds, loudness) = flanger_feedback(flanger);
    let (rounds, loudness) = (graph.knob(rounds), graph.knob(loudness));
    let time = mean + swing(depth, mean, rate) * graph.slow_sine(rate, 0.0);
    let wet =
        input.map(|channel| graph.moving_comb(channel, longest, time, time * rounds) * loudness);
    mixed(input, wet, flanger.mix.get())
}

/// How many rounds the feedback needs to fall by 60 dB, negative for an inverted one, and
/// the gain that keeps the loudness of noise.
fn flanger_feedback(flanger: &Flanger) -> (f32, f32) {
    /// More would ring on its own.
    const MOST: f32 = 0.95;

    let feedback = flanger.feedback.get() * MOST;
    let rounds = if feedback == 0.0 { 0.0 } else { SIXTY_DECIBELS / -feedback.abs().ln() };
    (rounds.copysign(feedback), (1.0 - feedback * feedback).sqrt())
}

fn flanger_delay(flanger: &Flanger) -> f32 {
    mean_delay(flanger.delay) + WIDEST_SWING
}

pub(super) fn flanger_tail(flanger: &Flanger) -> f32 {
    flanger_delay(flanger) * (1.0 + flanger_feedback(flanger).0.abs())
}

/// The highest peak of a phaser.
const LOUDEST: f32 = 8.0;

/// The highest feedback of a phaser.
const PHASER_FEEDBACK: f32 = 0.8;

/// Four all-pass filters of the first order, with feedback around all of them.
///
/// Feedback by `LocalIn` would come a block late and add a comb. So the loop is solved: with
/// a(w) = (c + w) / (1 + c w), w a delay of a sample, a⁴ / (1 − f a⁴) is a² / (1 − √f a²)
/// times a² / (1 + √f a²), two filters of the second order.
pub(super) fn phaser<'g>(input: Stereo<'g>, phaser: &Phaser) -> Stereo<'g> {
    let graph = input[0].graph();
    let [rate, centre, depth] =
        [phaser.rate.get(), phaser.centre.get(), phaser.depth.get()].map(|v| graph.knob(v));
    let feedback = phaser.feedback.get() * PHASER_FEEDBACK;
    let root = graph.knob(feedback.sqrt());
    let loudness = graph.knob((1.0 - feedback * feedback).sqrt());
    let frequency = centre * (depth * graph.slow_sine(rate, 0.0)).octaves();
    let frequency = below_nyquist(frequency.clamp(20.0, 20_000.0));
    let tangent = (frequency * graph.sample_seconds() * PI).tan();
    let c = (tangent - 1.0) / (tangent + 1.0);
    let square = c.squared();
    let half = |channel, root: Signal<'g>| {
        let scale = (1.0 - root * square).reciprocal();
        let middle = c * 2.0 * scale;
        let (b1, b2) = (-(middle * (1.0 - root)), (root - square) * scale);
        graph.second_order(channel, square * scale, middle, scale, b1, b2)
    };
    // The fastest sweeps over all octaves would throw up peaks.
    let wet = input.map(|channel| (half(half(channel, root), -root) * loudness).clip(LOUDEST));
    mixed(input, wet, phaser.mix.get())
}

pub(super) fn phaser_tail(phaser: &Phaser) -> f32 {
    let root = (phaser.feedback.get() * PHASER_FEEDBACK).powf(0.25);
    let lowest = (phaser.centre.get() * (-phaser.depth.get().abs()).exp2()).max(20.0);
    // Seven time constants of the slowest pole; four poles of one place need twice as many.
    2.0 * SIXTY_DECIBELS * (1.0 + root) / ((1.0 - root) * TAU * lowest)
}

pub(super) fn tremolo<'g>(input: Stereo<'g>, tremolo: &Tremolo, beat: f32) -> Stereo<'g> {
    let graph = input[0].graph();
    let rate = match tremolo.sync {
        Some(note) => note_rate(note, beat),
        None => tremolo.rate.get(),
    };
    let rate = graph.setting(rate);
    let depth = graph.knob(tremolo.depth.get());
    // A lag of the right channel is a lead of the rest of the period.
    let lead = graph.setting((1.0 - tremolo.phase.get()).fract());
    let waves = if tremolo.shape == LfoShape::SampleAndHold {
        // Both channels take the same steps.
        let noise = graph.slow_noise();
        let left = graph.slow_hold(noise, graph.slow_impulses(rate, 0.0));
        [left, graph.slow_hold(left, graph.slow_impulses(rate, lead))]
    } else {
        [graph.constant(0.0), lead].map(|phase| lfo_wave(graph, tremolo.shape, rate, phase))
    };
    // A step of the wave is a slope over a block, so it does not click.
    let gains = waves.map(|wave| 1.0 - depth * (0.5 - wave * 0.5));
    [input[0] * gains[0], input[1] * gains[1]]
}
