//! A track: the notes of an instrument, and what can be done to them.
//!
//! It knows nothing of the instrument, nor of other tracks.

use std::{fmt, sync::Arc};

use imbl::{OrdMap, ordmap::DiffItem};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
    ser::SerializeSeq as _,
};

use super::{PianoRollAction, TrackChange};
use crate::{
    model::Invalid,
    quantity::{NoteLength, Pitch, Ticks, Velocity},
    studio::bounded::{self, MAX_NOTES, MAX_PASTED},
};

/// A note in a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where it starts.
    pub tick: Ticks,
    /// Which key it is.
    pub pitch: Pitch,
    /// How long it lasts.
    pub length: NoteLength,
    /// How hard it is struck.
    pub velocity: Velocity,
}

/// What tells a note from the others of its track.
type Place = (Ticks, Pitch);

/// What a note is, besides where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Body {
    length: NoteLength,
    velocity: Velocity,
}

/// The notes of an instrument.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Track(OrdMap<Place, Body>);

impl Note {
    /// The first tick after it.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.tick.get() + self.length.get()
    }

    const fn place(&self) -> Place {
        (self.tick, self.pitch)
    }

    const fn body(&self) -> Body {
        Body { length: self.length, velocity: self.velocity }
    }
}

impl Body {
    const fn at(self, (tick, pitch): Place) -> Note {
        Note { tick, pitch, length: self.length, velocity: self.velocity }
    }
}

impl Track {
    /// The note that starts there, if there is one.
    #[must_use]
    pub fn note(&self, tick: Ticks, pitch: Pitch) -> Option<Note> {
        self.0.get(&(tick, pitch)).map(|body| body.at((tick, pitch)))
    }

    /// All notes, by where they start, then by pitch.
    #[must_use]
    pub fn notes(&self) -> impl DoubleEndedIterator<Item = Note> {
        self.0.iter().map(|(place, body)| body.at(*place))
    }

    /// The notes that start at or after `from` and before `to`.
    #[must_use]
    pub fn starting(&self, from: Ticks, to: Ticks) -> impl DoubleEndedIterator<Item = Note> {
        // A range that ends before it starts is empty, not a mistake.
        let to = to.max(from);
        self.0.range((from, Pitch::MIN)..(to, Pitch::MIN)).map(|(place, body)| body.at(*place))
    }

    /// The notes that start at or before `tick`, the latest first.
    pub fn until(&self, tick: Ticks) -> impl Iterator<Item = Note> {
        self.0.range(..=(tick, Pitch::MAX)).rev().map(|(place, body)| body.at(*place))
    }

    /// How many notes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no note.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a note, in the place of any that starts where it does.
    pub(super) fn put(&mut self, note: Note) {
        self.0.insert(note.place(), note.body());
    }

    pub(super) fn take(&mut self, tick: Ticks, pitch: Pitch) -> Result<Note, Invalid> {
        let place = (tick, pitch);
        self.0.remove(&place).map(|body| body.at(place)).ok_or_else(|| no_note(tick, pitch))
    }

    pub(super) fn add(&mut self, note: Note) -> Result<(), Invalid> {
        if self.0.contains_key(&note.place()) {
            let Note { tick, pitch, .. } = note;
            return Err(Invalid::exists("note", format_args!("{pitch} at {tick}")));
        }
        self.put(note);
        Ok(())
    }

    fn edit(&mut self, tick: Ticks, pitch: Pitch) -> Result<&mut Body, Invalid> {
        self.0.get_mut(&(tick, pitch)).ok_or_else(|| no_note(tick, pitch))
    }

    /// Note by note, unless the track as a whole is shorter than that.
    pub(super) fn diff(&self, to: &Self) -> Vec<TrackChange> {
        let mut changes = Vec::new();
        for change in self.0.diff(&to.0) {
            if changes.len() >= to.len().max(1) {
                return vec![TrackChange::Whole(Arc::new(to.clone()))];
            }
            changes.push(match change {
                DiffItem::Add(place, body) | DiffItem::Update { new: (place, body), .. } => {
                    TrackChange::Put(body.at(*place))
                }
                DiffItem::Remove((tick, pitch), _) => TrackChange::Remove(*tick, *pitch),
            });
        }
        changes
    }

    pub(super) fn act(&mut self, action: &PianoRollAction) -> Result<(), Invalid> {
        match action {
            PianoRollAction::Add(note) => self.add(*note)?,
            PianoRollAction::Remove(tick, pitch) => {
                self.take(*tick, *pitch)?;
            }
            PianoRollAction::Move { tick, pitch, to_tick, to_pitch } => {
                let note = self.take(*tick, *pitch)?;
                self.add(Note { tick: *to_tick, pitch: *to_pitch, ..note })?;
            }
            PianoRollAction::Resize(tick, pitch, length) => {
                self.edit(*tick, *pitch)?.length = *length;
            }
            PianoRollAction::Velocity(tick, pitch, velocity) => {
                self.edit(*tick, *pitch)?.velocity = *velocity;
            }
            PianoRollAction::Paste(notes) => {
                if notes.len() > MAX_PASTED {
                    return Err(Invalid::full("notes to paste", bounded::count(MAX_PASTED)));
                }
                notes.notes().for_each(|note| self.put(note));
            }
            PianoRollAction::Clear => self.0.clear(),
        }
        if self.len() > MAX_NOTES {
            return Err(Invalid::full("notes in a track", bounded::count(MAX_NOTES)));
        }
        Ok(())
    }
}

fn no_note(tick: Ticks, pitch: Pitch) -> Invalid {
    Invalid::missing("note", format_args!("{pitch} at {tick}"))
}

impl FromIterator<Note> for Track {
    /// Of notes that start at the same place, the last one counts.
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        Self(notes.into_iter().map(|note| (note.place(), note.body())).collect())
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.notes()).finish()
    }
}

/// A track is written as the list of its notes.
impl Serialize for Track {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Not from the iterator alone: a binary codec must know how many come.
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for note in self.notes() {
            list.serialize_element(&note)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Track {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Notes;

        impl<'de> Visitor<'de> for Notes {
            type Value = Track;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX_NOTES} notes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Track, A::Error> {
                let mut track = Track::default();
                while let Some(note) = list.next_element()? {
                    track.add(note).map_err(A::Error::custom)?;
                    if track.len() > MAX_NOTES {
                        return Err(A::Error::custom("too many notes in a track"));
                    }
                }
                Ok(track)
            }
        }

        deserializer.deserialize_seq(Notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(tick: u32, pitch: u8) -> Note {
        Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(pitch),
            length: NoteLength::of(480),
            velocity: Velocity::of(100),
        }
    }

    #[test]
    fn a_track_is_written_as_a_list_of_notes_and_refuses_one_place_twice() {
        let track: Track = [note(0, 60)].into_iter().collect();
        let json = r#"[{"tick":0,"pitch":60,"length":480,"velocity":100}]"#;
        assert_eq!(serde_json::to_string(&track).unwrap(), json);
        assert_eq!(serde_json::from_str::<Track>(json).unwrap(), track);
        let twice = json.replace('}', "},").replace(']', &json[1..]);
        assert!(serde_json::from_str::<Track>(&twice).is_err(), "{twice}");
        assert!(serde_json::from_str::<Track>(&json.replace("480", "0")).is_err());
    }
}
