//! Layer groups: instruments that are played together, with a common strip.
//!
//! Each instrument names its group; a group must not list its members.

use crate::{
    studio::common::{name::Name, settings::settings},
    util::quantity::Decibels,
};

settings! {
    /// The strip of a layer group. It acts on all instruments of the group.
    LayerGroup, LayerGroupSetting, LayerGroupParameter {
        /// The display name.
        name: Name(Name) = Name::given("Layers");
        /// The level in dB, added to the levels of the group's instruments.
        level: Level(Decibels) = Decibels::of(0.0);
        /// Whether the instruments of the group are muted.
        mute: Mute(bool) = false;
        /// Whether only paths with a soloed strip on them are heard.
        solo: Solo(bool) = false;
    }
}
