//! What the sender of an action must have, family by family.
//!
//! It knows the table, never who owns what or who has the privilege: that is
//! the session's business. The matches are exhaustive on purpose, so that no new
//! action is open to everybody by accident.

use super::{
    action::NetworkAction, drums::DrumAction, hosted::Device, instrument::InstrumentAction,
    mixer::MixerSetting, piano_roll::PianoRollAction, registry::RegistrySetting,
    session::SessionSetting, transport::TransportAction,
};
use crate::model::{Access, InstrumentId};

pub(super) const fn access(action: &NetworkAction) -> Access {
    match action {
        NetworkAction::AddInstrument { id, .. } => Access::Create(*id),
        NetworkAction::DeleteInstrument(id) => Access::Delete(*id),
        NetworkAction::Instrument(id, action) => instrument(*id, action),
        NetworkAction::PianoRoll(id, action) => piano_roll(*id, action),
        NetworkAction::Drums(id, action) => drums(*id, action),
        NetworkAction::Adjust(device, ..) => adjust(*device),
        NetworkAction::Registry(setting) => registry(setting),
        NetworkAction::Session(setting) => session(setting),
        NetworkAction::Transport(action) => transport(action),
        NetworkAction::Mixer(setting) => mixer(setting),
    }
}

/// Its sends and its output are the instrument's, though they name a bus.
const fn instrument(id: InstrumentId, action: &InstrumentAction) -> Access {
    match action {
        InstrumentAction::Set(_)
        | InstrumentAction::Play(..)
        | InstrumentAction::Release(_)
        | InstrumentAction::ReleaseAll => Access::Own(id),
    }
}

const fn piano_roll(id: InstrumentId, action: &PianoRollAction) -> Access {
    match action {
        PianoRollAction::Add(_)
        | PianoRollAction::Remove(..)
        | PianoRollAction::Move { .. }
        | PianoRollAction::Resize(..)
        | PianoRollAction::Velocity(..)
        | PianoRollAction::Paste(_)
        | PianoRollAction::Clear => Access::Own(id),
    }
}

/// A pad may play another's instrument: what is edited is the kit alone.
const fn drums(id: InstrumentId, action: &DrumAction) -> Access {
    match action {
        DrumAction::Set(_)
        | DrumAction::Step(..)
        | DrumAction::Euclid { .. }
        | DrumAction::ClearRegion(..)
        | DrumAction::Paste(..)
        | DrumAction::Chop(_)
        | DrumAction::AssignSlices(_) => Access::Own(id),
    }
}

const fn adjust(device: Device) -> Access {
    match device {
        Device::Source(id) | Device::Slot(id, _) => Access::Own(id),
        Device::BusSlot(..) | Device::MasterSlot(_) => Access::Privilege,
    }
}

const fn registry(setting: &RegistrySetting) -> Access {
    match setting {
        RegistrySetting::AddSynthDef(..)
        | RegistrySetting::DeleteSynthDef(_)
        | RegistrySetting::AddPlugin(..)
        | RegistrySetting::DeletePlugin(_) => Access::Privilege,
    }
}

const fn session(setting: &SessionSetting) -> Access {
    match setting {
        SessionSetting::Name(_)
        | SessionSetting::Tempo(_)
        | SessionSetting::Key(_)
        | SessionSetting::Scale(_)
        | SessionSetting::TimeSignature(_)
        | SessionSetting::Swing(_)
        | SessionSetting::Tuning(_)
        | SessionSetting::Snap(_)
        | SessionSetting::Click(_)
        | SessionSetting::Humanise(_)
        | SessionSetting::Midi(_) => Access::Privilege,
    }
}

const fn transport(action: &TransportAction) -> Access {
    match action {
        TransportAction::Play
        | TransportAction::Stop
        | TransportAction::Locate(_)
        | TransportAction::Loop(_)
        | TransportAction::Region(_) => Access::Privilege,
    }
}

const fn mixer(setting: &MixerSetting) -> Access {
    match setting {
        MixerSetting::AddBus(..)
        | MixerSetting::DeleteBus(_)
        | MixerSetting::Bus(..)
        | MixerSetting::Master(_)
        | MixerSetting::AddLayerGroup(..)
        | MixerSetting::DeleteLayerGroup(_)
        | MixerSetting::LayerGroup(..) => Access::Privilege,
    }
}
