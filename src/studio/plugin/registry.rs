//! The registry: custom `SynthDef`s and plug-ins of a session, with their
//! parameter tables.
//!
//! It must not know where they are loaded. A definition never changes: to
//! replace it, delete it and add the new version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    model::{DigestDelta, Invalid},
    studio::common::{
        bounded::{self, MAX_DEFINITIONS, MAX_PARAMETERS, MAX_PARAMETERS_IN_ALL},
        ids::{DefinitionId, ParameterId, PluginId, SynthDefId},
        name::Name,
        settings::{ParamPath, PathStep, Settings},
    },
    util::{
        limited::bounded_list,
        ordmap::{DiffItem, OrdMap},
        quantity::{ParameterChange, ParameterValue},
    },
};

/// A row in the parameter table of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Row")]
pub struct Parameter {
    name: Name,
    min: ParameterValue,
    max: ParameterValue,
    default: ParameterValue,
}

/// The default of a parameter is outside its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the default of a parameter must lie within its range")]
#[non_exhaustive]
pub struct BadParameter;

impl Parameter {
    /// A parameter from `min` to `max`, in its own unit.
    ///
    /// # Errors
    /// [`BadParameter`] unless `default` is from `min` to `max`.
    pub fn new(
        name: Name,
        min: ParameterValue,
        max: ParameterValue,
        default: ParameterValue,
    ) -> Result<Self, BadParameter> {
        let fits = (min..=max).contains(&default);
        if fits { Ok(Self { name, min, max, default }) } else { Err(BadParameter) }
    }

    /// The display name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The smallest and the largest value.
    #[must_use]
    pub const fn range(&self) -> (ParameterValue, ParameterValue) {
        (self.min, self.max)
    }

    /// The value of an untouched parameter without a saved state.
    #[must_use]
    pub const fn default(&self) -> ParameterValue {
        self.default
    }

    /// `value` changed by `by` and clamped to the range.
    pub(in crate::studio) fn moved(
        &self,
        value: ParameterValue,
        by: ParameterChange,
    ) -> ParameterValue {
        let moved = ParameterValue::new(value.get() + by.get());
        let end = if by.get() < 0.0 { self.min } else { self.max };
        moved.unwrap_or(end).clamp(self.min, self.max)
    }
}

/// A custom `SynthDef` or a plug-in, as the host describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The display name.
    pub name: Name,
    /// The parameters, at most 512.
    #[serde(deserialize_with = "bounded_list::<MAX_PARAMETERS, _, _>")]
    pub parameters: Vec<Parameter>,
}

impl Definition {
    /// The parameter with this id.
    #[must_use]
    pub fn parameter(&self, id: ParameterId) -> Option<&Parameter> {
        self.parameters.get(usize::from(id.0))
    }

    /// Checks that the parameter exists and `value` is within its range.
    pub(in crate::studio) fn check(
        &self,
        id: ParameterId,
        value: ParameterValue,
    ) -> Result<(), Invalid> {
        match self.parameter(id) {
            None => Err(Invalid::missing("parameter", id)),
            Some(row) if (row.min..=row.max).contains(&value) => Ok(()),
            Some(_) => Err(Invalid::unfit("the value is outside the range of this parameter")),
        }
    }
}

/// The custom `SynthDef`s and plug-ins of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    #[serde(deserialize_with = "bounded::map::<MAX_DEFINITIONS, _, _, _>")]
    synth_defs: OrdMap<SynthDefId, Arc<Definition>>,
    #[serde(deserialize_with = "bounded::map::<MAX_DEFINITIONS, _, _, _>")]
    plugins: OrdMap<PluginId, Arc<Definition>>,
}

/// A change of the [`Registry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegistrySetting {
    /// Adds a custom `SynthDef`.
    AddSynthDef(SynthDefId, Arc<Definition>),
    /// Deletes a custom `SynthDef` and unloads it everywhere.
    DeleteSynthDef(SynthDefId),
    /// Adds a plug-in.
    AddPlugin(PluginId, Arc<Definition>),
    /// Deletes a plug-in and unloads it everywhere.
    DeletePlugin(PluginId),
}

impl Registry {
    /// Digests definition by definition.
    pub(in crate::studio) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        let Self { synth_defs, plugins } = self;
        delta.at("synth_defs", |delta| delta.map(Some(synth_defs), Some(&to.synth_defs)));
        delta.at("plugins", |delta| delta.map(Some(plugins), Some(&to.plugins)));
    }

    /// The definition with this id.
    #[must_use]
    pub fn definition(&self, id: DefinitionId) -> Option<&Definition> {
        match id {
            DefinitionId::SynthDef(id) => self.synth_defs.get(&id),
            DefinitionId::Plugin(id) => self.plugins.get(&id),
        }
        .map(Arc::as_ref)
    }

    /// All custom `SynthDef`s, by id.
    pub fn synth_defs(&self) -> impl Iterator<Item = (SynthDefId, &Definition)> {
        self.synth_defs.iter().map(|(id, definition)| (*id, definition.as_ref()))
    }

    /// All plug-ins, by id.
    pub fn plugins(&self) -> impl Iterator<Item = (PluginId, &Definition)> {
        self.plugins.iter().map(|(id, definition)| (*id, definition.as_ref()))
    }

    /// Whether both share the same memory, which implies that they are equal.
    pub(in crate::studio) fn is_same(&self, other: &Self) -> bool {
        self.synth_defs.ptr_eq(&other.synth_defs) && self.plugins.ptr_eq(&other.plugins)
    }

    fn parameters(&self) -> usize {
        let all = self.synth_defs.values().chain(self.plugins.values());
        all.map(|definition| definition.parameters.len()).sum()
    }

    /// Checks the limit on the total number of parameters.
    pub(in crate::studio) fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.parameters(), MAX_PARAMETERS_IN_ALL, "parameters in the registry")
    }
}

impl Registry {
    /// Adds or deletes a definition, and returns the one that is gone.
    pub(in crate::studio) fn reduce(
        &mut self,
        setting: &RegistrySetting,
    ) -> Result<Option<DefinitionId>, Invalid> {
        self.set(setting.clone())?;
        match setting {
            RegistrySetting::AddSynthDef(..) | RegistrySetting::AddPlugin(..) => {
                self.check().map(|()| None)
            }
            RegistrySetting::DeleteSynthDef(id) => Ok(Some((*id).into())),
            RegistrySetting::DeletePlugin(id) => Ok(Some((*id).into())),
        }
    }
}

impl Settings for Registry {
    type Setting = RegistrySetting;

    /// Changes the registry alone and does not unload a deleted definition.
    fn set(&mut self, setting: RegistrySetting) -> Result<(), Invalid> {
        match setting {
            RegistrySetting::AddSynthDef(id, definition) => {
                add_definition(&mut self.synth_defs, id, definition)
            }
            RegistrySetting::DeleteSynthDef(id) => delete_definition(&mut self.synth_defs, id),
            RegistrySetting::AddPlugin(id, definition) => {
                add_definition(&mut self.plugins, id, definition)
            }
            RegistrySetting::DeletePlugin(id) => delete_definition(&mut self.plugins, id),
        }
    }

    fn path(setting: &RegistrySetting, path: &mut ParamPath) {
        let id: DefinitionId = match setting {
            RegistrySetting::AddSynthDef(id, _) | RegistrySetting::DeleteSynthDef(id) => {
                (*id).into()
            }
            RegistrySetting::AddPlugin(id, _) | RegistrySetting::DeletePlugin(id) => (*id).into(),
        };
        path.extend([PathStep::Part(id.what()), PathStep::Number(id.number().into())]);
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(RegistrySetting)) {
        use RegistrySetting::{AddPlugin, AddSynthDef, DeletePlugin, DeleteSynthDef};
        diff_definitions(&self.synth_defs, &to.synth_defs, |id, new| {
            emit(new.map_or(DeleteSynthDef(id), |definition| AddSynthDef(id, definition)));
        });
        diff_definitions(&self.plugins, &to.plugins, |id, new| {
            emit(new.map_or(DeletePlugin(id), |definition| AddPlugin(id, definition)));
        });
    }
}

fn add_definition<K: Copy + Ord + Into<DefinitionId>>(
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

fn delete_definition<K: Copy + Ord + Into<DefinitionId>>(
    map: &mut OrdMap<K, Arc<Definition>>,
    id: K,
) -> Result<(), Invalid> {
    let gone = map.remove(&id).map(drop);
    let id = id.into();
    gone.ok_or_else(|| Invalid::missing(id.what(), id.number()))
}

/// Emits removals first: a full registry needs room for new definitions.
fn diff_definitions<K: Copy + Ord>(
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

/// A parameter as it is deserialized, before its default is checked.
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
