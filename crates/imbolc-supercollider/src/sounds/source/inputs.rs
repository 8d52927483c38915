//! Live inputs: the sound card and the buses.

use imbolc_net::{
    studio::{AudioInput, BusInput, Source},
    util::quantity::Decibels,
};

use super::source_voice::{SourceSound, SourceVoice};
use crate::{sounds::surroundings::Surroundings, synth_def::Signal};

/// Whether a source sounds without a key.
#[must_use]
pub fn sounds_without_key(source: &Source) -> bool {
    match source {
        Source::AudioInput(input) => input.monitor,
        Source::BusInput(input) => !input.keyed,
        _ => false,
    }
}

/// Of a mono instrument one channel, otherwise a pair. There are none offline.
pub(super) fn audio_input<'g>(
    voice: &SourceVoice<'g>,
    own: &AudioInput,
    surroundings: &Surroundings<'_>,
) -> SourceSound<'g> {
    let graph = voice.graph;
    if surroundings.offline {
        return voice.silence();
    }
    let channel = graph.setting(f32::from(own.channel.get()) - 1.0);
    let input = graph.read_stereo(graph.input_bus() + channel);
    let gain = graph.knob(own.gain.get()).amplitude();
    let gate = graph.knob(own.gate.get());
    // Once open, it closes 6 dB below.
    let opened = |channel: Signal<'g>| {
        let level = graph.slow_level(channel, 0.002, 0.1);
        let threshold = gate.amplitude() * (gate.greater(Decibels::MIN.get()));
        channel * gain * graph.slow_lag(level.less(threshold).times_plus(-1.0, 1.0), 0.01)
    };
    if voice.mono {
        SourceSound::Mono(opened(input[0]))
    } else {
        SourceSound::Stereo(input.map(opened))
    }
}

/// The signal of a bus, a block late. It never exceeds 2, whatever is fed back.
pub(super) fn bus_input<'g>(
    voice: &SourceVoice<'g>,
    own: &BusInput,
    surroundings: &Surroundings<'_>,
) -> SourceSound<'g> {
    let graph = voice.graph;
    let Some(first) = own.bus.and_then(|bus| surroundings.buses.signal_of(bus)) else {
        return voice.silence();
    };
    #[expect(clippy::cast_precision_loss, reason = "a few thousand buses")]
    let input = graph.read_feedback(graph.setting(first as f32));
    let gain = graph.knob(own.gain.get()).amplitude() * 0.5;
    // Unchanged up to 1.
    SourceSound::Stereo(
        input.map(|channel| (graph.sanitize(channel, 0.0) * gain).soft_clip() * 2.0),
    )
}
