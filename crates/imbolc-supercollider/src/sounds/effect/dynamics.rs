//! Compressor, limiter and gate. Each has one gain for both channels, so the stereo image
//! stays where it is.

use imbolc_net::studio::{Compressor, Gate, Limiter};

use super::common::{SIXTY_DECIBELS, mixed, peak};
use crate::{sounds::surroundings::BusSignals, synth_def::Stereo};

/// The amplitude that counts as silence.
const SILENCE: f32 = 1e-7;

/// Attack and release are time constants: the seconds to 63 % of a change in dB.
pub(super) fn compressor<'g>(
    input: Stereo<'g>,
    compressor: &Compressor,
    buses: &dyn BusSignals,
) -> Stereo<'g> {
    let graph = input[0].graph();
    let side_chain = compressor.side_chain.and_then(|bus| buses.signal_of(bus));
    let key = match side_chain {
        #[expect(clippy::cast_precision_loss, reason = "a bus is one of a few thousand")]
        Some(first_bus) => graph.read_feedback(first_bus as f32),
        None => input,
    };
    let threshold = graph.knob(compressor.threshold.get());
    let slope = graph.knob(1.0 - 1.0 / compressor.ratio.get());
    let [attack, release] = [compressor.attack, compressor.release]
        .map(|seconds| graph.setting(seconds.get() * SIXTY_DECIBELS));
    let excess = (peak(key).max(SILENCE).decibels() - threshold).max(0.0);
    // First the peaks are held by the release, so that the attack sees their height and not
    // the wave.
    let reduction = graph.slew(graph.slew(excess * slope, 0.0, release), attack, 0.0);
    let gain = (graph.knob(compressor.makeup.get()) - reduction).amplitude();
    mixed(input, input.map(|channel| channel * gain), compressor.mix.get())
}

/// The delay of the limiter in seconds is the look-ahead, rounded up to a power of two.
pub(super) fn limiter<'g>(input: Stereo<'g>, limiter: &Limiter) -> Stereo<'g> {
    /// Keeps the quotient of two silences at 1.
    const OFFSET: f32 = 1e-9;

    let graph = input[0].graph();
    let drive = graph.knob(limiter.drive.get()).amplitude();
    let ceiling = graph.knob(limiter.ceiling.get()).amplitude();
    let release = graph.setting(limiter.release.get());
    let look_ahead = limiter_delay(limiter) / 2.0;
    let driven = input.map(|channel| channel * drive);
    // Limiter of SuperCollider 3.13 delays by twice its look-ahead in whole samples, rounded
    // up.
    let rate = graph.sample_seconds().reciprocal().round(1.0);
    let samples = -(-(rate * look_ahead)).floor();
    let delay = samples * 2.0 / rate;
    let late = |signal| graph.delay(signal, look_ahead * 2.0 + 0.001, delay);

    // Both channels get the gain of the louder one. Its gain falls in time
    // for a peak; it rises as slowly as the release says.
    let loudest = peak(driven);
    let lowered = graph.limiter(loudest, ceiling, look_ahead);
    let gain = (lowered + OFFSET) / (late(loudest) + OFFSET);
    let gain = graph.slew(gain, release, 0.0);
    driven.map(|channel| late(channel) * gain)
}

fn limiter_delay(limiter: &Limiter) -> f32 {
    /// More would be an echo.
    const LONGEST: f32 = 0.25;
    /// About as long as a block.
    const SHORTEST: f32 = 1.0 / 1024.0;

    limiter.look_ahead.get().clamp(SHORTEST, LONGEST).log2().ceil().exp2()
}

pub(super) fn limiter_tail(limiter: &Limiter) -> f32 {
    limiter_delay(limiter) + 0.001
}

/// Attack and release are the seconds of a change by 60 dB.
pub(super) fn gate<'g>(input: Stereo<'g>, gate: &Gate) -> Stereo<'g> {
    /// Seconds in which the detector falls by 60 dB: it follows the peaks, not the wave.
    const DETECTOR: f32 = 0.05;
    /// It closes 3 dB lower than it opens, or it would flutter.
    const HYSTERESIS: f32 = 0.708;

    let graph = input[0].graph();
    let threshold = graph.knob(gate.threshold.get()).amplitude();
    let floor = graph.knob(gate.floor.get()).amplitude();
    let [attack, hold, release] =
        [gate.attack, gate.hold, gate.release].map(|seconds| graph.setting(seconds.get()));
    let level = graph.slew(peak(input), 0.0, DETECTOR);
    let above = graph.schmitt(level, threshold * HYSTERESIS, threshold);
    // Before the first time above the threshold there is nothing to hold.
    let lasts = graph.sweep(1.0 - above, 1.0).less(hold) * graph.count(above, 0.0).greater(0.0);
    let open = above.max(lasts);
    let gain = graph.slew(floor + open * (1.0 - floor), attack, release);
    input.map(|channel| channel * gain)
}
