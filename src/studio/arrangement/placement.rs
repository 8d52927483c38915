//! A placement: where in the piece a clip is played, and for how long.
//!
//! It knows its clip by its id only.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::clip::ClipId;
use crate::util::quantity::{NoteLength, Ticks};

/// Names a placement among those of its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlacementId(pub u32);

impl fmt::Display for PlacementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a clip is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Which clip of the instrument.
    pub clip: ClipId,
    /// Where it begins.
    pub tick: Ticks,
    /// For how long: a clip that is longer is cut off, one that is shorter is
    /// repeated.
    pub length: NoteLength,
}

impl Placement {
    /// The first tick after it.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.tick.get() + self.length.get()
    }
}

/// What is done to the placements of an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlacementAction {
    /// Places a clip in the piece, for as long as it is.
    Place {
        /// A free id; see [`Part::free_placement`](super::Part::free_placement).
        placement: PlacementId,
        /// Which clip.
        clip: ClipId,
        /// Where.
        tick: Ticks,
    },
    /// Places it elsewhere.
    Move(PlacementId, Ticks),
    /// Makes it longer or shorter.
    Resize(PlacementId, NoteLength),
    /// Places the same clip once more, for as long.
    Duplicate {
        /// Which placement.
        placement: PlacementId,
        /// A free id.
        copy: PlacementId,
        /// Where.
        tick: Ticks,
    },
    /// Removes it. The clip stays.
    Remove(PlacementId),
}

impl PlacementAction {
    /// Whether there is more afterwards than there was.
    pub(super) const fn adds(&self) -> bool {
        matches!(self, Self::Place { .. } | Self::Duplicate { .. })
    }
}

/// One change of the placements of an instrument, in a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlacementChange {
    /// A placement is new, or is not what it was.
    Put(PlacementId, Placement),
    /// A placement is gone.
    Remove(PlacementId),
}
