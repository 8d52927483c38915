//! The shared state of a studio, and the invariants between its parts.
//!
//! It knows every subsystem and no action.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    model::{InstrumentId, Invalid},
    studio::{
        arrangement::Arrangement,
        automation::Automation,
        common::{
            name::Name,
            reference::{Reference, Refers},
            studio_effect::StudioEffect,
        },
        drums::Drums,
        globals::{
            playback::Transport,
            session_settings::{SessionState, forget_in_session},
        },
        instrument::{Instrument, InstrumentState, silence},
        mixer::Mixer,
        piano_roll::PianoRoll,
        plugin::registry::Registry,
        project::Projects,
        source::{Source, SourceKind},
    },
};

/// The shared state of a studio. It is cheap to clone.
///
/// Every instrument has a track and every drum kit a drum machine; every track,
/// drum machine, clip and lane has its instrument; no reference dangles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedStudio")]
pub struct StudioState {
    /// The session settings.
    pub session: Arc<SessionState>,
    /// The transport.
    pub transport: Transport,
    /// The custom `SynthDef`s and the plug-ins.
    pub registry: Registry,
    /// The buses, the strips of layer groups, and the master.
    pub mixer: Mixer,
    /// The tracks.
    pub piano_roll: PianoRoll,
    /// The drum machines.
    pub drums: Drums,
    /// The instruments.
    pub instruments: InstrumentState,
    /// The clips and their placements.
    pub arrangement: Arrangement,
    /// The automation lanes.
    pub automation: Automation,
    /// The name of the project, and the list of projects.
    pub projects: Arc<Projects>,
}

impl StudioState {
    /// The piece as a project stores it: no held keys, transport stopped, without
    /// the list of projects.
    #[must_use]
    pub fn at_rest(&self) -> Self {
        let mut state = self.clone();
        state.transport.playing = false;
        state.transport.recording = false;
        state.transport.generation = 0;
        state.instruments.release_all();
        state.projects = Arc::default();
        state
    }

    /// Adds an instrument with its track and, if it is a drum kit, its drum machine.
    pub(super) fn add_instrument(
        &mut self,
        id: InstrumentId,
        name: &Name,
        source: SourceKind,
    ) -> Result<(), Invalid> {
        let instrument =
            Instrument { name: name.clone(), source: Source::of(source), ..Instrument::default() };
        self.instruments.put(id, &Arc::new(instrument))?;
        self.piano_roll.add_track(id);
        self.drums.follow_one(id, &self.instruments);
        Ok(())
    }

    /// Deletes an instrument and everything that belongs or refers to it.
    pub(super) fn delete_instrument(
        &mut self,
        id: InstrumentId,
    ) -> Result<Vec<StudioEffect>, Invalid> {
        let instrument = self.instruments.take(id)?;
        self.piano_roll.remove_track(id);
        self.arrangement.remove_part(id);
        self.automation.forget_instrument(id);
        self.drums.follow_one(id, &self.instruments);
        self.forget(Reference::Instrument(id));
        Ok(silence(id, &instrument.sounding))
    }

    /// Replaces this piece by another.
    pub(super) fn replace(&mut self, other: &Self) {
        let mut transport = self.transport;
        transport.move_on();
        *self = Self { projects: Arc::clone(&self.projects), ..other.at_rest() };
        self.transport.generation = transport.generation;
    }

    /// Drops from both states what is the same in both and not needed to tell the
    /// difference, and returns about how many bytes they keep alive then.
    pub(super) fn narrow(from: &mut Self, to: &mut Self) -> usize {
        // Snapshots, settings and the paths to them.
        let mut weight = 2048;
        let mut concerned = BTreeSet::new();
        let mut each = |id, bytes| {
            weight += bytes;
            concerned.insert(id);
        };
        PianoRoll::narrow(&mut from.piano_roll, &mut to.piano_roll, &mut each);
        Drums::narrow(&mut from.drums, &mut to.drums, &mut each);
        Arrangement::narrow(&mut from.arrangement, &mut to.arrangement, &mut each);
        let mut lanes = 0;
        Automation::narrow(&mut from.automation, &mut to.automation, &mut |id, bytes| {
            lanes += bytes;
            concerned.extend(id);
        });
        InstrumentState::narrow(&mut from.instruments, &mut to.instruments, &concerned);
        if from.mixer.is_same(&to.mixer) {
            (from.mixer, to.mixer) = Default::default();
        }
        if from.registry.is_same(&to.registry) {
            (from.registry, to.registry) = Default::default();
        } else {
            weight += 16 * 1024;
        }
        (from.projects, to.projects) = Default::default();
        weight + lanes
    }

    /// Checks the limits on what several parts hold in all.
    pub(super) fn check_limits(&self) -> Result<(), Invalid> {
        self.piano_roll.check_all()?;
        self.arrangement.check()?;
        self.automation.check_all()?;
        self.drums.check()
    }

    /// Checks the invariants between the parts. Each part keeps its own.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if !self.instruments.ids().eq(self.piano_roll.ids()) {
            return Err("instruments and tracks do not match");
        }
        if !self.drums.match_kits(&self.instruments) {
            return Err("drum kits and drum machines do not match");
        }
        if self.arrangement.parts().any(|(id, _)| !self.instruments.contains(id)) {
            return Err("there is a clip of an instrument that is not there");
        }
        if self.automation.lanes().any(|(target, _)| target.check(self).is_err()) {
            return Err("a lane moves something that is not there");
        }
        let checked = self
            .check_references(&self.session.midi)
            .and_then(|()| self.registry.check())
            .and_then(|()| self.check_references(&self.mixer))
            .and_then(|()| self.check_references(&self.drums))
            .and_then(|()| self.check_references(&self.instruments));
        checked.map_err(|_| "the state contains a reference to a missing item")
    }

    /// Removes every reference to what was deleted.
    pub(super) fn forget(&mut self, gone: Reference) {
        forget_in_session(&mut self.session, gone);
        self.mixer.forget(gone);
        self.drums.forget(gone);
        self.instruments.forget(gone);
        match gone {
            Reference::Instrument(id) => self.automation.forget_instrument(id),
            Reference::Bus(bus) => self.automation.forget_bus(bus),
            Reference::LayerGroup(group) => self.automation.forget_layer_group(group),
            Reference::Definition(_) | Reference::Parameter(..) => {}
        }
    }

    pub(super) fn require_instrument(&self, id: InstrumentId) -> Result<(), Invalid> {
        if self.instruments.contains(id) { Ok(()) } else { Err(Invalid::missing("instrument", id)) }
    }

    /// Checks that the part exists.
    fn require(&self, what: Reference) -> Result<(), Invalid> {
        let (there, name, id) = match what {
            Reference::Instrument(id) => (self.instruments.contains(id), "instrument", id.0),
            Reference::Bus(id) => (self.mixer.bus(id).is_some(), "bus", id.0),
            Reference::LayerGroup(id) => {
                (self.mixer.layer_group(id).is_some(), "layer group", id.0)
            }
            Reference::Definition(id) => {
                (self.registry.definition(id).is_some(), id.what(), id.number())
            }
            Reference::Parameter(id, parameter, value) => {
                let table = self.registry.definition(id);
                return table.map_or(Ok(()), |table| table.check(parameter, value));
            }
        };
        if there { Ok(()) } else { Err(Invalid::missing(name, id)) }
    }

    /// Checks that everything to which `part` refers exists.
    pub(super) fn check_references(&self, part: &impl Refers) -> Result<(), Invalid> {
        let mut checked = Ok(());
        part.references(&mut |reference| {
            if checked.is_ok() {
                checked = self.require(reference);
            }
        });
        checked
    }
}

/// A state as it is deserialized, before its invariants are checked.
#[derive(Deserialize)]
struct UncheckedStudio {
    session: Arc<SessionState>,
    transport: Transport,
    registry: Registry,
    mixer: Mixer,
    piano_roll: PianoRoll,
    drums: Drums,
    instruments: InstrumentState,
    arrangement: Arrangement,
    automation: Automation,
    projects: Arc<Projects>,
}

impl TryFrom<UncheckedStudio> for StudioState {
    type Error = String;

    fn try_from(read: UncheckedStudio) -> Result<Self, Self::Error> {
        let UncheckedStudio {
            session,
            transport,
            mixer,
            piano_roll,
            instruments,
            arrangement,
            automation,
            projects,
            registry,
            drums,
        } = read;
        let state = Self {
            session,
            transport,
            registry,
            mixer,
            piano_roll,
            drums,
            instruments,
            arrangement,
            automation,
            projects,
        };
        state.check()?;
        state.check_limits().map_err(|full| full.to_string())?;
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_with_a_dangling_reference_is_refused_from_the_wire() {
        let json = serde_json::to_string(&StudioState::starter()).unwrap();
        assert!(serde_json::from_str::<StudioState>(&json).is_ok());
        let no_such_bus = json.replacen(r#""output":"Master""#, r#""output":{"Bus":7}"#, 1);
        assert!(serde_json::from_str::<StudioState>(&no_such_bus).is_err());
        let no_track = json.replacen(r#""piano_roll":{"1":"#, r#""piano_roll":{"9":"#, 1);
        assert_ne!(json, no_track);
        assert!(serde_json::from_str::<StudioState>(&no_track).is_err());
    }
}
