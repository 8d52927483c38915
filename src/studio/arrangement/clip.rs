//! Clips: short sequences of notes that the arrangement plays wherever they are
//! placed.
//!
//! A clip must not know where it is placed: its notes count from tick 0 of the
//! clip.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    model::{DigestDelta, Invalid},
    studio::{
        common::{
            loop_region::LoopRegion,
            name::Name,
            settings::{Settings, settings},
        },
        piano_roll::{Note, NoteChange, Notes},
    },
    util::quantity::{NoteLength, Pitch, Ticks},
};

/// The id of a clip, unique within its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClipId(pub u32);

impl fmt::Display for ClipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

settings! {
    /// A named sequence of notes with a length.
    Clip, ClipSetting {
        /// The display name.
        name: Name(Name) = Name::given("Clip");
        /// The length in ticks. Notes that start at or after it are kept but
        /// not played.
        length: Length(NoteLength) = NoteLength::of(4 * 480);
    }
    beside {
        /// The notes; their ticks are relative to the start of the clip.
        notes: Notes;
    }
}

/// An edit to the clips of one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClipAction {
    /// Creates an empty clip.
    Create {
        /// An unused id; see [`Part::free_clip`](super::Part::free_clip).
        clip: ClipId,
        /// The display name.
        name: Name,
        /// The length in ticks.
        length: NoteLength,
    },
    /// Creates a clip from the notes of the track that start within a region.
    Capture {
        /// An unused id.
        clip: ClipId,
        /// The display name.
        name: Name,
        /// The region of the track to copy; the clip gets its length.
        region: LoopRegion,
    },
    /// Renames a clip.
    Rename(ClipId, Name),
    /// Changes the length of a clip. Existing placements keep their lengths.
    Resize(ClipId, NoteLength),
    /// Writes a note into a clip and replaces a note with the same start and
    /// pitch.
    Put(ClipId, Note),
    /// Removes the note with this start and pitch from a clip.
    Take(ClipId, Ticks, Pitch),
    /// Deletes a clip and all its placements.
    Delete(ClipId),
}

/// A change of one clip, as a patch carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClipChange {
    /// A setting has a new value.
    Set(ClipSetting),
    /// A note was added or changed.
    Put(Note),
    /// The note with this start and pitch was removed.
    Remove(Ticks, Pitch),
    /// The complete new value of a clip, which may not exist yet.
    Whole(Arc<Clip>),
    /// The clip was deleted.
    Gone,
}

impl ClipAction {
    /// Whether the action can increase the number of clips or notes.
    pub(super) const fn adds(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Capture { .. } | Self::Put(..))
    }
}

impl Clip {
    pub(super) fn digest_delta(old: Option<&Self>, new: Option<&Self>, delta: &mut DigestDelta) {
        let bare = |clip: &Self| Self { notes: Notes::default(), ..clip.clone() };
        delta.replace(old.map(bare), new.map(bare));
        delta.at("notes", |delta| {
            Notes::digest_delta(old.map(|clip| &clip.notes), new.map(|clip| &clip.notes), delta);
        });
    }

    /// A clip with the notes of `track` that start within `region`, shifted so
    /// that the region starts at tick 0.
    pub(super) fn captured(name: &Name, track: &Notes, region: LoopRegion) -> Self {
        let start = region.start().get();
        let notes = track.within(region).filter_map(|note| {
            let tick = Ticks::new(note.tick.get() - start).ok()?;
            Some(Note { tick, ..note })
        });
        Self { name: name.clone(), length: region.length(), notes: notes.collect() }
    }

    /// Emits the difference setting by setting and note by note, or the whole
    /// clip if that is shorter.
    pub(super) fn diff_clip(&self, to: &Arc<Self>, emit: &mut dyn FnMut(ClipChange)) {
        let Some(notes) = self.notes.diff(&to.notes) else {
            return emit(ClipChange::Whole(Arc::clone(to)));
        };
        self.diff(to, &mut |setting| emit(ClipChange::Set(setting)));
        for change in notes {
            emit(match change {
                NoteChange::Put(note) => ClipChange::Put(note),
                NoteChange::Remove(tick, pitch) => ClipChange::Remove(tick, pitch),
            });
        }
    }

    /// Applies a change to an existing clip. [`ClipChange::Gone`] is handled by
    /// the part that holds the clip.
    pub(super) fn apply(&mut self, change: &ClipChange) -> Result<(), Invalid> {
        match change {
            ClipChange::Set(setting) => self.set(setting.clone())?,
            ClipChange::Put(note) => self.notes.put(*note),
            ClipChange::Remove(tick, pitch) => {
                self.notes.take(*tick, *pitch)?;
            }
            ClipChange::Whole(clip) => self.clone_from(clip),
            ClipChange::Gone => {}
        }
        Ok(())
    }
}
