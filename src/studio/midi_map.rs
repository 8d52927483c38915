//! Which knobs of a MIDI controller turn what in the session, and which channel
//! is listened to.
//!
//! It is the session's, so that whoever plugs the controller in finds its knobs
//! as they were. Which ports a participant listens to is its own business.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    bounded::{self, MAX_MAPPINGS},
    mixer::BusId,
    reference::{Reference, Refers},
    settings::{Place, PlaceName, Settings},
};
use crate::{
    model::{InstrumentId, Invalid},
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, MidiChannel, MidiController},
    },
};

/// Names a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MappingId(pub u16);

impl fmt::Display for MappingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a controller turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MidiTarget {
    /// Something of an instrument.
    Instrument(InstrumentId, InstrumentKnob),
    /// Something of a bus.
    Bus(BusId, StripKnob),
    /// Something of the master.
    Master(StripKnob),
    /// The tempo of the session.
    Tempo,
}

/// A knob of an instrument.
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

/// A knob of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `Bus`")]
pub enum StripKnob {
    Level,
    Pan,
}

/// A controller and what it turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The channel it comes on; any, if there is none.
    pub channel: Option<MidiChannel>,
    /// Which controller.
    pub controller: MidiController,
    /// What it turns.
    pub target: MidiTarget,
    /// Where in the range of the target the controller's 0 is.
    pub from: Amount,
    /// Where in the range of the target the controller's 127 is.
    pub to: Amount,
}

/// Which controllers turn what, and which channel is listened to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MidiMap {
    /// The only channel that is listened to; all, if there is none.
    pub channel: Option<MidiChannel>,
    #[serde(deserialize_with = "bounded::map::<MAX_MAPPINGS, _, _, _>")]
    mappings: OrdMap<MappingId, Mapping>,
}

/// One change of the [`MidiMap`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MidiMapSetting {
    /// The only channel that is listened to, or all.
    Channel(Option<MidiChannel>),
    /// A mapping is new, or is not what it was.
    Put(MappingId, Mapping),
    /// A mapping is gone.
    Remove(MappingId),
}

impl MidiMap {
    /// The mapping of this id, if there is one.
    #[must_use]
    pub fn mapping(&self, id: MappingId) -> Option<&Mapping> {
        self.mappings.get(&id)
    }

    /// All mappings, by id.
    pub fn mappings(&self) -> impl Iterator<Item = (MappingId, &Mapping)> {
        self.mappings.iter().map(|(id, mapping)| (*id, mapping))
    }

    /// The lowest id, from 1, that no mapping has.
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

    fn place(setting: &MidiMapSetting, place: &mut Place) {
        place.push(match setting {
            MidiMapSetting::Channel(_) => PlaceName::Part("Channel"),
            MidiMapSetting::Put(id, _) | MidiMapSetting::Remove(id) => {
                PlaceName::Number(id.0.into())
            }
        });
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(MidiMapSetting)) {
        if self.channel != to.channel {
            emit(MidiMapSetting::Channel(to.channel));
        }
        // What is gone first: a full map must have room for what is new.
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
