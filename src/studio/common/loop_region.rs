//! A stretch of time within the piece.

use serde::{Deserialize, Serialize};

use crate::util::quantity::{NoteLength, Ticks};

/// A part of the piece, never empty: from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds", into = "Bounds")]
pub struct LoopRegion {
    start: Ticks,
    end: Ticks,
}

/// A region would have ended before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region must end after it starts")]
pub struct BadRegion;

impl LoopRegion {
    /// The first two bars of common time.
    pub const TWO_BARS: Self = Self { start: Ticks::MIN, end: Ticks::of(2 * 4 * 480) };

    /// From `start` up to, and without, `end`.
    ///
    /// # Errors
    /// If `end` is not after `start`.
    pub fn new(start: Ticks, end: Ticks) -> Result<Self, BadRegion> {
        if start < end { Ok(Self { start, end }) } else { Err(BadRegion) }
    }

    /// Its first tick.
    #[must_use]
    pub const fn start(self) -> Ticks {
        self.start
    }

    /// The first tick after it.
    #[must_use]
    pub const fn end(self) -> Ticks {
        self.end
    }

    /// Whether `tick` is in it.
    #[must_use]
    pub fn contains(self, tick: Ticks) -> bool {
        (self.start..self.end).contains(&tick)
    }

    /// How long it is.
    #[must_use]
    pub fn length(self) -> NoteLength {
        // It is at least one tick and at most all of time.
        NoteLength::new(self.end.get() - self.start.get()).unwrap_or(NoteLength::MAX)
    }
}

/// How a region is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    start: Ticks,
    end: Ticks,
}

impl TryFrom<Bounds> for LoopRegion {
    type Error = BadRegion;

    fn try_from(bounds: Bounds) -> Result<Self, BadRegion> {
        Self::new(bounds.start, bounds.end)
    }
}

impl From<LoopRegion> for Bounds {
    fn from(region: LoopRegion) -> Self {
        Self { start: region.start, end: region.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_reversed_region_is_refused_from_the_wire_too() {
        assert_eq!(LoopRegion::new(Ticks::of(5), Ticks::of(5)), Err(BadRegion));
        assert!(serde_json::from_str::<LoopRegion>(r#"{"start":9,"end":3}"#).is_err());
    }
}
