//! A placement: where in the piece a clip is played, and for how long.
//!
//! It must know its clip by id only.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::clip::ClipId;
use crate::util::quantity::{NoteLength, Ticks};

/// The id of a placement, unique within its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlacementId(pub u32);

impl fmt::Display for PlacementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An occurrence of a clip in the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The clip, one of the same instrument.
    pub clip: ClipId,
    /// The start in the piece.
    pub tick: Ticks,
    /// The length in ticks. A longer clip is cut off, a shorter one repeats; both cut notes
    /// that still sound.
    pub length: NoteLength,
}

impl Placement {
    /// The first tick after the placement.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.tick.get() + self.length.get()
    }
}

/// An edit to the placements of one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlacementAction {
    /// Places a clip, with the length of the clip.
    Place {
        /// An unused id; see
        /// [`Part::free_placement`](super::Part::free_placement).
        placement: PlacementId,
        /// The clip to place.
        clip: ClipId,
        /// The start in the piece.
        tick: Ticks,
    },
    /// Moves a placement to another start.
    Move(PlacementId, Ticks),
    /// Changes the length of a placement.
    Resize(PlacementId, NoteLength),
    /// Copies a placement: same clip, same length.
    Duplicate {
        /// The placement to copy.
        placement: PlacementId,
        /// An unused id for the copy.
        copy: PlacementId,
        /// The start of the copy.
        tick: Ticks,
    },
    /// Removes a placement. Its clip stays.
    Remove(PlacementId),
}

impl PlacementAction {
    /// Whether the action increases the number of placements.
    pub(super) const fn adds(&self) -> bool {
        matches!(self, Self::Place { .. } | Self::Duplicate { .. })
    }
}

/// A change of the placements of one instrument, as a patch carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlacementChange {
    /// A placement was added or changed.
    Put(PlacementId, Placement),
    /// A placement was removed.
    Remove(PlacementId),
}
