//! The sound of each source, effect and strip, as graphs of units.
//!
//! One function per kind builds the graph and records the values of its parameters, so the two
//! cannot differ: an edit of a value gives the same graph with other values, a structural edit
//! gives another graph. Nothing here knows notes, time or the server.

mod click;
mod controls;
mod effect;
mod instrument;
mod lfo;
mod pitch;
mod resonant_filter;
mod seed;
mod source;
mod strip;
mod surroundings;

pub use self::{
    click::build_click,
    controls::{BUS, FREQUENCY, GATE, LEVEL, LFO_PHASE, METER, RATE, TO},
    effect::{build_effect, tail_of},
    instrument::{VoiceLife, VoiceSound, build_pad, build_voice},
    lfo::lfo_rate,
    pitch::frequency,
    seed::build_seed,
    source::sounds_without_key,
    strip::{LOOK_AHEAD, StripPart, build_strip_part, output_delay},
    surroundings::{BusSignals, Files, Surroundings},
};
