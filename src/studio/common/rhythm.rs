//! Note values, as musicians name them.
//!
//! This file knows durations in ticks, never what is played.

use crate::{
    studio::common::range::{Range, choices, nearest, part_of_choice},
    util::{quantity::Amount, unit::UnreadableValue},
};
use serde::{Deserialize, Serialize};

/// A note value, such as a quarter or an eighth triplet.
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
    /// All note values, from long to short.
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

    /// The duration in ticks, 480 per quarter note.
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

choices! {
    NoteValue: Whole("1/1") Half("1/2") Quarter("1/4") QuarterTriplet("1/4t") Eighth("1/8")
        EighthTriplet("1/8t") Sixteenth("1/16") SixteenthTriplet("1/16t") ThirtySecond("1/32");
}

/// `None` first, then the note values.
impl Range for Option<NoteValue> {
    const IS_QUANTITY: bool = false;

    fn at(part: Amount) -> Self {
        let at = nearest(part, NoteValue::ALL.len() + 1);
        at.checked_sub(1).map(|at| NoteValue::ALL[at])
    }

    fn part(self) -> Amount {
        let at = self.and_then(|value| NoteValue::ALL.iter().position(|one| *one == value));
        part_of_choice(at.map_or(0, |at| at + 1), NoteValue::ALL.len() + 1)
    }

    fn text(self) -> String {
        self.map_or_else(|| false.text(), Range::text)
    }

    fn read(text: &str) -> Result<Self, UnreadableValue> {
        let is_none = text.trim().eq_ignore_ascii_case("none");
        match bool::read(text) {
            Ok(false) => Ok(None),
            _ if is_none => Ok(None),
            _ => NoteValue::read(text)
                .map(Some)
                .map_err(|error| UnreadableValue::new(format!("off, {}", error.expected), text)),
        }
    }
}
