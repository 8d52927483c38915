//! The piano roll: one track of notes for every instrument.
//!
//! Start and pitch identify a note, so edits to different notes never conflict.
//! This module knows instruments by id only.

mod notes;
mod track;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use self::notes::NoteChange;
pub use self::{
    notes::{Note, Notes},
    track::{Track, TrackSetting, Voices},
};

use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    studio::{
        common::{
            bounded::{self, MAX_INSTRUMENTS, MAX_NOTES_IN_ALL},
            collection::{edited_collections, merge_each},
            loop_region::LoopRegion,
            narrowing,
            settings::Settings,
        },
        instrument::InstrumentState,
    },
    util::{
        ordmap::{DiffItem, Merged, OrdMap},
        quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
    },
};

/// The tracks of all instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Tracks", into = "Tracks")]
pub struct PianoRoll {
    tracks: OrdMap<InstrumentId, Arc<Track>>,
    /// The number of notes in all tracks, updated with every edit.
    notes: usize,
}

/// An edit to one track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PianoRollAction {
    /// Adds a note. It is refused if a note with this start and pitch exists.
    Add(Note),
    /// Removes the note with this start and pitch.
    Remove(Ticks, Pitch),
    /// Moves a note. It is refused if another note has the new start and pitch.
    Move {
        /// The current start.
        tick: Ticks,
        /// The current pitch.
        pitch: Pitch,
        /// The new start.
        to_tick: Ticks,
        /// The new pitch.
        to_pitch: Pitch,
    },
    /// Changes the length of a note.
    Resize(Ticks, Pitch, NoteLength),
    /// Changes the velocity of a note.
    Velocity(Ticks, Pitch, Velocity),
    /// Changes the probability of a note.
    Probability(Ticks, Pitch, Probability),
    /// Writes notes and replaces those with the same start and pitch. Recorded
    /// notes arrive as this action too.
    Paste(Notes),
    /// Removes all notes that start within the region.
    DeleteRegion(LoopRegion),
    /// Removes all notes.
    Clear,
    /// Changes a setting of the track.
    Set(TrackSetting),
}

/// A change of one track, as a patch carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrackChange {
    /// A note was added or changed.
    Put(Note),
    /// The note with this start and pitch was removed.
    Remove(Ticks, Pitch),
    /// A setting has a new value.
    Set(TrackSetting),
    /// The complete new value.
    Whole(Arc<Track>),
}

impl PianoRoll {
    /// Digests track by track and note by note.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        delta.entries(Some(&self.tracks), Some(&to.tracks), |delta, old, new| {
            Track::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
        });
    }

    /// The track of this instrument; `None` if the instrument does not exist.
    #[must_use]
    pub fn track(&self, id: InstrumentId) -> Option<&Track> {
        self.tracks.get(&id).map(Arc::as_ref)
    }

    /// All tracks, by instrument id.
    pub fn tracks(&self) -> impl Iterator<Item = (InstrumentId, &Track)> {
        self.tracks.iter().map(|(id, track)| (*id, track.as_ref()))
    }

    /// The number of notes in all tracks.
    #[must_use]
    pub const fn notes(&self) -> usize {
        self.notes
    }

    /// The number of tracks, which is that of instruments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    /// Whether there is no track.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = InstrumentId> {
        self.tracks.keys().copied()
    }

    pub(super) fn add_track(&mut self, id: InstrumentId) {
        self.tracks.get_or_default(&id);
    }

    pub(super) fn remove_track(&mut self, id: InstrumentId) {
        if let Some(track) = self.tracks.remove(&id) {
            self.notes -= track.len();
        }
    }

    /// Adds and removes tracks so that every instrument has exactly one.
    pub(super) fn follow(&mut self, instruments: &InstrumentState) {
        let gone: Vec<_> = self.ids().filter(|id| !instruments.contains(*id)).collect();
        for id in gone {
            self.remove_track(id);
        }
        for id in instruments.ids() {
            self.add_track(id);
        }
    }

    /// Whether both share the same memory, which implies that they are equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.tracks.ptr_eq(&other.tracks)
    }

    /// Drops the tracks that are the same. Passes each other one, and about how many
    /// bytes it keeps alive.
    pub(super) fn narrow(
        from: &mut Self,
        to: &mut Self,
        each: &mut dyn FnMut(InstrumentId, usize),
    ) {
        narrowing::narrow(&mut from.tracks, &mut to.tracks, |id, old, new| {
            let notes = |track: Option<&Arc<Track>>| track.map(|track| track.notes.clone());
            each(*id, Notes::weight(notes(old).as_ref(), notes(new).as_ref()));
        });
    }

    pub(super) fn shared_track(&self, id: InstrumentId) -> Option<Arc<Track>> {
        self.tracks.get(&id).map(Arc::clone)
    }

    /// Checks the limits on notes, also that of each track.
    pub(super) fn check_all(&self) -> Result<(), Invalid> {
        self.tracks.values().try_for_each(|track| track.notes.check())?;
        self.check()
    }

    fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.notes, MAX_NOTES_IN_ALL, "notes in total")
    }

    /// Emits the changes that turn these tracks into those of `to`. Which
    /// tracks exist is omitted, because it follows from the instruments.
    pub(super) fn diff(&self, to: &Self, emit: &mut dyn FnMut(InstrumentId, TrackChange)) {
        for change in self.tracks.diff(&to.tracks) {
            match change {
                DiffItem::Add(id, track) if **track != Track::default() => {
                    emit(*id, TrackChange::Whole(Arc::clone(track)));
                }
                DiffItem::Update { old: (id, old), new: (_, new) } => {
                    old.diff_track(new, &mut |change| emit(*id, change));
                }
                DiffItem::Add(..) | DiffItem::Remove(..) => {}
            }
        }
    }

    /// Applies a change that [`diff`](Self::diff) emitted.
    pub(super) fn apply(&mut self, id: InstrumentId, change: &TrackChange) -> Result<(), Invalid> {
        self.edit(id, |track| match change {
            TrackChange::Put(note) => {
                track.notes.put(*note);
                Ok(())
            }
            TrackChange::Remove(tick, pitch) => track.notes.take(*tick, *pitch).map(drop),
            TrackChange::Set(setting) => track.set(setting.clone()),
            TrackChange::Whole(whole) => {
                track.clone_from(whole);
                Ok(())
            }
        })
    }

    /// Merges the notes of all tracks, as [`merge_each`] does.
    pub(super) fn merge_notes(&mut self, from: &mut Self, to: &Self) -> Merged {
        let edited = edited_collections(&from.tracks, &to.tracks, |track| &track.notes).collect();
        merge_each(self, from, edited, |state, id, merge| {
            state.edit(*id, |track| {
                merge(&mut track.notes);
                Ok(())
            })
        })
    }

    /// Edits a track and updates the number of notes.
    fn edit(
        &mut self,
        id: InstrumentId,
        edit: impl FnOnce(&mut Track) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        let Some(track) = self.tracks.get_mut(&id) else {
            return Err(Invalid::missing("instrument", id));
        };
        let before = track.len();
        edit(Arc::make_mut(track))?;
        self.notes = self.notes - before + track.len();
        Ok(())
    }
}

impl PianoRoll {
    /// Edits a track.
    pub(super) fn reduce(
        &mut self,
        id: InstrumentId,
        action: &PianoRollAction,
    ) -> Result<(), Invalid> {
        let before = self.notes;
        self.edit(id, |track| track.act(action))?;
        if self.notes > before { self.check() } else { Ok(()) }
    }
}

/// The serialized form of [`PianoRoll`]; the number of notes is recomputed when
/// it is read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Tracks(
    #[serde(deserialize_with = "bounded::map::<MAX_INSTRUMENTS, _, _, _>")]
    OrdMap<InstrumentId, Arc<Track>>,
);

impl From<Tracks> for PianoRoll {
    fn from(Tracks(tracks): Tracks) -> Self {
        let notes = tracks.values().map(|track| track.len()).sum();
        Self { tracks, notes }
    }
}

impl From<PianoRoll> for Tracks {
    fn from(piano_roll: PianoRoll) -> Self {
        Self(piano_roll.tracks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Model,
        studio::{Studio, StudioEffect, StudioState, network_action::NetworkAction},
    };

    const BASS: InstrumentId = InstrumentId(1);

    fn note(tick: u32, pitch: u8) -> Note {
        Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(pitch),
            length: NoteLength::of(480),
            velocity: Velocity::of(100),
            probability: Probability::MAX,
        }
    }

    fn reduce(
        state: &mut StudioState,
        id: InstrumentId,
        action: &PianoRollAction,
    ) -> Result<Vec<StudioEffect>, Invalid> {
        let reduction = Studio::reduce(state, &NetworkAction::PianoRoll(id, action.clone()))?;
        Ok(reduction.effects)
    }

    fn studio(notes: impl IntoIterator<Item = Note>) -> StudioState {
        let mut state = StudioState::starter();
        for note in notes {
            reduce(&mut state, BASS, &PianoRollAction::Add(note)).unwrap();
        }
        state
    }

    fn changes(from: &StudioState, to: &StudioState) -> Vec<TrackChange> {
        let mut changes = Vec::new();
        from.piano_roll.diff(&to.piano_roll, &mut |_, change| changes.push(change));
        changes
    }

    #[test]
    fn adding_or_moving_onto_another_note_is_refused() {
        let mut state = studio([note(0, 60), note(480, 60)]);
        let to_the_other = PianoRollAction::Move {
            tick: Ticks::of(0),
            pitch: Pitch::of(60),
            to_tick: Ticks::of(480),
            to_pitch: Pitch::of(60),
        };
        let exists = Invalid::exists("note", "C4 at 480 ticks");
        assert_eq!(reduce(&mut state.clone(), BASS, &to_the_other), Err(exists.clone()));
        assert_eq!(reduce(&mut state, BASS, &PianoRollAction::Add(note(480, 60))), Err(exists));
    }

    #[test]
    fn moving_a_note_to_its_own_place_succeeds() {
        let mut state = studio([note(0, 60)]);
        let (tick, pitch) = (Ticks::of(0), Pitch::of(60));
        let stay = PianoRollAction::Move { tick, pitch, to_tick: tick, to_pitch: pitch };
        assert_eq!(reduce(&mut state, BASS, &stay), Ok(vec![]));
        assert_eq!(state, studio([note(0, 60)]));
    }

    #[test]
    fn pasted_notes_replace_notes_at_the_same_place() {
        let mut state = studio([note(0, 60), note(480, 60)]);
        let soft = Note { velocity: Velocity::of(20), ..note(480, 60) };
        let paste = PianoRollAction::Paste([soft, note(960, 60)].into_iter().collect());
        reduce(&mut state, BASS, &paste).unwrap();
        assert_eq!(state, studio([note(0, 60), soft, note(960, 60)]));
        assert_eq!(state.piano_roll.notes(), 3);
    }

    #[test]
    fn diff_sends_the_whole_track_only_if_shorter() {
        let full = studio((0..64).map(|n| note(n * 120, 60)));
        let mut edited = full.clone();
        let remove = PianoRollAction::Remove(Ticks::of(120), Pitch::of(60));
        reduce(&mut edited, BASS, &remove).unwrap();
        let removed = TrackChange::Remove(Ticks::of(120), Pitch::of(60));
        assert_eq!(changes(&full, &edited), [removed]);

        let mut cleared = full.clone();
        reduce(&mut cleared, BASS, &PianoRollAction::Clear).unwrap();
        assert_eq!(changes(&full, &cleared), [TrackChange::Whole(Arc::default())]);
    }

    #[test]
    fn number_of_notes_is_limited() {
        let notes = |first: u32, count: u32| (first..first + count).map(|n| note(n, 60));
        let paste = |notes: Notes| PianoRollAction::Paste(notes);
        let mut state = StudioState::starter();

        let too_many = paste(notes(0, 4097).collect());
        let refused = reduce(&mut state.clone(), BASS, &too_many);
        assert_eq!(refused, Err(Invalid::full("notes to paste", 4096)));

        for page in 0..16 {
            reduce(&mut state, BASS, &paste(notes(page * 4096, 4096).collect())).unwrap();
        }
        let refused = reduce(&mut state, BASS, &PianoRollAction::Add(note(65_536, 60)));
        assert_eq!(refused, Err(Invalid::full("notes in a track", 65_536)));
    }
}
