//! The notes that one key plays: octave and chord.
//!
//! It knows neither time nor what else sounds.

use crate::{
    studio::{ChordShape, Instrument},
    util::quantity::{Pitch, Velocity},
};

/// What holds a key down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeySource {
    /// A written note, or a step of a drum machine.
    Written,
    /// A participant.
    Participant,
    /// The step of an arpeggio: its key is the note.
    Arpeggio,
}

/// A key that is held down, and its notes.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyDown {
    pub(super) source: KeySource,
    /// The key as struck.
    pub(super) pitch: Pitch,
    pub(super) velocity: Velocity,
    pub(super) notes: PitchSet,
}

impl KeyDown {
    pub(super) fn is(&self, (source, pitch): (KeySource, Pitch)) -> bool {
        self.source == source && self.pitch == pitch
    }
}

/// A set of pitches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PitchSet(u128);

impl PitchSet {
    pub(super) fn one(pitch: Pitch) -> Self {
        Self(1 << pitch.get())
    }

    /// The notes of a key of `instrument`, without those that no instrument has. With `mono`,
    /// a chord is only its lowest note.
    pub(super) fn of_key(instrument: &Instrument, key: Pitch, mono: bool) -> Self {
        let chord = if mono { ChordShape::Single } else { instrument.chord };
        let lowest = i16::from(key.get()) + 12 * i16::from(instrument.octave.get());
        let notes = chord.semitones().iter().map(|above| lowest + i16::from(*above));
        let there = notes.filter_map(|note| Pitch::new(u8::try_from(note).ok()?).ok());
        there.fold(Self::default(), |set, note| set.with(Self::one(note)))
    }

    #[must_use]
    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The pitches `octaves` higher, without those that no instrument has.
    #[must_use]
    pub(super) const fn up(self, octaves: u8) -> Self {
        Self(self.0 << (12 * octaves))
    }

    pub(super) const fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(super) fn contains(self, pitch: Pitch) -> bool {
        self.0 & Self::one(pitch).0 != 0
    }

    /// The pitches, from low to high.
    pub(super) fn iter(mut self) -> impl Iterator<Item = Pitch> {
        std::iter::from_fn(move || {
            let lowest = u8::try_from(self.0.trailing_zeros()).ok();
            let lowest = Pitch::new(lowest?).ok()?;
            self.0 &= self.0 - 1;
            Some(lowest)
        })
    }
}

/// Whether a key of the instrument plays the note of that key, at once, and nothing else.
pub(super) fn plays_as_struck(instrument: &Instrument) -> bool {
    instrument.octave.get() == 0
        && instrument.chord == ChordShape::Single
        && !instrument.arpeggiator.on
}
