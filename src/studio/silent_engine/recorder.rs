//! Recording: notes on armed tracks, points on armed lanes.
//!
//! It returns the actions that write them down and writes nothing itself: whether
//! there is room for them is decided elsewhere. It does not know whether the playhead
//! moves.

use std::collections::BTreeMap;

use crate::{
    model::InstrumentId,
    studio::{
        AutomationAction, Curve, NetworkAction, Note, Notes, PianoRollAction, Point, StudioState,
        Target,
    },
    util::quantity::{Amount, NoteLength, Pitch, Probability, Ticks, Velocity},
};

/// The held keys and the parameters of armed lanes while the transport records.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    /// The held keys, with start tick and velocity.
    keys: BTreeMap<(InstrumentId, Pitch), (u32, Velocity)>,
    /// The last known values of the parameters of armed lanes.
    turned: BTreeMap<Target, Amount>,
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

    /// Forgets the values of the parameters: changes made before the playhead
    /// starts or jumps are not recorded after it.
    pub(super) fn look_afresh(&mut self) {
        self.turned.clear();
    }

    /// Reads the parameters during the count-in, and forgets the keys if the
    /// transport does not record.
    pub(super) fn wait(&mut self, state: &StudioState) {
        self.turned = parameter_parts(state);
        if !state.transport.recording {
            self.keys.clear();
        }
    }

    /// Returns points at `tick` for the parameters of armed lanes that changed.
    pub(super) fn watch(&mut self, state: &StudioState, tick: u32) -> Vec<NetworkAction> {
        if !state.transport.recording {
            self.turned.clear();
            return Vec::new();
        }
        let tick = Ticks::new(tick).unwrap_or(Ticks::MAX);
        let was = std::mem::replace(&mut self.turned, parameter_parts(state));
        let turned = |(target, value): (&Target, &Amount)| {
            // A lane that was just armed has no earlier value, and no change.
            was.get(target).filter(|was| *was != value)?;
            let point = Point { tick, value: *value, curve: Curve::Hold };
            Some(NetworkAction::Automation(*target, AutomationAction::Put(point)))
        };
        self.turned.iter().filter_map(turned).collect()
    }
}

/// The values of the parameters of armed lanes.
fn parameter_parts(state: &StudioState) -> BTreeMap<Target, Amount> {
    let armed = state.automation.lanes().filter(|(_, lane)| lane.armed);
    armed.filter_map(|(target, _)| Some((*target, target.part(state)?))).collect()
}
