//! A track: the notes of one instrument, and how they are played and recorded.
//!
//! It must not know its instrument, nor any other track.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    PianoRollAction, TrackChange,
    notes::{Note, NoteChange, Notes},
};
use crate::{
    model::{DigestDelta, Invalid},
    studio::common::{
        loop_region::LoopRegion,
        settings::{Settings, settings},
    },
    util::quantity::{Pitch, Ticks},
};

/// The polyphony of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Voices {
    /// Any number of notes sound together.
    Poly,
    /// A new note ends the one before.
    Mono,
}

settings! {
    /// The track of one instrument.
    Track, TrackSetting {
        /// The polyphony.
        voices: Voices(Voices) = Voices::Poly;
        /// Whether played keys are written into the track while the transport
        /// records.
        armed: Armed(bool) = false;
        /// Whether the region repeats during playback, independently of other
        /// tracks.
        looping: Looping(bool) = false;
        /// The region that repeats. Playback passes through up to its end, and
        /// stays within it from then on.
        region: Region(LoopRegion) = LoopRegion::TWO_BARS;
    }
    beside {
        /// The notes of the track.
        notes: Notes;
    }
}

impl Track {
    /// The note with this start and pitch.
    #[must_use]
    pub fn note(&self, tick: Ticks, pitch: Pitch) -> Option<Note> {
        self.notes.note(tick, pitch)
    }

    /// All notes, by start, then by pitch.
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        self.notes.iter()
    }

    /// The notes that start at or after `from` and before `to`.
    pub fn starting(&self, from: Ticks, to: Ticks) -> impl Iterator<Item = Note> {
        self.notes.starting(from, to)
    }

    /// The number of notes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    /// Whether there are no notes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// The tick of the track that is played when the playhead is at `tick`.
    #[must_use]
    pub fn local(&self, tick: u32) -> u32 {
        let (start, end) = (self.region.start().get(), self.region.end().get());
        if self.looping && tick >= end { start + (tick - start) % (end - start) } else { tick }
    }

    /// Emits the difference setting by setting and note by note, or the whole
    /// track if that is shorter.
    pub(super) fn diff_track(&self, to: &Self, emit: &mut dyn FnMut(TrackChange)) {
        let Some(notes) = self.notes.diff(&to.notes) else {
            return emit(TrackChange::Whole(Arc::new(to.clone())));
        };
        self.diff(to, &mut |setting| emit(TrackChange::Set(setting)));
        for change in notes {
            emit(match change {
                NoteChange::Put(note) => TrackChange::Put(note),
                NoteChange::Remove(tick, pitch) => TrackChange::Remove(tick, pitch),
            });
        }
    }

    pub(super) fn digest_delta(old: Option<&Self>, new: Option<&Self>, delta: &mut DigestDelta) {
        let bare = |track: &Self| Self { notes: Notes::default(), ..track.clone() };
        delta.replace(old.map(bare), new.map(bare));
        delta.at("notes", |delta| {
            Notes::digest_delta(
                old.map(|track| &track.notes),
                new.map(|track| &track.notes),
                delta,
            );
        });
    }

    pub(super) fn act(&mut self, action: &PianoRollAction) -> Result<(), Invalid> {
        match action {
            PianoRollAction::Add(note) => self.notes.add(*note),
            PianoRollAction::Remove(tick, pitch) => self.notes.take(*tick, *pitch).map(drop),
            PianoRollAction::Move { tick, pitch, to_tick, to_pitch } => {
                let note = self.notes.take(*tick, *pitch)?;
                self.notes.add(Note { tick: *to_tick, pitch: *to_pitch, ..note })
            }
            PianoRollAction::Resize(tick, pitch, length) => {
                self.notes.edit(*tick, *pitch, |note| note.length = *length)
            }
            PianoRollAction::Velocity(tick, pitch, velocity) => {
                self.notes.edit(*tick, *pitch, |note| note.velocity = *velocity)
            }
            PianoRollAction::Probability(tick, pitch, probability) => {
                self.notes.edit(*tick, *pitch, |note| note.probability = *probability)
            }
            PianoRollAction::Paste(notes) => self.notes.paste(notes),
            PianoRollAction::DeleteRegion(region) => {
                self.notes.clear(*region);
                Ok(())
            }
            PianoRollAction::Clear => {
                self.notes = Notes::default();
                Ok(())
            }
            PianoRollAction::Set(setting) => self.set(setting.clone()),
        }
    }
}
