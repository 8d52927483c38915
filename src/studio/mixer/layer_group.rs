//! Layer groups: instruments that are played together, with a common strip.
//!
//! Each instrument names its group; a group must not list its members.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    studio::common::{name::Name, settings::settings},
    util::quantity::Decibels,
};

/// The id of a layer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerGroupId(pub u32);

impl fmt::Display for LayerGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

settings! {
    /// The strip of a layer group. It acts on all instruments of the group.
    LayerGroup, LayerGroupSetting, LayerGroupParameter {
        /// The display name.
        name: Name(Name) = Name::given("Layers");
        /// The level in dB, added to the levels of the group's instruments.
        level: Level(Decibels) = Decibels::of(0.0);
        /// Whether the instruments of the group are muted.
        mute: Mute(bool) = false;
        /// Whether instruments that are not soloed are muted.
        solo: Solo(bool) = false;
    }
}
