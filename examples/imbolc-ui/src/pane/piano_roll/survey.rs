//! Which notes are where: what is kept of a track, so that a frame need look at
//! no more than what it shows.

use imbolc_net::{
    studio::{Note, Track},
    util::quantity::{Pitch, Ticks},
};

use super::grid::ticks;

/// Notes that last longer than this many ticks are looked for one by one: eight
/// bars of common time.
const LONG: u32 = 8 * 1920;

/// What is kept of a track.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The notes that last long, by where they start.
    long: Vec<(Ticks, Pitch)>,
    /// The lowest and the highest key, if there is a note.
    pub(super) range: Option<(Pitch, Pitch)>,
}

impl Survey {
    /// Looks at all of a track.
    pub(super) fn of(track: &Track) -> Self {
        let mut survey = Self::default();
        for note in track.notes() {
            if note.length.get() > LONG {
                survey.long.push((note.tick, note.pitch));
            }
            let (low, high) = survey.range.unwrap_or((note.pitch, note.pitch));
            survey.range = Some((low.min(note.pitch), high.max(note.pitch)));
        }
        survey
    }

    /// The notes that sound at or after `from` and before `to`, in ticks, by
    /// where they start.
    pub(super) fn sounding<'a>(
        &'a self,
        track: &'a Track,
        from: u32,
        to: u32,
    ) -> impl Iterator<Item = Note> + 'a {
        let near = ticks(i64::from(from) - i64::from(LONG));
        let far = self.long.iter().take_while(move |(tick, _)| *tick < near);
        let far = far.filter_map(|(tick, pitch)| track.note(*tick, *pitch));
        let near = track.starting(near, ticks(to.into()));
        far.chain(near).filter(move |note| note.end() > from)
    }

    /// The note at a key within `stride` ticks from `tick`: one that starts
    /// there, or else one that lasts into it.
    pub(super) fn note_at(
        &self,
        track: &Track,
        (tick, pitch): (Ticks, Pitch),
        stride: u32,
    ) -> Option<Note> {
        // The last tick of all can hold a note, too.
        let starts = track.note(tick, pitch);
        starts.or_else(|| {
            let notes = self.sounding(track, tick.get(), tick.get() + stride);
            let here = notes.filter(|note| note.pitch == pitch);
            here.min_by_key(|note| (note.tick < tick, note.tick))
        })
    }
}
