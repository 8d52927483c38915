//! Hosted devices: custom `SynthDef`s and plug-ins that are loaded as a source
//! or an effect, with their touched parameters and saved states.
//!
//! A device knows its definition by id only: parameter tables are in the
//! registry, plug-ins in the engine.

pub(super) mod registry;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::{InstrumentId, Invalid},
    studio::{
        StudioEffect, StudioState,
        common::{
            automated::{Automated, NoParameter},
            bounded::{self, MAX_TOUCHED},
            content::Content,
            reference::{Reference, Refers},
            settings::{Place, PlaceName, Settings},
        },
        effect::{
            EffectSetting,
            chain::{ChainSetting, SlotId},
        },
        instrument::{InstrumentAction, InstrumentSetting},
        mixer::{BusId, BusSetting, MasterSetting, MixerSetting},
        network_action::NetworkAction,
        source::SourceSetting,
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, ParameterChange, ParameterValue},
    },
};

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

/// A parameter, by its row in the table of its definition, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterId(pub u16);

impl fmt::Display for ParameterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A loaded definition and its settings.
///
/// An untouched parameter has its value in the saved state, or without one the
/// default of the definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written<K>")]
pub struct Loaded<K> {
    definition: Option<K>,
    touched: OrdMap<ParameterId, ParameterValue>,
    saved: Option<Content>,
}

/// A setting of a [`Loaded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadedSetting<K> {
    /// Loads a definition and resets parameters and saved state.
    Load(K),
    /// Unloads the definition.
    Unload,
    /// Sets a parameter, which is touched from then on.
    Set(ParameterId, ParameterValue),
    /// Makes a parameter untouched. Without effect if it is untouched.
    Reset(ParameterId),
    /// Sets or clears the saved state to start from. Touched parameters keep
    /// their values.
    Saved(Option<Content>),
}

/// A [`Loaded`] of either kind.
pub trait Hosted {
    /// The loaded definition.
    fn definition(&self) -> Option<DefinitionId>;
    /// The value of a parameter; `None` if it is untouched.
    fn touched(&self, parameter: ParameterId) -> Option<ParameterValue>;
    /// Sets a parameter.
    ///
    /// # Errors
    /// [`Invalid::Unfit`] if nothing is loaded, [`Invalid::Full`] if too many
    /// parameters are touched.
    fn touch(&mut self, parameter: ParameterId, value: ParameterValue) -> Result<(), Invalid>;
    /// The number of touched parameters.
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
            return Err(Invalid::unfit("no SynthDef or plug-in is loaded to be set"));
        }
        self.touched.insert(parameter, value);
        bounded::at_most(self.touched.len(), MAX_TOUCHED, "touched parameters")
    }

    fn count(&self) -> usize {
        self.touched.len()
    }
}

impl<K: Copy> Loaded<K> {
    /// The loaded definition.
    #[must_use]
    pub const fn loaded(&self) -> Option<K> {
        self.definition
    }

    /// The touched parameters, in table order.
    pub fn parameters(&self) -> impl Iterator<Item = (ParameterId, ParameterValue)> {
        self.touched.iter().map(|(id, value)| (*id, *value))
    }

    /// The saved state to start from.
    #[must_use]
    pub const fn saved(&self) -> Option<&Content> {
        self.saved.as_ref()
    }
}

impl<K> Default for Loaded<K> {
    /// Nothing is loaded.
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
                Err(Invalid::unfit("no SynthDef or plug-in is loaded to have a state"))
            }
            LoadedSetting::Saved(saved) => {
                self.saved = saved;
                Ok(())
            }
        }
    }

    fn place(setting: &LoadedSetting<K>, place: &mut Place) {
        match setting {
            // Both replace everything below them, so their path is empty.
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
        // Resets first: a full table needs room for newly touched parameters.
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

/// The parameters are in the registry's table, so the type has none of its own.
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

/// A place where a definition can be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Device {
    /// The source of an instrument.
    Source(InstrumentId),
    /// An effect of an instrument.
    Slot(InstrumentId, SlotId),
    /// An effect of a bus.
    BusSlot(BusId, SlotId),
    /// An effect of the master.
    MasterSlot(SlotId),
}

impl Device {
    /// The device, if the place exists and is for hosted devices.
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

    /// The action that sets a parameter of the device.
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

/// Changes a parameter relative to its current value, within its range.
/// Concurrent turns of an endless knob add up.
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
        return Err(Invalid::unfit("this source or effect is neither a SynthDef nor a plug-in"));
    };
    let table = hosted.definition().and_then(|id| state.registry.definition(id));
    let Some(row) = table.and_then(|table| table.parameter(parameter)) else {
        return Err(Invalid::missing("parameter", parameter));
    };
    let value = hosted.touched(parameter).unwrap_or(row.default());
    hosted.touch(parameter, row.moved(value, by))?;
    Ok(Vec::new())
}

/// A [`Loaded`] as it is deserialized, before it is checked.
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
            return Err("there are settings, but nothing is loaded");
        }
        Ok(Self { definition, touched, saved })
    }
}
