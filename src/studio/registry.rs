//! The custom `SynthDef`s and the plug-ins of a session: what they are called, and
//! the tables of their parameters.
//!
//! It knows nothing of where they are loaded. A definition does not change: who
//! has a new version of it deletes the old one first.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    StudioEffect, StudioState,
    bounded::{self, MAX_DEFINITIONS, MAX_PARAMETERS, MAX_PARAMETERS_IN_ALL},
    hosted::{DefinitionId, ParameterId, PluginId, SynthDefId},
    name::Name,
    reference::Reference,
    settings::{Place, PlaceName, Settings},
};
use crate::{
    model::{DigestDelta, Invalid},
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{ParameterChange, ParameterValue},
    },
};

/// A row in the table of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Row")]
pub struct Parameter {
    name: Name,
    min: ParameterValue,
    max: ParameterValue,
    default: ParameterValue,
}

/// The default of a parameter would have been outside its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the default of a parameter must be from its minimum to its maximum")]
pub struct BadParameter;

impl Parameter {
    /// A parameter from `min` to `max`, in its own unit.
    ///
    /// # Errors
    /// If `default` is not in between.
    pub fn new(
        name: Name,
        min: ParameterValue,
        max: ParameterValue,
        default: ParameterValue,
    ) -> Result<Self, BadParameter> {
        let fits = (min..=max).contains(&default);
        if fits { Ok(Self { name, min, max, default }) } else { Err(BadParameter) }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What it may be.
    #[must_use]
    pub const fn range(&self) -> (ParameterValue, ParameterValue) {
        (self.min, self.max)
    }

    /// What it is as long as nobody touches it.
    #[must_use]
    pub const fn default(&self) -> ParameterValue {
        self.default
    }

    /// A value that is moved by so much, and stays in range.
    pub(super) fn moved(&self, value: ParameterValue, by: ParameterChange) -> ParameterValue {
        let moved = ParameterValue::new(value.get() + by.get());
        let end = if by.get() < 0.0 { self.min } else { self.max };
        moved.unwrap_or(end).clamp(self.min, self.max)
    }
}

/// A custom `SynthDef` or a plug-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// What it is called.
    pub name: Name,
    /// Its parameters, at most 512.
    #[serde(deserialize_with = "bounded::list::<MAX_PARAMETERS, _, _>")]
    pub parameters: Vec<Parameter>,
}

impl Definition {
    /// This parameter, if there is one.
    #[must_use]
    pub fn parameter(&self, id: ParameterId) -> Option<&Parameter> {
        self.parameters.get(usize::from(id.0))
    }

    /// Checks that this parameter can have this value.
    pub(super) fn check(&self, id: ParameterId, value: ParameterValue) -> Result<(), Invalid> {
        match self.parameter(id) {
            None => Err(Invalid::missing("parameter", id)),
            Some(row) if (row.min..=row.max).contains(&value) => Ok(()),
            Some(_) => Err(Invalid::unfit("the value is out of the range of this parameter")),
        }
    }
}

/// The custom `SynthDef`s and the plug-ins of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    #[serde(deserialize_with = "bounded::map::<MAX_DEFINITIONS, _, _, _>")]
    synth_defs: OrdMap<SynthDefId, Arc<Definition>>,
    #[serde(deserialize_with = "bounded::map::<MAX_DEFINITIONS, _, _, _>")]
    plugins: OrdMap<PluginId, Arc<Definition>>,
}

/// One change of the [`Registry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegistrySetting {
    /// There is a new custom `SynthDef`.
    AddSynthDef(SynthDefId, Arc<Definition>),
    /// A custom `SynthDef` is gone, and unloaded wherever it was loaded.
    DeleteSynthDef(SynthDefId),
    /// There is a new plug-in.
    AddPlugin(PluginId, Arc<Definition>),
    /// A plug-in is gone, and unloaded wherever it was loaded.
    DeletePlugin(PluginId),
}

impl Registry {
    /// Definition by definition.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        let Self { synth_defs, plugins } = self;
        delta.at("synth_defs", |delta| delta.map(Some(synth_defs), Some(&to.synth_defs)));
        delta.at("plugins", |delta| delta.map(Some(plugins), Some(&to.plugins)));
    }

    /// The custom `SynthDef` or plug-in of this id, if there is one.
    #[must_use]
    pub fn definition(&self, id: DefinitionId) -> Option<&Definition> {
        match id {
            DefinitionId::SynthDef(id) => self.synth_defs.get(&id),
            DefinitionId::Plugin(id) => self.plugins.get(&id),
        }
        .map(Arc::as_ref)
    }

    /// The custom `SynthDef`s, by id.
    pub fn synth_defs(&self) -> impl Iterator<Item = (SynthDefId, &Definition)> {
        self.synth_defs.iter().map(|(id, definition)| (*id, definition.as_ref()))
    }

    /// The plug-ins, by id.
    pub fn plugins(&self) -> impl Iterator<Item = (PluginId, &Definition)> {
        self.plugins.iter().map(|(id, definition)| (*id, definition.as_ref()))
    }

    /// Whether both are the same in memory, and so equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.synth_defs.ptr_eq(&other.synth_defs) && self.plugins.ptr_eq(&other.plugins)
    }

    fn parameters(&self) -> usize {
        let all = self.synth_defs.values().chain(self.plugins.values());
        all.map(|definition| definition.parameters.len()).sum()
    }

    /// Checks what concerns the registry as a whole.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.parameters(), MAX_PARAMETERS_IN_ALL, "parameters in the registry")
    }
}

pub(super) fn reduce(
    state: &mut StudioState,
    setting: &RegistrySetting,
) -> Result<Vec<StudioEffect>, Invalid> {
    state.registry.set(setting.clone())?;
    let gone: DefinitionId = match setting {
        RegistrySetting::AddSynthDef(..) | RegistrySetting::AddPlugin(..) => {
            state.registry.check()?;
            return Ok(Vec::new());
        }
        RegistrySetting::DeleteSynthDef(id) => (*id).into(),
        RegistrySetting::DeletePlugin(id) => (*id).into(),
    };
    state.forget(Reference::Definition(gone));
    Ok(Vec::new())
}

impl Settings for Registry {
    type Setting = RegistrySetting;

    /// Changes the registry alone: what had loaded something that is gone still
    /// has.
    fn set(&mut self, setting: RegistrySetting) -> Result<(), Invalid> {
        match setting {
            RegistrySetting::AddSynthDef(id, definition) => {
                add(&mut self.synth_defs, id, definition)
            }
            RegistrySetting::DeleteSynthDef(id) => delete(&mut self.synth_defs, id),
            RegistrySetting::AddPlugin(id, definition) => add(&mut self.plugins, id, definition),
            RegistrySetting::DeletePlugin(id) => delete(&mut self.plugins, id),
        }
    }

    fn place(setting: &RegistrySetting, place: &mut Place) {
        let id: DefinitionId = match setting {
            RegistrySetting::AddSynthDef(id, _) | RegistrySetting::DeleteSynthDef(id) => {
                (*id).into()
            }
            RegistrySetting::AddPlugin(id, _) | RegistrySetting::DeletePlugin(id) => (*id).into(),
        };
        place.extend([PlaceName::Part(id.what()), PlaceName::Number(id.number().into())]);
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(RegistrySetting)) {
        use RegistrySetting::{AddPlugin, AddSynthDef, DeletePlugin, DeleteSynthDef};
        diff(&self.synth_defs, &to.synth_defs, |id, new| {
            emit(new.map_or(DeleteSynthDef(id), |definition| AddSynthDef(id, definition)));
        });
        diff(&self.plugins, &to.plugins, |id, new| {
            emit(new.map_or(DeletePlugin(id), |definition| AddPlugin(id, definition)));
        });
    }
}

fn add<K: Copy + Ord + Into<DefinitionId>>(
    map: &mut OrdMap<K, Arc<Definition>>,
    id: K,
    definition: Arc<Definition>,
) -> Result<(), Invalid> {
    if map.insert(id, definition).is_some() {
        let id = id.into();
        return Err(Invalid::exists(id.what(), id.number()));
    }
    bounded::at_most(map.len(), MAX_DEFINITIONS, "definitions in the registry")
}

fn delete<K: Copy + Ord + Into<DefinitionId>>(
    map: &mut OrdMap<K, Arc<Definition>>,
    id: K,
) -> Result<(), Invalid> {
    let gone = map.remove(&id).map(drop);
    let id = id.into();
    gone.ok_or_else(|| Invalid::missing(id.what(), id.number()))
}

/// What is gone first: a full registry must have room for what is new.
fn diff<K: Copy + Ord>(
    from: &OrdMap<K, Arc<Definition>>,
    to: &OrdMap<K, Arc<Definition>>,
    mut emit: impl FnMut(K, Option<Arc<Definition>>),
) {
    for change in from.diff(to) {
        if let DiffItem::Remove(id, _) | DiffItem::Update { old: (id, _), .. } = change {
            emit(*id, None);
        }
    }
    for change in from.diff(to) {
        if let DiffItem::Add(id, new) | DiffItem::Update { new: (id, new), .. } = change {
            emit(*id, Some(Arc::clone(new)));
        }
    }
}

/// A parameter as it is read.
#[derive(Deserialize)]
struct Row {
    name: Name,
    min: ParameterValue,
    max: ParameterValue,
    default: ParameterValue,
}

impl TryFrom<Row> for Parameter {
    type Error = BadParameter;

    fn try_from(row: Row) -> Result<Self, BadParameter> {
        Self::new(row.name, row.min, row.max, row.default)
    }
}
