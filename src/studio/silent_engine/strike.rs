//! A strike of a note or a pad, as written and as played.
//!
//! It knows nothing of where strikes come from.

use super::swing::SwingCurve;
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
    /// The tick without the swing of a drum machine: with the key, it identifies the strike
    /// among those of its player.
    pub(super) straight: u32,
    /// The first tick after it.
    pub(super) end: u32,
    /// The chance to be played, from 0 (never) to [`CERTAIN`] (always).
    pub(super) chance: u32,
    pub(super) what: Struck,
}

/// A note or drum step as played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    pub(super) tick: i64,
    pub(super) what: Struck,
    /// The first tick after it.
    pub(super) end: i64,
    /// The written tick.
    pub(super) written: i64,
    pub(super) origin: Origin,
}

/// Where a strike is written, and how it is played from there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The player's instrument: the drum kit if its machine strikes another
    /// instrument.
    pub(super) by: InstrumentId,
    /// As in [`WrittenStrike`].
    pub(super) straight: u32,
    /// The pass it belongs to.
    pub(super) pass: u32,
    /// The distance from its written ticks to the ticks of the present pass.
    pub(super) base: i64,
    pub(super) swing: SwingCurve,
    /// The distance from the written to the played tick, without swing.
    pub(super) shift: i64,
}

impl Struck {
    pub(super) const fn place(&self) -> VoiceKey {
        (self.instrument, self.key)
    }

    /// Whether a note cannot sound on when this one begins.
    pub(super) fn replaces(&self, note: &Self) -> bool {
        self.place() == note.place() || self.mono && self.instrument == note.instrument
    }
}

impl Strike {
    /// The same strike, `by` ticks later.
    #[must_use]
    pub(super) const fn moved(self, by: i64) -> Self {
        let Self { tick, end, written, mut origin, .. } = self;
        origin.base += by;
        Self { tick: tick + by, end: end + by, written: written + by, origin, ..self }
    }

    /// The same strike, but not before `tick`.
    #[must_use]
    pub(super) fn not_before(self, tick: u32) -> Self {
        let tick = self.tick.max(tick.into());
        Self { tick, end: self.end.max(tick + 1), ..self }
    }
}

impl Origin {
    /// The first tick after a strike of this origin that is written like this.
    pub(super) fn end(&self, written: &WrittenStrike) -> i64 {
        // A compressed note still lasts at least one tick.
        self.played(written.end).max(self.played(written.tick) + 1)
    }

    pub(super) fn played(&self, tick: u32) -> i64 {
        i64::from(self.swing.played(tick)) + self.shift + self.base
    }

    /// The delay from the written to the played tick, without swing.
    pub(super) fn late(&self) -> i64 {
        self.shift.max(0)
    }
}

/// The chance of a strike that is always played.
pub(super) const CERTAIN: u32 = 1_000_000;
