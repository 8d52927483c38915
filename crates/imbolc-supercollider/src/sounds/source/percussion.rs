//! Synthesised drums. They sound for as long as they decay, whatever the key does, and have
//! their own pitch.

use imbolc_net::{
    studio::{Clap, Cowbell, HiHat, Kick, Snare, Source, Tom},
    util::quantity::Seconds,
};

use super::{
    oscillators::pulse,
    source_voice::{HIGHEST, SourceVoice, audible, sum},
};
use crate::synth_def::{Shape, Signal, WhenDone};

/// The shortest decay in seconds.
const SHORTEST: f32 = 0.02;

/// Seconds that a percussive source sounds, whatever its key does; `None` for one that sounds
/// as long as its key is held.
pub(in crate::sounds) fn own_length(source: &Source) -> Option<f32> {
    Some(match source {
        Source::Kick(kick) => long(kick.decay),
        Source::Snare(snare) => long(snare.decay),
        Source::HiHat(hat) => hat_length(hat),
        Source::Clap(clap) => clap.spread.get() + long(clap.decay),
        Source::Tom(tom) => long(tom.decay),
        Source::Cowbell(bell) => long(bell.decay),
        _ => return None,
    })
}

fn long(decay: Seconds) -> f32 {
    decay.get().max(SHORTEST)
}

/// A closed hi-hat keeps a tenth of the decay of the open one.
fn hat_length(own: &HiHat) -> f32 {
    (own.decay.get() * (1.0 - 0.9 * own.closed.get())).max(SHORTEST)
}

/// Falls to silence within `seconds`; the time is read when the drum is struck.
fn fall<'g>(voice: &SourceVoice<'g>, seconds: f32) -> Signal<'g> {
    voice.graph.fall(voice.graph.setting(seconds))
}

pub(super) fn kick<'g>(voice: &SourceVoice<'g>, own: &Kick) -> Signal<'g> {
    let graph = voice.graph;
    let tone = graph.knob(own.tone.get()) * voice.bend;
    let sweep = fall(voice, own.sweep.get().max(0.001));
    let pitch = (sweep * 5.0 + 1.0) * tone;
    let body = graph.sine(pitch.min(HIGHEST), 0.0) * fall(voice, long(own.decay));
    let click = graph.low_pass(graph.white_noise() * graph.fall(0.012), 4000.0);
    click.times_plus(voice.moved_amount(own.click), body * 0.8)
}

pub(super) fn snare<'g>(voice: &SourceVoice<'g>, own: &Snare) -> Signal<'g> {
    let graph = voice.graph;
    let tone = graph.knob(own.tone.get()) * voice.bend;
    let wires = voice.amount(own.wires);
    // Two modes of a membrane, which sound half as long as the wires.
    let struck = graph.fall(0.03) * 0.5 + 1.0;
    let skin = graph.sine((struck * tone).min(HIGHEST), 0.0)
        + graph.sine((struck * tone * 1.59).min(HIGHEST), 0.0) * 0.5;
    let decay = fall(voice, long(own.decay));
    let cutoff = graph.constant(16.0).pow(voice.moved_amount(own.brightness)) * 1000.0;
    let rattle = graph.high_pass(graph.low_pass(graph.white_noise(), cutoff), 500.0);
    let skin = skin * decay.squared() * (1.0 - wires * 0.7) * 0.55;
    (rattle * decay).times_plus(wires * 0.8, skin)
}

pub(super) fn hi_hat<'g>(voice: &SourceVoice<'g>, own: &HiHat) -> Signal<'g> {
    /// Six squares that are no multiples of each other, as in drum machines of the 1980s.
    const PLATES: [f32; 6] = [2051.0, 3042.0, 3692.0, 5218.0, 5400.0, 8000.0];

    let graph = voice.graph;
    let plates = sum(voice, PLATES.iter().map(|pitch| pulse(graph, voice.bend * *pitch, 0.5)));
    let metal = voice.amount(own.metal);
    let noise = graph.white_noise() * 0.8;
    let tone = audible(voice.moved_value(own.tone.get()));
    let sound = graph.high_pass(noise.blend(plates * 0.3, metal), tone);
    sound * fall(voice, hat_length(own))
}

pub(super) fn clap<'g>(voice: &SourceVoice<'g>, own: &Clap) -> Signal<'g> {
    let graph = voice.graph;
    // Each hand falls until the next one claps; the last one falls into the room.
    let hands = own.hands.get();
    let between = graph.setting(own.spread.get() / f32::from(hands).max(2.0));
    let [none, quiet, full] = [0.0, 0.1, 1.0].map(|level| graph.constant(level));
    let mut segments = Vec::new();
    for _ in 1..hands {
        segments.extend([(quiet, between, -4.0), (full, graph.constant(0.0005), 0.0)]);
    }
    segments.push((none, graph.setting(long(own.decay)), -7.0));
    let shape =
        Shape { start: full, segments: &segments, release_at: None, when_done: WhenDone::Stay };
    let tone = audible(voice.moved_value(own.tone.get()));
    let noise = graph.band_pass(graph.white_noise(), tone, 0.7);
    // A higher band is a wider one, hence louder.
    let gain = (1200.0 / tone).sqrt().clamp(0.3, 3.0) * 1.6;
    noise * graph.envelope(&shape, 1.0) * gain
}

pub(super) fn tom<'g>(voice: &SourceVoice<'g>, own: &Tom) -> Signal<'g> {
    let graph = voice.graph;
    let tone = graph.knob(own.tone.get()) * voice.bend;
    let decay = fall(voice, long(own.decay));
    // Half of the fall of the pitch is over after a tenth of the decay.
    let sweep = (decay.squared() * decay * graph.knob(own.sweep.get())).octaves() * tone;
    let skin = graph.sine(sweep.clamp(1.0, HIGHEST), 0.0) * decay * 0.75;
    let stick = graph.low_pass(graph.white_noise() * graph.fall(0.03), 5000.0);
    stick.times_plus(voice.moved_amount(own.noise), skin)
}

pub(super) fn cowbell<'g>(voice: &SourceVoice<'g>, own: &Cowbell) -> Signal<'g> {
    let graph = voice.graph;
    let low = audible(graph.knob(own.tone.get()) * voice.bend);
    let high = audible(low * voice.moved_value(own.ratio.get()));
    let squares = pulse(graph, low, 0.5) + pulse(graph, high, 0.5);
    let decay = fall(voice, long(own.decay));
    // A hard stroke, then a quieter ring.
    let stroke = graph.fall(0.04).times_plus(0.6, 0.4);
    let sound = graph.band_pass(squares, (low * 1.6).min(HIGHEST), 1.0);
    sound.clip(1.0) * decay * stroke
}
