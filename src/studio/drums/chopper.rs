//! The chopper: one sample, cut into slices that pads can play.
//!
//! It stores positions as fractions of the sample's length, and must not know
//! the length itself: only the engine opens the file.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::Invalid,
    studio::common::{
        bounded::{self, MAX_SLICES},
        content::Content,
        settings::{ParamPath, PathStep, Settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, SliceCount},
    },
};

/// The id of a slice, unique within its chopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SliceId(pub u16);

impl fmt::Display for SliceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A non-empty section of a sample; both ends are fractions of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct Slice {
    start: Amount,
    end: Amount,
}

/// The end of a slice is not after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slice must end after it starts")]
#[non_exhaustive]
pub struct BadSlice;

impl Slice {
    /// A slice from `start` to `end`, both fractions of the sample's length.
    ///
    /// # Errors
    /// [`BadSlice`] unless `start` is less than `end`.
    pub fn new(start: Amount, end: Amount) -> Result<Self, BadSlice> {
        if start < end { Ok(Self { start, end }) } else { Err(BadSlice) }
    }

    /// The start, from 0 to 1.
    #[must_use]
    pub const fn start(self) -> Amount {
        self.start
    }

    /// The end, from 0 to 1.
    #[must_use]
    pub const fn end(self) -> Amount {
        self.end
    }
}

/// A sample and its slices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chopper {
    /// The sample; `None` if none is chosen.
    pub sample: Option<Content>,
    #[serde(deserialize_with = "bounded::map::<MAX_SLICES, _, _, _>")]
    slices: OrdMap<SliceId, Slice>,
}

/// A change of a [`Chopper`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChopperSetting {
    /// Another sample. The slices keep their positions.
    Sample(Option<Content>),
    /// A slice was added or changed.
    Put(SliceId, Slice),
    /// A slice was removed. Pads that played it become silent.
    Remove(SliceId),
}

impl Chopper {
    /// The slice with this id.
    #[must_use]
    pub fn slice(&self, id: SliceId) -> Option<Slice> {
        self.slices.get(&id).copied()
    }

    /// All slices, by id.
    pub fn slices(&self) -> impl Iterator<Item = (SliceId, Slice)> {
        self.slices.iter().map(|(id, slice)| (*id, *slice))
    }

    /// The lowest unused id, from 1.
    #[must_use]
    pub fn free_id(&self) -> SliceId {
        let mut ids = (1..=u16::MAX).map(SliceId);
        ids.find(|id| !self.slices.contains_key(id)).unwrap_or(SliceId(0))
    }

    /// Replaces all slices by `count` slices of equal length with the ids 1 to
    /// `count`.
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

    fn path(setting: &ChopperSetting, path: &mut ParamPath) {
        path.push(match setting {
            ChopperSetting::Sample(_) => PathStep::Part("Sample"),
            ChopperSetting::Put(id, _) | ChopperSetting::Remove(id) => {
                PathStep::Number(id.0.into())
            }
        });
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(ChopperSetting)) {
        if self.sample != to.sample {
            emit(ChopperSetting::Sample(to.sample.clone()));
        }
        // Removals first: a full chopper needs room for new slices.
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

/// The serialized form of a [`Slice`].
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
