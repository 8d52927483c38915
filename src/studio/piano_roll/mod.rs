//! The piano roll: one track of notes for every instrument.
//!
//! A note is known by where it starts and which key it is, so that two edits of
//! different notes can never disturb each other. It knows instruments by their
//! ids only.

mod notes;
mod track;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use self::notes::NoteChange;
pub use self::{
    notes::{Note, Notes},
    track::{Track, TrackSetting, Voices},
};

use super::{
    StudioEffect, StudioState,
    bounded::{self, MAX_INSTRUMENTS, MAX_NOTES_IN_ALL},
    instrument::InstrumentState,
    playback::LoopRegion,
    settings::Settings,
};
use crate::{
    model::{DigestDelta, InstrumentId, Invalid},
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
    },
};

/// The tracks of all instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Tracks", into = "Tracks")]
pub struct PianoRoll {
    tracks: OrdMap<InstrumentId, Arc<Track>>,
    /// The notes in all tracks together, counted as they come and go.
    notes: usize,
}

/// What is done to a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PianoRollAction {
    /// Adds a note where there is none.
    Add(Note),
    /// Removes the note that starts there.
    Remove(Ticks, Pitch),
    /// Moves a note to where there is none.
    Move {
        /// Where it starts.
        tick: Ticks,
        /// Which key it is.
        pitch: Pitch,
        /// Where it shall start.
        to_tick: Ticks,
        /// Which key it shall be.
        to_pitch: Pitch,
    },
    /// Makes a note longer or shorter.
    Resize(Ticks, Pitch, NoteLength),
    /// Makes a note louder or softer.
    Velocity(Ticks, Pitch, Velocity),
    /// Makes a note more or less likely to be played.
    Probability(Ticks, Pitch, Probability),
    /// Adds notes, in the place of any that start where they do. What was
    /// played while the track was armed comes like this too.
    Paste(Notes),
    /// Removes the notes that start within the region.
    DeleteRegion(LoopRegion),
    /// Removes all notes.
    Clear,
    /// Sets how the track is played, or whether it records.
    Set(TrackSetting),
}

/// One change of a track, in a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrackChange {
    /// A note is new, or is not what it was.
    Put(Note),
    /// A note is gone.
    Remove(Ticks, Pitch),
    /// A setting of the track.
    Set(TrackSetting),
    /// The track as it is now.
    Whole(Arc<Track>),
}

impl PianoRoll {
    /// Track by track, and note by note.
    pub(super) fn digest_delta(&self, to: &Self, delta: &mut DigestDelta) {
        delta.entries(Some(&self.tracks), Some(&to.tracks), |delta, old, new| {
            Track::digest_delta(old.map(Arc::as_ref), new.map(Arc::as_ref), delta);
        });
    }

    /// The track of this instrument, if there is such an instrument.
    #[must_use]
    pub fn track(&self, id: InstrumentId) -> Option<&Track> {
        self.tracks.get(&id).map(Arc::as_ref)
    }

    /// All tracks, by instrument.
    pub fn tracks(&self) -> impl Iterator<Item = (InstrumentId, &Track)> {
        self.tracks.iter().map(|(id, track)| (*id, track.as_ref()))
    }

    /// How many notes there are in all tracks together.
    #[must_use]
    pub const fn notes(&self) -> usize {
        self.notes
    }

    /// How many tracks there are: one for every instrument.
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

    /// Makes a track for every instrument that has none, and removes those of
    /// instruments that are gone.
    pub(super) fn follow(&mut self, instruments: &InstrumentState) {
        let gone: Vec<_> = self.ids().filter(|id| !instruments.contains(*id)).collect();
        for id in gone {
            self.remove_track(id);
        }
        for id in instruments.ids() {
            self.add_track(id);
        }
    }

    /// Whether both are the same in memory, and so equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.tracks.ptr_eq(&other.tracks)
    }

    pub(super) fn shared_track(&self, id: InstrumentId) -> Option<Arc<Track>> {
        self.tracks.get(&id).map(Arc::clone)
    }

    /// Checks that there is room for all notes there are.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.notes, MAX_NOTES_IN_ALL, "notes in all")
    }

    /// Hands to `emit` what makes the tracks of `to` of these tracks, but for
    /// which tracks there are: that follows from the instruments.
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

    /// Carries out what [`diff`](Self::diff) found.
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

    /// Edits a track, and keeps count of the notes.
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

pub(super) fn reduce(
    state: &mut StudioState,
    id: InstrumentId,
    action: &PianoRollAction,
) -> Result<Vec<StudioEffect>, Invalid> {
    let before = state.piano_roll.notes;
    state.piano_roll.edit(id, |track| track.act(action))?;
    let after = state.piano_roll.notes;
    if after > before {
        state.piano_roll.check()?;
    }
    Ok(Vec::new())
}

/// A piano roll as it is written: the count follows from the tracks.
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
    fn a_note_is_never_drawn_or_moved_over_another() {
        let mut state = studio([note(0, 60), note(480, 60)]);
        let to_the_other = PianoRollAction::Move {
            tick: Ticks::of(0),
            pitch: Pitch::of(60),
            to_tick: Ticks::of(480),
            to_pitch: Pitch::of(60),
        };
        let exists = Invalid::exists("note", "60 at 480 ticks");
        assert_eq!(reduce(&mut state.clone(), BASS, &to_the_other), Err(exists.clone()));
        assert_eq!(reduce(&mut state, BASS, &PianoRollAction::Add(note(480, 60))), Err(exists));
    }

    #[test]
    fn a_note_can_be_moved_to_where_it_is() {
        let mut state = studio([note(0, 60)]);
        let (tick, pitch) = (Ticks::of(0), Pitch::of(60));
        let stay = PianoRollAction::Move { tick, pitch, to_tick: tick, to_pitch: pitch };
        assert_eq!(reduce(&mut state, BASS, &stay), Ok(vec![]));
        assert_eq!(state, studio([note(0, 60)]));
    }

    #[test]
    fn pasted_notes_take_the_place_of_those_that_start_there() {
        let mut state = studio([note(0, 60), note(480, 60)]);
        let soft = Note { velocity: Velocity::of(20), ..note(480, 60) };
        let paste = PianoRollAction::Paste([soft, note(960, 60)].into_iter().collect());
        reduce(&mut state, BASS, &paste).unwrap();
        assert_eq!(state, studio([note(0, 60), soft, note(960, 60)]));
        assert_eq!(state.piano_roll.notes(), 3);
    }

    #[test]
    fn a_track_is_sent_whole_only_when_that_is_shorter() {
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
    fn the_number_of_notes_is_bounded() {
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
