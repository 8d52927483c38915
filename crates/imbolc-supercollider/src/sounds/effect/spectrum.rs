//! Filter, equaliser, distortion and bit crusher.

use std::f32::consts::PI;

use imbolc_net::studio::{
    Band, BitCrusher, Distortion, DistortionCurve, Equaliser, Filter, FilterKind,
};

use super::common::{SIXTY_DECIBELS, below_nyquist, mixed, peak};
use crate::{
    sounds::resonant_filter::filtered,
    synth_def::{Signal, Stereo},
};

/// The filter of a strip has no note: its envelope is the level of its input, and its
/// tracking has nothing to follow.
pub(super) fn filter<'g>(input: Stereo<'g>, filter: &Filter) -> Stereo<'g> {
    /// Seconds in which the envelope rises and falls.
    const ATTACK: f32 = 0.01;
    const RELEASE: f32 = 0.15;

    let graph = input[0].graph();
    let envelope = graph.slow_level(peak(input), ATTACK, RELEASE).clamp(0.0, 1.0);
    let none = graph.constant(0.0);
    // The pitch at which tracking changes nothing.
    let key = graph.constant(261.6256);
    filtered(input, filter, key, (none, envelope), none)
}

pub(super) fn filter_tail(filter: &Filter) -> f32 {
    if filter.kind == FilterKind::Off {
        return 0.0;
    }
    let lowest = (filter.cutoff.get() * filter.sweep.get().min(0.0).exp2()).max(20.0);
    ring(lowest, 1.0 / (1.0 - filter.resonance.get() * 0.97))
}

/// Seconds until a resonance of this frequency and quality is 60 dB lower.
fn ring(frequency: f32, quality: f32) -> f32 {
    SIXTY_DECIBELS * quality.max(0.5) / (PI * frequency)
}

pub(super) fn equaliser<'g>(input: Stereo<'g>, equaliser: &Equaliser) -> Stereo<'g> {
    let graph = input[0].graph();
    let shelf = |band: &Band| {
        let [frequency, gain, slope] =
            [band.frequency.get(), band.gain.get(), shelf_slope(band)].map(|v| graph.knob(v));
        (below_nyquist(frequency), slope, gain)
    };
    let bell = |band: &Band| {
        let [frequency, gain, width] =
            [band.frequency.get(), band.gain.get(), 1.0 / band.quality.get()]
                .map(|v| graph.knob(v));
        (below_nyquist(frequency), width, gain)
    };
    let low = shelf(&equaliser.low);
    let bells = [&equaliser.low_mid, &equaliser.mid, &equaliser.high_mid, &equaliser.presence];
    let bells = bells.map(bell);
    let high = shelf(&equaliser.high);
    input.map(|channel| {
        let shelved = graph.low_shelf(channel, low.0, low.1, low.2);
        let belled = bells.iter().fold(shelved, |signal, (frequency, width, gain)| {
            graph.bell(signal, *frequency, *width, *gain)
        });
        graph.high_shelf(belled, high.0, high.1, high.2)
    })
}

/// 1 / S of a shelf with this quality.
fn shelf_slope(band: &Band) -> f32 {
    let amplitude = 10_f32.powf(band.gain.get() / 40.0);
    let quality = band.quality.get();
    (1.0 / (quality * quality) - 2.0) / (amplitude + 1.0 / amplitude) + 1.0
}

pub(super) fn equaliser_tail(equaliser: &Equaliser) -> f32 {
    let bands = [
        &equaliser.low,
        &equaliser.low_mid,
        &equaliser.mid,
        &equaliser.high_mid,
        &equaliser.presence,
        &equaliser.high,
    ];
    let rings = bands.into_iter().filter(|band| band.gain.get() != 0.0).map(|band| {
        // A boost narrows the bell, and moves the pole of a shelf.
        let amplitude = 10_f32.powf(band.gain.get().abs() / 40.0);
        ring(band.frequency.get() / amplitude.sqrt(), band.quality.get() * amplitude)
    });
    rings.fold(0.0, f32::max)
}

pub(super) fn distortion<'g>(input: Stereo<'g>, distortion: &Distortion) -> Stereo<'g> {
    /// The drive at most, in dB.
    const HIGHEST: f32 = 40.0;
    /// A peak of this amplitude stays as loud as it is, whatever the drive.
    const REFERENCE: f32 = 0.2;
    /// The part of a sample that is kept: a high-pass of 4 Hz.
    const NO_DC: f32 = 0.9995;

    let graph = input[0].graph();
    let drive = (graph.knob(distortion.drive.get()) * HIGHEST).amplitude();
    let tone = below_nyquist(graph.knob(distortion.tone.get()));
    let level = graph.knob(distortion.level.get()).amplitude();
    let curve = |signal: Signal<'g>| match distortion.curve {
        DistortionCurve::Soft => signal.tanh(),
        DistortionCurve::Hard => signal.clip(1.0),
        DistortionCurve::Fold => signal.fold(1.0),
        DistortionCurve::Rectify => signal.abs().tanh(),
    };
    let reference = drive * REFERENCE;
    let reached = match distortion.curve {
        DistortionCurve::Soft | DistortionCurve::Rectify => reference.tanh(),
        DistortionCurve::Hard | DistortionCurve::Fold => reference.min(1.0),
    };
    let gain = level * REFERENCE / reached;
    let wet = input.map(|channel| {
        let bent = curve(channel * drive) * gain;
        let centred = match distortion.curve {
            DistortionCurve::Rectify => graph.leak_dc(bent, NO_DC),
            _ => bent,
        };
        graph.low_pass(centred, tone)
    });
    mixed(input, wet, distortion.mix.get())
}

pub(super) fn distortion_tail(distortion: &Distortion) -> f32 {
    /// Until the constant part is gone.
    const RECTIFIED: f32 = 0.35;

    let centred = if distortion.curve == DistortionCurve::Rectify { RECTIFIED } else { 0.0 };
    centred + ring(distortion.tone.get(), 1.0)
}

pub(super) fn bit_crusher<'g>(input: Stereo<'g>, crusher: &BitCrusher) -> Stereo<'g> {
    /// Dither stops in silence, or a strip would never be silent.
    const SILENCE: f32 = 1e-5;

    let graph = input[0].graph();
    let step = graph.setting((1.0 - f32::from(crusher.bits.get())).exp2());
    let dither = graph.knob(crusher.dither.get());
    let trigger = graph.impulses(graph.knob(crusher.rate.get()), 0.0);
    let sounds = graph.peak_follower(peak(input), 0.999).greater(SILENCE);
    let wet = input.map(|channel| {
        // Two steps wide and triangular, which makes the error independent of the signal.
        let noise = (graph.white_noise() + graph.white_noise()) * 0.5;
        let clipped = channel.clip(1.0) + noise * sounds * dither * step;
        graph.hold(clipped.round(step), trigger)
    });
    mixed(input, wet, crusher.mix.get())
}

pub(super) fn bit_crusher_tail(crusher: &BitCrusher) -> f32 {
    /// Until the dither notices the silence.
    const DITHER: f32 = 0.3;

    DITHER * crusher.dither.get().ceil() + 1.0 / crusher.rate.get()
}
