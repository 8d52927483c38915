//! Recording: notes on armed tracks, points on armed lanes.
//!
//! It returns the actions that write them down and writes nothing itself. It does
//! not know whether the playhead moves.

use std::collections::BTreeMap;

use crate::{
    model::InstrumentId,
    studio::{
        AutomationAction, Curve, NetworkAction, Note, Notes, PianoRollAction, Point, StudioState,
        Target,
    },
    util::quantity::{Amount, NoteLength, Pitch, Probability, Ticks, Velocity},
};

/// Listens while the transport records.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    /// The keys that are held, and since when.
    keys: BTreeMap<(InstrumentId, Pitch), (u32, Velocity)>,
    /// Where the parameters of armed lanes were last.
    turned: BTreeMap<Target, Amount>,
}

impl Recorder {
    /// A key goes down at `tick`.
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

    /// A key comes up at `tick`: what was played is a note now.
    pub(super) fn key_up(
        &mut self,
        state: &StudioState,
        tick: u32,
        key: (InstrumentId, Pitch),
    ) -> Option<NetworkAction> {
        let (id, pitch) = key;
        let (start, velocity) = self.keys.remove(&key)?;
        let track = state.piano_roll.track(id)?;
        let note = Note {
            tick: Ticks::new(track.local(start)).ok()?,
            pitch,
            length: NoteLength::new(tick.saturating_sub(start).max(1)).ok()?,
            velocity,
            probability: Probability::MAX,
        };
        let notes: Notes = [note].into_iter().collect();
        Some(NetworkAction::PianoRoll(id, PianoRollAction::Paste(notes)))
    }

    /// The playhead leaves where it is for somewhere else, or stops: what is
    /// held ends at `tick`.
    pub(super) fn all_up(&mut self, state: &StudioState, tick: u32) -> Vec<NetworkAction> {
        let held: Vec<_> = self.keys.keys().copied().collect();
        held.into_iter().filter_map(|key| self.key_up(state, tick, key)).collect()
    }

    /// Forgets where the parameters were: what was turned while the playhead was
    /// elsewhere, or stood, is not written down where it goes on.
    pub(super) fn look_afresh(&mut self) {
        self.turned.clear();
    }

    /// Looks where the parameters are, before anything is recorded; and lets go of
    /// the keys if nothing will be.
    pub(super) fn wait(&mut self, state: &StudioState) {
        self.turned = parameter_parts(state);
        if !state.transport.recording {
            self.keys.clear();
        }
    }

    /// Looks at `tick` whether parameters of armed lanes were turned.
    pub(super) fn watch(&mut self, state: &StudioState, tick: u32) -> Vec<NetworkAction> {
        if !state.transport.recording {
            self.turned.clear();
            return Vec::new();
        }
        let Ok(tick) = Ticks::new(tick) else { return Vec::new() };
        let was = std::mem::replace(&mut self.turned, parameter_parts(state));
        let turned = |(target, value): (&Target, &Amount)| {
            // The value of a lane that was just armed was not turned to.
            was.get(target).filter(|was| *was != value)?;
            let point = Point { tick, value: *value, curve: Curve::Hold };
            Some(NetworkAction::Automation(*target, AutomationAction::Put(point)))
        };
        self.turned.iter().filter_map(turned).collect()
    }
}

/// Where the parameters of armed lanes are.
fn parameter_parts(state: &StudioState) -> BTreeMap<Target, Amount> {
    let armed = state.automation.lanes().filter(|(_, lane)| lane.armed);
    armed.filter_map(|(target, _)| Some((*target, target.part(state)?))).collect()
}
