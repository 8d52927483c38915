//! What a lane moves: a parameter of something that is there.
//!
//! A new kind of thing with parameters is a variant here, and the compiler asks
//! for the rest.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::parameter::{
    BusParameter, InstrumentParameter, LayerGroupParameter, MasterParameter, Range,
    SessionParameter,
};
use crate::{
    model::{InstrumentId, Invalid},
    quantity::{Amount, Decibels},
    studio::{
        BusId, BusSendSetting, InstrumentAction, InstrumentSetting, InstrumentState, LayerGroupId,
        MixerSetting, NetworkAction, SendsSetting, StudioState,
    },
};

/// What a lane moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A parameter of an instrument.
    Instrument(InstrumentId, InstrumentParameter),
    /// How much an instrument sends to a bus. It rests while there is no send.
    Send(InstrumentId, BusId),
    /// A parameter of a bus.
    Bus(BusId, BusParameter),
    /// A parameter of a layer group.
    LayerGroup(LayerGroupId, LayerGroupParameter),
    /// A parameter of the master.
    Master(MasterParameter),
    /// A parameter of the session.
    Session(SessionParameter),
}

impl Target {
    /// The instrument whose lane it is; if none, the lane is everybody's.
    #[must_use]
    pub const fn instrument(self) -> Option<InstrumentId> {
        match self {
            Self::Instrument(id, _) | Self::Send(id, _) => Some(id),
            Self::Bus(..) | Self::LayerGroup(..) | Self::Master(_) | Self::Session(_) => None,
        }
    }

    /// The bus without which it is not there, if there is one.
    #[must_use]
    pub const fn bus(self) -> Option<BusId> {
        match self {
            Self::Bus(id, _) | Self::Send(_, id) => Some(id),
            Self::Instrument(..) | Self::LayerGroup(..) | Self::Master(_) | Self::Session(_) => {
                None
            }
        }
    }

    /// The layer group without which it is not there, if there is one.
    #[must_use]
    pub const fn layer_group(self) -> Option<LayerGroupId> {
        match self {
            Self::LayerGroup(id, _) => Some(id),
            Self::Instrument(..)
            | Self::Send(..)
            | Self::Bus(..)
            | Self::Master(_)
            | Self::Session(_) => None,
        }
    }

    /// At which part of its range it stands; `None` if it is not there at the
    /// moment.
    #[must_use]
    pub fn part(self, state: &StudioState) -> Option<Amount> {
        match self {
            Self::Instrument(id, parameter) => parameter.part(state.instruments.get(id)?),
            Self::Send(id, bus) => {
                state.instruments.get(id)?.sends.to(bus).map(|send| send.level.part())
            }
            Self::Bus(id, parameter) => parameter.part(state.mixer.bus(id)?),
            Self::LayerGroup(id, parameter) => parameter.part(state.mixer.layer_group(id)?),
            Self::Master(parameter) => parameter.part(&state.mixer.master),
            Self::Session(parameter) => parameter.part(&state.session),
        }
    }

    /// The action that puts it at this part of its range, as if somebody had
    /// turned it.
    #[must_use]
    pub fn action(self, part: Amount) -> NetworkAction {
        let instrument =
            |id, setting| NetworkAction::Instrument(id, InstrumentAction::Set(setting));
        match self {
            Self::Instrument(id, parameter) => instrument(id, parameter.setting(part)),
            Self::Send(id, bus) => {
                let level = BusSendSetting::Level(Decibels::at(part));
                instrument(id, InstrumentSetting::Sends(SendsSetting::Set(bus, level)))
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
        }
    }

    pub(super) fn is_orphan(self, instruments: &InstrumentState) -> bool {
        self.instrument().is_some_and(|id| !instruments.contains(id))
    }

    /// Checks that what it is a parameter of is there.
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
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instrument(id, parameter) => write!(f, "{parameter:?} of instrument {id}"),
            Self::Send(id, bus) => write!(f, "send of instrument {id} to bus {bus}"),
            Self::Bus(id, parameter) => write!(f, "{parameter:?} of bus {id}"),
            Self::LayerGroup(id, parameter) => write!(f, "{parameter:?} of layer group {id}"),
            Self::Master(parameter) => write!(f, "{parameter:?} of the master"),
            Self::Session(parameter) => write!(f, "{parameter:?} of the session"),
        }
    }
}
