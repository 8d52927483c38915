//! The effects that actions have on the engine.

use crate::{
    model::InstrumentId,
    util::quantity::{Pitch, Ticks, Velocity},
};

/// What the engine of a studio must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StudioEffect {
    /// A note begins, and lasts until its [`NoteOff`](Self::NoteOff).
    NoteOn {
        /// The instrument.
        instrument: InstrumentId,
        /// The key.
        pitch: Pitch,
        /// How hard it is struck.
        velocity: Velocity,
    },
    /// A note ends. The instrument may be gone already.
    NoteOff {
        /// The instrument.
        instrument: InstrumentId,
        /// The key.
        pitch: Pitch,
    },
    /// The playhead starts to move, from the position in the transport.
    Play,
    /// The playhead stops.
    Stop,
    /// The playhead moves to this tick.
    Locate(Ticks),
    /// Carry out and report the task in the notice of
    /// [`Projects`](crate::studio::Projects).
    Project,
}
