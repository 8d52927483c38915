//! Physical models: strings, pipes, bars and membranes.

use imbolc_net::{
    studio::{Bow, Mallet, Membrane, Pipe, Pluck},
    util::quantity::Amount,
};

use super::{
    oscillators::{LONGEST, pulse},
    source_voice::{HIGHEST, SourceVoice, audible, sum},
};
use crate::synth_def::Signal;

/// The frequency of the note with a vibrato, which begins after the note: at full depth, half
/// a semitone up and down.
fn vibrato<'g>(voice: &SourceVoice<'g>, depth: Amount) -> (Signal<'g>, Signal<'g>) {
    let graph = voice.graph;
    let wave = graph.slow_sine(5.5, 0.0) * graph.slow_rise(0.6) * voice.amount(depth);
    (audible(voice.frequency * (wave * 0.5).semitones()), wave)
}

/// The two levels of a string that is divided at a place, about as loud at each.
fn divided<'g>(frequency: Signal<'g>, place: Signal<'g>) -> Signal<'g> {
    let place = place.clamp(0.04, 0.96);
    let gain = (place * (1.0 - place)).sqrt().sqrt();
    pulse(frequency.graph(), frequency, place) / gain
}

pub(super) fn pluck<'g>(voice: &SourceVoice<'g>, own: &Pluck) -> Signal<'g> {
    let graph = voice.graph;
    let frequency = audible(voice.frequency);
    let brightness = voice.moved_amount(own.brightness);
    let damping = voice.amount(own.damping);
    // The velocity of a string that is let go: two levels, of the length of its two parts.
    let shape = divided(frequency, voice.amount(own.place)) * 1.6;
    let noise = graph.white_noise() * brightness;
    let cutoff = (graph.constant(60.0).pow(brightness) * frequency * 1.5).clamp(200.0, 18_000.0);
    let plectrum = graph.low_pass(shape * 0.4 + noise * 0.4, cutoff);
    // The filter in the string delays, too: without it the string would be flat.
    let filter = damping.times_plus(0.6, 0.05);
    let angle = frequency * (std::f32::consts::TAU / graph.sample_rate());
    let late = (filter * angle.sin() / (1.0 - filter * angle.cos())).arc_tan() / angle;
    let length = frequency.reciprocal() - late / graph.sample_rate();
    let seconds = graph.constant(0.03).pow(damping) * 12.0 * (220.0 / frequency).sqrt().min(1.0);
    let string = graph.string(plectrum, 1.0, LONGEST, length, seconds, filter);
    // The string delays its input by a period: until then the input itself is heard.
    let first = graph.sweep(0.0, 1.0).less(length);
    graph.leak_dc(plectrum.times_plus(first, string), 0.995) * 0.8
}

pub(super) fn bow<'g>(voice: &SourceVoice<'g>, own: &Bow) -> Signal<'g> {
    let graph = voice.graph;
    let (frequency, _) = vibrato(voice, own.vibrato);
    let pressure = voice.moved_amount(own.pressure);
    let speed = voice.amount(own.speed);
    // The motion of a bowed string: at the bow it sticks for one part of the period and slips
    // for the other.
    let string = divided(frequency, voice.amount(own.place)) * 1.6;
    let grip = graph.white_noise() * (pressure.squared() * (1.1 - speed) * 0.25);
    let open = voice.amount(own.damping).times_plus(-0.85, 1.0);
    let cutoff = (pressure.times_plus(17.0, 3.0) * open * frequency).clamp(200.0, 16_000.0);
    let string = graph.low_pass(string * 0.4 + grip, cutoff);
    let body = graph.band_pass(string, 280.0, 0.5) + graph.band_pass(string, 900.0, 0.4);
    let begin = graph.slow_rise((1.0 - speed).times_plus(0.15, 0.01));
    (string + body * 0.6) * speed.times_plus(0.35, 0.3) * begin
}

pub(super) fn pipe<'g>(voice: &SourceVoice<'g>, own: &Pipe) -> Signal<'g> {
    let graph = voice.graph;
    let (frequency, wave) = vibrato(voice, own.vibrato);
    let breath = voice.amount(own.breath);
    let jet = voice.moved_amount(own.jet);
    // A stopped pipe has odd overtones only, and overblows to the third, not the second.
    let (overtone, asymmetry) = if own.stopped { (3.0, 0.0) } else { (2.0, 0.4) };
    let over = jet * breath * 0.6;
    let tone = graph.sine(frequency, 0.0);
    let tone = tone.blend(graph.sine((frequency * overtone).min(HIGHEST), 0.0), over);
    let drive = breath * (1.2 - jet) * 2.0 + 0.4;
    let tone = ((tone + asymmetry) * drive).tanh();
    let tone = graph.leak_dc(tone, 0.995) / (drive * (1.0 + asymmetry)).tanh();
    // The wind is loudest before the pipe speaks.
    let chiff = graph.fall(0.12) * 3.0 + 1.0;
    let wind = graph.pink_noise() * voice.amount(own.noise) * breath.times_plus(0.5, 0.2);
    let wind = graph.band_pass(wind, (frequency * 2.0).min(HIGHEST), 1.0) * chiff;
    let begin = graph.slow_rise((1.0 - breath).times_plus(0.1, 0.01));
    let level = (wave * 0.15 + 0.85) * (breath * 0.5 + 0.3) * begin;
    tone * level + wind
}

/// A mode of a struck body.
struct Mode<'g> {
    ratio: Signal<'g>,
    level: Signal<'g>,
    envelope: Signal<'g>,
}

/// The sum of modes; those that are too high to be heard are silent.
fn modes<'g>(
    voice: &SourceVoice<'g>,
    frequency: Signal<'g>,
    all: impl Iterator<Item = Mode<'g>>,
) -> Signal<'g> {
    let graph = voice.graph;
    sum(
        voice,
        all.map(|mode| {
            let pitch = frequency * mode.ratio;
            let heard = graph.slow(pitch).less(HIGHEST) * mode.level;
            graph.sine(pitch.min(HIGHEST), 0.0) * (mode.envelope * heard)
        }),
    )
}

/// An envelope, and the same falling two, three and more times as fast.
fn faster(envelope: Signal<'_>) -> [Signal<'_>; 4] {
    let twice = envelope.squared();
    [envelope, twice, twice * envelope, twice.squared()]
}

pub(super) fn mallet<'g>(voice: &SourceVoice<'g>, own: &Mallet) -> Signal<'g> {
    /// The modes of a free bar, and the harmonics to which they are tuned.
    const BAR: [(f32, f32); 4] = [(1.0, 1.0), (2.756, 3.0), (5.404, 6.0), (8.933, 10.0)];

    let graph = voice.graph;
    let inharmonicity = voice.amount(own.inharmonicity);
    let hardness = voice.moved_amount(own.hardness);
    let place = voice.amount(own.place).times_plus(0.8, 0.1);
    let envelopes = faster(graph.fall(graph.setting(own.decay.get().max(0.05))));
    let mut drop = graph.constant(1.0);
    let mut all = Vec::new();
    let mut shape = 0.0;
    for ((bar, harmonic), envelope) in BAR.into_iter().zip(envelopes) {
        shape += std::f32::consts::PI;
        let ratio = inharmonicity.times_plus(bar - harmonic, harmonic);
        let level = (place * shape).sin().abs().times_plus(0.85, 0.15) * drop;
        all.push(Mode { ratio, level, envelope });
        drop = drop * hardness.times_plus(0.75, 0.05);
    }
    let sound = modes(voice, audible(voice.frequency), all.into_iter());
    let knock = graph.low_pass(graph.white_noise() * graph.fall(0.02), 3000.0) * hardness * 0.2;
    let tremolo = graph.slow_sine(5.0, 0.0).times_plus(0.5, 0.5) * voice.amount(own.tremolo);
    (sound * 0.55 + knock) * (1.0 - tremolo)
}

pub(super) fn membrane<'g>(voice: &SourceVoice<'g>, own: &Membrane) -> Signal<'g> {
    let graph = voice.graph;
    let hardness = voice.moved_amount(own.hardness);
    let tension = voice.amount(own.tension);
    let place = voice.amount(own.place);
    // A slack skin begins higher and comes down to its pitch.
    let struck = graph.fall(0.15);
    let bend = (struck.squared() * ((1.0 - tension) * 0.6)).octaves();
    let envelopes = faster(graph.fall(graph.setting(own.decay.get().max(0.05))));
    let constant = |value| graph.constant(value);
    let hard = hardness.times_plus(0.9, 0.1);
    // At the centre the round modes sound, at the rim those with a node across.
    let centre = 1.0 - place;
    let levels =
        [centre.times_plus(0.6, 0.4), place * hard, place.squared() * hard, centre * hard * hard];
    let ratios = [1.0, 1.593, 2.135, 2.295].map(constant);
    let all = ratios.into_iter().zip(levels).zip(envelopes);
    let all = all.map(|((ratio, level), envelope)| Mode { ratio, level, envelope });
    let sound = modes(voice, bend * audible(voice.frequency), all);
    let cutoff = graph.constant(20.0).pow(hardness) * 500.0;
    let stick = graph.low_pass(graph.white_noise() * graph.fall(0.03), cutoff);
    sound * 0.5 + stick * 0.4
}
