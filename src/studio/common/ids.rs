//! The ids of what other parts of the studio refer to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BusId(pub u32);

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a layer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerGroupId(pub u32);

impl fmt::Display for LayerGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a custom `SynthDef` in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SynthDefId(pub u32);

/// The id of a plug-in in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PluginId(pub u32);

/// The id of a definition in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DefinitionId {
    /// A custom `SynthDef`.
    SynthDef(SynthDefId),
    /// A plug-in.
    Plugin(PluginId),
}

impl DefinitionId {
    /// The kind of definition, as error texts name it.
    pub(in crate::studio) const fn what(self) -> &'static str {
        match self {
            Self::SynthDef(_) => "SynthDef",
            Self::Plugin(_) => "plug-in",
        }
    }

    pub(in crate::studio) const fn number(self) -> u32 {
        match self {
            Self::SynthDef(SynthDefId(number)) | Self::Plugin(PluginId(number)) => number,
        }
    }
}

impl From<SynthDefId> for DefinitionId {
    fn from(id: SynthDefId) -> Self {
        Self::SynthDef(id)
    }
}

impl From<PluginId> for DefinitionId {
    fn from(id: PluginId) -> Self {
        Self::Plugin(id)
    }
}

/// A parameter, by its row in the table of its definition, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterId(pub u16);

impl fmt::Display for ParameterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a slot, unique within its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlotId(pub u16);

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
