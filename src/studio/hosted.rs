//! Custom `SynthDef`s and plug-ins as a source or an effect has them loaded:
//! which one, which of its parameters were touched, which saved state it starts
//! from.
//!
//! It knows a definition by its id only; its table of parameters is in the
//! registry, and the plug-in itself where the sound is made.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    StudioEffect, StudioState,
    automation::{Automated, NoParameter},
    bounded::{self, MAX_TOUCHED},
    chain::{ChainSetting, SlotId},
    content::Content,
    effect::EffectSetting,
    instrument::{InstrumentAction, InstrumentSetting},
    mixer::{BusId, BusSetting, MasterSetting, MixerSetting},
    network_action::NetworkAction,
    reference::{Reference, Refers},
    settings::{Place, PlaceName, Settings},
    source::SourceSetting,
};
use crate::{
    model::{InstrumentId, Invalid},
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, ParameterChange, ParameterValue},
    },
};

/// Names a custom `SynthDef` of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SynthDefId(pub u32);

/// Names a plug-in of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PluginId(pub u32);

/// A custom `SynthDef` or a plug-in of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DefinitionId {
    /// A custom `SynthDef`.
    SynthDef(SynthDefId),
    /// A plug-in.
    Plugin(PluginId),
}

impl DefinitionId {
    /// What it is, as an error says it.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::SynthDef(_) => "SynthDef",
            Self::Plugin(_) => "plug-in",
        }
    }

    pub(super) const fn number(self) -> u32 {
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

/// A parameter, by its place in the table of its definition, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterId(pub u16);

impl fmt::Display for ParameterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is loaded of the registry, and how it is set.
///
/// A parameter that was not touched is what the saved state says, and without
/// one what the table of the definition says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written<K>")]
pub struct Loaded<K> {
    definition: Option<K>,
    touched: OrdMap<ParameterId, ParameterValue>,
    saved: Option<Content>,
}

/// One setting of something [`Loaded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadedSetting<K> {
    /// Loads this, with nothing touched and without a saved state.
    Load(K),
    /// Loads nothing.
    Unload,
    /// A parameter is touched.
    Set(ParameterId, ParameterValue),
    /// A parameter is as if it had not been touched. Nothing happens if it had
    /// not been.
    Reset(ParameterId),
    /// The saved state to start from, or none. The touched parameters stay.
    Saved(Option<Content>),
}

/// Something [`Loaded`], whatever it is.
pub trait Hosted {
    /// What is loaded.
    fn definition(&self) -> Option<DefinitionId>;
    /// The value of a parameter, if it was touched.
    fn touched(&self, parameter: ParameterId) -> Option<ParameterValue>;
    /// Touches a parameter.
    ///
    /// # Errors
    /// If nothing is loaded, or as many were touched as there may be.
    fn touch(&mut self, parameter: ParameterId, value: ParameterValue) -> Result<(), Invalid>;
    /// How many parameters were touched.
    fn count(&self) -> usize;
}

impl<K: Copy + Into<DefinitionId>> Hosted for Loaded<K> {
    fn definition(&self) -> Option<DefinitionId> {
        self.definition.map(Into::into)
    }

    fn touched(&self, parameter: ParameterId) -> Option<ParameterValue> {
        self.touched.get(&parameter).copied()
    }

    fn touch(&mut self, parameter: ParameterId, value: ParameterValue) -> Result<(), Invalid> {
        if self.definition.is_none() {
            return Err(Invalid::unfit("nothing is loaded that has parameters"));
        }
        self.touched.insert(parameter, value);
        bounded::at_most(self.touched.len(), MAX_TOUCHED, "touched parameters")
    }

    fn count(&self) -> usize {
        self.touched.len()
    }
}

impl<K: Copy> Loaded<K> {
    /// What is loaded.
    #[must_use]
    pub const fn loaded(&self) -> Option<K> {
        self.definition
    }

    /// The parameters that were touched, in the order of the table.
    pub fn parameters(&self) -> impl Iterator<Item = (ParameterId, ParameterValue)> {
        self.touched.iter().map(|(id, value)| (*id, *value))
    }

    /// The saved state that it starts from.
    #[must_use]
    pub const fn saved(&self) -> Option<&Content> {
        self.saved.as_ref()
    }
}

impl<K> Default for Loaded<K> {
    /// Nothing.
    fn default() -> Self {
        Self { definition: None, touched: OrdMap::new(), saved: None }
    }
}

impl<K: Copy + PartialEq + Into<DefinitionId>> Settings for Loaded<K> {
    type Setting = LoadedSetting<K>;

    fn set(&mut self, setting: LoadedSetting<K>) -> Result<(), Invalid> {
        match setting {
            LoadedSetting::Load(id) => {
                *self = Self { definition: Some(id), ..Self::default() };
                Ok(())
            }
            LoadedSetting::Unload => {
                *self = Self::default();
                Ok(())
            }
            LoadedSetting::Set(parameter, value) => self.touch(parameter, value),
            LoadedSetting::Reset(parameter) => {
                self.touched.remove(&parameter);
                Ok(())
            }
            LoadedSetting::Saved(Some(_)) if self.definition.is_none() => {
                Err(Invalid::unfit("nothing is loaded that has a saved state"))
            }
            LoadedSetting::Saved(saved) => {
                self.saved = saved;
                Ok(())
            }
        }
    }

    fn place(setting: &LoadedSetting<K>, place: &mut Place) {
        match setting {
            // The rest comes and goes with what is loaded.
            LoadedSetting::Load(_) | LoadedSetting::Unload => {}
            LoadedSetting::Set(parameter, _) | LoadedSetting::Reset(parameter) => {
                place.push(PlaceName::Number(parameter.0.into()));
            }
            LoadedSetting::Saved(_) => place.push(PlaceName::Part("Saved")),
        }
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(LoadedSetting<K>)) {
        if self.definition != to.definition {
            emit(to.definition.map_or(LoadedSetting::Unload, LoadedSetting::Load));
            return Self { definition: to.definition, ..Self::default() }.diff(to, emit);
        }
        if self.saved != to.saved {
            emit(LoadedSetting::Saved(to.saved.clone()));
        }
        // What is reset first: there must be room for what is touched.
        for change in self.touched.diff(&to.touched) {
            if let DiffItem::Remove(parameter, _) = change {
                emit(LoadedSetting::Reset(*parameter));
            }
        }
        for change in self.touched.diff(&to.touched) {
            if let DiffItem::Add(parameter, value)
            | DiffItem::Update { new: (parameter, value), .. } = change
            {
                emit(LoadedSetting::Set(*parameter, *value));
            }
        }
    }
}

/// Its parameters are known by a table, which is in the registry and not here.
impl<K: Copy + PartialEq + Into<DefinitionId>> Automated for Loaded<K> {
    type Parameter = NoParameter;

    fn every() -> Vec<NoParameter> {
        Vec::new()
    }

    fn part(&self, parameter: NoParameter) -> Option<Amount> {
        match parameter {}
    }

    fn setting(parameter: NoParameter, _: Amount) -> LoadedSetting<K> {
        match parameter {}
    }
}

impl<K: Copy + Into<DefinitionId>> Refers for Loaded<K> {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        if let Some(id) = self.definition() {
            each(Reference::Definition(id));
            for (parameter, value) in self.parameters() {
                each(Reference::Parameter(id, parameter, value));
            }
        }
    }

    fn forget(&mut self, gone: Reference) {
        if self.definition().map(Reference::Definition) == Some(gone) {
            *self = Self::default();
        }
    }
}

/// Where something is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Device {
    /// As the source of an instrument.
    Source(InstrumentId),
    /// In the chain of an instrument.
    Slot(InstrumentId, SlotId),
    /// In the chain of a bus.
    BusSlot(BusId, SlotId),
    /// In the chain of the master.
    MasterSlot(SlotId),
}

impl Device {
    /// What is loaded there, if there is a place for it.
    pub(super) fn hosted(self, state: &StudioState) -> Option<&dyn Hosted> {
        let chain = match self {
            Self::Source(id) => return state.instruments.get(id)?.source.hosted(),
            Self::Slot(id, _) => &state.instruments.get(id)?.chain,
            Self::BusSlot(id, _) => &state.mixer.bus(id)?.chain,
            Self::MasterSlot(_) => &state.mixer.master.chain,
        };
        chain.slot(self.slot()?)?.effect.hosted()
    }

    const fn slot(self) -> Option<SlotId> {
        match self {
            Self::Source(_) => None,
            Self::Slot(_, slot) | Self::BusSlot(_, slot) | Self::MasterSlot(slot) => Some(slot),
        }
    }

    /// The action that sets a parameter of what is loaded there.
    pub(super) fn set(
        self,
        definition: DefinitionId,
        parameter: ParameterId,
        value: ParameterValue,
    ) -> NetworkAction {
        let source = || match definition {
            DefinitionId::SynthDef(_) => {
                SourceSetting::SynthDef(LoadedSetting::Set(parameter, value))
            }
            DefinitionId::Plugin(_) => SourceSetting::Vst(LoadedSetting::Set(parameter, value)),
        };
        let effect = |slot| {
            ChainSetting::Effect(slot, EffectSetting::Vst(LoadedSetting::Set(parameter, value)))
        };
        let instrument =
            |id, setting| NetworkAction::Instrument(id, InstrumentAction::Set(setting));
        match self {
            Self::Source(id) => instrument(id, InstrumentSetting::Source(source())),
            Self::Slot(id, slot) => instrument(id, InstrumentSetting::Chain(effect(slot))),
            Self::BusSlot(id, slot) => {
                NetworkAction::Mixer(MixerSetting::Bus(id, BusSetting::Chain(effect(slot))))
            }
            Self::MasterSlot(slot) => {
                NetworkAction::Mixer(MixerSetting::Master(MasterSetting::Chain(effect(slot))))
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(id) => write!(f, "the source of instrument {id}"),
            Self::Slot(id, slot) => write!(f, "effect {slot} of instrument {id}"),
            Self::BusSlot(id, slot) => write!(f, "effect {slot} of bus {id}"),
            Self::MasterSlot(slot) => write!(f, "effect {slot} of the master"),
        }
    }
}

/// Changes a parameter by so much, within its range: what an endless knob does,
/// and two who turn it lose nothing.
pub(super) fn adjust(
    state: &mut StudioState,
    device: Device,
    parameter: ParameterId,
    by: ParameterChange,
) -> Result<Vec<StudioEffect>, Invalid> {
    let hosted = match device {
        Device::Source(id) => state.instruments.get_mut(id)?.source.hosted_mut(),
        Device::Slot(id, slot) => state.instruments.get_mut(id)?.chain.hosted_mut(slot)?,
        Device::BusSlot(id, slot) => state.mixer.bus_mut(id)?.chain.hosted_mut(slot)?,
        Device::MasterSlot(slot) => state.mixer.master.chain.hosted_mut(slot)?,
    };
    let Some(hosted) = hosted else {
        return Err(Invalid::unfit("neither a SynthDef nor a plug-in is there"));
    };
    let table = hosted.definition().and_then(|id| state.registry.definition(id));
    let Some(row) = table.and_then(|table| table.parameter(parameter)) else {
        return Err(Invalid::missing("parameter", parameter));
    };
    let value = hosted.touched(parameter).unwrap_or(row.default());
    hosted.touch(parameter, row.moved(value, by))?;
    Ok(Vec::new())
}

/// Something loaded as it is read, before it is known to be that.
#[derive(Deserialize)]
struct Written<K> {
    definition: Option<K>,
    #[serde(deserialize_with = "bounded::map::<MAX_TOUCHED, _, _, _>")]
    touched: OrdMap<ParameterId, ParameterValue>,
    saved: Option<Content>,
}

impl<K> TryFrom<Written<K>> for Loaded<K> {
    type Error = &'static str;

    fn try_from(read: Written<K>) -> Result<Self, Self::Error> {
        let Written { definition, touched, saved } = read;
        if definition.is_none() && !(touched.is_empty() && saved.is_none()) {
            return Err("nothing is loaded, and yet it is set");
        }
        Ok(Self { definition, touched, saved })
    }
}
