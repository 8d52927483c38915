//! What each part of the studio sounds like, as graphs of units.
//!
//! A function per kind builds its graph and records the values of its parameters on the way,
//! so the two cannot differ: an edit of a value gives the same graph with other values, an
//! edit of a structure gives another graph.
//! Nothing here knows notes, time or the server.

mod click;
mod effect;
mod pad;
mod pitch;
mod seed;
mod source;
mod strip;
mod voice;

use imbolc_net::studio::{Content, Effect, Envelope};

use crate::{
    output::{Buffer, Spectrum},
    synth_def::{Built, Graph, Signal, TooManyWires},
};

pub use self::{
    click::build_click,
    pad::{RATE, build_pad},
    pitch::frequency,
    seed::build_seed,
    source::sounds_without_key,
    strip::{LOOK_AHEAD, METER, StripPart, TO, build_strip_part, output_delay},
    voice::{FREQUENCY, GATE, LEVEL, LFO_PHASE, VoiceLife, VoiceSound, build_voice, lfo_rate},
};

/// Two channels of audio.
pub type Stereo<'g> = [Signal<'g>; 2];

/// What the sounds need of their surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The seconds of a quarter note.
    pub beat: f32,
    /// Where files are in the server's memory.
    pub files: &'a dyn Files,
    /// The first of the two audio buses with the signal of a bus, if it exists.
    pub buses: &'a dyn BusSignals,
    /// Whether it is rendered, so that there are no inputs of a sound card.
    pub offline: bool,
}

/// Finds files that are in the server's memory.
pub trait Files: std::fmt::Debug {
    /// The file, if it can be used.
    fn find(&self, content: &Content) -> Option<Buffer>;

    /// The first `sixteenths` (1 to 16) of an impulse response as a spectrum, if it can be
    /// used.
    fn find_spectrum(&self, content: &Content, sixteenths: u8) -> Option<Spectrum>;
}

/// Finds the signals of buses.
pub trait BusSignals: std::fmt::Debug {
    /// The first of two audio buses with the signal of this bus after its effects, as of the
    /// block before; `None` if there is no such bus.
    fn signal_of(&self, bus: imbolc_net::studio::BusId) -> Option<u32>;
}

/// The control that says on which audio bus a synth writes, or which it processes.
pub const BUS: &str = "bus";

/// Builds an effect, which replaces what is on the audio buses from [`BUS`] on.
///
/// # Errors
/// [`TooManyWires`].
pub fn build_effect(
    effect: &Effect,
    surroundings: &Surroundings<'_>,
) -> Result<Built, TooManyWires> {
    let graph = Graph::new();
    let bus = graph.control(BUS, 0.0);
    // What is not a number would stay in an effect for ever.
    let input = graph.read_stereo(bus).map(|channel| graph.sanitize(channel, 0.0));
    let output = effect::process(input, effect, surroundings);
    graph.replace_audio(bus, &output);
    graph.finish()
}

/// How long an effect sounds on when its input is silent, in seconds: until it is 60 dB
/// lower.
#[must_use]
pub fn tail_of(effect: &Effect, surroundings: &Surroundings<'_>) -> f32 {
    effect::tail(effect, surroundings)
}

/// An envelope over the level of a note, from 0 to 1.
fn adsr<'g>(graph: &'g Graph, gate: Signal<'g>, envelope: &Envelope) -> Signal<'g> {
    use crate::synth_def::{Shape, WhenDone};

    let peak = graph.constant(1.0);
    let sustain = graph.setting(envelope.sustain.get());
    let [attack, decay, release] = [envelope.attack, envelope.decay, envelope.release]
        .map(|seconds| graph.setting(seconds.get()));
    let segments =
        [(peak, attack, 0.0), (sustain, decay, -4.0), (graph.constant(0.0), release, -4.0)];
    let shape = Shape {
        start: graph.constant(0.0),
        segments: &segments,
        release_at: Some(2),
        when_done: WhenDone::Free,
    };
    graph.envelope(&shape, gate)
}
