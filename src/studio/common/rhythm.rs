//! Lengths of notes, as a musician names them.
//!
//! It knows ticks and nothing of what is played in them.

use serde::{Deserialize, Serialize};

/// The length of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum NoteValue {
    Whole,
    Half,
    Quarter,
    QuarterTriplet,
    Eighth,
    EighthTriplet,
    Sixteenth,
    SixteenthTriplet,
    ThirtySecond,
}

impl NoteValue {
    /// All of them, from long to short.
    pub const ALL: &'static [Self] = &[
        Self::Whole,
        Self::Half,
        Self::Quarter,
        Self::QuarterTriplet,
        Self::Eighth,
        Self::EighthTriplet,
        Self::Sixteenth,
        Self::SixteenthTriplet,
        Self::ThirtySecond,
    ];

    /// How long it is, in ticks of 1/480 of a quarter note.
    #[must_use]
    pub const fn ticks(self) -> u32 {
        match self {
            Self::Whole => 1920,
            Self::Half => 960,
            Self::Quarter => 480,
            Self::QuarterTriplet => 320,
            Self::Eighth => 240,
            Self::EighthTriplet => 160,
            Self::Sixteenth => 120,
            Self::SixteenthTriplet => 80,
            Self::ThirtySecond => 60,
        }
    }
}
