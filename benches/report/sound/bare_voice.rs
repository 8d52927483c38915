//! A hand-written voice of the default instrument: the same units with constants instead of
//! parameters.

use imbolc_net::studio::{Content, Instrument};
use imbolc_supercollider::{
    output::{Buffer, Spectrum},
    sounds::{
        BUS, BusSignals, FREQUENCY, Files, GATE, LEVEL, Surroundings, VoiceSound, build_voice,
    },
    synth_def::{Built, Graph, Shape, WhenDone},
};

/// Name of the bare voice in the table.
pub const BARE: &str = "the same units with constants";

/// The voice of the default instrument.
pub fn default_voice() -> VoiceSound {
    let surroundings = Surroundings { beat: 0.5, files: &Nothing, buses: &Nothing, offline: true };
    build_voice(&Instrument::default(), &surroundings).unwrap()
}

/// A saw with its sub-oscillator, a low-pass and an envelope.
pub fn bare_voice() -> Built {
    let graph = Graph::new();
    let [none, full, seconds] = [0.0, 1.0, 0.01].map(|value| graph.constant(value));
    let segments = [(full, none, 0.0), (full, seconds, -4.0), (none, seconds, -4.0)];
    let shape =
        Shape { start: none, segments: &segments, release_at: Some(2), when_done: WhenDone::Free };
    let envelope = graph.envelope(&shape, graph.control(GATE, 1.0));
    let frequency = graph.control(FREQUENCY, 440.0);
    let wave = graph.sine(frequency * 0.5, 0.0).times_plus(0.1, graph.saw(frequency));
    let filtered = graph.resonant_low_pass(wave, 2000.0, 0.9);
    let voice = filtered * envelope * graph.control(LEVEL, 1.0);
    graph.write_on_time(graph.control(BUS, 0.0), &[voice, voice]);
    graph.finish().unwrap()
}

/// Neither files nor buses.
#[derive(Debug)]
struct Nothing;

impl Files for Nothing {
    fn find(&self, _: &Content) -> Option<Buffer> {
        None
    }

    fn find_spectrum(&self, _: &Content, _: u8) -> Option<Spectrum> {
        None
    }
}

impl BusSignals for Nothing {
    fn signal_of(&self, _: imbolc_net::studio::BusId) -> Option<u32> {
        None
    }
}
