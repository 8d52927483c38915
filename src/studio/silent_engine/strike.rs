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

/// What is struck, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Struck {
    pub(super) instrument: InstrumentId,
    pub(super) key: Struckable,
    pub(super) velocity: Velocity,
    /// Whether it ends what other notes its instrument plays.
    pub(super) mono: bool,
    /// How far the sound of a pad is transposed; of a key, that is in the key.
    pub(super) transposed: Semitones,
    /// What else it silences.
    pub(super) chokes: Option<VoiceKey>,
}

/// A note, or a beat, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrittenStrike {
    pub(super) tick: u32,
    /// The first tick after it.
    pub(super) end: u32,
    /// How likely it is: never at 0, always at [`CERTAIN`].
    pub(super) chance: u32,
    pub(super) what: Struck,
}

/// A note, or a beat, as it is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Strike {
    pub(super) tick: i64,
    pub(super) what: Struck,
    /// The first tick after it.
    pub(super) end: i64,
    /// The instrument that plays it: the drum machine, if it strikes another one.
    pub(super) by: InstrumentId,
    /// Where it is written.
    pub(super) written: i64,
    /// In which pass.
    pub(super) pass: u32,
    /// How much later it is played, besides swinging.
    pub(super) late: i64,
}

impl Struck {
    pub(super) const fn place(&self) -> VoiceKey {
        (self.instrument, self.key)
    }
}

impl Strike {
    /// The same, so many ticks later.
    #[must_use]
    pub(super) const fn moved(self, by: i64) -> Self {
        let Self { tick, end, written, .. } = self;
        Self { tick: tick + by, end: end + by, written: written + by, ..self }
    }

    /// The same, but at the earliest at `tick`.
    #[must_use]
    pub(super) fn not_before(self, tick: u32) -> Self {
        let tick = self.tick.max(tick.into());
        Self { tick, end: self.end.max(tick + 1), ..self }
    }
}

/// The chance of what is always played.
pub(super) const CERTAIN: u32 = 1_000_000;
