//! Hosted devices: custom `SynthDef`s and plug-ins that are loaded as a source
//! or an effect, with their touched parameters and saved states.
//!
//! A device knows its definition by id only: parameter tables are in the
//! registry, plug-ins in the engine.

pub(super) mod device;
pub(super) mod registry;

use serde::{Deserialize, Serialize};

use crate::{
    model::Invalid,
    studio::common::{
        automated::{Automated, NoParameter},
        bounded::{self, MAX_TOUCHED},
        content::Content,
        ids::{DefinitionId, ParameterId},
        reference::{Reference, Refers},
        settings::{ParamPath, PathStep, Settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, ParameterValue},
        unit::UnreadableValue,
    },
};

/// A loaded definition and its settings.
///
/// An untouched parameter has its value in the saved state, or without one the
/// default of the definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenLoaded<K>")]
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

    fn path(setting: &LoadedSetting<K>, path: &mut ParamPath) {
        match setting {
            // Both replace everything below them, so their path is empty.
            LoadedSetting::Load(_) | LoadedSetting::Unload => {}
            LoadedSetting::Set(parameter, _) | LoadedSetting::Reset(parameter) => {
                path.push(PathStep::Number(parameter.0.into()));
            }
            LoadedSetting::Saved(_) => path.push(PathStep::Part("Saved")),
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

    fn is_knob(setting: &LoadedSetting<K>) -> bool {
        matches!(setting, LoadedSetting::Set(..))
    }

    fn shown(&self, parameter: NoParameter) -> Option<String> {
        match parameter {}
    }

    fn value_text(setting: &LoadedSetting<K>) -> Option<String> {
        match setting {
            LoadedSetting::Set(_, value) => Some(value.to_string()),
            _ => None,
        }
    }

    fn read(parameter: NoParameter, _: &str) -> Result<LoadedSetting<K>, UnreadableValue> {
        match parameter {}
    }

    fn meaning(parameter: NoParameter) -> &'static str {
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

/// A [`Loaded`] as it is deserialized, before it is checked.
#[derive(Deserialize)]
struct WrittenLoaded<K> {
    definition: Option<K>,
    #[serde(deserialize_with = "bounded::map::<MAX_TOUCHED, _, _, _>")]
    touched: OrdMap<ParameterId, ParameterValue>,
    saved: Option<Content>,
}

impl<K> TryFrom<WrittenLoaded<K>> for Loaded<K> {
    type Error = &'static str;

    fn try_from(read: WrittenLoaded<K>) -> Result<Self, Self::Error> {
        let WrittenLoaded { definition, touched, saved } = read;
        if definition.is_none() && !(touched.is_empty() && saved.is_none()) {
            return Err("there are settings, but nothing is loaded");
        }
        Ok(Self { definition, touched, saved })
    }
}
