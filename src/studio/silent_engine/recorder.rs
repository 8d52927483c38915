//! Recording of played keys: notes on armed tracks.
//!
//! It returns the actions that write them down and writes nothing itself: whether
//! there is room for them is decided elsewhere. It does not know whether the playhead
//! moves.

use std::collections::BTreeMap;

use crate::{
    model::InstrumentId,
    studio::{NetworkAction, Note, Notes, PianoRollAction, StudioState},
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};

/// A key that is held, or whose note was written while it was.
#[derive(Clone, Copy, Debug)]
struct RecordedKey {
    /// The tick at which it was pressed: during the count-in, before `start`.
    pressed: i64,
    /// The first tick that is recorded.
    start: u32,
    velocity: Velocity,
}

/// The held keys while the transport records.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    keys: BTreeMap<(InstrumentId, Pitch), RecordedKey>,
    /// The notes that were written at a stop or a jump, while their keys were held. A late
    /// release may still say that they are shorter.
    written: BTreeMap<(InstrumentId, Pitch), (RecordedKey, Note)>,
}

impl Recorder {
    /// Starts a note at `start` if the key's track is armed. The key is pressed at
    /// `pressed`, which during the count-in is before `start`.
    pub(super) fn key_down(
        &mut self,
        state: &StudioState,
        (pressed, start): (i64, u32),
        key: (InstrumentId, Pitch),
        velocity: Velocity,
    ) {
        self.written.remove(&key);
        if records(state, key.0) {
            self.keys.insert(key, RecordedKey { pressed, start, velocity });
        }
    }

    /// Ends a note at `tick`, or when the key had been held for `hold` ticks, and returns
    /// the action that writes it down. A note that has been written already is shortened.
    /// During the count-in, there is no tick and no other note.
    pub(super) fn key_up(
        &mut self,
        state: &StudioState,
        tick: Option<u32>,
        key: (InstrumentId, Pitch),
        hold: Option<u32>,
    ) -> Option<NetworkAction> {
        if let Some((recorded, note)) = self.written.remove(&key) {
            return correction(state, key, note, recorded.length(hold?));
        }
        let recorded = self.keys.remove(&key)?;
        let longest = hold.map_or(Some(u32::MAX), |hold| recorded.length(hold))?;
        Some(write(key.0, recorded.note(state, key, tick?, longest)))
    }

    /// Ends all held keys at `tick`, before the playhead jumps or stops.
    pub(super) fn all_up(&mut self, state: &StudioState, tick: u32) -> Vec<NetworkAction> {
        self.end(state, tick, |_| true)
    }

    /// Ends the held keys of what is not recorded any more, at `tick`.
    pub(super) fn watch(&mut self, state: &StudioState, tick: u32) -> Vec<NetworkAction> {
        self.end(state, tick, |id| !records(state, id))
    }

    fn end(
        &mut self,
        state: &StudioState,
        tick: u32,
        ends: impl Fn(InstrumentId) -> bool,
    ) -> Vec<NetworkAction> {
        let Self { keys, written } = self;
        let held = keys.extract_if(.., |key, _| ends(key.0));
        let notes = held.map(|(key, recorded)| {
            let note = recorded.note(state, key, tick, u32::MAX);
            written.insert(key, (recorded, note));
            write(key.0, note)
        });
        notes.collect()
    }

    /// Forgets the keys: the count-in has been cancelled.
    pub(super) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    /// Forgets the keys of what is not recorded any more, during the count-in.
    pub(super) fn wait(&mut self, state: &StudioState) {
        self.keys.retain(|(id, _), _| records(state, *id));
    }
}

impl RecordedKey {
    /// The length of the note of a key that was held for `hold` ticks; `None` if it was let
    /// go before the count-in was over.
    fn length(self, hold: u32) -> Option<u32> {
        let length = self.pressed + i64::from(hold) - i64::from(self.start);
        if self.pressed < self.start.into() && length <= 0 {
            return None;
        }
        Some(u32::try_from(length.max(1)).unwrap_or(u32::MAX))
    }

    /// The note up to `end`, and at most `longest` ticks long.
    fn note(
        self,
        state: &StudioState,
        (id, pitch): (InstrumentId, Pitch),
        end: u32,
        longest: u32,
    ) -> Note {
        let Self { start, velocity, .. } = self;
        // Without a track, the reducer says so.
        let local = state.piano_roll.track(id).map_or(start, |track| track.local(start));
        let length = end.saturating_sub(start).min(longest).max(1);
        Note {
            tick: Ticks::new(local).unwrap_or(Ticks::MAX),
            pitch,
            length: NoteLength::new(length).unwrap_or(NoteLength::MAX),
            velocity,
            probability: Probability::MAX,
        }
    }
}

/// Whether the keys of an instrument are recorded while the playhead moves.
fn records(state: &StudioState, id: InstrumentId) -> bool {
    state.transport.recording && state.piano_roll.track(id).is_some_and(|track| track.armed)
}

fn write(id: InstrumentId, note: Note) -> NetworkAction {
    let notes: Notes = [note].into_iter().collect();
    NetworkAction::PianoRoll(id, PianoRollAction::Paste(notes))
}

/// Shortens a written note to `length`, or removes it without one, unless a participant has
/// edited it since.
fn correction(
    state: &StudioState,
    (id, pitch): (InstrumentId, Pitch),
    note: Note,
    length: Option<u32>,
) -> Option<NetworkAction> {
    let track = state.piano_roll.track(id)?;
    track.note(note.tick, pitch).filter(|now| *now == note)?;
    let action = match length {
        Some(length) if length >= note.length.get() => return None,
        Some(length) => PianoRollAction::Resize(note.tick, pitch, NoteLength::new(length).ok()?),
        None => PianoRollAction::Remove(note.tick, pitch),
    };
    Some(NetworkAction::PianoRoll(id, action))
}
