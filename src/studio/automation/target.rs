//! Automation targets: which parameter of which part of the studio a lane
//! moves.
//!
//! A part with parameters of its own needs a variant here; the compiler then
//! points to the other places. Lanes and their points do not belong here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::InstrumentId,
    studio::{
        common::ids::{BusId, LayerGroupId, ParameterId, SlotId},
        drums::{DrumParameter, PadParameter},
        globals::session_settings::SessionParameter,
        instrument::{InstrumentParameter, InstrumentState, sends::SendsParameter},
        mixer::{BusParameter, MasterParameter, layer_group::LayerGroupParameter},
        plugin::device::Device,
    },
    util::quantity::PadNumber,
};

/// The parameter that a lane moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A parameter of an instrument.
    Instrument(InstrumentId, InstrumentParameter),
    /// A parameter of a drum pad. Without effect while the instrument is no
    /// drum kit.
    Pad(InstrumentId, PadNumber, PadParameter),
    /// A parameter of a drum machine. Without effect while the instrument is no
    /// drum kit.
    Drums(InstrumentId, DrumParameter),
    /// A parameter of a custom `SynthDef` or a plug-in, over the range in its
    /// definition. Without effect while nothing that has the parameter is
    /// loaded.
    Hosted(Device, ParameterId),
    /// A parameter of a bus.
    Bus(BusId, BusParameter),
    /// A parameter of a layer group.
    LayerGroup(LayerGroupId, LayerGroupParameter),
    /// A parameter of the master.
    Master(MasterParameter),
    /// A parameter of the session.
    Session(SessionParameter),
}

/// The chain that an effect belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::studio) enum ChainOf {
    Instrument(InstrumentId),
    Bus(BusId),
    Master,
}

impl Target {
    /// The instrument that owns the lane; `None` if the lane is shared.
    #[must_use]
    pub const fn instrument(self) -> Option<InstrumentId> {
        match self {
            Self::Instrument(id, _)
            | Self::Pad(id, ..)
            | Self::Drums(id, _)
            | Self::Hosted(Device::Source(id) | Device::Slot(id, _), _) => Some(id),
            Self::Hosted(Device::BusSlot(..) | Device::MasterSlot(_), _)
            | Self::Bus(..)
            | Self::LayerGroup(..)
            | Self::Master(_)
            | Self::Session(_) => None,
        }
    }

    /// The bus on whose existence the target depends.
    #[must_use]
    pub const fn bus(self) -> Option<BusId> {
        match self {
            Self::Bus(id, _)
            | Self::Hosted(Device::BusSlot(id, _), _)
            | Self::Instrument(_, InstrumentParameter::Sends(SendsParameter(id, _))) => Some(id),
            Self::Instrument(..)
            | Self::Pad(..)
            | Self::Drums(..)
            | Self::Hosted(..)
            | Self::LayerGroup(..)
            | Self::Master(_)
            | Self::Session(_) => None,
        }
    }

    /// The layer group on whose existence the target depends.
    #[must_use]
    pub const fn layer_group(self) -> Option<LayerGroupId> {
        match self {
            Self::LayerGroup(id, _) => Some(id),
            Self::Instrument(..)
            | Self::Pad(..)
            | Self::Drums(..)
            | Self::Hosted(..)
            | Self::Bus(..)
            | Self::Master(_)
            | Self::Session(_) => None,
        }
    }

    /// The effect on whose existence the target depends.
    pub(in crate::studio) const fn slot(self) -> Option<(ChainOf, SlotId)> {
        match self {
            Self::Instrument(id, InstrumentParameter::Chain(parameter)) => {
                Some((ChainOf::Instrument(id), parameter.slot()))
            }
            Self::Bus(id, BusParameter::Chain(parameter)) => {
                Some((ChainOf::Bus(id), parameter.slot()))
            }
            Self::Master(MasterParameter::Chain(parameter)) => {
                Some((ChainOf::Master, parameter.slot()))
            }
            Self::Hosted(Device::Slot(id, slot), _) => Some((ChainOf::Instrument(id), slot)),
            Self::Hosted(Device::BusSlot(id, slot), _) => Some((ChainOf::Bus(id), slot)),
            Self::Hosted(Device::MasterSlot(slot), _) => Some((ChainOf::Master, slot)),
            Self::Instrument(..)
            | Self::Pad(..)
            | Self::Drums(..)
            | Self::Hosted(Device::Source(_), _)
            | Self::Bus(..)
            | Self::LayerGroup(..)
            | Self::Master(_)
            | Self::Session(_) => None,
        }
    }

    pub(super) fn is_orphan(self, instruments: &InstrumentState) -> bool {
        self.instrument().is_some_and(|id| !instruments.contains(id))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instrument(id, InstrumentParameter::Chain(parameter)) => {
                write!(f, "{parameter} of instrument {id}")
            }
            Self::Instrument(id, InstrumentParameter::Sends(SendsParameter(bus, parameter))) => {
                write!(f, "send {parameter:?} of instrument {id} to bus {bus}")
            }
            Self::Instrument(id, parameter) => write!(f, "{parameter:?} of instrument {id}"),
            Self::Pad(id, pad, parameter) => {
                // People count from 1.
                write!(f, "{parameter:?} of pad {} of instrument {id}", pad.get() + 1)
            }
            Self::Drums(id, parameter) => {
                write!(f, "{parameter:?} of the drums of instrument {id}")
            }
            Self::Hosted(device, parameter) => write!(f, "parameter {parameter} of {device}"),
            Self::Bus(id, BusParameter::Chain(parameter)) => write!(f, "{parameter} of bus {id}"),
            Self::Bus(id, parameter) => write!(f, "{parameter:?} of bus {id}"),
            Self::LayerGroup(id, parameter) => write!(f, "{parameter:?} of layer group {id}"),
            Self::Master(MasterParameter::Chain(parameter)) => {
                write!(f, "{parameter} of the master")
            }
            Self::Master(parameter) => write!(f, "{parameter:?} of the master"),
            Self::Session(parameter) => write!(f, "{parameter:?} of the session"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_small() {
        assert!(size_of::<Target>() <= 16);
    }
}
