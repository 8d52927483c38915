//! The held keys of an instrument, so that every participant can see them.
//!
//! This file must not produce sound: notes for the engine are effects.

use serde::{Deserialize, Serialize};

use crate::{
    model::Invalid,
    studio::common::{
        bounded,
        settings::{ParamPath, PathStep, Settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Pitch, Velocity},
    },
};

/// The keys that are held down, with their velocities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keys(
    #[serde(deserialize_with = "bounded::map::<128, _, _, _>")] OrdMap<Pitch, Velocity>,
);

/// A change of [`Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyChange {
    /// A key went down.
    Down(Pitch, Velocity),
    /// A key went up.
    Up(Pitch),
}

impl Keys {
    /// The velocity of this key; `None` if it is not held.
    #[must_use]
    pub fn held(&self, pitch: Pitch) -> Option<Velocity> {
        self.0.get(&pitch).copied()
    }

    /// The held keys, from low to high.
    pub fn iter(&self) -> impl Iterator<Item = (Pitch, Velocity)> {
        self.0.iter().map(|(pitch, velocity)| (*pitch, *velocity))
    }

    /// Whether no key is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Settings for Keys {
    type Setting = KeyChange;

    fn set(&mut self, change: KeyChange) -> Result<(), Invalid> {
        match change {
            KeyChange::Down(pitch, velocity) => self.0.insert(pitch, velocity),
            KeyChange::Up(pitch) => self.0.remove(&pitch),
        };
        Ok(())
    }

    fn path(change: &KeyChange, path: &mut ParamPath) {
        let (KeyChange::Down(pitch, _) | KeyChange::Up(pitch)) = change;
        path.push(PathStep::Number(pitch.get().into()));
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(KeyChange)) {
        for change in self.0.diff(&to.0) {
            emit(match change {
                DiffItem::Add(pitch, velocity)
                | DiffItem::Update { new: (pitch, velocity), .. } => {
                    KeyChange::Down(*pitch, *velocity)
                }
                DiffItem::Remove(pitch, _) => KeyChange::Up(*pitch),
            });
        }
    }
}
