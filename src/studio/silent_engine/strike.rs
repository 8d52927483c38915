//! A strike of a note or a pad, as written and as played.
//!
//! It knows nothing of where strikes come from.

use crate::{
    model::InstrumentId,
    util::quantity::{PadNumber, Pitch, Semitones, Velocity},
};

/// A key of an instrument, or a pad of a kit.
pub(super) type VoiceKey = (InstrumentId, Struckable);

/// What can be struck on an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Struckable {
    /// A key, as MIDI numbers it.
    Note(Pitch),
    /// A pad of a drum kit.
    Pad(PadNumber),
}

/// A struck key or pad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Struck {
    pub(super) instrument: InstrumentId,
    pub(super) key: Struckable,
    pub(super) velocity: Velocity,
    /// Whether it ends the other notes of its instrument.
    pub(super) mono: bool,
    /// The transposition of a pad. For a key, `key` contains it.
    pub(super) transposed: Semitones,
    /// Another voice that it silences.
    pub(super) chokes: Option<VoiceKey>,
}

/// A written note or drum step.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrittenStrike {
    pub(super) tick: u32,
    /// The first tick after it.
    pub(super) end: u32,
    /// The chance to be played, from 0 (never) to [`CERTAIN`] (always).
    pub(super) chance: u32,
    pub(super) what: Struck,
}

/// A note or drum step as played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Strike {
    pub(super) tick: i64,
    pub(super) what: Struck,
    /// The first tick after it.
    pub(super) end: i64,
    /// The player's instrument: the drum kit if its machine strikes another
    /// instrument.
    pub(super) by: InstrumentId,
    /// The written tick.
    pub(super) written: i64,
    /// The pass it belongs to.
    pub(super) pass: u32,
    /// The delay from the written to the played tick, without swing.
    pub(super) late: i64,
}

impl Struck {
    pub(super) const fn place(&self) -> VoiceKey {
        (self.instrument, self.key)
    }
}

impl Strike {
    /// The same strike, `by` ticks later.
    #[must_use]
    pub(super) const fn moved(self, by: i64) -> Self {
        let Self { tick, end, written, .. } = self;
        Self { tick: tick + by, end: end + by, written: written + by, ..self }
    }

    /// The same strike, but not before `tick`.
    #[must_use]
    pub(super) fn not_before(self, tick: u32) -> Self {
        let tick = self.tick.max(tick.into());
        Self { tick, end: self.end.max(tick + 1), ..self }
    }
}

/// The chance of a strike that is always played.
pub(super) const CERTAIN: u32 = 1_000_000;
