//! Groups of instruments that are played as one, and the strips that move them
//! together.
//!
//! Which instruments are in a group is said by each of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{name::Name, settings::settings};
use crate::util::quantity::Decibels;

/// Names a layer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerGroupId(pub u32);

impl fmt::Display for LayerGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

settings! {
    /// The strip of a layer group: its fader moves those of its instruments.
    LayerGroup, LayerGroupSetting, LayerGroupParameter {
        /// What the strip is labelled.
        name: Name(Name) = Name::given("Layers");
        /// By how much it moves the faders of its instruments.
        level: Level(Decibels) = Decibels::of(0.0);
        /// Whether its instruments are silenced.
        mute: Mute(bool) = false;
        /// Whether the instruments that are not soloed are silenced.
        solo: Solo(bool) = false;
    }
}
