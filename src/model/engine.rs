//! The other plug: what makes the sound, on the authority only.
//!
//! An [`Engine`] performs the effects of accepted actions, keeps musical time
//! and reports [`Metering`]. It never sees the network, and nothing that it
//! holds is synchronised: what it has to say about the state it says in
//! actions, which go through the same reducer as everybody's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    model::Model,
    util::{
        quantity::{Bpm, Decibels, Ticks},
        time::Timestamp,
    },
};

/// What moves while nobody edits: the playhead and the meters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metering {
    /// Where the music is.
    pub playhead: Ticks,
    /// How fast it goes at this moment.
    pub tempo: Bpm,
    /// Whether it goes at all.
    pub playing: bool,
    /// The peak of the left and of the right master channel, in decibels
    /// relative to full scale.
    pub peaks: [Decibels; 2],
}

impl Default for Metering {
    /// At rest at the beginning, at 120 bpm, in silence.
    fn default() -> Self {
        Self {
            playhead: Ticks::MIN,
            tempo: Bpm::of(120.0),
            playing: false,
            peaks: [Decibels::MIN; 2],
        }
    }
}

/// Performs what a session decides.
///
/// The authority calls it under its lock, so no method may block.
pub trait Engine<M: Model>: Send + 'static {
    /// Carries out an effect of an accepted action; `state` is the one that the
    /// action led to.
    fn perform(&mut self, now: Timestamp, state: &M::State, effect: M::Effect);

    /// Moves on to `now`, and returns what the engine has to say about the
    /// state. Called at every [`pulse`](Self::pulse), and after effects.
    fn advance(&mut self, now: Timestamp, state: &M::State) -> Vec<M::Action>;

    /// The playhead and the meters, as of the last `advance`.
    fn metering(&self) -> Metering;

    /// After how long `advance` wants to be called again; `None` while nothing
    /// moves. At most once an effect changes that.
    fn pulse(&self) -> Option<Duration>;
}

/// An engine for a model that has nothing to perform.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEngine;

impl<M: Model> Engine<M> for NoEngine {
    fn perform(&mut self, _now: Timestamp, _state: &M::State, _effect: M::Effect) {}

    fn advance(&mut self, _now: Timestamp, _state: &M::State) -> Vec<M::Action> {
        Vec::new()
    }

    fn metering(&self) -> Metering {
        Metering::default()
    }

    fn pulse(&self) -> Option<Duration> {
        None
    }
}
