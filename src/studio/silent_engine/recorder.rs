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

/// The held keys while the transport records.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    /// The held keys, with start tick and velocity.
    keys: BTreeMap<(InstrumentId, Pitch), (u32, Velocity)>,
}

impl Recorder {
    /// Starts a note at `tick` if the key's track is armed.
    pub(super) fn key_down(
        &mut self,
        state: &StudioState,
        tick: u32,
        key: (InstrumentId, Pitch),
        velocity: Velocity,
    ) {
        let armed = state.piano_roll.track(key.0).is_some_and(|track| track.armed);
        if state.transport.recording && armed {
            self.keys.insert(key, (tick, velocity));
        }
    }

    /// Ends a note at `tick` and returns the action that writes it down.
    pub(super) fn key_up(
        &mut self,
        state: &StudioState,
        tick: u32,
        key: (InstrumentId, Pitch),
    ) -> Option<NetworkAction> {
        let (id, pitch) = key;
        let (start, velocity) = self.keys.remove(&key)?;
        // Without a track, the reducer says so.
        let local = state.piano_roll.track(id).map_or(start, |track| track.local(start));
        let note = Note {
            tick: Ticks::new(local).unwrap_or(Ticks::MAX),
            pitch,
            length: NoteLength::new(tick.saturating_sub(start).max(1)).unwrap_or(NoteLength::MAX),
            velocity,
            probability: Probability::MAX,
        };
        let notes: Notes = [note].into_iter().collect();
        Some(NetworkAction::PianoRoll(id, PianoRollAction::Paste(notes)))
    }

    /// Ends all held keys at `tick`, before the playhead jumps or stops.
    pub(super) fn all_up(&mut self, state: &StudioState, tick: u32) -> Vec<NetworkAction> {
        let held: Vec<_> = self.keys.keys().copied().collect();
        held.into_iter().filter_map(|key| self.key_up(state, tick, key)).collect()
    }

    /// Forgets the keys if the transport does not record.
    pub(super) fn wait(&mut self, state: &StudioState) {
        if !state.transport.recording {
            self.keys.clear();
        }
    }
}
