//! MIDI mappings: which controllers move which parameters, and on which
//! channel.
//!
//! Mappings belong to the session, so they work for any participant who
//! connects the controller. MIDI ports are local to each participant and must
//! not appear here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::{InstrumentId, Invalid},
    studio::common::{
        bounded::{self, MAX_MAPPINGS},
        ids::BusId,
        reference::{Reference, Refers},
        settings::{ParamPath, PathStep, Settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, MidiChannel, MidiController},
    },
};

/// The id of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MappingId(pub u16);

impl fmt::Display for MappingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The parameter that a controller moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MidiTarget {
    /// A parameter of an instrument.
    Instrument(InstrumentId, InstrumentKnob),
    /// A parameter of a bus.
    Bus(BusId, StripKnob),
    /// A parameter of the master.
    Master(StripKnob),
    /// The tempo of the session.
    Tempo,
}

/// A parameter of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `Instrument`")]
pub enum InstrumentKnob {
    Level,
    Pan,
    Cutoff,
    Resonance,
    Attack,
    Decay,
    Sustain,
    Release,
    LfoRate,
    LfoDepth,
}

/// A parameter of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `Bus`")]
pub enum StripKnob {
    Level,
    Pan,
}

/// An assignment of a MIDI controller to a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The MIDI channel of the controller; `None` matches all.
    pub channel: Option<MidiChannel>,
    /// The controller number.
    pub controller: MidiController,
    /// The parameter to move.
    pub target: MidiTarget,
    /// The fraction of the target's range at controller value 0.
    pub from: Amount,
    /// The fraction of the target's range at controller value 127.
    pub to: Amount,
}

/// The mappings of a session, and the channel that it receives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MidiMap {
    /// The received MIDI channel; `None` receives all.
    pub channel: Option<MidiChannel>,
    #[serde(deserialize_with = "bounded::map::<MAX_MAPPINGS, _, _, _>")]
    mappings: OrdMap<MappingId, Mapping>,
}

/// A change of the [`MidiMap`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MidiMapSetting {
    /// Sets the received channel; `None` receives all.
    Channel(Option<MidiChannel>),
    /// A mapping was added or changed.
    Put(MappingId, Mapping),
    /// A mapping was removed.
    Remove(MappingId),
}

impl MidiMap {
    /// The mapping with this id.
    #[must_use]
    pub fn mapping(&self, id: MappingId) -> Option<&Mapping> {
        self.mappings.get(&id)
    }

    /// All mappings, by id.
    pub fn mappings(&self) -> impl Iterator<Item = (MappingId, &Mapping)> {
        self.mappings.iter().map(|(id, mapping)| (*id, mapping))
    }

    /// The lowest unused id, from 1.
    #[must_use]
    pub fn free_id(&self) -> MappingId {
        let mut ids = (1..=u16::MAX).map(MappingId);
        ids.find(|id| !self.mappings.contains_key(id)).unwrap_or(MappingId(0))
    }
}

impl Settings for MidiMap {
    type Setting = MidiMapSetting;

    fn set(&mut self, setting: MidiMapSetting) -> Result<(), Invalid> {
        match setting {
            MidiMapSetting::Channel(channel) => {
                self.channel = channel;
                Ok(())
            }
            MidiMapSetting::Put(id, mapping) => {
                self.mappings.insert(id, mapping);
                bounded::at_most(self.mappings.len(), MAX_MAPPINGS, "MIDI mappings")
            }
            MidiMapSetting::Remove(id) => {
                let gone = self.mappings.remove(&id).map(drop);
                gone.ok_or_else(|| Invalid::missing("MIDI mapping", id))
            }
        }
    }

    fn path(setting: &MidiMapSetting, path: &mut ParamPath) {
        path.push(match setting {
            MidiMapSetting::Channel(_) => PathStep::Part("Channel"),
            MidiMapSetting::Put(id, _) | MidiMapSetting::Remove(id) => {
                PathStep::Number(id.0.into())
            }
        });
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(MidiMapSetting)) {
        if self.channel != to.channel {
            emit(MidiMapSetting::Channel(to.channel));
        }
        // Removals first: a full map needs room for new mappings.
        for change in self.mappings.diff(&to.mappings) {
            if let DiffItem::Remove(id, _) = change {
                emit(MidiMapSetting::Remove(*id));
            }
        }
        for change in self.mappings.diff(&to.mappings) {
            if let DiffItem::Add(id, new) | DiffItem::Update { new: (id, new), .. } = change {
                emit(MidiMapSetting::Put(*id, *new));
            }
        }
    }
}

impl Mapping {
    const fn reference(&self) -> Option<Reference> {
        match self.target {
            MidiTarget::Instrument(id, _) => Some(Reference::Instrument(id)),
            MidiTarget::Bus(id, _) => Some(Reference::Bus(id)),
            MidiTarget::Master(_) | MidiTarget::Tempo => None,
        }
    }
}

impl Refers for MidiMap {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        self.mappings.values().filter_map(Mapping::reference).for_each(each);
    }

    fn forget(&mut self, gone: Reference) {
        let affected = self.mappings().filter(|(_, mapping)| mapping.reference() == Some(gone));
        for id in affected.map(|(id, _)| id).collect::<Vec<_>>() {
            self.mappings.remove(&id);
        }
    }
}
