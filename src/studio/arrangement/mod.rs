//! The arrangement: clips of notes, and where in the piece each is placed.
//!
//! Clips belong to an instrument, as its track does; whether it is they or the
//! tracks that are played holds for the piece as a whole. It knows instruments
//! by their ids only.

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
use super::{
    StudioEffect, StudioState,
    bounded::{
        self, MAX_CLIP_NOTES_IN_ALL, MAX_CLIPS_IN_ALL, MAX_INSTRUMENTS, MAX_PLACEMENTS_IN_ALL,
    },
    instrument::InstrumentState,
    settings::{Settings, settings},
};
use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    util::ordmap::{DiffItem, OrdMap},
};

/// What is played while the music goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlayMode {
    /// The tracks of the piano roll.
    PianoRoll,
    /// The clips of the arrangement.
    Arrangement,
}

/// What happens where the last placement of the arrangement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AtEnd {
    /// The playhead goes on.
    GoOn,
    /// The music stops.
    Stop,
    /// The playhead goes back to the beginning.
    Repeat,
}

settings! {
    /// The clips, where they are placed, and whether they are played.
    Arrangement, ArrangementSetting {
        /// What is played while the music goes.
        play: Play(PlayMode) = PlayMode::PianoRoll;
        /// What happens where the last placement ends, if the arrangement is
        /// played.
        at_end: AtEnd(AtEnd) = AtEnd::GoOn;
    }
    beside {
        /// What belongs to each instrument.
        parts: Parts;
    }
}

/// The clips and placements of all instruments that have any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Parts(OrdMap<InstrumentId, Arc<Part>>);

impl Arrangement {
    /// What belongs to this instrument, if it has a clip.
    #[must_use]
    pub fn part(&self, id: InstrumentId) -> Option<&Part> {
        self.parts.0.get(&id).map(Arc::as_ref)
    }

    /// What belongs to each instrument that has a clip.
    pub fn parts(&self) -> impl Iterator<Item = (InstrumentId, &Part)> {
        self.parts.0.iter().map(|(id, part)| (*id, part.as_ref()))
    }

    /// The first tick after the last placement; 0 if there is none.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.parts().map(|(_, part)| part.end()).max().unwrap_or_default()
    }

    pub(super) fn remove_part(&mut self, id: InstrumentId) {
        self.parts.0.remove(&id);
    }

    /// Removes what belongs to instruments that are gone.
    pub(super) fn follow(&mut self, instruments: &InstrumentState) {
        let gone: Vec<_> =
            self.parts.0.keys().copied().filter(|id| !instruments.contains(*id)).collect();
        for id in gone {
            self.remove_part(id);
        }
    }

    /// Whether both are the same in memory, and so equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.play, self.at_end) == (other.play, other.at_end)
            && self.parts.0.ptr_eq(&other.parts.0)
    }

    /// Hands to `emit` what makes `to` of this arrangement, but for its own
    /// settings and for what goes with an instrument that is not there any more.
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

    /// Clip by clip with its notes, and placement by placement.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        let bare = |all: &Self| Self { parts: Parts::default(), ..all.clone() };
        delta.replace(Some(bare(self)), Some(bare(to)));
        delta.entries(Some(&self.parts.0), Some(&to.parts.0), |delta, old, new| {
            Part::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
        });
    }

    /// Edits what belongs to an instrument, which is there.
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

    /// Checks that there is room for all there is. To be asked only where
    /// something was added: it looks at every clip.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let clips = || self.parts().flat_map(|(_, part)| part.clips());
        if clips().count() > MAX_CLIPS_IN_ALL {
            return Err(Invalid::full("clips in all", bounded::count(MAX_CLIPS_IN_ALL)));
        }
        if clips().map(|(_, clip)| clip.notes.len()).sum::<usize>() > MAX_CLIP_NOTES_IN_ALL {
            let limit = bounded::count(MAX_CLIP_NOTES_IN_ALL);
            return Err(Invalid::full("notes in all clips", limit));
        }
        let placements = self.parts().map(|(_, part)| part.placements().count());
        if placements.sum::<usize>() > MAX_PLACEMENTS_IN_ALL {
            let limit = bounded::count(MAX_PLACEMENTS_IN_ALL);
            return Err(Invalid::full("placements in all", limit));
        }
        Ok(())
    }
}

/// One change of a [`Part`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartChange {
    /// Of a clip.
    Clip(ClipId, ClipChange),
    /// Of a placement.
    Placement(PlacementChange),
}

pub(super) fn reduce(
    state: &mut StudioState,
    setting: &ArrangementSetting,
) -> Result<Vec<StudioEffect>, Invalid> {
    state.arrangement.set(setting.clone())?;
    Ok(Vec::new())
}

pub(super) fn reduce_clip(
    state: &mut StudioState,
    id: InstrumentId,
    action: &ClipAction,
) -> Result<Vec<StudioEffect>, Invalid> {
    let track = state.piano_roll.track(id).ok_or_else(|| Invalid::missing("instrument", id))?;
    state.arrangement.edit(id, |part| part.act_on_clip(action, track))?;
    if action.adds() {
        state.arrangement.check()?;
    }
    Ok(Vec::new())
}

pub(super) fn reduce_placement(
    state: &mut StudioState,
    id: InstrumentId,
    action: &PlacementAction,
) -> Result<Vec<StudioEffect>, Invalid> {
    state.require_instrument(id)?;
    state.arrangement.edit(id, |part| part.act_on_placement(action))?;
    if action.adds() {
        state.arrangement.check()?;
    }
    Ok(Vec::new())
}

/// Parts as they are written: those with nothing in them are left out.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Written(
    #[serde(deserialize_with = "bounded::map::<MAX_INSTRUMENTS, _, _, _>")]
    OrdMap<InstrumentId, Arc<Part>>,
);

impl From<Written> for Parts {
    fn from(Written(mut parts): Written) -> Self {
        bounded::remove(&mut parts, |_, part| part.is_empty());
        Self(parts)
    }
}

impl From<Parts> for Written {
    fn from(Parts(parts): Parts) -> Self {
        Self(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Model,
        studio::{Name, NetworkAction, Studio},
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
    fn a_clip_that_is_deleted_takes_its_placements_along() {
        let mut state = studio();
        place(&mut state, 1, 0).unwrap();
        place(&mut state, 2, 1920).unwrap();
        assert_eq!(state.arrangement.end(), 3840);
        let delete = NetworkAction::Clip(BASS, ClipAction::Delete(ClipId(1)));
        Studio::reduce(&mut state, &delete).unwrap();
        assert_eq!(state, StudioState::starter(), "and nothing is left of it");
    }

    #[test]
    fn a_placement_is_moved_resized_duplicated_and_removed() {
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
    fn nothing_is_placed_that_is_not_there() {
        let mut state = StudioState::starter();
        assert_eq!(place(&mut state, 1, 0), Err(Invalid::missing("clip", 1)));
    }
}
