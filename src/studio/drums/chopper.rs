//! A sample that is cut into slices, so that pads can play them.
//!
//! It knows a sample by its name and digest, and places in it as parts of its
//! length: how long it is, only who makes the sound knows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::Invalid,
    studio::{
        bounded::{self, MAX_SLICES},
        content::Content,
        settings::{Place, PlaceName, Settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, SliceCount},
    },
};

/// Names a slice within its sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SliceId(pub u16);

impl fmt::Display for SliceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A part of a sample, never empty, as parts of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct Slice {
    start: Amount,
    end: Amount,
}

/// A slice would have ended before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slice must end after it starts")]
pub struct BadSlice;

impl Slice {
    /// From `start` to `end`, both from 0 to 1.
    ///
    /// # Errors
    /// If `end` is not after `start`.
    pub fn new(start: Amount, end: Amount) -> Result<Self, BadSlice> {
        if start < end { Ok(Self { start, end }) } else { Err(BadSlice) }
    }

    /// Where it begins.
    #[must_use]
    pub const fn start(self) -> Amount {
        self.start
    }

    /// Where it ends.
    #[must_use]
    pub const fn end(self) -> Amount {
        self.end
    }
}

/// A sample and its slices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chopper {
    /// The sample that is cut.
    pub sample: Option<Content>,
    #[serde(deserialize_with = "bounded::map::<MAX_SLICES, _, _, _>")]
    slices: OrdMap<SliceId, Slice>,
}

/// One change of a [`Chopper`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChopperSetting {
    /// The sample that is cut. Its slices stay where they are.
    Sample(Option<Content>),
    /// A slice is new, or is not what it was.
    Put(SliceId, Slice),
    /// A slice is gone, and the pads that played it are silent.
    Remove(SliceId),
}

impl Chopper {
    /// The slice of this id, if there is one.
    #[must_use]
    pub fn slice(&self, id: SliceId) -> Option<Slice> {
        self.slices.get(&id).copied()
    }

    /// All slices, by id.
    pub fn slices(&self) -> impl Iterator<Item = (SliceId, Slice)> {
        self.slices.iter().map(|(id, slice)| (*id, *slice))
    }

    /// The lowest id, from 1, that no slice has.
    #[must_use]
    pub fn free_id(&self) -> SliceId {
        let mut ids = (1..=u16::MAX).map(SliceId);
        ids.find(|id| !self.slices.contains_key(id)).unwrap_or(SliceId(0))
    }

    /// Cuts the sample into this many slices of one length, numbered from 1.
    pub(super) fn chop(&mut self, count: SliceCount) {
        let parts = f32::from(count.get());
        let at = |cut: u8| Amount::new(f32::from(cut) / parts).unwrap_or(Amount::MAX);
        let slice = |n: u8| (SliceId(u16::from(n) + 1), Slice { start: at(n), end: at(n + 1) });
        self.slices = (0..count.get()).map(slice).collect();
    }
}

impl Settings for Chopper {
    type Setting = ChopperSetting;

    fn set(&mut self, setting: ChopperSetting) -> Result<(), Invalid> {
        match setting {
            ChopperSetting::Sample(sample) => {
                self.sample = sample;
                Ok(())
            }
            ChopperSetting::Put(id, slice) => {
                self.slices.insert(id, slice);
                bounded::at_most(self.slices.len(), MAX_SLICES, "slices")
            }
            ChopperSetting::Remove(id) => {
                let gone = self.slices.remove(&id).map(drop);
                gone.ok_or_else(|| Invalid::missing("slice", id))
            }
        }
    }

    fn place(setting: &ChopperSetting, place: &mut Place) {
        place.push(match setting {
            ChopperSetting::Sample(_) => PlaceName::Part("Sample"),
            ChopperSetting::Put(id, _) | ChopperSetting::Remove(id) => {
                PlaceName::Number(id.0.into())
            }
        });
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(ChopperSetting)) {
        if self.sample != to.sample {
            emit(ChopperSetting::Sample(to.sample.clone()));
        }
        // What is gone first: a full chopper must have room for what is new.
        for change in self.slices.diff(&to.slices) {
            if let DiffItem::Remove(id, _) = change {
                emit(ChopperSetting::Remove(*id));
            }
        }
        for change in self.slices.diff(&to.slices) {
            if let DiffItem::Add(id, slice) | DiffItem::Update { new: (id, slice), .. } = change {
                emit(ChopperSetting::Put(*id, *slice));
            }
        }
    }
}

/// How a slice is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    start: Amount,
    end: Amount,
}

impl TryFrom<Ends> for Slice {
    type Error = BadSlice;

    fn try_from(ends: Ends) -> Result<Self, BadSlice> {
        Self::new(ends.start, ends.end)
    }
}

impl From<Slice> for Ends {
    fn from(slice: Slice) -> Self {
        Self { start: slice.start, end: slice.end }
    }
}
