//! Where a custom `SynthDef` or a plug-in is loaded.
//!
//! Ids only; what is loaded there is looked up in the studio.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::InstrumentId,
    studio::common::ids::{BusId, SlotId},
};

/// A place where a definition can be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Device {
    /// The source of an instrument.
    Source(InstrumentId),
    /// An effect of an instrument.
    Slot(InstrumentId, SlotId),
    /// An effect of a bus.
    BusSlot(BusId, SlotId),
    /// An effect of the master.
    MasterSlot(SlotId),
}

impl Device {
    pub(in crate::studio) const fn slot(self) -> Option<SlotId> {
        match self {
            Self::Source(_) => None,
            Self::Slot(_, slot) | Self::BusSlot(_, slot) | Self::MasterSlot(slot) => Some(slot),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(id) => write!(f, "the source of instrument {id}"),
            Self::Slot(id, slot) => write!(f, "effect {slot} of instrument {id}"),
            Self::BusSlot(id, slot) => write!(f, "effect {slot} of bus {id}"),
            Self::MasterSlot(slot) => write!(f, "effect {slot} of the master"),
        }
    }
}
