//! A part: the clips of one instrument and their placements.
//!
//! A placement always refers to an existing clip of the same part. A part must
//! not know its instrument.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    PartChange,
    clip::{Clip, ClipAction, ClipChange, ClipId},
    placement::{Placement, PlacementAction, PlacementChange, PlacementId},
};
use crate::{
    model::{DigestDelta, Invalid},
    studio::{
        common::{
            bounded::{self, MAX_CLIPS, MAX_PLACEMENTS},
            collection::edited_collections,
            narrowing,
        },
        piano_roll::{Notes, Track},
    },
    util::ordmap::{DiffItem, OrdMap},
};

/// The clips and placements of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedPart")]
pub struct Part {
    clips: OrdMap<ClipId, Arc<Clip>>,
    placements: OrdMap<PlacementId, Placement>,
}

impl Part {
    /// The clip with this id.
    #[must_use]
    pub fn clip(&self, id: ClipId) -> Option<&Clip> {
        self.clips.get(&id).map(Arc::as_ref)
    }

    /// All clips, by id.
    pub fn clips(&self) -> impl Iterator<Item = (ClipId, &Clip)> {
        self.clips.iter().map(|(id, clip)| (*id, clip.as_ref()))
    }

    /// About how many bytes the two do not share.
    pub(super) fn weight(old: Option<&Self>, new: Option<&Self>) -> usize {
        let nothing = Self::default();
        let (old, new) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
        let mut weight = narrowing::weight(Some(&old.placements), Some(&new.placements));
        narrowing::narrow(&mut old.clips.clone(), &mut new.clips.clone(), |_, old, new| {
            let notes = |clip: Option<&Arc<Clip>>| clip.map(|clip| clip.notes.clone());
            weight += Notes::weight(notes(old).as_ref(), notes(new).as_ref());
        });
        weight
    }

    /// The placement with this id.
    #[must_use]
    pub fn placement(&self, id: PlacementId) -> Option<&Placement> {
        self.placements.get(&id)
    }

    /// All placements, by id.
    pub fn placements(&self) -> impl Iterator<Item = (PlacementId, &Placement)> {
        self.placements.iter().map(|(id, placement)| (*id, placement))
    }

    /// An unused clip id: the highest id in use plus one, or the lowest unused id
    /// if the highest is `u32::MAX`.
    #[must_use]
    pub fn free_clip(&self) -> ClipId {
        let highest = self.clips.last().map(|(id, _)| id.0);
        ClipId(free(highest, self.clips.keys().map(|id| id.0)))
    }

    /// An unused placement id: the highest id in use plus one, or the lowest
    /// unused id if the highest is `u32::MAX`.
    #[must_use]
    pub fn free_placement(&self) -> PlacementId {
        let highest = self.placements.last().map(|(id, _)| id.0);
        PlacementId(free(highest, self.placements.keys().map(|id| id.0)))
    }

    /// The first tick after the last placement; 0 without placements.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.placements.values().map(Placement::end).max().unwrap_or_default()
    }

    pub(super) fn digest_delta(old: Option<&Self>, new: Option<&Self>, delta: &mut DigestDelta) {
        delta.at("clips", |delta| {
            let (old, new) = (old.map(|part| &part.clips), new.map(|part| &part.clips));
            delta.entries(old, new, |delta, old, new| {
                Clip::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
            });
        });
        delta.at("placements", |delta| {
            delta.map(old.map(|part| &part.placements), new.map(|part| &part.placements));
        });
    }

    /// Whether the part is empty; without clips it cannot have placements.
    pub(super) fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    pub(super) fn act_on_clip(
        &mut self,
        action: &ClipAction,
        track: &Track,
    ) -> Result<(), Invalid> {
        match action {
            ClipAction::Create { clip, name, length } => {
                self.add(*clip, Clip { name: name.clone(), length: *length, ..Clip::default() })
            }
            ClipAction::Capture { clip, name, region } => {
                self.add(*clip, Clip::captured(name, &track.notes, *region))
            }
            ClipAction::Rename(id, name) => {
                self.clip_mut(*id)?.name.clone_from(name);
                Ok(())
            }
            ClipAction::Resize(id, length) => {
                self.clip_mut(*id)?.length = *length;
                Ok(())
            }
            ClipAction::Put(id, note) => {
                let notes = &mut self.clip_mut(*id)?.notes;
                // Replacing a note needs no room for another one.
                let _ = notes.take(note.tick, note.pitch);
                notes.add(*note)
            }
            ClipAction::Take(id, tick, pitch) => {
                self.clip_mut(*id)?.notes.take(*tick, *pitch).map(drop)
            }
            ClipAction::Delete(id) => {
                self.clips.remove(id).ok_or_else(|| Invalid::missing("clip", id))?;
                bounded::remove(&mut self.placements, |_, placement| placement.clip == *id);
                Ok(())
            }
        }
    }

    /// Checks the limits of an instrument.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.clips.len(), MAX_CLIPS, "clips of an instrument")?;
        bounded::at_most(self.placements.len(), MAX_PLACEMENTS, "placements of an instrument")
    }

    fn add(&mut self, id: ClipId, clip: Clip) -> Result<(), Invalid> {
        if self.clips.contains_key(&id) {
            return Err(Invalid::exists("clip", id));
        }
        if self.clips.len() >= MAX_CLIPS {
            return Err(Invalid::full("clips of an instrument", bounded::count(MAX_CLIPS)));
        }
        self.clips.insert(id, Arc::new(clip));
        Ok(())
    }

    pub(super) fn act_on_placement(&mut self, action: &PlacementAction) -> Result<(), Invalid> {
        match action {
            PlacementAction::Place { placement, clip, tick } => {
                let length = self.require(*clip)?.length;
                self.place(*placement, Placement { clip: *clip, tick: *tick, length })
            }
            PlacementAction::Move(id, tick) => {
                self.placement_mut(*id)?.tick = *tick;
                Ok(())
            }
            PlacementAction::Resize(id, length) => {
                self.placement_mut(*id)?.length = *length;
                Ok(())
            }
            PlacementAction::Duplicate { placement, copy, tick } => {
                let original = self.placements.get(placement).copied();
                let original = original.ok_or_else(|| Invalid::missing("placement", placement))?;
                self.place(*copy, Placement { tick: *tick, ..original })
            }
            PlacementAction::Remove(id) => {
                self.placements.remove(id).ok_or_else(|| Invalid::missing("placement", id))?;
                Ok(())
            }
        }
    }

    fn place(&mut self, id: PlacementId, placement: Placement) -> Result<(), Invalid> {
        if self.placements.contains_key(&id) {
            return Err(Invalid::exists("placement", id));
        }
        if self.placements.len() >= MAX_PLACEMENTS {
            let limit = bounded::count(MAX_PLACEMENTS);
            return Err(Invalid::full("placements of an instrument", limit));
        }
        self.placements.insert(id, placement);
        Ok(())
    }

    fn require(&self, id: ClipId) -> Result<&Clip, Invalid> {
        self.clip(id).ok_or_else(|| Invalid::missing("clip", id))
    }

    /// The clips whose notes differ, with the notes here and in `to`.
    pub(super) fn edited_clips<'a>(
        &'a self,
        to: &'a Self,
    ) -> impl Iterator<Item = (ClipId, Notes, Notes)> + 'a {
        edited_collections(&self.clips, &to.clips, |clip| &clip.notes)
    }

    pub(super) fn clip_mut(&mut self, id: ClipId) -> Result<&mut Clip, Invalid> {
        self.clips.get_mut(&id).map(Arc::make_mut).ok_or_else(|| Invalid::missing("clip", id))
    }

    fn placement_mut(&mut self, id: PlacementId) -> Result<&mut Placement, Invalid> {
        self.placements.get_mut(&id).ok_or_else(|| Invalid::missing("placement", id))
    }

    /// Emits new clips before the placements that use them, and deleted clips
    /// after the placements that used them.
    pub(super) fn diff(&self, to: &Self, emit: &mut dyn FnMut(PartChange)) {
        let mut gone = Vec::new();
        for change in self.clips.diff(&to.clips) {
            match change {
                DiffItem::Add(id, clip) => {
                    emit(PartChange::Clip(*id, ClipChange::Whole(Arc::clone(clip))));
                }
                DiffItem::Update { old: (id, old), new: (_, new) } => {
                    old.diff_clip(new, &mut |change| emit(PartChange::Clip(*id, change)));
                }
                DiffItem::Remove(id, _) => gone.push(*id),
            }
        }
        for change in self.placements.diff(&to.placements) {
            emit(PartChange::Placement(match change {
                DiffItem::Add(id, placement) | DiffItem::Update { new: (id, placement), .. } => {
                    PlacementChange::Put(*id, *placement)
                }
                DiffItem::Remove(id, _) => PlacementChange::Remove(*id),
            }));
        }
        for id in gone {
            emit(PartChange::Clip(id, ClipChange::Gone));
        }
    }

    /// Applies a clip change that [`diff`](Self::diff) emitted.
    pub(in crate::studio) fn apply_clip(
        &mut self,
        id: ClipId,
        change: &ClipChange,
    ) -> Result<(), Invalid> {
        match change {
            ClipChange::Whole(clip) => {
                self.clips.insert(id, Arc::clone(clip));
                Ok(())
            }
            ClipChange::Gone if self.placements.values().any(|placed| placed.clip == id) => {
                Err(Invalid::unfit("a clip that has placements cannot be removed"))
            }
            ClipChange::Gone => {
                self.clips.remove(&id).map(drop).ok_or_else(|| Invalid::missing("clip", id))
            }
            change => self.clip_mut(id)?.apply(change),
        }
    }

    /// Applies a placement change that [`diff`](Self::diff) emitted.
    pub(in crate::studio) fn apply_placement(
        &mut self,
        change: &PlacementChange,
    ) -> Result<(), Invalid> {
        match change {
            PlacementChange::Put(id, placement) => {
                self.require(placement.clip)?;
                self.placements.insert(*id, *placement);
                Ok(())
            }
            PlacementChange::Remove(id) => {
                let removed = self.placements.remove(id);
                removed.map(drop).ok_or_else(|| Invalid::missing("placement", id))
            }
        }
    }
}

/// The id after `highest`, or the lowest unused id. `taken` must be in
/// ascending order.
fn free(highest: Option<u32>, taken: impl Iterator<Item = u32>) -> u32 {
    let after_all = highest.map_or(Some(1), |highest| highest.checked_add(1));
    let lowest = || (1..).zip(taken.skip_while(|id| *id == 0)).find(|(free, taken)| free != taken);
    after_all.or_else(|| lowest().map(|(free, _)| free)).unwrap_or_default()
}

/// A part as it is deserialized, before its placements are checked.
#[derive(Deserialize)]
struct UncheckedPart {
    #[serde(deserialize_with = "bounded::map::<MAX_CLIPS, _, _, _>")]
    clips: OrdMap<ClipId, Arc<Clip>>,
    #[serde(deserialize_with = "bounded::map::<MAX_PLACEMENTS, _, _, _>")]
    placements: OrdMap<PlacementId, Placement>,
}

impl TryFrom<UncheckedPart> for Part {
    type Error = &'static str;

    fn try_from(UncheckedPart { clips, placements }: UncheckedPart) -> Result<Self, Self::Error> {
        if placements.values().all(|placement| clips.contains_key(&placement.clip)) {
            Ok(Self { clips, placements })
        } else {
            Err("a placement refers to a missing clip")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placement_without_clip_is_not_deserialized() {
        let json = r#"{"clips":{},"placements":{"1":{"clip":1,"tick":0,"length":480}}}"#;
        assert!(serde_json::from_str::<Part>(json).is_err());
    }

    #[test]
    fn free_id_is_found_when_the_highest_is_taken() {
        let free = |ids: &[u32]| free(ids.last().copied(), ids.iter().copied());
        assert_eq!(free(&[]), 1);
        assert_eq!(free(&[1, 7]), 8);
        assert_eq!(free(&[0, 1, 2, u32::MAX]), 3);
    }
}
