//! The parts of a strip that every strip has: fader, sends, tap and output.
//!
//! Their parameters are gains, which the sequencer computes.

use crate::{
    sounds::controls::{BUS, METER, TO},
    synth_def::{Built, Graph, TooManyWires},
};

/// A part of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripPart {
    /// Silences NaN, before the sends and the fader.
    Guard,
    /// Writes the signal with two gains, left and right, and meters it.
    Fader,
    /// Writes the signal with two gains, left and right.
    Send,
    /// The output to the sound card: the fader's signal behind a limiter.
    Output,
}

/// Seconds that the limiter looks ahead. It delays by twice as much.
pub const LOOK_AHEAD: f32 = 0.001;

/// How many samples late [`StripPart::Output`] is at this sample rate in Hz: `Limiter` of
/// SuperCollider 3.13 delays by twice its look-ahead, which it takes a little longer than it is.
#[must_use]
pub const fn output_delay(rate: u32) -> u32 {
    const LOOK_AHEADS_PER_SECOND: u32 = 1_000;
    2 * (rate / LOOK_AHEADS_PER_SECOND + 1)
}

/// The level above which the limiter holds, as an amplitude.
const CEILING: f32 = 0.98;

/// Builds a part of a strip. The first two parameters are the gains.
///
/// # Errors
/// [`TooManyWires`].
pub fn build_strip_part(part: StripPart, gains: [f32; 2]) -> Result<Built, TooManyWires> {
    let graph = Graph::new();
    let bus = graph.control(BUS, 0.0);
    let input = graph.read_stereo(bus);
    let scaled = || {
        let [left, right] = gains.map(|gain| graph.knob(gain));
        [input[0] * left, input[1] * right]
    };
    match part {
        StripPart::Guard => {
            graph.replace_audio(bus, &input.map(|channel| graph.sanitize(channel, 0.0)));
        }
        StripPart::Send => graph.write_audio(graph.control(TO, 0.0), &scaled()),
        StripPart::Fader => {
            let output = scaled();
            graph.write_audio(graph.control(TO, 0.0), &output);
            let peaks = output.map(|channel| graph.peak_follower(channel, 0.9999));
            graph.write_control(graph.control(METER, 0.0), &peaks);
        }
        StripPart::Output => {
            let output = scaled().map(|channel| {
                graph.limiter(graph.sanitize(channel, 0.0), CEILING, LOOK_AHEAD).clip(1.0)
            });
            graph.write_audio(graph.control(TO, 0.0), &output);
            let peaks = output.map(|channel| graph.peak_follower(channel, 0.9999));
            graph.write_control(graph.control(METER, 0.0), &peaks);
        }
    }
    graph.finish()
}
