//! The arrangement: clips of notes and their placements in the piece.
//!
//! Clips belong to an instrument, as its track does. Whether playback uses the
//! tracks or the arrangement is one choice for the whole piece. This module
//! knows instruments by id only.

mod clip;
mod part;
mod placement;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::{
    clip::{Clip, ClipAction, ClipChange, ClipId, ClipSetting},
    part::Part,
    placement::{Placement, PlacementAction, PlacementChange, PlacementId},
};
use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    studio::{
        common::{
            bounded::{
                self, MAX_CLIP_NOTES_IN_ALL, MAX_CLIPS_IN_ALL, MAX_INSTRUMENTS,
                MAX_PLACEMENTS_IN_ALL,
            },
            collection::merge_each,
            narrowing,
            settings::settings,
        },
        instrument::InstrumentState,
        piano_roll::Track,
    },
    util::ordmap::{DiffItem, Merged, OrdMap},
};

/// Which notes playback uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlayMode {
    /// The tracks of the piano roll.
    PianoRoll,
    /// The placed clips of the arrangement.
    Arrangement,
}

/// The behaviour of playback at the end of the last placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AtEnd {
    /// The playhead continues.
    GoOn,
    /// Playback stops.
    Stop,
    /// The playhead returns to tick 0.
    Repeat,
}

settings! {
    /// The clips and placements of all instruments, and how they are played.
    Arrangement, ArrangementSetting {
        /// Which notes playback uses.
        play: Play(PlayMode) = PlayMode::PianoRoll;
        /// The behaviour at the end of the last placement while
        /// [`PlayMode::Arrangement`] is set.
        at_end: AtEnd(AtEnd) = AtEnd::GoOn;
    }
    beside {
        /// The clips and placements of each instrument.
        parts: Parts;
    }
}

/// The clips and placements of every instrument that has at least one clip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenParts", into = "WrittenParts")]
pub struct Parts(OrdMap<InstrumentId, Arc<Part>>);

impl Arrangement {
    /// The clips and placements of this instrument; `None` if it has no clip.
    #[must_use]
    pub fn part(&self, id: InstrumentId) -> Option<&Part> {
        self.parts.0.get(&id).map(Arc::as_ref)
    }

    /// The parts of all instruments that have a clip, by instrument id.
    pub fn parts(&self) -> impl Iterator<Item = (InstrumentId, &Part)> {
        self.parts.0.iter().map(|(id, part)| (*id, part.as_ref()))
    }

    /// The first tick after the last placement; 0 without placements.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.parts().map(|(_, part)| part.end()).max().unwrap_or_default()
    }

    pub(super) fn remove_part(&mut self, id: InstrumentId) {
        self.parts.0.remove(&id);
    }

    /// Removes the parts of instruments that no longer exist.
    pub(super) fn follow(&mut self, instruments: &InstrumentState) {
        let gone: Vec<_> =
            self.parts.0.keys().copied().filter(|id| !instruments.contains(*id)).collect();
        for id in gone {
            self.remove_part(id);
        }
    }

    /// Whether both share the same memory, which implies that they are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.play, self.at_end) == (other.play, other.at_end)
            && self.parts.0.ptr_eq(&other.parts.0)
    }

    /// Drops the parts that are the same. Passes the instrument of each other one, and
    /// about how many bytes it keeps alive.
    pub(super) fn narrow(
        from: &mut Self,
        to: &mut Self,
        each: &mut dyn FnMut(InstrumentId, usize),
    ) {
        narrowing::narrow(&mut from.parts.0, &mut to.parts.0, |id, old, new| {
            each(*id, Part::weight(old.map(Arc::as_ref), new.map(Arc::as_ref)));
        });
    }

    /// Emits the changes that turn the parts of this arrangement into those of
    /// `to`. It omits the arrangement's own settings, and the parts of deleted
    /// instruments, which go with the instrument.
    pub(super) fn diff_parts(
        &self,
        to: &Self,
        instruments: &InstrumentState,
        emit: &mut dyn FnMut(InstrumentId, PartChange),
    ) {
        let nothing = Part::default();
        for change in self.parts.0.diff(&to.parts.0) {
            match change {
                DiffItem::Add(id, part) => nothing.diff(part, &mut |change| emit(*id, change)),
                DiffItem::Update { old: (id, old), new: (_, new) } => {
                    old.diff(new, &mut |change| emit(*id, change));
                }
                DiffItem::Remove(id, part) if instruments.contains(*id) => {
                    part.diff(&nothing, &mut |change| emit(*id, change));
                }
                DiffItem::Remove(..) => {}
            }
        }
    }

    /// Digests clip by clip, note by note, and placement by placement.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        let bare = |all: &Self| Self { parts: Parts::default(), ..all.clone() };
        delta.replace(Some(bare(self)), Some(bare(to)));
        delta.entries(Some(&self.parts.0), Some(&to.parts.0), |delta, old, new| {
            Part::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
        });
    }

    /// Edits the part of an existing instrument. A part without clips is
    /// removed afterwards.
    pub(super) fn edit(
        &mut self,
        id: InstrumentId,
        edit: impl FnOnce(&mut Part) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        let part = self.parts.0.get_or_default(&id);
        edit(Arc::make_mut(part))?;
        if part.is_empty() {
            self.remove_part(id);
        }
        Ok(())
    }

    /// Merges the notes of all clips, as [`merge_each`] does.
    pub(super) fn merge_clip_notes(&mut self, from: &mut Self, to: &Self) -> Merged {
        let mut edited = Vec::new();
        for change in from.parts.0.diff(&to.parts.0) {
            if let DiffItem::Update { old: (id, old), new: (_, new) } = change {
                let notes = old.edited_clips(new);
                edited.extend(notes.map(|(clip, old, new)| ((*id, clip), old, new)));
            }
        }
        merge_each(self, from, edited, |state, (id, clip), merge| {
            // A missing part is not created.
            if state.part(*id).is_none() {
                return Err(Invalid::missing("clip", clip));
            }
            state.edit(*id, |part| {
                merge(&mut part.clip_mut(*clip)?.notes);
                Ok(())
            })
        })
    }

    /// Checks the limits on clips, notes and placements. It visits every clip,
    /// so call it only after an action that adds something.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        self.parts().try_for_each(|(_, part)| part.check())?;
        let clips = || self.parts().flat_map(|(_, part)| part.clips());
        if clips().count() > MAX_CLIPS_IN_ALL {
            return Err(Invalid::full("clips in total", bounded::count(MAX_CLIPS_IN_ALL)));
        }
        if clips().map(|(_, clip)| clip.notes.len()).sum::<usize>() > MAX_CLIP_NOTES_IN_ALL {
            let limit = bounded::count(MAX_CLIP_NOTES_IN_ALL);
            return Err(Invalid::full("notes in all clips", limit));
        }
        let placements = self.parts().map(|(_, part)| part.placements().count());
        if placements.sum::<usize>() > MAX_PLACEMENTS_IN_ALL {
            let limit = bounded::count(MAX_PLACEMENTS_IN_ALL);
            return Err(Invalid::full("placements in total", limit));
        }
        Ok(())
    }
}

/// A change of one [`Part`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartChange {
    /// A change of a clip.
    Clip(ClipId, ClipChange),
    /// A change of a placement.
    Placement(PlacementChange),
}

impl Arrangement {
    /// Edits the clips of an instrument, whose track this is.
    pub(super) fn reduce_clip(
        &mut self,
        id: InstrumentId,
        action: &ClipAction,
        track: &Track,
    ) -> Result<(), Invalid> {
        self.edit(id, |part| part.act_on_clip(action, track))?;
        if action.adds() { self.check() } else { Ok(()) }
    }

    /// Edits the placements of an instrument, which is there.
    pub(super) fn reduce_placement(
        &mut self,
        id: InstrumentId,
        action: &PlacementAction,
    ) -> Result<(), Invalid> {
        self.edit(id, |part| part.act_on_placement(action))?;
        if action.adds() { self.check() } else { Ok(()) }
    }
}

/// The serialized form of [`Parts`]; empty parts are dropped when it is read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct WrittenParts(
    #[serde(deserialize_with = "bounded::map::<MAX_INSTRUMENTS, _, _, _>")]
    OrdMap<InstrumentId, Arc<Part>>,
);

impl From<WrittenParts> for Parts {
    fn from(WrittenParts(mut parts): WrittenParts) -> Self {
        bounded::remove(&mut parts, |_, part| part.is_empty());
        Self(parts)
    }
}

impl From<Parts> for WrittenParts {
    fn from(Parts(parts): Parts) -> Self {
        Self(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Model,
        studio::{Studio, StudioState, common::name::Name, network_action::NetworkAction},
        util::quantity::{NoteLength, Ticks},
    };

    const BASS: InstrumentId = InstrumentId(1);

    fn act(state: &mut StudioState, action: PlacementAction) -> Result<(), Invalid> {
        Studio::reduce(state, &NetworkAction::Placement(BASS, action)).map(drop)
    }

    fn studio() -> StudioState {
        let mut state = StudioState::starter();
        let create = ClipAction::Create {
            clip: ClipId(1),
            name: Name::default(),
            length: NoteLength::of(1920),
        };
        Studio::reduce(&mut state, &NetworkAction::Clip(BASS, create)).unwrap();
        state
    }

    fn place(state: &mut StudioState, placement: u32, tick: u32) -> Result<(), Invalid> {
        let (placement, clip) = (PlacementId(placement), ClipId(1));
        act(state, PlacementAction::Place { placement, clip, tick: Ticks::of(tick) })
    }

    #[test]
    fn deleting_a_clip_deletes_its_placements() {
        let mut state = studio();
        place(&mut state, 1, 0).unwrap();
        place(&mut state, 2, 1920).unwrap();
        assert_eq!(state.arrangement.end(), 3840);
        let delete = NetworkAction::Clip(BASS, ClipAction::Delete(ClipId(1)));
        Studio::reduce(&mut state, &delete).unwrap();
        assert_eq!(state, StudioState::starter(), "the part is removed with its last clip");
    }

    #[test]
    fn placements_move_resize_duplicate_and_remove() {
        let mut state = studio();
        place(&mut state, 1, 0).unwrap();
        assert_eq!(place(&mut state, 1, 5), Err(Invalid::exists("placement", 1)));
        let one = PlacementId(1);
        act(&mut state, PlacementAction::Move(one, Ticks::of(480))).unwrap();
        act(&mut state, PlacementAction::Resize(one, NoteLength::of(960))).unwrap();
        let copy = PlacementAction::Duplicate {
            placement: one,
            copy: PlacementId(2),
            tick: Ticks::of(3840),
        };
        act(&mut state, copy).unwrap();
        let part = state.arrangement.part(BASS).unwrap();
        let copy = part.placement(PlacementId(2)).unwrap();
        assert_eq!((copy.tick.get(), copy.length.get()), (3840, 960));
        act(&mut state, PlacementAction::Remove(one)).unwrap();
        let missing = Err(Invalid::missing("placement", 1));
        assert_eq!(act(&mut state, PlacementAction::Remove(one)), missing);
    }

    #[test]
    fn placing_a_missing_clip_is_refused() {
        let mut state = StudioState::starter();
        assert_eq!(place(&mut state, 1, 0), Err(Invalid::missing("clip", 1)));
    }
}
