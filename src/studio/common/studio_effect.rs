//! What an action asks of the engine.

use crate::{
    model::InstrumentId,
    util::quantity::{Pitch, Ticks, Velocity},
};

/// What the engine of a studio must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StudioEffect {
    /// A note begins, and lasts until its [`NoteOff`](Self::NoteOff).
    NoteOn {
        /// On which instrument.
        instrument: InstrumentId,
        /// Which key.
        pitch: Pitch,
        /// How hard.
        velocity: Velocity,
    },
    /// A note ends. The instrument may be gone already.
    NoteOff {
        /// On which instrument.
        instrument: InstrumentId,
        /// Which key.
        pitch: Pitch,
    },
    /// The playhead starts to move, from where the transport says.
    Play,
    /// The playhead stops.
    Stop,
    /// The playhead is put somewhere.
    Locate(Ticks),
    /// What the notice of [`Projects`](crate::studio::Projects) says is under way is to be done, and
    /// reported.
    Project,
}
