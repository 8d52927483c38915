//! An index of a track's notes, so that a frame only looks at the notes it shows.
//!
//! It knows the track, not the window or the screen.

use imbolc_net::{
    studio::{Note, Track},
    util::quantity::{Pitch, Ticks},
};

use super::grid::clamped_ticks;

/// Notes longer than this are indexed one by one: eight bars of 4/4, in ticks.
const LONG_NOTE: u32 = 8 * 1920;

/// The index of a track.
#[derive(Debug, Default)]
pub(super) struct NoteIndex {
    /// The long notes, ordered by their start.
    long: Vec<(Ticks, Pitch)>,
    /// The lowest and the highest pitch, if there is a note.
    pub(super) range: Option<(Pitch, Pitch)>,
}

impl NoteIndex {
    /// Indexes all notes of a track.
    pub(super) fn of(track: &Track) -> Self {
        let mut note_index = Self::default();
        for note in track.notes() {
            if note.length.get() > LONG_NOTE {
                note_index.long.push((note.tick, note.pitch));
            }
            let (low, high) = note_index.range.unwrap_or((note.pitch, note.pitch));
            note_index.range = Some((low.min(note.pitch), high.max(note.pitch)));
        }
        note_index
    }

    /// The notes that sound at or after the tick `from` and before `to`, ordered by
    /// their start.
    pub(super) fn sounding<'a>(
        &'a self,
        track: &'a Track,
        from: u32,
        to: u32,
    ) -> impl Iterator<Item = Note> + 'a {
        let near = clamped_ticks(i64::from(from) - i64::from(LONG_NOTE));
        let far = self.long.iter().take_while(move |(tick, _)| *tick < near);
        let far = far.filter_map(|(tick, pitch)| track.note(*tick, *pitch));
        let near = track.starting(near, clamped_ticks(to.into()));
        far.chain(near).filter(move |note| note.end() > from)
    }

    /// The note at a pitch within `stride` ticks from `tick`: one that starts there, or
    /// else one that lasts into it.
    pub(super) fn note_at(
        &self,
        track: &Track,
        (tick, pitch): (Ticks, Pitch),
        stride: u32,
    ) -> Option<Note> {
        // The very last tick can hold a note, but is the start of no region.
        let starts = track.note(tick, pitch);
        starts.or_else(|| {
            let notes = self.sounding(track, tick.get(), tick.get() + stride);
            let here = notes.filter(|note| note.pitch == pitch);
            here.min_by_key(|note| (note.tick < tick, note.tick))
        })
    }
}
