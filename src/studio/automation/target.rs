//! Automation targets: which parameter of which part of the studio a lane
//! moves.
//!
//! A part with parameters of its own needs a variant here; the compiler then
//! points to the other places. Lanes and their points do not belong here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    model::{InstrumentId, Invalid},
    studio::{
        Bus, BusId, BusParameter, Chain, Device, DrumAction, DrumParameter, DrumSetting,
        Instrument, InstrumentAction, InstrumentParameter, InstrumentState, LayerGroupId,
        LayerGroupParameter, MasterParameter, MixerSetting, NetworkAction, PadParameter,
        ParameterId, SessionParameter, SlotId, StudioState,
        common::{
            automated::{ChainParameter, SendsParameter},
            range,
        },
    },
    util::quantity::{Amount, PadNumber, ParameterValue},
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

    /// The current value as a fraction of the parameter's range; `None` if the
    /// parameter does not exist at the moment.
    #[must_use]
    pub fn part(self, state: &StudioState) -> Option<Amount> {
        match self {
            Self::Instrument(id, parameter) => parameter.part(state.instruments.get(id)?),
            Self::Pad(id, pad, parameter) => parameter.part(&state.drums.machine(id)?.pad(pad)),
            Self::Drums(id, parameter) => Some(parameter.part(state.drums.machine(id)?)),
            Self::Hosted(device, parameter) => {
                let hosted = device.hosted(state)?;
                let row = state.registry.definition(hosted.definition()?)?.parameter(parameter)?;
                let value = hosted.touched(parameter).unwrap_or(row.default());
                let (min, max) = row.range();
                let part = (value.get() - min.get()) / (max.get() - min.get());
                Some(if part.is_finite() { range::amount(part) } else { Amount::MIN })
            }
            Self::Bus(id, parameter) => parameter.part(state.mixer.bus(id)?),
            Self::LayerGroup(id, parameter) => parameter.part(state.mixer.layer_group(id)?),
            Self::Master(parameter) => parameter.part(&state.mixer.master),
            Self::Session(parameter) => parameter.part(&state.session),
        }
    }

    /// The action that puts the parameter at this fraction of its range; `None`
    /// if the range is unknown, because no definition is loaded.
    #[must_use]
    pub fn action(self, part: Amount, state: &StudioState) -> Option<NetworkAction> {
        Some(match self {
            Self::Instrument(id, parameter) => {
                NetworkAction::Instrument(id, InstrumentAction::Set(parameter.setting(part)))
            }
            Self::Pad(id, pad, parameter) => {
                let setting = DrumSetting::Pad(pad, parameter.setting(part));
                NetworkAction::Drums(id, DrumAction::Set(setting))
            }
            Self::Drums(id, parameter) => {
                NetworkAction::Drums(id, DrumAction::Set(parameter.setting(part)))
            }
            Self::Hosted(device, parameter) => {
                let definition = device.hosted(state)?.definition()?;
                let row = state.registry.definition(definition)?.parameter(parameter)?;
                let (min, max) = (row.range().0.get(), row.range().1.get());
                let value = (min + (max - min) * part.get()).clamp(min, max);
                device.set(definition, parameter, ParameterValue::new(value).ok()?)
            }
            Self::Bus(id, parameter) => {
                NetworkAction::Mixer(MixerSetting::Bus(id, parameter.setting(part)))
            }
            Self::LayerGroup(id, parameter) => {
                NetworkAction::Mixer(MixerSetting::LayerGroup(id, parameter.setting(part)))
            }
            Self::Master(parameter) => {
                NetworkAction::Mixer(MixerSetting::Master(parameter.setting(part)))
            }
            Self::Session(parameter) => NetworkAction::Session(parameter.setting(part)),
        })
    }

    pub(super) fn is_orphan(self, instruments: &InstrumentState) -> bool {
        self.instrument().is_some_and(|id| !instruments.contains(id))
    }

    /// Checks that what has the parameter exists. It need not have the right
    /// kind: a lane without its parameter has no effect.
    pub(in crate::studio) fn check(self, state: &StudioState) -> Result<(), Invalid> {
        if let Some(id) = self.instrument().filter(|id| !state.instruments.contains(*id)) {
            return Err(Invalid::missing("instrument", id));
        }
        if let Some(id) = self.bus().filter(|id| state.mixer.bus(*id).is_none()) {
            return Err(Invalid::missing("bus", id));
        }
        if let Some(id) = self.layer_group().filter(|id| state.mixer.layer_group(*id).is_none()) {
            return Err(Invalid::missing("layer group", id));
        }
        if let Some((chain, slot)) = self.slot()
            && chain.of(state).is_none_or(|chain| chain.slot(slot).is_none())
        {
            return Err(Invalid::missing("effect", slot));
        }
        Ok(())
    }
}

impl ChainOf {
    /// The chain, if it exists.
    fn of(self, state: &StudioState) -> Option<&Chain> {
        match self {
            Self::Instrument(id) => state.instruments.get(id).map(|Instrument { chain, .. }| chain),
            Self::Bus(id) => state.mixer.bus(id).map(|Bus { chain, .. }| chain),
            Self::Master => Some(&state.mixer.master.chain),
        }
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

impl fmt::Display for ChainParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bypass(slot) => write!(f, "bypass of effect {slot}"),
            Self::Effect(slot, parameter) => write!(f, "{parameter:?} of effect {slot}"),
        }
    }
}
