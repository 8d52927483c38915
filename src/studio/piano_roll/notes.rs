//! A set of notes, as tracks and clips hold them.
//!
//! It must not know the instrument that plays the notes.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
    ser::SerializeSeq as _,
};

use crate::{
    model::{DigestDelta, Invalid},
    studio::common::{
        bounded::{self, MAX_NOTES, MAX_PASTED},
        collection::Collection,
        loop_region::LoopRegion,
        narrowing,
    },
    util::{
        ordmap::{DiffItem, Merged, OrdMap},
        quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
    },
};

/// A note of a track or a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The start.
    pub tick: Ticks,
    /// The MIDI pitch.
    pub pitch: Pitch,
    /// The length in ticks.
    pub length: NoteLength,
    /// The velocity.
    pub velocity: Velocity,
    /// The probability in percent that it sounds, decided each time the
    /// playhead reaches it.
    pub probability: Probability,
}

/// A change of a set of [`Notes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::studio) enum NoteChange {
    /// A note was added or changed.
    Put(Note),
    /// The note with this start and pitch was removed.
    Remove(Ticks, Pitch),
}

/// The start and pitch that identify a note.
type NoteKey = (Ticks, Pitch);

/// A note without its start and pitch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Body {
    length: NoteLength,
    velocity: Velocity,
    probability: Probability,
}

/// Notes, at most one per start and pitch.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Notes(OrdMap<NoteKey, Body>);

impl Note {
    /// The first tick after the note.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.tick.get() + self.length.get()
    }

    const fn place(&self) -> NoteKey {
        (self.tick, self.pitch)
    }

    const fn body(&self) -> Body {
        let Self { length, velocity, probability, .. } = *self;
        Body { length, velocity, probability }
    }
}

impl Body {
    const fn at(self, (tick, pitch): NoteKey) -> Note {
        let Self { length, velocity, probability } = self;
        Note { tick, pitch, length, velocity, probability }
    }
}

impl Notes {
    /// The note with this start and pitch.
    #[must_use]
    pub fn note(&self, tick: Ticks, pitch: Pitch) -> Option<Note> {
        self.0.get(&(tick, pitch)).map(|body| body.at((tick, pitch)))
    }

    /// About how many bytes the two do not share.
    pub(in crate::studio) fn weight(old: Option<&Self>, new: Option<&Self>) -> usize {
        narrowing::weight(old.map(|notes| &notes.0), new.map(|notes| &notes.0))
    }

    /// All notes, by start, then by pitch.
    pub fn iter(&self) -> impl Iterator<Item = Note> {
        self.0.iter().map(|(place, body)| body.at(*place))
    }

    /// The notes that start at or after `from` and before `to`.
    pub fn starting(&self, from: Ticks, to: Ticks) -> impl Iterator<Item = Note> {
        let notes = self.0.iter_from(&(from, Pitch::MIN));
        notes.take_while(move |((tick, _), _)| *tick < to).map(|(place, body)| body.at(*place))
    }

    /// The number of notes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no notes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The notes that start within `region`.
    pub fn within(&self, region: LoopRegion) -> impl Iterator<Item = Note> {
        self.starting(region.start(), region.end())
    }

    /// Writes a note and replaces one with the same start and pitch. The limit
    /// is not checked.
    pub(in crate::studio) fn put(&mut self, note: Note) {
        self.0.insert(note.place(), note.body());
    }

    /// Writes notes and replaces those with the same start and pitch.
    pub(in crate::studio) fn paste(&mut self, notes: &Self) -> Result<(), Invalid> {
        if notes.len() > MAX_PASTED {
            return Err(Invalid::full("notes to paste", bounded::count(MAX_PASTED)));
        }
        let notes = notes.0.iter().map(|(place, body)| (*place, Some(*body)));
        self.0.apply_sorted(notes.collect());
        self.check()
    }

    pub(in crate::studio) fn add(&mut self, note: Note) -> Result<(), Invalid> {
        if self.0.contains_key(&note.place()) {
            let Note { tick, pitch, .. } = note;
            return Err(Invalid::exists("note", format_args!("{pitch} at {tick}")));
        }
        self.put(note);
        self.check()
    }

    pub(in crate::studio) fn take(&mut self, tick: Ticks, pitch: Pitch) -> Result<Note, Invalid> {
        let place = (tick, pitch);
        self.0.remove(&place).map(|body| body.at(place)).ok_or_else(|| no_note(tick, pitch))
    }

    /// Removes all notes that start within `region`.
    pub(in crate::studio) fn clear(&mut self, region: LoopRegion) {
        let gone = self.within(region).map(|note| (note.place(), None)).collect();
        self.0.apply_sorted(gone);
    }

    /// Edits a note; its start and pitch cannot change.
    pub(in crate::studio) fn edit(
        &mut self,
        tick: Ticks,
        pitch: Pitch,
        edit: impl FnOnce(&mut Note),
    ) -> Result<(), Invalid> {
        let place = (tick, pitch);
        let body = self.0.get_mut(&place).ok_or_else(|| no_note(tick, pitch))?;
        let mut note = body.at(place);
        edit(&mut note);
        *body = note.body();
        Ok(())
    }

    /// The changes note by note, or `None` if the whole of `to` is shorter.
    pub(in crate::studio) fn diff(&self, to: &Self) -> Option<Vec<NoteChange>> {
        let mut changes = Vec::new();
        for change in self.0.diff(&to.0) {
            if changes.len() >= to.len().max(1) {
                return None;
            }
            changes.push(match change {
                DiffItem::Add(place, body) | DiffItem::Update { new: (place, body), .. } => {
                    NoteChange::Put(body.at(*place))
                }
                DiffItem::Remove((tick, pitch), _) => NoteChange::Remove(*tick, *pitch),
            });
        }
        Some(changes)
    }

    pub(in crate::studio) fn digest_delta(
        old: Option<&Self>,
        new: Option<&Self>,
        delta: &mut DigestDelta,
    ) {
        delta.map(old.map(|notes| &notes.0), new.map(|notes| &notes.0));
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        if self.len() > MAX_NOTES {
            return Err(Invalid::full("notes in a track", bounded::count(MAX_NOTES)));
        }
        Ok(())
    }
}

impl Collection for Notes {
    fn merge(&mut self, from: &Self, to: &Self) -> Merged {
        self.0.merge(&from.0, &to.0)
    }
}

fn no_note(tick: Ticks, pitch: Pitch) -> Invalid {
    Invalid::missing("note", format_args!("{pitch} at {tick}"))
}

impl FromIterator<Note> for Notes {
    /// If two notes have the same start and pitch, the last one wins.
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        Self(notes.into_iter().map(|note| (note.place(), note.body())).collect())
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Serialized as a list of notes.
impl Serialize for Notes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Postcard writes the number of elements first, so it must be known.
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for note in self.iter() {
            list.serialize_element(&note)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Notes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Notes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX_NOTES} notes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Notes, A::Error> {
                bounded::collect(MAX_NOTES, list.size_hint(), || {
                    let note: Option<Note> = list.next_element()?;
                    Ok(note.map(|note| (note.place(), note.body())))
                })
                .map(Notes)
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_a_list_without_duplicate_places() {
        let json = r#"[{"tick":0,"pitch":60,"length":480,"velocity":100,"probability":75}]"#;
        let notes: Notes = serde_json::from_str(json).unwrap();
        assert_eq!(notes.iter().next().map(|note| note.probability), Some(Probability::of(75)));
        assert_eq!(serde_json::to_string(&notes).unwrap(), json);
        let twice = json.replace('}', "},").replace(']', &json[1..]);
        assert!(serde_json::from_str::<Notes>(&twice).is_err(), "{twice}");
        assert!(serde_json::from_str::<Notes>(&json.replace("480", "0")).is_err());
        assert!(serde_json::from_str::<Notes>(&json.replace("75", "101")).is_err());
    }
}
