//! A stretch of time within the piece.

use serde::{Deserialize, Serialize};

use crate::util::quantity::{NoteLength, Ticks};

/// A non-empty region of the piece: from `start`, inclusive, to `end`,
/// exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds", into = "Bounds")]
pub struct LoopRegion {
    start: Ticks,
    end: Ticks,
}

/// A region ends before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region must end after it starts")]
#[non_exhaustive]
pub struct BadRegion;

impl LoopRegion {
    /// The first two bars of 4/4.
    pub const TWO_BARS: Self = Self { start: Ticks::MIN, end: Ticks::of(2 * 4 * 480) };

    /// The region from `start`, inclusive, to `end`, exclusive.
    ///
    /// # Errors
    /// [`BadRegion`] unless `start` is less than `end`.
    pub fn new(start: Ticks, end: Ticks) -> Result<Self, BadRegion> {
        if start < end { Ok(Self { start, end }) } else { Err(BadRegion) }
    }

    /// The first tick.
    #[must_use]
    pub const fn start(self) -> Ticks {
        self.start
    }

    /// The first tick after the placement.
    #[must_use]
    pub const fn end(self) -> Ticks {
        self.end
    }

    /// Whether `tick` lies in the region.
    #[must_use]
    pub fn contains(self, tick: Ticks) -> bool {
        (self.start..self.end).contains(&tick)
    }

    /// The length in ticks.
    #[must_use]
    pub fn length(self) -> NoteLength {
        // The difference of two ticks is always a valid length.
        NoteLength::new(self.end.get() - self.start.get()).unwrap_or(NoteLength::MAX)
    }
}

/// The serialized form of a [`StepRegion`].
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
    fn empty_or_reversed_region_is_not_deserialized() {
        assert_eq!(LoopRegion::new(Ticks::of(5), Ticks::of(5)), Err(BadRegion));
        assert!(serde_json::from_str::<LoopRegion>(r#"{"start":9,"end":3}"#).is_err());
    }
}
