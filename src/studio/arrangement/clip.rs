//! A clip: notes that can be placed in the piece, any number of times.
//!
//! It knows nothing of where it is placed. Its notes count from its beginning.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    model::{DigestDelta, Invalid},
    studio::{
        name::Name,
        piano_roll::{Note, NoteChange, Notes},
        playback::LoopRegion,
        settings::{Settings, settings},
    },
    util::quantity::{NoteLength, Pitch, Ticks},
};

/// Names a clip among those of its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClipId(pub u32);

impl fmt::Display for ClipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

settings! {
    /// Notes that can be placed in the piece.
    Clip, ClipSetting {
        /// What it is called.
        name: Name(Name) = Name::given("Clip");
        /// How long it is. Notes that start after it are kept, and not played.
        length: Length(NoteLength) = NoteLength::of(4 * 480);
    }
    beside {
        /// Its notes, from its beginning at tick 0.
        notes: Notes;
    }
}

/// What is done to the clips of an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClipAction {
    /// Makes a clip without notes.
    Create {
        /// A free id; see [`Part::free_clip`](super::Part::free_clip).
        clip: ClipId,
        /// What it is called.
        name: Name,
        /// How long it is.
        length: NoteLength,
    },
    /// Makes a clip of the notes of the track that start within a region.
    Capture {
        /// A free id.
        clip: ClipId,
        /// What it is called.
        name: Name,
        /// The part of the track, as long as which the clip will be.
        region: LoopRegion,
    },
    /// Calls a clip something else.
    Rename(ClipId, Name),
    /// Makes a clip longer or shorter. Its placements stay as long as they are.
    Resize(ClipId, NoteLength),
    /// Puts a note into a clip, in the place of any that starts where it does.
    Put(ClipId, Note),
    /// Takes the note that starts there out of a clip.
    Take(ClipId, Ticks, Pitch),
    /// Deletes a clip and its placements.
    Delete(ClipId),
}

/// One change of a clip, in a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClipChange {
    /// A setting of the clip.
    Set(ClipSetting),
    /// A note is new, or is not what it was.
    Put(Note),
    /// A note is gone.
    Remove(Ticks, Pitch),
    /// The clip as it is now; it may be new.
    Whole(Arc<Clip>),
    /// The clip is gone.
    Gone,
}

impl ClipAction {
    /// Whether there is more afterwards than there was.
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

    /// What `track` plays within `region`.
    pub(super) fn captured(name: &Name, track: &Notes, region: LoopRegion) -> Self {
        let start = region.start().get();
        let notes = track.within(region).filter_map(|note| {
            let tick = Ticks::new(note.tick.get() - start).ok()?;
            Some(Note { tick, ..note })
        });
        Self { name: name.clone(), length: region.length(), notes: notes.collect() }
    }

    /// Setting by setting and note by note, unless the clip as a whole is
    /// shorter than that.
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

    /// Carries out a change of a clip that is there and stays there.
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
