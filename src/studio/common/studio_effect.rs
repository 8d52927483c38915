//! The effects that actions have, beside those on the state.

use serde::{Deserialize, Serialize};

use crate::{
    model::InstrumentId,
    util::{
        quantity::{Pitch, Ticks, Velocity},
        time::Millis,
    },
};

/// What the engine of a studio must do, or the jobs that read and write files.
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
        /// How long the key was held, if it is released late.
        hold: Option<KeyHold>,
    },
    /// What the arpeggiator of this instrument holds ends, except for written notes.
    EndHeld(InstrumentId),
    /// Everything that sounds ends at once, tails too, and every key is released. The playhead
    /// goes on.
    Panic,
    /// The playhead starts to move, from the position in the transport.
    Play,
    /// The playhead stops.
    Stop,
    /// The playhead moves to this tick.
    Locate(Ticks),
    /// Not for the engine: carry out and report the task in the notice of
    /// [`Projects`](crate::studio::Projects), which leaves the session as it is.
    Save,
    /// As [`Save`](Self::Save), with a task that replaces the session.
    Load,
}

/// How long a key was held that is released late.
///
/// A terminal that does not report when a key is let go can only notice that it no
/// longer repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyHold {
    /// Nobody knows: it was let go before it repeated. It is recorded as one step of the
    /// session's grid, and at most as long as it sounded.
    Unknown,
    /// This long. It is recorded so, and at most as long as it sounded.
    Held(Millis),
}
