//! What an action adds to the studio: the outcome that its sender learns, so that a UI
//! can show it.
//!
//! It must not know who shows what. The matches over whole actions are exhaustive, so that
//! no new action is forgotten.

use super::{
    arrangement::{ClipAction, ClipId, PlacementAction, PlacementId},
    automation::{AutomationAction, Target},
    common::ids::{BusId, DefinitionId, LayerGroupId, SlotId},
    drums::{ChopperSetting, DrumAction, DrumSetting, PatternId, SliceId},
    effect::chain::ChainSetting,
    globals::{
        midi_map::{MappingId, MidiMapSetting},
        session_settings::SessionSetting,
    },
    instrument::{InstrumentAction, InstrumentSetting, sends::SendsSetting},
    mixer::{BusSetting, MasterSetting, MixerSetting},
    network_action::NetworkAction,
    plugin::{device::Device, registry::RegistrySetting},
    studio_state::StudioState,
};
use crate::model::InstrumentId;

/// What an action has added: something with an id. Notes, points and steps have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Added {
    /// An instrument, with its track.
    Instrument(InstrumentId),
    /// An effect, which is never a [`Device::Source`].
    Effect(Device),
    /// The send of an instrument to a bus.
    Send(InstrumentId, BusId),
    /// A bus.
    Bus(BusId),
    /// A layer group.
    LayerGroup(LayerGroupId),
    /// The lane of a parameter.
    Lane(Target),
    /// A clip of an instrument.
    Clip(InstrumentId, ClipId),
    /// A placement of an instrument's clip.
    Placement(InstrumentId, PlacementId),
    /// A pattern of a drum machine.
    Pattern(InstrumentId, PatternId),
    /// A slice of a drum machine's sample.
    Slice(InstrumentId, SliceId),
    /// A MIDI mapping.
    Mapping(MappingId),
    /// A custom `SynthDef` or a plug-in.
    Definition(DefinitionId),
}

impl Added {
    /// What `action` adds to `state` if it is not refused.
    pub(super) fn by(action: &NetworkAction, state: &StudioState) -> Option<Self> {
        match action {
            NetworkAction::AddInstrument { id, .. } => Some(Self::Instrument(*id)),
            NetworkAction::Instrument(id, action) => Self::to_instrument(*id, action),
            NetworkAction::Clip(id, action) => match action {
                ClipAction::Create { clip, .. } | ClipAction::Capture { clip, .. } => {
                    Some(Self::Clip(*id, *clip))
                }
                ClipAction::Rename(..)
                | ClipAction::Resize(..)
                | ClipAction::Put(..)
                | ClipAction::Take(..)
                | ClipAction::Delete(_) => None,
            },
            NetworkAction::Placement(id, action) => match action {
                PlacementAction::Place { placement: new, .. }
                | PlacementAction::Duplicate { copy: new, .. } => Some(Self::Placement(*id, *new)),
                PlacementAction::Move(..)
                | PlacementAction::Resize(..)
                | PlacementAction::Remove(_) => None,
            },
            NetworkAction::Automation(target, action) => {
                matches!(action, AutomationAction::Add).then_some(Self::Lane(*target))
            }
            NetworkAction::Drums(id, DrumAction::Set(setting)) => {
                Self::to_machine(*id, setting, state)
            }
            NetworkAction::Registry(setting) => match setting {
                RegistrySetting::AddSynthDef(id, _) => Some(Self::Definition((*id).into())),
                RegistrySetting::AddPlugin(id, _) => Some(Self::Definition((*id).into())),
                RegistrySetting::DeleteSynthDef(_) | RegistrySetting::DeletePlugin(_) => None,
            },
            NetworkAction::Session(SessionSetting::Midi(MidiMapSetting::Put(id, _))) => {
                state.session.midi.mapping(*id).is_none().then_some(Self::Mapping(*id))
            }
            NetworkAction::Mixer(setting) => Self::to_mixer(setting),
            NetworkAction::DeleteInstrument(_)
            | NetworkAction::PianoRoll(..)
            | NetworkAction::Arrangement(_)
            | NetworkAction::Project(_)
            | NetworkAction::ProjectReport(_)
            | NetworkAction::Drums(..)
            | NetworkAction::Adjust(..)
            | NetworkAction::Session(_)
            | NetworkAction::Transport(_)
            | NetworkAction::TransportReport(_)
            | NetworkAction::Panic => None,
        }
    }

    fn to_instrument(id: InstrumentId, action: &InstrumentAction) -> Option<Self> {
        match action {
            InstrumentAction::Set(InstrumentSetting::Chain(chain)) => {
                Self::to_chain(chain, |slot| Device::Slot(id, slot))
            }
            InstrumentAction::Set(InstrumentSetting::Sends(SendsSetting::Add(bus))) => {
                Some(Self::Send(id, *bus))
            }
            _ => None,
        }
    }

    fn to_machine(id: InstrumentId, setting: &DrumSetting, state: &StudioState) -> Option<Self> {
        match setting {
            DrumSetting::AddPattern(pattern) => Some(Self::Pattern(id, *pattern)),
            DrumSetting::Chopper(ChopperSetting::Put(slice, _)) => {
                let is_new = state.drums.machine(id)?.chopper().slice(*slice).is_none();
                is_new.then_some(Self::Slice(id, *slice))
            }
            _ => None,
        }
    }

    fn to_mixer(setting: &MixerSetting) -> Option<Self> {
        match setting {
            MixerSetting::AddBus(id, _) => Some(Self::Bus(*id)),
            MixerSetting::AddLayerGroup(id, _) => Some(Self::LayerGroup(*id)),
            MixerSetting::Bus(id, BusSetting::Chain(chain)) => {
                Self::to_chain(chain, |slot| Device::BusSlot(*id, slot))
            }
            MixerSetting::Master(MasterSetting::Chain(chain)) => {
                Self::to_chain(chain, Device::MasterSlot)
            }
            MixerSetting::Bus(..)
            | MixerSetting::Master(_)
            | MixerSetting::DeleteBus(_)
            | MixerSetting::DeleteLayerGroup(_)
            | MixerSetting::LayerGroup(..) => None,
        }
    }

    fn to_chain(setting: &ChainSetting, device: impl FnOnce(SlotId) -> Device) -> Option<Self> {
        match setting {
            ChainSetting::Add(slot, ..) => Some(Self::Effect(device(*slot))),
            ChainSetting::Remove(_)
            | ChainSetting::Move(..)
            | ChainSetting::Bypass(..)
            | ChainSetting::Effect(..) => None,
        }
    }
}
