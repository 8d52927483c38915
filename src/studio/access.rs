//! What the sender of an action must have, family by family.
//!
//! It knows the table, never who owns what or who has the privilege: that is
//! the session's business. The matches are exhaustive on purpose, so that no new
//! action is open to everybody by accident.

use super::{
    arrangement::{ArrangementSetting, ClipAction, PlacementAction},
    automation::{AutomationAction, Target},
    drums::DrumAction,
    globals::{playback::TransportAction, session_settings::SessionSetting},
    instrument::InstrumentAction,
    mixer::MixerSetting,
    network_action::NetworkAction,
    piano_roll::PianoRollAction,
    plugin::{Device, registry::RegistrySetting},
    project::ProjectAction,
};
use crate::model::{Access, InstrumentId};

pub(super) const fn access(action: &NetworkAction) -> Access {
    match action {
        NetworkAction::AddInstrument { id, .. } => Access::Create(*id),
        NetworkAction::DeleteInstrument(id) => Access::Delete(*id),
        NetworkAction::Instrument(id, action) => instrument(*id, action),
        NetworkAction::PianoRoll(id, action) => piano_roll(*id, action),
        NetworkAction::Clip(id, action) => clip(*id, action),
        NetworkAction::Placement(id, action) => placement(*id, action),
        NetworkAction::Arrangement(setting) => arrangement(setting),
        NetworkAction::Automation(target, action) => automation(*target, action),
        NetworkAction::Project(action) => project(action),
        NetworkAction::ProjectReport(_) => Access::Engine,
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
        | PianoRollAction::Probability(..)
        | PianoRollAction::Paste(_)
        | PianoRollAction::DeleteRegion(_)
        | PianoRollAction::Clear
        | PianoRollAction::Set(_) => Access::Own(id),
    }
}

const fn clip(id: InstrumentId, action: &ClipAction) -> Access {
    match action {
        ClipAction::Create { .. }
        | ClipAction::Capture { .. }
        | ClipAction::Rename(..)
        | ClipAction::Resize(..)
        | ClipAction::Put(..)
        | ClipAction::Take(..)
        | ClipAction::Delete(_) => Access::Own(id),
    }
}

const fn placement(id: InstrumentId, action: &PlacementAction) -> Access {
    match action {
        PlacementAction::Place { .. }
        | PlacementAction::Move(..)
        | PlacementAction::Resize(..)
        | PlacementAction::Duplicate { .. }
        | PlacementAction::Remove(_) => Access::Own(id),
    }
}

const fn arrangement(setting: &ArrangementSetting) -> Access {
    match setting {
        ArrangementSetting::Play(_) | ArrangementSetting::AtEnd(_) => Access::Privilege,
    }
}

/// A lane is the instrument's whose parameter it moves.
const fn automation(target: Target, action: &AutomationAction) -> Access {
    match action {
        AutomationAction::Add
        | AutomationAction::Delete
        | AutomationAction::Set(_)
        | AutomationAction::Put(_)
        | AutomationAction::Remove(_)
        | AutomationAction::Move(..)
        | AutomationAction::DeleteRegion(_)
        | AutomationAction::CopyRegion(..)
        | AutomationAction::Paste(_) => match target.instrument() {
            Some(id) => Access::Own(id),
            None => Access::Privilege,
        },
    }
}

const fn project(action: &ProjectAction) -> Access {
    match action {
        ProjectAction::New
        | ProjectAction::Save
        | ProjectAction::SaveAs(_)
        | ProjectAction::Load(_)
        | ProjectAction::List
        | ProjectAction::CreateCheckpoint(_)
        | ProjectAction::RestoreCheckpoint(_)
        | ProjectAction::DeleteCheckpoint(_) => Access::Privilege,
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
        | TransportAction::Record(_)
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
